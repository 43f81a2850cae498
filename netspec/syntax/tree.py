"""The syntax tree: what a text says, before any word is given a meaning.

Nodes are plain frozen data.  `start` and `end` are character offsets into the text they were read from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Node:
    """Anything that stands at a place in the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A lower-case word, dotted where it reaches into something (`val.loss`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Symbol(Node):
    """An upper-case word: a dimension whose size is not known yet."""

    text: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as written; `70k` and `5M` are multiplied out."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A string, without its quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Size(Node):
    """Dimensions joined by `x`: numbers, symbols, computed groups, or `_` (any) as None."""

    dimensions: tuple[int | str | Group | None, ...]


@dataclass(frozen=True, slots=True)
class Group(Node):
    """An expression in parentheses."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Operation(Node):
    """An operator with its operands: `+ - * / // % < <= > >= == != and or not`."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`name(argument, ...)`; `keywords` are its `name=value` arguments."""

    function: Name
    arguments: tuple[Expression | Apply, ...]
    keywords: tuple[tuple[Name, Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class Apply(Node):
    """Words side by side inside a call: `normal 100`, `stop fake`."""

    function: Name
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Choices(Node):
    """A set in braces: `{32, 64, 128}`."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Option(Node):
    """`name=value` or `name=value,value`."""

    name: Name
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Clause(Node):
    """A joining word and what follows it: `from a, b`, `as c`, `of 8000`, `on val.loss`, `else digits`, `in {1, 2}`."""

    word: Name
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Result(Node):
    """`-> SHAPE`: the output that the writer expects."""

    size: Value


Expression: TypeAlias = Name | Symbol | Number | Text | Size | Group | Operation | Call
Value: TypeAlias = Name | Symbol | Number | Text | Size | Group | Call | Choices
Item: TypeAlias = Value | Option | Clause | Result


@dataclass(frozen=True, slots=True)
class Statement(Node):
    """One statement; `body` holds the statements of the block that it opens, None where it opens none."""

    body: tuple[Statement, ...] | None = field(default=None, kw_only=True)
    inline: bool = field(default=False, kw_only=True)
    """The body stands on the header's own line."""


@dataclass(frozen=True, slots=True)
class Command(Statement):
    """A word and what follows it: a layer, a setting, a section, a use of a block."""

    head: Name
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    """A parameter of a block, with its default."""

    name: Name
    default: Value | None


@dataclass(frozen=True, slots=True)
class Block(Statement):
    """`block NAME(parameter, ...):`."""

    name: Name
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Condition(Statement):
    """`if EXPRESSION:`."""

    test: Expression


@dataclass(frozen=True, slots=True)
class Loop(Statement):
    """`for NAME in VALUE, ...:`."""

    name: Name
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Import(Statement):
    """`import NAME, ... from "file"`."""

    names: tuple[Name, ...]
    path: Text


@dataclass(frozen=True, slots=True)
class Expect(Statement):
    """`expect QUANTITY <= NUMBER, ...`."""

    tests: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Let(Statement):
    """`let NAME = EXPRESSION`."""

    name: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class Update(Statement):
    """`update NETWORK: LOSS OPTIMIZER`."""

    network: Name
    loss: Expression
    optimizer: Command | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text: its statements, whether the first opens a block, and its comment."""

    statements: tuple[Statement, ...]
    opens: bool
    comment: str | None
    start: int
    """Offset of the first character that is not blank."""


@dataclass(frozen=True, slots=True)
class File:
    """A whole text: its lines in order (for the formatter) and its statements nested by indentation."""

    rows: tuple[Row, ...]
    statements: tuple[Statement, ...]
