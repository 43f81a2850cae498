"""Random valid networks for Hypothesis, made from the catalog: a new layer is drawn as soon as it is defined.

How an argument is drawn follows from its kind alone.  What a layer then makes of its input, the compiler says; a
layer that does not fit where it is drawn is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from netspec.ir.catalog import definitions
from netspec.ir.definition import Argument, Definition
from netspec.ir.layer import Operation
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.sizes import Dims, Ends, Formula, Padding, Pair
from netspec.ir.values import Choice, Flag, Kind, Real, Reference, String, Whole, Word
from netspec.limits import Limits
from netspec.passes import run
from netspec.source import Source

MOST: Final = 4
"""Largest number drawn beyond the smallest that fits, and largest side of an image."""
SMALL: Final = Limits().raised(parameters=3000, activations=4 * 3000)
"""Beyond these a layer is left out: the networks are to be many, not large."""

_OWN: Final = "drawn"
"""What the names of random layers begin with."""

Strategy: TypeAlias = st.SearchStrategy[Any]


def _whole(kind: Whole, given: Shape) -> Strategy:
    return st.integers(kind.low, kind.low + MOST if kind.high is None else min(kind.high, kind.low + MOST))


def _real(kind: Real, given: Shape) -> Strategy:
    low = 0.0 if kind.low is None else kind.low
    width = 1.0 if kind.high is None else kind.high - low
    likely = [float(f"{low + share * width:g}") for share in (0, 0.001, 0.1, 0.25, 0.5, 0.9, 1)]
    return st.sampled_from([number for number in likely if kind.fits(number)])


def _pair(kind: Pair, given: Shape) -> Strategy:
    side = st.integers(kind.low, kind.low + 2)
    return st.tuples(side, side)


def _choice(kind: Choice, given: Shape) -> Strategy:
    return st.sampled_from(kind.names)


def _flag(kind: Flag, given: Shape) -> Strategy:
    return st.just(kind.value)


def _padding(kind: Padding, given: Shape) -> Strategy:
    side = st.integers(0, 2)
    return st.sampled_from(("same", "valid")) | st.tuples(side, side, side, side)


def _ends(kind: Ends, given: Shape) -> Strategy:
    return st.sampled_from((*kind.words.values(), (0, 0), (1, 1), (2, 0), (0, 1)))


def _dims(kind: Dims, given: Shape) -> Strategy:
    """Shapes that hold as many numbers as the input."""
    size = given.size
    divisors = [each for each in range(1, size + 1) if size % each == 0]
    fitting = [(size,), *((each, size // each) for each in divisors)]
    fitting += [(a, b, size // a // b) for a in divisors for b in divisors if size % (a * b) == 0]
    return st.sampled_from(fitting)


def _word(kind: Word, given: Shape) -> Strategy:
    return st.sampled_from(("some", "other_word"))


def _none(kind: Kind, given: Shape) -> Strategy:
    """Names of layers and what is worked out from one number an example: no random network has what would fit."""
    return st.nothing()


def _string(kind: String, given: Shape) -> Strategy:
    return st.just(kind.example)


KINDS: Final[dict[type[Kind], Callable[[Any, Shape], Strategy]]] = {
    Whole: _whole,
    Real: _real,
    Pair: _pair,
    Choice: _choice,
    Flag: _flag,
    Padding: _padding,
    Ends: _ends,
    Dims: _dims,
    Formula: _none,
    Reference: _none,
    Word: _word,
    String: _string,
}


def values(argument: Argument, given: Shape) -> Strategy:
    """Values of an argument for a layer that reads a shape; its default about half of the time.

    A kind that is not known here, a plug-in's own, is left at its default; nothing is drawn where there is none.
    """
    makers = [KINDS[base] for base in type(argument.kind).__mro__ if base in KINDS]
    drawn = makers[0](argument.kind, given) if makers else st.nothing()
    return drawn if argument.required else st.just(argument.default) | drawn


@st.composite
def uses(draw: st.DrawFn, definition: type[Definition], given: Shape) -> Any:
    """Uses of a word, with arguments of all kinds."""
    return definition(**{each.name: draw(values(each, given)) for each in definition.arguments()})


@st.composite
def input_shapes(draw: st.DrawFn) -> Shape:
    """Shapes of an input: mostly images and sequences, which most layers are for."""
    rank, of = draw(
        st.sampled_from([(3, None), (3, None), (3, None), (2, None), (2, None), (1, None), (1, 7)])
    )
    return Shape(tuple(draw(st.integers(2, MOST + 2)) for _ in range(rank)), of)


@st.composite
def nets(draw: st.DrawFn, most: int = 5) -> Net:
    """Networks of up to `most` layers, written with all their arguments; the net keeps its text.

    A layer reads the one above; a join also one further up, so that there are chains and ways around.
    """
    text = f"input {draw(input_shapes())}"
    net = _read(text)
    assert net is not None
    for number in range(draw(st.integers(1, most))):
        given = net.outputs[-1].shape
        others = _joinable(net) if draw(st.booleans()) else []
        if others:
            join, other = draw(st.sampled_from(_joins())), draw(st.sampled_from(others))
            line = f"{join.word} {other}"
        else:
            family = draw(st.sampled_from(_fitting(given, for_this_kind=draw(st.booleans()))))
            line = draw(uses(draw(st.sampled_from(family)), given)).written()
        longer = f"{text}\n{line} as {_OWN}{number}"
        found = _read(longer)
        if found is not None:
            text, net = longer, found
    return net


def _joins() -> list[type[Operation]]:
    return [each for each in definitions("layer") if issubclass(each, Operation) and each.joins]


def _joinable(net: Net) -> list[str]:
    """The layers above the last that might be joined with it."""
    *above, last = net.layers
    return [
        layer.name
        for layer in above
        if layer.name.startswith(_OWN) and layer.shape.dims[:-1] == last.shape.dims[:-1]
    ]


def _fitting(given: Shape, *, for_this_kind: bool) -> list[list[type[Operation]]]:
    """The layers that may read a shape and whose arguments can be drawn, by family; or those not made for any shape."""
    families: dict[str, list[type[Operation]]] = {}
    for each in definitions("layer"):
        assert issubclass(each, Operation)
        reads = given.kind in each.takes or (each.flattens and given.kind == "image")
        drawn = not any(values(argument, given).is_empty for argument in each.arguments())
        if for_this_kind and each.takes == Operation.takes:
            continue
        if reads and drawn and not each.reads_nothing:
            families.setdefault(each.family(), []).append(each)
    return list(families.values())


def _read(text: str) -> Net | None:
    """The network of a text, None where it is none or not small."""
    net, diagnostics = run(Source(text, "net"), SMALL)
    return None if diagnostics or net is None or _size(net) > SMALL.activations // 4 else net


def _size(net: Net) -> int:
    return max(prod(layer.shape.known) for layer in net)
