"""The driver and Lark's own parser are one language: equal trees, and the same texts refused."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark, TextSlice, UnexpectedInput

from netspec.ir.net import Net
from netspec.syntax import driver as module
from netspec.syntax import tree
from netspec.syntax.build import Sign, TreeBuilder
from netspec.syntax.driver import Driver, Refused
from netspec.syntax.parser import driver, grammar, lark_parser
from netspec.syntax.tables import (
    DRIVER,
    NAME,
    OPTIONS,
    ForLark,
    driver_tables,
    load_driver_tables,
    load_parser,
    make_tables,
)
from netspec.testing.strategies import nets

ROOT = Path(__file__).parents[2]
WHOLE = Path(__file__).with_name("whole_language.net")
TEXTS = [WHOLE, *sorted((ROOT / "specs").glob("*.net")), *sorted((ROOT / "tests" / "errors").glob("*.net"))]
PIECES = [
    *(
        "conv",
        "relu",
        "block",
        "if",
        "for",
        "import",
        "expect",
        "let",
        "update",
        "from",
        "as",
        "of",
        "on",
        "else",
    ),
    *(
        "in",
        "or",
        "and",
        "not",
        "inner",
        "f(",
        "stop(",
        "(",
        ")",
        "{",
        "}",
        "->",
        "+",
        "-",
        "*",
        "//",
        "/",
        "%",
    ),
    *(
        "<=",
        ">=",
        "==",
        "!=",
        "<",
        ">",
        "=",
        ",",
        ";",
        ":",
        "3",
        "0.5",
        "1e-3",
        "70k",
        "3x3",
        "28×28",
        "Tx_",
        "_x3",
    ),
    *(
        "x3",
        "2x",
        "2x(",
        ")x(",
        ")x3",
        "T",
        "Conv",
        '"a b"',
        '"',
        "# said",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "\f",
        " ",
        "  ",
    ),
    *("a.b", ".", "é", "\u2028", "9" * 30),
]


def by_lark(text: str, start: str, begin: int, end: int) -> Any:
    try:
        return lark_parser().parse(TextSlice(text, begin, end), start=start)
    except UnexpectedInput:
        return None


def by_driver(text: str, start: str, begin: int, end: int, by: Driver | None = None) -> Any:
    try:
        return (by or driver()).parse(text, start, begin, end)
    except Refused:
        return None


def agree(text: str) -> bool:
    """Both parsers say the same of a text and of each of its lines; whether it is one of the language."""
    tree_of_all = by_lark(text, "file", 0, len(text))
    assert by_driver(text, "file", 0, len(text)) == tree_of_all, text
    begin = 0
    for line in text.split("\n"):
        place = begin, begin + len(line)
        assert by_driver(text, "row", *place) == by_lark(text, "row", *place), line
        begin += len(line) + 1
    return tree_of_all is not None


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_texts_of_the_repository(path: Path) -> None:
    text = path.read_text("utf-8")
    if agree(text):
        assert agree(text.replace("\n", "\r\n")) and agree(text.replace(" ", " \t\f"))


@pytest.mark.parametrize("path", TEXTS[:3], ids=lambda path: path.stem)
def test_texts_with_a_piece_missing_or_too_much(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    said = set()
    for number, line in enumerate(lines):
        for at in range(len(line)):
            said.add(agree(line[:at]))
            said.add(agree(line[:at] + PIECES[(number + at) % len(PIECES)] + line[at:]))
    assert said == {True, False}


@given(nets())
def test_random_networks(net: Net) -> None:
    assert agree(net.text)


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from(["", " "]))
def test_random_pieces_of_the_language(pieces: list[str], between: str) -> None:
    agree(between.join(pieces))


@given(st.text(max_size=100))
def test_any_text(text: str) -> None:
    agree(text)


def test_words_that_are_keywords_elsewhere() -> None:
    for text in (
        "conv in 3 and 4",
        "for in in 1: relu",
        "for x inner",
        "if a and b or not c: relu",
        "a and=1",
    ):
        agree(text)
    found = by_driver("conv and 3", "row", 0, 10)
    assert isinstance(found, tree.Row) and isinstance(found.statements[0], tree.Command)
    assert [type(item).__name__ for item in found.statements[0].items] == ["Name", "Number"]


def test_forgetting_what_was_learnt_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    small = Driver(load_driver_tables(grammar()), TreeBuilder(), Sign)
    for path in islice(TEXTS, 12):
        text = path.read_text("utf-8")
        place = "file", 0, len(text)
        assert by_driver(text, *place, by=small) == by_driver(text, *place)


def test_stored_tables_belong_to_the_grammar() -> None:
    """`python -m netspec.syntax.tables` renews them."""
    stored = {name: json.loads((ROOT / "grammars" / name).read_text("utf-8")) for name in (NAME, DRIVER)}
    assert stored[NAME]["key"] == json.loads(make_tables(grammar()))["key"]
    assert stored[DRIVER]["key"] == driver_tables(grammar())["key"]
    text, builder = WHOLE.read_text("utf-8"), ForLark(TreeBuilder(), Sign)
    fresh = Lark(grammar(), transformer=builder, **OPTIONS)
    assert fresh.parse(text, start="file") == load_parser(grammar(), builder).parse(text, start="file")
    made = Driver(driver_tables(grammar()), TreeBuilder(), Sign)
    assert by_driver(text, "file", 0, len(text), by=made) == fresh.parse(text, start="file")
