"""Text to tree: the whole concrete syntax, places, nesting and recovery."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostics, SpecError
from netspec.limits import Limits
from netspec.passes import run
from netspec.source import Source
from netspec.syntax import tree
from netspec.syntax.build import number
from netspec.syntax.parser import parse

WHOLE = Path(__file__).with_name("whole_language.net")


def parsed(text: str) -> tuple[tree.File, Diagnostics]:
    diagnostics = Diagnostics()
    return parse(Source(text), diagnostics), diagnostics


def statement(text: str) -> tree.Statement:
    file, diagnostics = parsed(text)
    assert diagnostics == []
    (found,) = file.statements
    return found


def test_the_whole_language_is_read() -> None:
    file, diagnostics = parsed(WHOLE.read_text("utf-8"))
    assert diagnostics == []
    kinds = {type(found).__name__ for found in file.statements}
    assert kinds == {"Command", "Block", "Loop", "Import", "Expect"}


def test_what_is_not_built_yet_is_no_syntax_error() -> None:
    for line in ("loss ctc",):
        _, found = run(Source(f"input 4\nsoftmax 3\ntrain:\n    {line}\n"))
        assert [one.code for one in found] == ["N901"], line


def test_arguments_of_every_form() -> None:
    found = statement("conv 4 5x5 stride2 pad=1,2 x=(3*4) -> 28x_xT")
    assert isinstance(found, tree.Command)
    assert [type(item).__name__ for item in found.items] == [
        "Number",
        "Size",
        "Name",
        "Option",
        "Option",
        "Result",
    ]
    result = found.items[-1]
    assert isinstance(result, tree.Result) and isinstance(result.size, tree.Size)
    assert result.size.dimensions == (28, None, "T")


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("0.5", 0.5), ("1e-3", 1e-3), ("70k", 70_000), ("1.5M", 1_500_000), ("0.25k", 250)],
)
def test_numbers(text: str, value: float) -> None:
    assert number(text) == value and type(number(text)) is type(value)


def test_operators_bind_as_in_arithmetic() -> None:
    def value(node: tree.Node) -> object:
        match node:
            case tree.Operation(operator=operator, operands=operands):
                return (operator, *(value(operand) for operand in operands))
            case tree.Group(expression=inner):
                return value(inner)
            case tree.Number(value=number):
                return number
            case tree.Name(text=text):
                return text
        raise AssertionError(node)

    found = statement("if a != 1 + 2 * 3 and not b or (c - 1) - 2 < -3: relu")
    assert isinstance(found, tree.Condition)
    expected = (
        "or",
        ("and", ("!=", "a", ("+", 1, ("*", 2, 3))), ("not", "b")),
        ("<", ("-", ("-", "c", 1), 2), ("-", 3)),
    )
    assert value(found.test) == expected


def test_blocks_nest_by_indentation() -> None:
    file, diagnostics = parsed("a:\n  b:\n      c\n      d\n  e\nf: g; h\ni\n")
    assert diagnostics == []

    def outline(statements: tuple[tree.Statement, ...] | None) -> object:
        if statements is None:
            return None
        return [
            (found.head.text, outline(found.body)) for found in statements if isinstance(found, tree.Command)
        ]

    assert outline(file.statements) == [
        ("a", [("b", [("c", None), ("d", None)]), ("e", None)]),
        ("f", [("g", None), ("h", None)]),
        ("i", None),
    ]


def test_every_bad_line_is_reported_and_the_rest_is_read() -> None:
    file, diagnostics = parsed('input 4\nConv 3\ndense 3 =\nrelu\n"\ndense 2\n')
    assert [found.span.line for found in diagnostics if found.span] == [2, 3, 5]
    assert [isinstance(found, tree.Unread) for found in file.statements] == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]


def test_line_ends_and_byte_order_mark() -> None:
    unix, windows = parsed("input 4\n\ndense 3\n")[0], parsed("input 4\r\n\r\ndense 3\r\n")[0]
    assert [type(row).__name__ for row in unix.rows] == [type(row).__name__ for row in windows.rows]
    assert len(windows.statements) == 2


def test_places_are_those_of_the_text() -> None:
    text = "# comment\n\ninput 28x28x1\n  \nconv 4 5x5 # more\n"
    file, _ = parsed(text)
    found = file.statements[1]
    assert isinstance(found, tree.Command)
    assert text[found.start : found.end] == "conv 4 5x5"
    assert Source(text).position(found.start) == (5, 1)


def test_a_number_of_digits_is_bounded_before_it_is_read() -> None:
    with pytest.raises(SpecError) as refused:
        parse(Source("dense " + "9" * 5000), Diagnostics(), Limits(digits=18))
    assert refused.value.diagnostics[0].code == "N504"


@given(st.text(max_size=200))
def test_any_text_is_read_or_reported(text: str) -> None:
    with suppress(SpecError):
        parsed(text)
