"""A network divided into what is run once and one step: what is made, what it is called, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import netspec
from netspec.passes import from_document
from netspec.passes.count import count
from netspec.passes.stepped import Stepped, stepped
from netspec.settings.generate import Feed
from netspec.views.graph import graph
from netspec.views.svg import as_svg

SPECS = Path(__file__).parents[2] / "specs"
SOURCE = "input source S of 9\nembed 6 as memory\n"
TEXT = "input text T of 7\nembed 6\n"


def divided(text: str, most: int = 20, **feed: object) -> Stepped:
    return stepped(netspec.parse(text), Feed("text", max=most, **feed))  # type: ignore[arg-type]


def test_a_step_reads_as_a_network() -> None:
    found = divided(
        "input source S of 9\nembed 6\nlstm 5 last state as memory\n" + TEXT + "lstm 5 init=memory\nsoftmax 7"
    )
    assert found.prelude is not None
    assert found.prelude.to_text() == (
        "input S of 9 as source\nembed 6\nlstm 5 last\nidentity from lstm1.state as lstm1_state\n"
        "output lstm1_state\n"
    )
    assert found.step.to_text() == (
        "input 1 of 7 as text\nembed 6 as embed2\ninput 10 as lstm2_state\n"
        "lstm 5 init=lstm2_state from embed2 as lstm2\nidentity from lstm2.state as next_lstm2_state\n"
        "dense 7 from lstm2\nsoftmax\noutput next_lstm2_state softmax1\n"
    )
    (memory,) = found.memories
    assert (memory.name, memory.first, memory.then) == ("lstm2_state", "lstm1_state", "next_lstm2_state")
    assert (found.feed, found.output, found.given, found.inputs) == ("text", "softmax1", {}, ("source",))
    assert (found.count, found.most) == ("", None)


@pytest.mark.parametrize(
    ("text", "most", "wanted"),
    [
        ("input text T of 7\nembed 6\nlstm 4\nsoftmax 7", 50, None),
        ("input text 9 of 7\nembed 6\nlstm 4\nsoftmax 7", 50, None),
        ("input text T of 7\nembed 6\nattention 6 causal\nsoftmax 7", 50, 50),
        ("input text 9 of 7\nembed 6\nattention 6 causal\nsoftmax 7", 50, 9),
        ("input text 9 of 7\nembed 6\nattention 6 causal\nsoftmax 7", 5, 5),
        ("input text T of 7\nembed 6\nattention 6 causal\nposition learned 12\nsoftmax 7", 50, 12),
        ("input text T of 7\nembed 6\nposition learned 12\nsoftmax 7", 3, 3),
        ("input text 9 of 7\nembed 6\nposition\nsoftmax 7", 50, 9),
    ],
)
def test_how_many_steps_there_are_in_a_row(text: str, most: int, wanted: int | None) -> None:
    found = divided(text, most)
    assert found.most == wanted
    sizes = {memory.shape.dims[0] for memory in found.memories if memory.name.endswith(("keys", "values"))}
    assert sizes <= {wanted}


def test_parameters_keep_their_names_and_are_each_on_one_side() -> None:
    net = netspec.load(SPECS / "networks" / "transformer.net")
    found = stepped(net, Feed("target", start=1, stop=2, max=12))
    assert found.prelude is not None
    for side in (found.prelude, found.step):
        for name, param in side.parameters.items():
            assert param == net.parameters[name]
    shared = set(found.prelude.parameters) & set(found.step.parameters)
    assert shared == {"words_embed1.weight"}
    assert set(found.prelude.parameters) | set(found.step.parameters) == set(net.parameters)
    assert found.step.symbols == ("S",)


def test_what_the_output_does_not_need_is_left_out() -> None:
    found = divided(
        SOURCE
        + "dense 3; last as unread\n"
        + TEXT
        + "lstm 5 as said\nlast; dense 2 as beside\nsoftmax 7 from said\noutput beside unread"
    )
    assert found.prelude is None
    assert found.inputs == ()
    assert "dense 2" not in found.step.to_text()


def test_another_output_may_be_fed() -> None:
    text = TEXT + "lstm 5 as said\nsoftmax 7 as first\ngru 4 from said\nsoftmax 7\noutput first"
    found = divided(text, output="first")
    assert found.output == "first"
    assert [memory.name for memory in found.memories] == ["said_state"]


def test_both_can_be_counted_and_drawn() -> None:
    found = divided(SOURCE + TEXT + "attention 6 over memory\nattention 6 causal\nsoftmax 7")
    assert found.prelude is not None
    for net in (found.prelude, found.step):
        assert count(net).parameters == net.parameter_count
        assert as_svg(graph(net)).startswith("<svg")


# --- what is refused


@pytest.mark.parametrize(
    ("text", "message", "place", "repair"),
    [
        (
            TEXT + "lstm 5 bidirectional\nsoftmax 7",
            "`lstm` looks at all steps",
            "lstm",
            "no `bidirectional` on line 3",
        ),
        (TEXT + "gru 5 reverse\nsoftmax 7", "`gru` looks at all steps", "gru", "no `reverse` on line 3"),
        (
            TEXT + "attention 6 heads=2\nsoftmax 7",
            "`attention` looks at all",
            "attention",
            "`causal` on line 3",
        ),
        (TEXT + "conv1d 5 3\nsoftmax 7", "`conv1d` looks at all steps", "conv1d", "`causal` on line 3"),
        (TEXT + "groupnorm 2\nsoftmax 7", "`groupnorm` looks at all steps", "groupnorm", None),
        (TEXT + "lstm 6 as all\nlast\nadd all\nsoftmax 7", "`last` looks at all steps", "last", None),
        (
            TEXT + "lstm 5 state as end\ngru 10 init=end\nsoftmax 7",
            "the state of `lstm1` is that after its last step",
            "gru",
            None,
        ),
        (
            "input source S of 7\nembed 6 as words\nlast as start\ninput text T of 7\nembed 6\nadd start\n"
            "dense 7 tied=words\nsoftmax",
            "`dense` uses the weights of `words`: of the two, one is run at every step",
            "tied=words",
            None,
        ),
        (
            TEXT + "attention 6 over embed1\nsoftmax 7",
            "`attention` looks at all steps",
            "attention",
            "`causal` on line 3",
        ),
    ],
)
def test_what_cannot_be_made_step_by_step_is_refused(
    text: str, message: str, place: str, repair: str | None
) -> None:
    """When the text is read, and where a network without the line `feed` is divided."""
    with pytest.raises(netspec.SpecError) as refused:
        netspec.parse(text + "\n\ngenerate:\n    feed text from output\n")
    (found,) = refused.value.diagnostics
    assert found.code == "N410"
    assert message in found.message
    assert found.span is not None and found.span.text == place
    assert "`text` is fed from `softmax1`, one step at a time" in found.notes
    assert found.tries == () if repair is None else found.tries[0].startswith(repair)
    net = netspec.parse(text)
    for each in (net, from_document(net.to_json())):
        with pytest.raises(netspec.SpecError) as refused:
            stepped(each, Feed("text"))
        assert [one.code for one in refused.value.diagnostics] == ["N410"]
        assert message in refused.value.diagnostics[0].message


def test_a_document_is_refused_too() -> None:
    net = netspec.parse(TEXT + "attention 6 causal\nsoftmax 7\n\ngenerate:\n    feed text from output\n")
    document = net.to_json()
    assert from_document(document) == net
    document["layers"][2]["arguments"]["causal"] = False
    with pytest.raises(netspec.SpecError, match="N410"):
        from_document(document)


def test_the_output_depends_on_what_is_fed() -> None:
    text = "input source T of 7\nembed 6\nsoftmax 7 as beside\n" + TEXT + "softmax 7\noutput beside"
    with pytest.raises(netspec.SpecError, match="N413: `beside` does not depend on `text`"):
        divided(text, output="beside")
