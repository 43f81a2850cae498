"""Structure: a text with blocks, joins and repetitions is the network that its unfolded lines are."""

from __future__ import annotations

import time

import pytest

import netspec
from netspec.ir.net import Net
from netspec.passes.count import count
from netspec.passes.library import blocks
from netspec.passes.reach import receptive_field, receptive_fields
from netspec.passes.shelf import shelf
from netspec.passes.table import as_text


def plain(net: Net) -> list[tuple[object, ...]]:
    """The layers without their names: operation, shape, and the places of what they read."""
    at = {layer.name: index for index, layer in enumerate(net.layers)}
    return [(each.operation, each.shape, *(at[name] for name in each.inputs)) for each in net.layers]


def same(structured: str, flat: str) -> Net:
    net = netspec.parse(structured)
    assert plain(net) == plain(netspec.parse(flat))
    return net


def codes(text: str) -> list[str]:
    with pytest.raises(netspec.SpecError) as refused:
        netspec.parse(text)
    return [found.code for found in refused.value.diagnostics]


def test_repeat_and_for() -> None:
    same(
        "input 784\nrepeat 2: dense 30 relu\nfor n in 20, (2*5): dense n\n",
        "input 784\ndense 30 relu\ndense 30 relu\ndense 20\ndense 10\n",
    )
    same("input 784\nrepeat 0: dense 30 relu\ndense 5\n", "input 784\ndense 5\n")
    same(
        "input 784\nfor n in 20, 10:\n    repeat 2: dense n\n",
        "input 784\ndense 20\ndense 20\ndense 10\ndense 10\n",
    )


def test_turns_whose_values_are_nearly_equal_are_not_one() -> None:
    same(
        "input 8\nfor rate in 0.1234567, 0.1234568:\n    dropout rate\n",
        "input 8\ndropout 0.1234567\ndropout 0.1234568\n",
    )


def test_conditions() -> None:
    text = "param n = {n}\ninput 784\nif n > 2 and not n == 5:\n    dense 30\nelse:\n    dense 20\n    relu\ndense 10\n"
    same(text.format(n=3), "input 784\ndense 30\ndense 10\n")
    for n in (1, 5):
        same(text.format(n=n), "input 784\ndense 20\nrelu\ndense 10\n")
    same(
        "param kind = max\ninput 8x8x1\nif kind == max: pool 2\npool 2 kind\n",
        "input 8x8x1\npool 2\npool 2\n",
    )


def test_blocks_with_values_defaults_words_and_names() -> None:
    same(
        "block act(width, stride=1):\n    conv width 3x3 stride=stride relu\n"
        "input 8x8x1\nact 4\nact 6 stride2\nact width=3 stride=1\n",
        "input 8x8x1\nconv 4 3x3 relu\nconv 6 3x3 stride2 relu\nconv 3 3x3 relu\n",
    )
    same(
        "block up(skip):\n    upsample 2\n    concat skip\ninput 8x8x2\nconv 2 3x3 as top\npool 2\nup top\n",
        "input 8x8x2\nconv 2 3x3 as top\npool 2\nupsample 2\nconcat top\n",
    )
    same(
        "block half: dense (in.features//2) relu\ninput 100\nhalf; half\ndense in.features\n",
        "input 100\ndense 50 relu\ndense 25 relu\ndense 100\n",
    )


def test_a_block_sees_only_its_own_names() -> None:
    text = "block peek: concat hidden\ninput 8\ndense 8 as hidden\ndense 8\npeek\nsoftmax 2\n"
    assert codes(text) == ["N108"]
    same(
        "block two(skip):\n    dense 8 as hidden\n    add hidden skip\n"
        "input 8\ndense 8 as hidden\ndense 8\ntwo hidden\n",
        "input 8\ndense 8 as hidden\ndense 8\ndense 8 as other\nadd other hidden\n",
    )


def test_layers_and_blocks_follow_one_another_on_a_line() -> None:
    same(
        "block act: batchnorm relu\ninput 8x8x1\nconv 4 3x3 act\nconv 4 3x3 act tanh as last -> 8x8x4\nelu\nadd last\n",
        "input 8x8x1\nconv 4 3x3 batchnorm relu\nconv 4 3x3 batchnorm relu tanh as last\nelu\nadd last\n",
    )


