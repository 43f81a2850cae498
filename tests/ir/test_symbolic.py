"""Symbolic sizes: arithmetic, what is asked of them, networks of any size on both backends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netspec
from netspec.ir.asking import agree, at_least, divides
from netspec.ir.constraints import Constraints
from netspec.ir.notation import read
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Dim, Expression, Symbol, Unbound, largest
from netspec.passes.count import count
from netspec.passes.table import as_data

H, S, T, W = (Symbol(name) for name in "HSTW")
NAMES = ("H", "W", "T")

# --- arithmetic


def _join(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    number = st.integers(1, 6).map(str)
    return st.one_of(
        st.builds("({} {} {})".format, parts, st.sampled_from("+-"), parts),
        st.builds("({} {} {})".format, parts, st.sampled_from(("//", "%")), number),
        st.builds("({} * {})".format, parts, st.sampled_from((*NAMES, "2", "-3"))),
    )


TEXTS = st.recursive(st.sampled_from((*NAMES, "1", "4", "7")), _join, max_leaves=6)
SIZES = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})


def value(dim: Dim, sizes: dict[str, int]) -> int:
    return dim.evaluate(sizes) if isinstance(dim, Expression) else dim


@settings(deadline=None)
@given(TEXTS, SIZES)
def test_expressions_are_pythons_arithmetic(text: str, sizes: dict[str, int]) -> None:
    dim = read(text)
    wanted = eval(text, {}, dict(sizes))
    assert value(dim, sizes) == wanted
    assert eval(str(dim), {}, dict(sizes)) == wanted
    low, high = dim.bounds() if isinstance(dim, Expression) else (dim, dim)
    assert low <= wanted <= high


@settings(deadline=None)
@given(TEXTS)
def test_what_is_printed_reads_back_as_the_same(text: str) -> None:
    dim = read(text)
    again = read(str(dim))
    assert again == dim and hash(again) == hash(dim)


@settings(deadline=None)
@given(TEXTS, TEXTS, st.integers(1, 6), st.integers(1, 6))
def test_equal_things_compare_equal(one: str, other: str, number: int, more: int) -> None:
    a, b = read(one), read(other)
    assert a + b == b + a and a * b == b * a
    assert (a + b) - b == a
    assert (a * number) // number == a
    assert a % number == a - a // number * number
    assert a % 1 == 0
    for symbol in (S, S + 1, S * S):
        assert (symbol + number * b) // number == symbol // number + b
        assert (symbol // number) // more == symbol // (number * more)


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        ((T - 3) // 2 + 1, "(T-3)//2+1"),
        (((T - 3) // 2 + 1 - 3) // 2 + 1, "(T-7)//4+1"),
        (H * 2, "2*H"),
        ((H // 2) // 2, "H//4"),
        (-(-H // 2), "(H+1)//2"),
        (H * W * 64 // 8, "8*H*W"),
        (5 - T, "5-T"),
        (H // 2 * 2, "2*(H//2)"),
        (-(H // 2), "-(H//2)"),
        (largest(H - 5, 0), "max(H-5, 0)"),
    ],
)
def test_expressions_are_written_as_people_write_them(dim: Dim, text: str) -> None:
    assert str(dim) == text


def test_a_size_in_a_shape_stands_in_parentheses() -> None:
    assert str(Shape((T, (T - 3) // 2 + 1, 5))) == "Tx((T-3)//2+1)x5"
    assert str(Shape((T * 8,))) == "(8*T)"


def test_comparisons_that_depend_on_the_size_have_no_answer() -> None:
    assert H + 1 > 1 and H * W >= H and not H < 1
    for ask in (lambda: H > 5, lambda: bool(H - 5), lambda: range(H), lambda: H**0.5):
        with pytest.raises(Unbound, match="depends on H"):
            ask()


# --- constraints

Ask = Callable[[], bool]


def told(*asks: Ask) -> str:
    with Constraints() as found:
        answers = [ask() for ask in asks]
    assert all(answers[:-1])
    return str(found) if answers[-1] else "no"


@pytest.mark.parametrize(
    ("asks", "text"),
    [
        ([lambda: at_least(T - 5, 0)], "T >= 5"),
        ([lambda: at_least(H, 5), lambda: at_least(H, 3)], "H >= 5"),
        ([lambda: at_least((H - 3) // 2 + 1, 5)], "H >= 11"),
        ([lambda: agree(H // 2 * 2, H)], "H divisible by 2"),
        ([lambda: divides(2, H), lambda: divides(2, H // 2)], "H divisible by 4"),
        ([lambda: at_least(H // 16, 2), lambda: divides(32, H)], "H >= 32, H divisible by 32"),
        ([lambda: agree(T, S)], "S = T"),
        ([lambda: agree(T, 5)], "T = 5"),
        ([lambda: agree(T, 5), lambda: at_least(T, 6)], "no"),
        ([lambda: agree(T + 1, T)], "no"),
        ([lambda: agree(2 * T, 2 * S + 1)], "no"),
        ([lambda: divides(2, H), lambda: divides(2, H + 1)], "no"),
        ([lambda: agree(T, S), lambda: agree(T, 7), lambda: agree(S, 8)], "no"),
        ([lambda: at_least(S, T), lambda: at_least(T, S + 1)], "no"),
        ([lambda: agree(H - H // 2, (H + 1) // 2)], ""),
        ([lambda: divides(8, 32 * H * W)], ""),
    ],
)
def test_constraints_are_solved_and_merged(asks: list[Ask], text: str) -> None:
    assert told(*asks) == text


def test_where_nobody_collects_what_depends_on_the_size_is_taken_to_hold() -> None:
    assert at_least(T, 5) and not at_least(4, 5)
    with Constraints() as outer:
        with Constraints() as inner:
            at_least(T, 5)
        at_least(T, 3)
    assert (str(outer), str(inner)) == ("T >= 3", "T >= 5")


QUESTIONS = st.tuples(st.sampled_from(("at least", "equal", "divisible")), TEXTS, st.integers(1, 6))


@settings(deadline=None)
@given(st.lists(QUESTIONS, min_size=1, max_size=4), SIZES)
def test_constraints_say_what_was_asked(asked: list[tuple[str, str, int]], sizes: dict[str, int]) -> None:
    """Sizes meet the constraints that are printed if and only if they meet every question that was answered yes."""
    kept = []
    with Constraints() as found:
        for kind, text, number in asked:
            dim = read(text)
            rule = {
                "at least": lambda dim, number: at_least(dim, number),
                "equal": lambda dim, number: agree(dim, number),
                "divisible": lambda dim, number: divides(number, dim),
            }[kind]
            if rule(dim, number):
                kept.append((rule, dim, number))
    right = all(rule(value(dim, sizes), number) for rule, dim, number in kept)
    assert right == (not found.check(sizes))


# --- networks

UNET = """
input HxWx3
conv 4 3x3 relu; conv 4 3x3 stride2 relu
pool 2
conv 6 3x3 batchnorm relu
pool avg 3x3 stride2 same
upconv 4 2x2 stride2; upsample 2 bilinear; upconv 3 3x3 stride2 valid
pool max 3x2 stride=2x1 pad=1,0,1,1 ceil
depthwise 3 stride2
conv 2 1x1
sigmoid
"""
STACK = """
input HxWx3
conv 8 5x5 valid relu; pool 2
conv 8 3x3 stride2 valid relu; pool 3 stride2 ceil
global avg
softmax 3
"""


SKIPS = """
input HxWx1
conv 3 3x3 relu as a
pool 2; conv 4 3x3 relu as b
pool 2; conv 4 3x3 relu as c
pool 2; conv 4 3x3 relu as d
pool 2; conv 5 3x3 relu
upconv 4 2x2 stride2; concat d; conv 4 3x3 relu
upconv 4 2x2 stride2; concat c; conv 4 3x3 relu
upconv 4 2x2 stride2; concat b; conv 4 3x3 relu
upconv 3 2x2 stride2; concat a; conv 1 1x1 -> HxWx1
"""


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("text", [UNET, STACK], ids=["decoder", "stack"])
def test_networks_of_any_size_are_those_of_their_sizes(text: str, backend: str) -> None:
    net = netspec.parse(text)
    program = netspec.compile(net, backend, dtype="float64", device="cpu")
    for height, width in ((20, 24), (27, 33), (32, 21)):
        fixed = netspec.parse(text.replace("HxW", f"{height}x{width}"))
        assert [str(layer.shape) for layer in net.bind(H=height, W=width)] == [str(x.shape) for x in fixed]
        x = np.random.default_rng(height).normal(size=(2, height, width, 3))
        wanted = netspec.compile(fixed, "numpy", dtype="float64").predict(x)
        np.testing.assert_allclose(program.predict(x), wanted, atol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_u_net_of_any_size(backend: str) -> None:
    """Joins with what was not halved ask for sizes that can be halved four times."""
    net = netspec.parse(SKIPS)
    assert str(net.constraints) == "H >= 16, H divisible by 16, W >= 16, W divisible by 16"
    program = netspec.compile(net, backend, dtype="float64", device="cpu")
    for height, width in ((16, 16), (32, 48), (64, 16)):
        fixed = netspec.parse(SKIPS.replace("HxW", f"{height}x{width}"))
        assert [str(layer.shape) for layer in net.bind(H=height, W=width)] == [str(x.shape) for x in fixed]
        x = np.random.default_rng(height).normal(size=(2, height, width, 1))
        wanted = netspec.compile(fixed, "numpy", dtype="float64").predict(x)
        np.testing.assert_allclose(program.predict(x), wanted, atol=1e-12)
    with pytest.raises(netspec.SpecError, match=r"N208: .* needs W divisible by 16 \(W = 24\)"):
        program.predict(np.zeros((2, 16, 24, 1)))


@pytest.mark.parametrize(
    ("text", "shape", "constraints"),
    [
        (
            "input HxWx2 as a\npool 2\nupsample 2\nadd a",
            "HxWx2",
            "H >= 2, H divisible by 2, W >= 2, W divisible by 2",
        ),
        ("input HxWx2 as a\nglobal avg\nmul a", "HxWx2", ""),
        ("input one Tx4\ninput two Sx4\nmean one", "Sx4", "S = T"),
        ("input one Tx4\ninput two Sx3\nconcat one", "Sx7", "S = T"),
        ("input Tx4\nconv1d 3 5 valid\nconv1d 2 4 stride2", "((T-5)//2+1)x2", "T >= 5"),
        ("input Tx4\nposition learned 512", "Tx4", "T <= 512"),
        ("input HxWx2\ncrop 8x6", "8x6x2", "H >= 8, W >= 6"),
        ("input one Tx4\ninput two Sx4\nattention 4 heads=2 over one causal", "Sx4", ""),
    ],
)
def test_what_layers_ask_of_sizes(text: str, shape: str, constraints: str) -> None:
    net = netspec.parse(text)
    assert (str(net.outputs[-1].shape), str(net.constraints)) == (shape, constraints)


def test_joins_that_fit_no_size() -> None:
    with pytest.raises(netspec.SpecError, match=r"N204: .* height H-2 and H"):
        netspec.parse("input HxWx2 as a\nconv 2 3x3 valid\nadd a")


def test_sizes_stand_where_numbers_are_needed() -> None:
    """A spec that needs the numbers of its symbols is read with them."""
    text = "input HxWx4\nif H > 5:\n    dense (2*H)\nelse:\n    dense 1"
    with pytest.raises(
        netspec.SpecError, match="N105: `H` has no number yet; `--bind H=NUMBER` gives it one"
    ):
        netspec.parse(text)
    for height, units in ((7, 14), (5, 1)):
        net = netspec.parse(text, sizes={"H": height, "W": 2})
        assert (str(net.outputs[-1].shape), net.sizes) == (str(units), {"H": height, "W": 2})


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("macs < 1000", "N308: `macs` = 288*H*W is not known: it depends on H, W"),
        ("memory < 1000", "N308: `memory` is not known: it depends on H, W"),
    ],
)
def test_budgets_of_any_size_need_numbers(budget: str, message: str) -> None:
    text = f"input HxWx4\nconv 8 3x3\nexpect {budget}"
    with pytest.raises(netspec.SpecError) as refused:
        netspec.parse(text)
    assert str(refused.value) == message
    netspec.parse(text, sizes={"H": 1, "W": 1})


def test_the_constraints_of_a_network() -> None:
    net = netspec.parse(STACK)
    assert str(net.constraints) == "H >= 18, W >= 18"
    assert net.constraints.check({"H": 13, "W": 30}) == ["H >= 18 (H = 13)"]
    assert as_data(count(net))["constraints"] == ["H >= 18", "W >= 18"]
    for size, fits in ((17, False), (18, True)):
        text = STACK.replace("HxW", f"{size}x20")
        if fits:
            netspec.parse(text)
        else:
            with pytest.raises(netspec.SpecError, match="N203"):
                netspec.parse(text)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_inputs_of_a_wrong_size_are_refused(backend: str) -> None:
    program = netspec.compile(netspec.parse(STACK), backend, device="cpu")
    with pytest.raises(netspec.SpecError) as refused:
        program.predict(np.zeros((2, 13, 20, 3), "float32"))
    message = "N208: an input of 13x20x3 does not fit the network, which needs H >= 18 (H = 13)"
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"H": 4}, "N208: H = 4 does not fit the network, which needs H >= 18 (H = 4)"),
        ({"HH": 4}, "N108: the network has no symbol `HH`; did you mean `H`?"),
        ({"T": 4}, "N108: the network has no symbol `T`; its symbols: H, W"),
        ({"W": 0}, "N105: the size of `W` must be a whole number of 1 or more; found 0"),
    ],
)
def test_sizes_that_cannot_be_bound(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(netspec.SpecError) as refused:
        netspec.parse(STACK).bind(**sizes)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ((5, 6), "N208: an input of 5x6 does not fit TxT: T is both 5 and 6"),
        ((5,), "N208: an input of 5 does not fit TxT: 1 dimensions are not 2"),
    ],
)
def test_a_symbol_has_one_size(dims: tuple[int, ...], message: str) -> None:
    net = netspec.parse("input TxT\nrelu")
    assert net.sizes_for((5, 5)) == {"T": 5}
    with pytest.raises(netspec.SpecError) as refused:
        net.sizes_for(dims)
    assert str(refused.value) == message


def test_sizes_that_follow_from_others() -> None:
    net = netspec.parse("input Tx8\nreshape Sx16\nlstm 3 -> Sx3")
    assert str(net.constraints) == "T = 2*S"
    assert net.sizes_for((10, 8)) == {"T": 10, "S": 5}
    assert str(net.bind(T=10).outputs[-1].shape) == "5x3"
    with pytest.raises(netspec.SpecError, match="N208"):
        net.sizes_for((9, 8))


def test_documents_and_texts_carry_expressions() -> None:
    net = netspec.parse(
        "input (T-3)x((T-3)//2+1)x5\nconv 3 3x3 -> (T-3)x((T-3)//2+1)x3\nreshape ((T-3)*3)x((T-3)//2+1)"
    )
    assert netspec.from_json(net.to_json()) == net
    assert netspec.parse(net.to_text()).layers == net.layers
