"""Whatever a file holds: an answer in the language's own words, soon, and never a crash."""

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec import render
from netspec.codes import CODES
from netspec.diagnostics import Diagnostic, SpecError
from netspec.limits import Limits
from netspec.passes import analyse, run
from netspec.source import Source
from netspec.syntax.parser import MOST_ERRORS, decode

SPECS = sorted((Path(__file__).parents[1] / "specs").glob("*.net"))
WHOLE = Path(__file__).parent / "syntax" / "whole_language.net"
SOURCES = [path.read_text("utf-8") for path in [*SPECS, WHOLE]]
PIECES = re.findall(r"\w+|[^\w\s]|\s+", "".join(SOURCES))
ODD = [*"\0\t\r\n\x0b\x0c\x1b\x85\u2028\ufeff\u202e×x·→“”()[]{}:;,=#\"'\\@-+*/%<>_.é数🙂٣²", "(" * 40, "    "]
_TERMINALS = re.compile(r"\$END|_NEWLINE|\b(LPAR|RPAR|__ANON\w*|SIZE_HEAD|Token|Tree)\b")

fuzz = settings(deadline=None, derandomize=True, max_examples=100, database=None)


def check(found: Sequence[Diagnostic], text: str) -> None:
    """Every diagnostic can be shown: a known code, words, places that lie inside of the text."""
    assert found
    for one in found:
        assert one.code in CODES
        assert one.message.strip() and "\n" not in one.message
        words = " ".join([one.message, one.because, *one.notes, *(label.text for label in one.labels)])
        assert not set(_TERMINALS.findall(words)) - set(_TERMINALS.findall(text))
        spans = [label.span for label in one.labels] + [edit.span for fix in one.fixes for edit in fix.edits]
        for span in spans:
            assert span.source.text == text
            assert 0 <= span.start <= span.end <= len(text)
            assert 1 <= span.line <= span.source.line_count()
    for write in render.FORMATS.values():
        assert write(found)
    json.loads(render.as_json(found))


def examine(text: str) -> list[str]:
    """The codes that a text gives; whatever is raised but `SpecError` fails the test."""
    try:
        net = analyse(Source(text, "any.net"))
    except SpecError as refused:
        check(refused.diagnostics, text)
        return [found.code for found in refused.diagnostics]
    assert net.layers
    return []


def codes(text: str, limits: Limits | None = None) -> list[str]:
    return [found.code for found in run(Source(text, "any.net"), limits or Limits())[1]]


def within(seconds: float, text: str) -> list[str]:
    """The codes of a text, found in some time; the bound is generous, what it excludes is quadratic."""
    start = time.perf_counter()
    found = examine(text)
    assert time.perf_counter() - start < seconds
    return found


# --- anything at all


@fuzz
@given(st.text(max_size=200))
def test_random_text(text: str) -> None:
    examine(text)


@fuzz
@given(st.lists(st.sampled_from([*PIECES[::7], *ODD, " ", "\n", " 4 ", " 3x3"]), max_size=30).map("".join))
def test_random_pieces_of_specs(text: str) -> None:
    examine(text)


@fuzz
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    try:
        source = decode(data, "any.net")
    except SpecError as refused:
        assert [found.code for found in refused.diagnostics] == ["N001"]
        return
    examine(source.text)


# --- valid specs, a little changed


