"""The block `generate:`: what it says, and what it refuses."""

from __future__ import annotations

import pytest

import netspec
from netspec.passes import from_document
from netspec.settings.generate import Feed, Sample
from netspec.views.compare import compare

LANGUAGE = "input text T of 65\nembed 16\nlstm 32\nsoftmax 65\n"
ROWS = "input rows Tx3\nlstm 32\ndense 3\n"


def spec(*lines: str, net: str = LANGUAGE) -> str:
    return net + "\ngenerate:\n" + "".join(f"    {line}\n" for line in lines)


def test_what_it_says() -> None:
    net = netspec.parse(
        spec("feed text from output start=1 stop=2 max=50", "sample temperature=0.8 top_k=40")
    )
    assert net.generation is not None
    assert net.generation.get("feed") == Feed("text", start=1, stop=2, max=50)
    assert net.generation.get("sample") == Sample(temperature=0.8, top_k=40)


def test_the_output_may_have_a_name() -> None:
    text = LANGUAGE.replace("softmax 65", "softmax 65 as said\ndense 2 from lstm1\noutput said")
    net = netspec.parse(spec("feed text from said", net=text))
    assert net.generation is not None
    assert net.generation.get("feed") == Feed("text", output="said")
    net = netspec.parse(spec("feed text from said", net=LANGUAGE.replace("softmax 65", "softmax 65 as said")))
    assert net.generation is not None
    assert net.generation.get("feed") == Feed("text")


@pytest.mark.parametrize("lines", [("feed text from output",), ("feed text from output beam=4",)])
def test_round_trips(lines: tuple[str, ...]) -> None:
    net = netspec.parse(spec(*lines))
    assert netspec.parse(net.to_text(), name=net.name).generation == net.generation
    assert from_document(net.to_json()) == net
    assert lines[0] in net.to_text()


def test_rows_of_numbers_are_fed_too() -> None:
    assert netspec.parse(spec("feed rows from output max=24", net=ROWS)).generation is not None


@pytest.mark.parametrize(
    ("net", "lines", "code", "message"),
    [
        (LANGUAGE, ("feed words from output",), "N108", "there is no input called `words`"),
        (LANGUAGE, ("feed text from lstm1",), "N108", "there is no output called `lstm1`"),
        (LANGUAGE, ("feed text", "feed text"), "N402", "`feed` is set twice"),
        (LANGUAGE, ("fed text",), "N401", "`generate:` has no line called `fed`"),
        (LANGUAGE, ("feed text from output start=65",), "N413", "the token 65 is none"),
        (LANGUAGE, ("feed text beam=4", "sample"), "N406", "a beam follows the likeliest"),
        (LANGUAGE, ("sample",), "N413", "nothing is fed"),
        (
            LANGUAGE.replace("softmax 65", "softmax 60"),
            ("feed text",),
            "N413",
            "gives 60 probabilities a step",
        ),
        (LANGUAGE.replace("lstm 32", "lstm 32 last"), ("feed text",), "N413", "a step of the output is fed"),
        (ROWS, ("feed rows start=1",), "N413", "`start` is a token"),
        (ROWS, ("feed rows beam=2",), "N413", "a beam follows tokens"),
        (ROWS, ("feed rows", "sample top_k=3"), "N413", "`sample` draws tokens, and `rows` reads rows"),
        (LANGUAGE, ("feed text start=1 stop=1",), "N413", "`start` and `stop` are both the token 1"),
        (ROWS.replace("dense 3", "dense 2"), ("feed rows",), "N413", "gives 2 numbers a step"),
        ("input image 8x8x3\nconv 3 3x3\n", ("feed image",), "N413", "what is fed is a sequence"),
    ],
)
def test_what_does_not_fit_is_refused(net: str, lines: tuple[str, ...], code: str, message: str) -> None:
    with pytest.raises(netspec.SpecError) as refused:
        netspec.parse(spec(*lines, net=net))
    (found,) = refused.value.diagnostics
    assert found.code == code
    assert message in found.message
    assert found.span is not None and found.span.text in "".join(lines)


def test_tokens_that_are_none_are_told_once() -> None:
    with pytest.raises(netspec.SpecError) as refused:
        netspec.parse(spec("feed rows start=1 stop=1", net=ROWS))
    assert ["is a token" in found.message for found in refused.value.diagnostics] == [True, True]


def test_a_difference_is_told() -> None:
    one, other = (netspec.parse(spec(f"feed text from output max={most}")) for most in (50, 60))
    found = compare(one, other)
    assert not found.identical
    assert [each.notes for each in found.generation] == [("max 50 -> 60",)]
    assert compare(one, one).identical