def test_joins() -> None:
    same(
        "input 8x8x2\nadd:\n    identity\n    conv 2 3x3 relu; conv 2 3x3\n"
        "    path:\n        conv 2 1x1\n        relu\n",
        "input x 8x8x2\nidentity as a\nconv 2 3x3 relu from x; conv 2 3x3 as b\n"
        "conv 2 1x1 from x\nrelu as c\nadd a b c\n",
    )
    same(
        "input 8x8x2\nconcat:\n    for k in 1, 3:\n        conv 2 k\n    if 1 == 1:\n        pool 3 stride1 same\n",
        "input x 8x8x2\nconv 2 1 as a\nconv 2 3 from x as b\npool 3 stride1 same from x as c\nconcat a b c\n",
    )
    same("input 8\ndense 4 as a\ndense 4\nconcat a\n", "input 8\ndense 4 as a\ndense 4 as b\nconcat b a\n")


def test_a_network_has_one_set_of_weights_and_a_block_new_ones() -> None:
    body = "    conv 4 3x3\n    batchnorm relu\n    dense 5\n"
    uses = "input left 8x8x1\ninput right 8x8x1\ntower from left as a\ntower from right as b\nconcat a b\nsoftmax 2\n"
    shared = netspec.parse(f"network tower:\n{body}{uses}")
    apart = netspec.parse(f"block tower:\n{body}{uses}")
    one = 40 + 8 + 256 * 5 + 5
    assert shared.parameter_count == one + 22
    assert apart.parameter_count == 2 * one + 22
    assert [name for name in shared.parameters if "conv" in name] == [
        "tower_conv1.weight",
        "tower_conv1.bias",
    ]
    assert plain(shared) == plain(apart)
    assert netspec.from_json(shared.to_json()) == shared
    assert netspec.parse(shared.to_text(), name=shared.name) == shared


def test_tied_weights() -> None:
    net = netspec.parse("input 20\ndense 6 tanh as code\ndense 20 tied=code\nsigmoid\n")
    assert net.parameter_count == 20 * 6 + 6 + 20
    net = netspec.parse("input 5 of 9\nembed 4 as words\nlstm 4\ndense 9 tied=words nobias\nsoftmax\n")
    assert net.parameter_count == 36 + 4 * 4 * 8 + 32


def test_state_of_one_recurrent_layer_starts_another() -> None:
    net = netspec.parse(
        "input words 7x3\ninput start 5x3\nlstm 4 from words state as memory last as end\n"
        "lstm 4 from start init=memory last\nadd end\n"
    )
    assert net.by_name["lstm1"].inputs == ("start", "end.state")
    assert netspec.parse(net.to_text(), name=net.name) == net


def test_several_outputs() -> None:
    net = netspec.parse("input 8\ndense 4 as code\ndense 2 as side\ndense 3 from code\noutput side code\n")
    assert [layer.name for layer in net.outputs] == ["code", "side", "dense1"]
    assert netspec.parse(net.to_text(), name=net.name) == net
    assert netspec.from_json(net.to_json()) == net


def test_parameters_of_a_file() -> None:
    text = "param width = 4 in {4, 8}\nparam twice = (2*width)\ninput 10\ndense twice\nsoftmax 2\n"
    assert netspec.parse(text).layers[1].shape.dims == (8,)
    assert netspec.parse(text, values={"twice": "6"}).layers[1].shape.dims == (6,)
    net = netspec.parse(text, values={"twice": "6"})
    assert netspec.parse(net.text) == net
    other = netspec.parse(text, values={"width": "6"})
    assert "param width = 6 in {4, 8, 6}" in other.text
    assert netspec.parse(other.text) == other
    with pytest.raises(netspec.SpecError, match="did you mean `width`"):
        netspec.parse(text, values={"widht": "6"})


def test_values_and_choices_of_parameters_are_kept() -> None:
    text = (
        "param width = 4 in {4, (2*4), 4}\nparam twice = (2*width)\nparam act = relu in {relu, gelu}\n"
        "input 10\ndense twice; activate act\nsoftmax 2\n"
    )
    net = netspec.parse(text)
    assert dict(net.choices) == {"width": ("4", "(2*4)"), "act": ("relu", "gelu")}
    assert dict(net.values) == {"width": "4", "twice": "(2*width)", "act": "relu"}
    other = netspec.parse(text, values={"width": "(2*4)"})
    assert dict(other.values) == {"width": "(2*4)", "twice": "(2*width)", "act": "relu"}
    assert other.choices["width"] == ("4", "(2*4)") and other.by_name["dense1"].shape.size == 16