def mutated(parts: list[str], draw: st.DrawFn, extra: Sequence[str]) -> list[str]:
    """The parts with some deleted, repeated, exchanged or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        if not parts:
            break
        at = draw(st.integers(0, len(parts) - 1))
        match draw(st.sampled_from(["delete", "repeat", "exchange", "replace", "insert"])):
            case "delete":
                del parts[at]
            case "repeat":
                parts.insert(at, parts[at])
            case "exchange":
                other = draw(st.integers(0, len(parts) - 1))
                parts[at], parts[other] = parts[other], parts[at]
            case "replace":
                parts[at] = draw(st.sampled_from(extra))
            case "insert":
                parts.insert(at, draw(st.sampled_from(extra)))
    return parts


@st.composite
def changed_specs(draw: st.DrawFn, unit: str) -> str:
    text = draw(st.sampled_from(SOURCES))
    pattern = {"characters": "(?s).", "tokens": r"\w+|[^\w\s]|\s+", "lines": r".*\n|.+"}[unit]
    extra = {"characters": ODD, "tokens": PIECES[::5], "lines": "".join(SOURCES).splitlines(keepends=True)}
    return "".join(mutated(re.findall(pattern, text), draw, extra[unit]))


@fuzz
@given(changed_specs("characters"))
def test_specs_with_characters_changed(text: str) -> None:
    examine(text)


@fuzz
@given(changed_specs("tokens"))
def test_specs_with_words_changed(text: str) -> None:
    examine(text)


@fuzz
@given(changed_specs("lines"))
def test_specs_with_lines_changed(text: str) -> None:
    examine(text)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_cut_off_anywhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for end in range(0, len(text), 37):
        _, found = run(Source(text[:end], "any.net"))
        if found:
            check(found, text[:end])


# --- large and deep


def test_ten_thousand_layers_compile() -> None:
    text = "input 8\n" + "dense 8\n" * 9_998 + "softmax 2\n"
    start = time.perf_counter()
    net = analyse(Source(text))
    assert len(net.layers) == 10_001
    assert time.perf_counter() - start < 30


def test_ten_thousand_lines_that_cannot_be_read() -> None:
    found = within(20, "input 8\n" + "dense = = 4\n" * 10_000)
    assert set(found) == {"N004"}
    assert 1 < len(found) <= MOST_ERRORS + 1


def test_ten_thousand_lines_that_cannot_be_bound() -> None:
    start = time.perf_counter()
    found = codes("input 8\n" + "covn 4 5x5\n" * 10_000)
    assert time.perf_counter() - start < 20
    assert "N101" in found and set(found) <= {"N101", "N004"}
    assert 1 < len(found) <= MOST_ERRORS + 1
    assert "N101" in within(20, "input 8\n" + "covn 4 5x5\n" * 1_000)


def test_one_mistake_before_a_thousand_lines() -> None:
    assert within(30, "input 8\ndence 8\n" + "dense 8 relu\n" * 1_000) == ["N101"]


@pytest.mark.parametrize("count", [66, 1_000, 200_000])
def test_parentheses_are_counted_before_they_are_read(count: int) -> None:
    assert within(5, "input 4\ndense " + "(" * count) == ["N503"]
    assert within(5, "input 4\ndense " + "(" * (count // 2) + "4" + ")" * (count // 2)) == ["N503"]


def test_parentheses_up_to_the_limit() -> None:
    deepest = Limits().nesting
    assert codes("input 4\ndense " + "(" * deepest + "4" + ")" * deepest) == []
    assert codes("input 4\ndense " + "(" * 3 + "4" + ")" * 3, Limits(nesting=2)) == ["N503"]


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("depth", [40, 400])
def test_blocks_are_counted_before_they_are_read(depth: int, width: int) -> None:
    text = "input 4\n" + "".join(" " * (width * level) + "add:\n" for level in range(depth))
    assert within(5, text + " " * (width * depth) + "identity\n") == ["N503"]


@pytest.mark.parametrize(
    "expression",
    [
        "-" * 5_000 + "4",
        "1" + " + 1" * 5_000,
        "1" + " * 1" * 5_000,
        "1" + " - 1" * 3_000 + " + 9999",
    ],
    ids=["signs", "sum", "product", "difference"],
)
def test_long_expressions(expression: str) -> None:
    within(20, f"input 4\ndense ({expression})\n")


@pytest.mark.parametrize("sign", "{[,;:=#\"'-+*/%<>!&|^~`\\@$?.x_0")
def test_one_sign_many_times(sign: str) -> None:
    within(20, "input 4\ndense " + sign * 5_000)
    within(20, "input 4\n" + f"{sign} " * 1_000)
    within(20, f"{sign}\n" * 300)


def test_a_word_of_a_million_letters() -> None:
    within(20, "input 4\n" + "a" * 1_000_000 + "\n")


def test_a_long_word_is_not_repeated_in_full() -> None:
    _, found = run(Source("input 4\n" + "a" * 100_000 + "\ndense " + "b" * 100_000))
    assert all(len(one.message) < 1_000 for one in found)


def test_a_size_of_a_hundred_thousand_dimensions() -> None:
    assert within(20, "input " + "x".join(["1"] * 100_000) + "\ndense 3")


@pytest.mark.parametrize("digits", [19, 5_000, 500_000])
def test_a_number_of_many_digits(digits: int) -> None:
    number = "9" * digits
    shapes = f"dense {number}", f"dense (1+{number})", f"conv 3 {number}x{number}", f"dropout 0.{number}"
    for line in (*shapes, f"conv 4 stride{number}", f"softmax 10 -> {number}", f"dropout 1e{number}"):
        assert within(5, f"input 4x4x1\n{line}\n") == ["N504"]


EDGES = """
dropout 1e400; dropout -1e400; noise 1e400; noise 1e308k; dense 1e400; dense 1e18; dense 1e3; dense 4.0; dense 0
dense -1; dense (-4); dense (4/0); dense (4//0); dense (4%0); dense (4.0//0.0); dense (1e308*1e308); dense (7/2)
dense (1e308*1e308-1e308*1e308); dense (999999999999999999*999999999999999999); dense (4 < 5); dense (not 4)
dense ("a"); dense (f(4)); dense 999999999999999999M; conv 0 0x0; conv 4 0; conv 4 3x3x3; conv 4 3x3 stride0
conv 4 3x3 stride=999999999999999999; conv 4 3x3 dilation=999999999999999999; conv 4 3x3 pad=999999999999999999
conv 4 999999999999999999; conv 4 3x3 groups=999999999999999999; conv 999999999999999999 3x3 groups=7
conv 4 3x3 pad=1,2,3; conv 4 3x3 pad=1,2,3,4,5; pool 999999999999999999; pool 2 pad=999999999999999999
upsample 999999999999999999; upconv 4 3 stride=999999999999999999; upconv 4 3 pad=999999999999999999
reshape 0x4; reshape Tx4; reshape _x4; reshape 999999999999999999x999999999999999999; embed 4; lstm 4 last last
dense T; dense 4 -> T; dense 4 -> _; dense 4 -> 0; dense 4 -> 4x4x4x4x4x4x4x4; dense 4 -> (4); dense 4 -> (4/0)
dense 4 from input1; dense 4 as input; dense 4 as dense1; dense 4 as as; softmax 1; softmax 10 -> 10 -> 10; input
input 4; input 0; input T of T; input T of 0; input 4 of 4 of 4; activate; activate conv; activate nothing
netspec; netspec 1; train; train:; generate:; batchnorm eps=0; batchnorm momentum=1e400; dense 4 nobias nobias
dense units=4 units=5; dense {4, 5}; dense {}; dense 4,; dense ,4; dense =4; dense 4 = 4; ;; ; dense 4;; dense 4
"""


@pytest.mark.parametrize("line", EDGES.replace("\n", ";").strip(";").split(";"))
def test_numbers_and_words_at_the_edge(line: str) -> None:
    within(5, f"input 4x4x1\n{line.strip()}\n")


@pytest.mark.parametrize("number", ["٣", "1२", "๓"])
def test_numbers_are_written_in_ascii_digits(number: str) -> None:
    assert set(examine(f"input 4\ndense {number}\n")) <= {"N002", "N004"}
    assert examine(f"input 4\ndense {number}\n")


@pytest.mark.parametrize("line", ["conv 6 1x1 groups=7", "upconv 6 1x1 groups=7", "depthwise 3", "batchnorm"])
@pytest.mark.parametrize("channels", [10**9, 10**12, 10**17])
def test_as_many_channels_as_can_be_written(line: str, channels: int) -> None:
    found = within(5, f"input 1x1x{channels}\n{line}\n")
    assert channels < 10**12 or found == ["N507"]


# --- files that are no specs


def refusal(data: bytes) -> Diagnostic:
    with pytest.raises(SpecError) as refused:
        analyse(decode(data, "some.net"))
    (found,) = refused.value.diagnostics
    return found


def test_a_picture() -> None:
    found = refusal(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    assert found.code == "N001"
    assert "PNG" in found.message


def test_text_in_utf_16() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert refusal("input 784\nsoftmax 10\n".encode(encoding)).code in ("N001", "N002")


def test_text_in_utf_16_is_called_by_its_name() -> None:
    assert "UTF-16" in refusal("input 784\nsoftmax 10\n".encode("utf-16")).message


def test_text_in_latin_1_names_the_byte() -> None:
    found = refusal("# Größe\ninput 784\n".encode("latin-1"))
    assert found.code == "N001"
    assert "0xf6" in found.message and "line 1" in found.message


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", " \n\n", "# nothing\n", "\r\n\r\n"])
def test_a_text_that_says_nothing(text: str) -> None:
    assert refusal(text.encode()).code == "N006"


def test_nul() -> None:
    found = refusal(b"input 784\nsoft\0max 10\n")
    assert found.code == "N002" and found.span is not None
    assert (found.span.line, found.span.column) == (2, 5)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_line_ends_and_a_mark_make_no_difference(path: Path) -> None:
    data = path.read_bytes()
    plain = analyse(decode(data, "some.net"))
    for changed in (
        data.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + data,
        data.rstrip(b"\n"),
        data + b"\n \n",
    ):
        net = analyse(decode(changed, "some.net"))
        assert [(layer.name, layer.shape) for layer in net.layers] == [
            (layer.name, layer.shape) for layer in plain.layers
        ]


def test_the_column_of_an_error_does_not_depend_on_line_ends() -> None:
    text = "input 784\nsoftmax ten\n"
    for changed in (text, text.replace("\n", "\r\n"), "\ufeff" + text):
        found = refusal(changed.encode())
        assert found.span is not None
        assert (found.span.line, found.span.column) == (2, 9)


def test_tabs() -> None:
    assert codes("input\t784 \nsoftmax 10\t# ten\n") == []
    assert codes("input 784\n\tsoftmax 10\n") == ["N003"]
    assert codes("input 784\n  \tsoftmax 10\n") == ["N003"]
    assert codes("input 784\n\t\nsoftmax 10\n") == []


def test_a_name_of_a_file_may_be_anything() -> None:
    for name in ("", ".", "..", "/", "<stdin>", "a" * 5_000, "\n", "数.net"):
        assert analyse(Source("input 4\ndense 3\n", name)).name
