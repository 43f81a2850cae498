"""How diagnostics look: carets under what they speak of, and documents that other programs read."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from netspec import render
from netspec.codes import CODES
from netspec.diagnostics import Diagnostic, Edit, Fix, Label, SpecError
from netspec.passes import analyse
from netspec.source import Source, Span

_ESCAPES = re.compile("\x1b\\[[0-9;]*m")
_ROW = re.compile(r" +(\d+|) [|] ?(.*)")
KEYS = set("code title message file line column labels because history notes uses try fixes".split())


def mark(source: Source, text: str, nth: int = 0) -> Span:
    """The place of the nth occurrence of some text."""
    at = -1
    for _ in range(nth + 1):
        at = source.text.index(text, at + 1)
    return source.span(at, at + len(text))


def excerpt(text: str) -> list[tuple[str, str]]:
    """Line number and content of each row with a bar."""
    return [(match[1], match[2]) for match in map(_ROW.fullmatch, text.splitlines()) if match]


def marked(text: str) -> list[tuple[str, str]]:
    """What stands above each row of carets, and what is said behind them."""
    found, above = [], ""
    for number, content in excerpt(text):
        if number:
            above = content
            continue
        carets = re.search(r"\^+", content)
        assert carets, content
        found.append((above[carets.start() : carets.end()], content[carets.end() :].strip()))
    return found


def diagnostic(*labels: Label, message: str = "it is wrong", **details: Any) -> Diagnostic:
    return Diagnostic("N203", message, labels, **details)


def refused(text: str, name: str = "specs/my.net") -> Sequence[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        analyse(Source(text, name))
    return caught.value.diagnostics


SOURCE = Source("input 28x28x1\nconv 4 5x5 relu\npool 2\n\nsoftmax 10\n", "a.net")
TEXTS = [
    "input 28x28x1\ncovn 4 5x5\nsoftmax 10 -> 11",
    "input 6x6x1\npool 2; pool 2\nconv 8 3x3 valid relu\nsoftmax 10",
    "",
    "input 784\n\tdense 3",
    'input 784\nsoftmax 10\n\ntrain:\n    data csv "100%.csv" target="a => b"\n    batch 4\n    batch 5',
]


# --- full


def test_a_whole_message() -> None:
    found = diagnostic(
        Label(mark(SOURCE, "5x5"), "5x5"),
        because="one = 1",
        history="28x28x1",
        notes=("a note", "another"),
        tries=("`same`", "`valid`"),
    )
    assert render.full([found]) == (
        "error[N203]: it is wrong\n"
        "  a.net:2:8\n"
        "   2 | conv 4 5x5 relu\n"
        "     |        ^^^ 5x5\n"
        "  because  one = 1\n"
        "  history  28x28x1\n"
        "  note     a note\n"
        "  note     another\n"
        "  try      `same`, or `valid`\n"
    )


def test_messages_are_parted_by_an_empty_line_and_need_no_place() -> None:
    text = render.full([Diagnostic("N006", "the file is empty"), diagnostic(Label(mark(SOURCE, "pool")))])
    assert text.startswith("error[N006]: the file is empty\n\nerror[N203]: it is wrong\n  a.net:3:1\n")


@pytest.mark.parametrize("text", TEXTS)
def test_colour_only_when_asked(text: str) -> None:
    found = refused(text)
    plain, painted = render.full(found), render.full(found, colour=True)
    assert "\x1b" not in plain
    assert painted != plain and _ESCAPES.sub("", painted) == plain
    assert painted.count("\x1b[0m") * 2 <= painted.count("\x1b[") + painted.count("\x1b[1m")


def test_the_guilty_place_and_the_others_differ_in_colour() -> None:
    found = diagnostic(Label(mark(SOURCE, "5x5"), "this"), Label(mark(SOURCE, "28x28x1"), "that"))
    text = render.full([found], colour=True)
    styles = {name: re.search("(\x1b\\[\\d+m)\\^+ " + name, text) for name in ("this", "that")}
    assert all(styles.values())
    assert len({style[1] for style in styles.values() if style}) == 2


def test_labels_on_two_lines_stand_in_the_order_of_the_text() -> None:
    found = diagnostic(Label(mark(SOURCE, "5x5"), "this"), Label(mark(SOURCE, "28x28x1"), "that"))
    text = render.full([found])
    assert marked(text) == [("28x28x1", "that"), ("5x5", "this")]
    assert [number for number, _ in excerpt(text)] == ["1", "", "2", ""]
    assert "a.net:2:8" in text  # the guilty place, not the first line shown


def test_lines_left_out_between_two_labels_are_shown_to_be() -> None:
    text = render.full([diagnostic(Label(mark(SOURCE, "28x28x1")), Label(mark(SOURCE, "softmax"), "end"))])
    assert marked(text) == [("28x28x1", ""), ("softmax", "end")]
    assert re.search(r"^ +:$", text, re.MULTILINE)


def test_two_labels_on_one_line_show_it_once() -> None:
    text = render.full([diagnostic(Label(mark(SOURCE, "relu"), "b"), Label(mark(SOURCE, "conv"), "a"))])
    assert marked(text) == [("conv", "a"), ("relu", "b")]
    assert [number for number, _ in excerpt(text)] == ["2", "", ""]


@pytest.mark.parametrize(
    ("start", "end", "line"),
    [(13, 13, 1), (13, 14, 1), (0, 0, 1), (36, 36, 3), (37, 37, 4), (37, 38, 4), (49, 49, 6), (25, 49, 2)],
)
def test_a_label_without_text_or_over_the_end_of_a_line(start: int, end: int, line: int) -> None:
    text = render.full([diagnostic(Label(SOURCE.span(start, end), "here"))])
    (number, shown), (nothing, carets) = excerpt(text)
    assert (number, nothing) == (str(line), "")
    assert shown == SOURCE.line_text(line)
    assert re.fullmatch(r" *\^+ here", carets)
    assert carets.index("^") == SOURCE.position(start)[1] - 1
    assert carets.rindex("^") <= max(len(shown), carets.index("^"))


def test_line_numbers_of_different_widths_line_up() -> None:
    source = Source("input 4\n" + "relu\n" * 1200 + "dense 4\n")
    text = render.full([diagnostic(Label(mark(source, "dense"), "b"), Label(mark(source, "input"), "a"))])
    assert marked(text) == [("input", "a"), ("dense", "b")]
    assert len({line.index("|") for line in text.splitlines() if "|" in line}) == 1


LONG = Source("dense (" + " + ".join(f"n{k:03}" for k in range(100)) + ") relu\n", "long.net")


def test_two_labels_at_the_start_of_a_long_line() -> None:
    text = render.full([diagnostic(Label(mark(LONG, "dense"), "a"), Label(mark(LONG, "n007"), "b"))])
    assert marked(text) == [("dense", "a"), ("n007", "b")]


@pytest.mark.parametrize("word", ["dense", "n000", "n007", "n020", "n022", "n023", "n050", "n099", "relu"])
def test_carets_stand_right_on_a_line_longer_than_the_screen(word: str) -> None:
    assert len(LONG.line_text(1)) > 600
    text = render.full([diagnostic(Label(mark(LONG, word), "here"))])
    assert marked(text) == [(word, "here")]
    assert max(map(len, text.splitlines())) <= 180


@pytest.mark.parametrize("words", [("n007", "n020"), ("n050", "n055"), ("n090", "relu")])
def test_two_labels_near_each_other_on_a_long_line(words: tuple[str, str]) -> None:
    text = render.full([diagnostic(*(Label(mark(LONG, word), word) for word in words))])
    assert marked(text) == [(word, word) for word in words]


def test_two_labels_far_apart_on_a_long_line() -> None:
    text = render.full([diagnostic(Label(mark(LONG, "dense"), "a"), Label(mark(LONG, "relu"), "b"))])
    assert {("dense", "a"), ("relu", "b")} <= set(marked(text))


def test_a_label_longer_than_the_screen_is_cut() -> None:
    text = render.full([diagnostic(Label(LONG.line_span(1), "all of it"))])
    assert max(map(len, text.splitlines())) <= 180
    assert marked(text)[0][1] == "all of it"


@pytest.mark.parametrize(
    ("line", "column"),
    [("# 神経回路網 🙂 é e\u0301", 20), ("\u200b\u202e# x", 6), ("dense\t3 \t relu # \t", 19)],
    ids=["wide", "invisible", "tabs"],
)
def test_unusual_characters_do_no_harm(line: str, column: int) -> None:
    source = Source(f"input 4\n{line} dense\n", "数.net")
    found = [diagnostic(Label(mark(source, "dense", line.count("dense")), "here"))]
    text = render.full(found)
    assert f"数.net:2:{len(line) + 2}\n" in text
    assert excerpt(text)[1][1] == " " * column + "^^^^^ here"
    for write in render.FORMATS.values():
        assert write(found)


@pytest.mark.parametrize("text", TEXTS)
def test_real_messages_mark_what_they_speak_of(text: str) -> None:
    for found in refused(text):
        shown = render.full([found])
        labels = sorted(found.labels, key=lambda label: label.span.start)
        wanted = [(label.span.text.split("\n")[0].replace("\t", " ") or " ", label.text) for label in labels]
        assert [(there or " ", said) for there, said in marked(shown)] == wanted


# --- documents for programs


@pytest.mark.parametrize("text", TEXTS)
def test_concise_is_a_line_each(text: str) -> None:
    found = refused(text)
    lines = render.concise(found).splitlines()
    assert len(lines) == len(found)
    for line, one in zip(lines, found, strict=True):
        place = f"specs/my.net:{one.span.line}:{one.span.column}" if one.span else "netspec"
        assert line == f"{place}: {one.code} {one.message}"


@pytest.mark.parametrize("text", TEXTS)
def test_json_has_stable_keys(text: str) -> None:
    found = refused(text)
    document = json.loads(render.as_json(found))
    assert set(document) == {"schema", "error", "errors"}
    assert document["schema"] == "netspec.diagnostics/1"
    assert document["error"] == document["errors"][0]
    for data, one in zip(document["errors"], found, strict=True):
        assert set(data) == KEYS
        assert (data["code"], data["title"], data["message"]) == (one.code, CODES[one.code], one.message)
        assert data["file"] == ("specs/my.net" if one.span else None)
        for label in data["labels"]:
            assert set(label) == {"line", "column", "end_line", "end_column", "text"}
            assert 1 <= label["line"] <= label["end_line"]
        assert data["try"] == list(one.tries)


def test_json_of_nothing() -> None:
    assert json.loads(render.as_json([])) == {"schema": "netspec.diagnostics/1", "error": None, "errors": []}


def test_json_carries_the_edits_of_a_fix() -> None:
    fix = Fix((Edit(mark(SOURCE, "5x5"), "3x3"),), "`3x3`")
    (edits,) = render.as_data(diagnostic(Label(mark(SOURCE, "5x5")), fixes=(fix,)))["fixes"]
    assert edits == [{"line": 2, "column": 8, "end_line": 2, "end_column": 11, "text": "3x3"}]


def test_json_keeps_characters_readable() -> None:
    text = render.as_json([diagnostic(message="`é` → 数")])
    assert "`é` → 数" in text
    assert json.loads(text)["error"]["message"] == "`é` → 数"


def test_github_escapes_what_would_end_an_annotation() -> None:
    found = diagnostic(
        Label(mark(SOURCE, "5x5")), message="50% of\r\ntwo lines", because="a = b%", tries=("x\ny",)
    )
    text = render.github([found])
    assert text.count("\n") == 1 and "\r" not in text
    assert text.startswith("::error file=a.net,line=2,col=8,title=N203::")
    assert "50%25 of%0D%0Atwo lines" in text and "a = b%25" in text and "x%0Ay" in text


def test_github_needs_no_place() -> None:
    assert render.github([Diagnostic("N006", "the file is empty")]) == (
        "::error title=N006::the file is empty\n"
    )


def test_github_escapes_the_name_of_the_file() -> None:
    source = Source("input 4\n", "a,b:100%\n.net")
    text = render.github([diagnostic(Label(mark(source, "input")))])
    assert text.startswith("::error file=a%2Cb%3A100%25%0A.net,line=1,")


@pytest.mark.parametrize("text", TEXTS)
def test_sarif_holds_what_the_standard_requires(text: str) -> None:
    found = refused(text)
    log = json.loads(render.sarif(found))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "netspec"
    rules = [rule["id"] for rule in driver["rules"]]
    assert sorted(set(rules)) == rules
    assert all(rule["shortDescription"]["text"] == CODES[rule["id"]] for rule in driver["rules"])
    assert len(run["results"]) == len(found)
    for result, one in zip(run["results"], found, strict=True):
        assert result["message"]["text"].split("\n")[0] == one.message
        assert result["ruleId"] == one.code and one.code in rules
        assert result["level"] in ("none", "note", "warning", "error")
        assert ("locations" in result) == (one.span is not None)
        for location in result.get("locations", ()):
            place = location["physicalLocation"]
            assert place["artifactLocation"]["uri"] == "specs/my.net"
            region = place["region"]
            assert set(region) == {"startLine", "startColumn", "endLine", "endColumn"}
            assert all(isinstance(number, int) and number >= 1 for number in region.values())
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])


def test_sarif_of_nothing_is_a_log_too() -> None:
    (run,) = json.loads(render.sarif([]))["runs"]
    assert run["results"] == [] and run["tool"]["driver"]["rules"] == []


def test_sarif_writes_the_name_of_the_file_as_a_uri() -> None:
    source = Source("input 4\n", "my specs/50%.net")
    log = json.loads(render.sarif([diagnostic(Label(mark(source, "input")))]))
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20specs/50%25.net"


def test_all_formats_are_known_by_name() -> None:
    assert set(render.FORMATS) == {"full", "concise", "json", "github", "sarif"}
    for write in render.FORMATS.values():
        assert isinstance(write([]), str)


def test_a_terminal_is_not_given_the_control_characters_of_a_file() -> None:
    (found,) = refused("input 4\ndense 3 # \x1b[2J\x07\n")
    assert not set(render.full([found])) & {"\x1b", "\x07"}