def test_budgets() -> None:
    text = "input 28x28x1\nconv 4 5x5\nconv 8 3x3 stride2\nglobal\nsoftmax 10\nexpect {}\n"
    for held in ("params == 490", "macs < 1M, layers <= 6", "receptive_field == 7", "params <= (5*98)"):
        netspec.parse(text.format(held))
    for broken in ("params < 490", "macs > 1M", "receptive_field == 6", "memory < 10"):
        assert codes(text.format(broken)) == ["N308"], broken


# Araujo, Norris, Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks", table of networks.
PUBLISHED_FIELDS = {"alexnet": 195, "vgg16": 212}


@pytest.mark.parametrize("name", PUBLISHED_FIELDS)
def test_receptive_fields_as_published(name: str) -> None:
    from netspec.cli.files import find_spec

    assert receptive_field(netspec.load(find_spec(name))) == PUBLISHED_FIELDS[name]


def test_receptive_field_of_the_lecture() -> None:
    net = netspec.parse(
        "input 28x28x1\nconv 4 5x5\nconv 8 5x5 stride2\nconv 12 4x4 stride2\nupsample 2\ndense 3\n"
    )
    fields = receptive_fields(net)
    assert [fields[f"conv{n}"].pixels for n in (1, 2, 3)] == [(5, 5), (9, 9), (15, 15)]
    assert [fields[f"conv{n}"].jump[0] for n in (1, 2, 3)] == [1, 2, 4]
    assert fields["dense1"].whole and fields["upsample1"].jump == (2, 2)


@pytest.mark.parametrize(
    "text",
    [
        "input 784\nrepeat 1000000000: relu\n",
        "input 784\n" + "".join("    " * n + "repeat 10:\n" for n in range(10)) + "    " * 10 + "relu\n",
        "block a(n):\n    repeat 1000: relu\nblock b(n):\n    repeat 1000: a n\ninput 8\nrepeat 1000: b 1\n",
        "input 784\nrepeat 1000000000:\n    if 1 == 2: relu\n",
        "param n = 1000000\ninput 784\nrepeat (n*n): relu\n",
    ],
)
def test_what_is_too_large_is_refused_before_it_is_begun(text: str) -> None:
    start = time.perf_counter()
    assert codes(text) == ["N505"]
    assert time.perf_counter() - start < 5  # without the bound it would not end


def test_blocks_nest_to_the_limit_and_no_further() -> None:
    def chain(depth: int) -> str:
        lines = [f"block b{n}: b{n + 1}\n" for n in range(depth - 1)]
        return "".join(lines) + f"block b{depth - 1}: relu\ninput 8\nb0\ndense 2\n"

    assert len(netspec.parse(chain(32)).layers) == 3
    assert codes(chain(33)) == ["N503"]


def test_the_same_mistake_in_every_turn_is_told_once() -> None:
    assert codes("input 8x8x1\nrepeat 5: conv 4 3x3 valid\nsoftmax 2\n") == ["N203"]
    assert codes("block a(n): dense n rellu\ninput 8\nrepeat 5: a 3\nsoftmax 2\n") == ["N102"]


@pytest.mark.parametrize("word", sorted(blocks()))
def test_every_block_that_ships_has_an_example_that_holds(word: str) -> None:
    found = shelf()[word]
    assert found.definition.startswith(f"block {word}(")
    assert found.summary and found.prose.endswith(".")
    net = found.net()
    assert word in found.example
    assert netspec.from_json(net.to_json()) == net


def test_a_table_folds_and_unfolds() -> None:
    net = netspec.parse(
        "block two(width):\n    dense width relu\n    dense width\n"
        "input 20\nrepeat 3: two 8\nadd:\n    identity\n    two 8; relu\nfor n in 4, 3: dense n\n"
    )
    table = count(net)
    assert [(row.text, row.count, row.kind) for row in table.rows] == [
        ("input 20", 1, "line"),
        ("two 8", 3, "repeat"),
        ("add", 1, "join"),
        ("dense 4", 1, "line"),
        ("dense 3", 1, "line"),
    ]
    assert table.parameters == net.parameter_count
    texts = [line[6:40].rstrip() for line in as_text(table).splitlines()[3:10]]
    assert "two 8 x 3" in as_text(table)
    assert texts[2].startswith("add")
    assert as_text(table, depth=1).count("two 8") == 5
    assert as_text(table, depth=2).count("dense 8") == 8
