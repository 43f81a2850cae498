"""The network for examples of different lengths: what is told lengths, and what cannot be."""

from __future__ import annotations

import pytest

import netspec
from netspec.diagnostics import SpecError
from netspec.passes.ragged import MOST_STEPS, ragged, symbols
from netspec.render import full


def told(text: str) -> list[str]:
    """The layers of the ragged network, as the language writes them, without the inputs of the text."""
    net = netspec.parse(text)
    made = ragged(net)
    assert list(made.parameters) == list(net.parameters)
    assert made.inputs[: len(net.inputs)] == net.inputs
    assert [layer.name for layer in made.outputs] == [layer.name for layer in net.outputs]
    return [layer.operation.written() for layer in made if layer not in net.inputs]


def test_who_looks_beyond_a_step_is_told() -> None:
    assert told(
        "input T of 9\nembed 4\nlstm 4 bidirectional\nbatchnorm\ndense 3 relu\nattention 4\nglobal\nsoftmax 3"
    ) == [
        f"input of {MOST_STEPS}",
        "embed 4",
        "lstm 4 bidirectional lengths=lengths_t",
        "batchnorm lengths=lengths_t",
        "dense 3",
        "relu",
        "attention 4 lengths=lengths_t",
        "global lengths=lengths_t",
        "dense 3",
        "softmax",
    ]


def test_who_looks_back_alone_is_not() -> None:
    """Nothing reads the lengths then; they are an input all the same, and no output."""
    found = told("input Tx4\nlstm 4\nposition\nattention 4 causal\nconv1d 4 3 causal\nlayernorm\nsoftmax 3")
    assert not [text for text in found if "lengths=" in text]


def test_a_state_that_is_read_is_that_after_an_own_last_step() -> None:
    found = told("input a Sx3\ninput b Tx3\nlstm 4 state as end from a\nlstm 4 init=end from b\nsoftmax 2")
    assert "lstm 4 lengths=lengths_s" in found
    assert "lstm 4 init=lstm1.state" in found


def test_lengths_are_those_of_where_keys_come_from() -> None:
    text = "input a Sx4\ninput b Tx4\ndense 4 from a as keys\nattention 4 over keys from b\nattention 4\nsoftmax 2"
    found = told(text)
    assert "attention 4 over keys lengths=lengths_s" in found
    assert "attention 4 lengths=lengths_t" in found


def test_lengths_follow_from_sizes() -> None:
    found = told("input Tx4\nconv1d 4 3 valid stride2\nconv1d 4 3 valid stride2\nconv1d 4 3\nlast\nsoftmax 2")
    assert found[1:3] == ["lengths ((T-3)//2+1)", "lengths ((T-7)//4+1)"]
    assert found[3:6] == [
        "conv1d 4 3 stride=2 valid lengths=lengths_t",
        "conv1d 4 3 stride=2 valid lengths=lengths1",
        "conv1d 4 3 lengths=lengths2",
    ]
    assert found[6] == "last lengths=lengths2"


def test_what_is_derived_reads_back_from_its_text_and_its_document() -> None:
    net = ragged(netspec.parse("input Tx4\nconv1d 4 3 stride2\ngru 3 bidirectional last\nsoftmax 2"))
    assert netspec.parse(net.to_text(), name=net.name) == net
    assert netspec.from_json(net.to_json()) == net


def test_names_that_are_taken_stay() -> None:
    net = ragged(netspec.parse("input Tx4\ndense 3 as lengths_t\nlast as lengths1\nsoftmax 2"))
    assert [layer.name for layer in net.inputs] == ["input1", "lengths_t_"]
    assert net.by_name["lengths1"].inputs == ("lengths_t", "lengths_t_")


def test_what_is_written_by_hand_stays() -> None:
    net = netspec.parse("input counts of 50\ninput steps Tx4\nlast lengths=counts\nsoftmax 2")
    made = ragged(net)
    assert made.by_name["last1"] == net.by_name["last1"]


@pytest.mark.parametrize("text", ["input 5x4\nlast\nsoftmax 2", "input HxWx3\nconv 4 3x3\nglobal\nsoftmax 2"])
def test_without_sequences_of_any_length_it_is_the_network_itself(text: str) -> None:
    net = netspec.parse(text)
    assert symbols(net) == ()
    assert ragged(net) is net


def test_weights_that_are_shared_are_told_alike() -> None:
    tower = "network tower:\n    attention 4\n    global\n"
    both = told(f"{tower}input a Sx4\ninput b Tx4\ntower from a as x\ntower from b as y\nadd x y\nsoftmax 2")
    assert [text for text in both if "attention" in text] == [
        "attention 4 lengths=lengths_s",
        "attention 4 lengths=lengths_t",
    ]


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        ragged(netspec.parse(text))
    (found,) = caught.value.diagnostics
    assert found.code == "N409"
    assert found.labels
    assert any("--bind" in note for note in found.notes)
    return found.message


def test_a_refusal_shows_the_line_and_a_way_out() -> None:
    with pytest.raises(SpecError) as caught:
        ragged(netspec.parse("input Tx4\nreshape Tx2x2\nglobal\nsoftmax 2"))
    assert (
        full(caught.value.diagnostics)
        == """\
error[N409]: `reshape` cannot work on examples of different lengths: `T` differs
  net:2:1
   2 | reshape Tx2x2
     | ^^^^^^^ reads Tx4
  note     `global avg`, `last` and recurrent layers with `last` make a vector of any number of steps
  note     with a number of steps (--bind T=100) all are filled up to it, and what fills up is read like the rest
"""
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "input Tx4\nreshape Tx2x2\nglobal\nsoftmax 2",
            "`reshape` cannot work on examples of different lengths: `T` differs",
        ),
        (
            "input Tx4\ngroupnorm 2\nglobal\nsoftmax 2",
            "`groupnorm` cannot work on examples of different lengths: `T` differs",
        ),
        (
            "input Tx4\nlstm 4\ndense 1",
            "`mse` of `dense1` cannot leave out the steps beyond the end of an example",
        ),
        (
            "input Tx4\nlstm 4\nsigmoid 1",
            "`bce` of `sigmoid1` cannot leave out the steps beyond the end of an example",
        ),
        (
            "input Tx4\nlast\nsoftmax 2\n\ntrain:\n    augment mixup=0.2",
            "`augment mixup` cannot mix examples of different lengths: `T` differs",
        ),
        (
            "input a Tx4\ninput b TxTx1\nlast from a as x\nglobal from b as y\nconcat x y\nsoftmax 2",
            "`T` differs among the examples, and is a size of another axis of `b`",
        ),
        (
            "network tower:\n    attention 4\n    global\ninput a Sx4\ninput b 5x4\ntower from a as x\n"
            "tower from b as y\nadd x y\nsoftmax 2",
            "`attention` shares the weights of `tower_attention1`, and of one alone the examples differ in length",
        ),
    ],
)
def test_refusals(text: str, message: str) -> None:
    assert refusal(text) == message
