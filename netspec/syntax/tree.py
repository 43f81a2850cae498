"""The syntax tree: what a text says, before any word is given a meaning.

Nodes are plain frozen data.  `start` and `end` are character offsets into the text they were read from.
"""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Final, TypeAlias

from netspec.frozen import frozen

CLAUSES: Final = ("from", "as", "of", "on", "else", "in")
"""The words that join a clause to what stands before it."""
KEYWORDS: Final = frozenset((*CLAUSES, "if", "for", "and", "or", "not", "over", "state", "weights", "frozen"))
"""Words that cannot be names."""


@frozen
class Node:
    """Anything that stands at a place in the text."""

    __slots__ = ("end", "start")

    start: int
    end: int


@frozen
class Name(Node):
    """A lower-case word, dotted where it reaches into something (`val.loss`)."""

    __slots__ = ("text",)

    text: str


@frozen
class Symbol(Node):
    """An upper-case word: a dimension whose size is not known yet."""

    __slots__ = ("text",)

    text: str


@frozen
class Number(Node):
    """A number as written; `70k` and `5M` are multiplied out."""

    __slots__ = ("value",)

    value: int | float


@frozen
class Text(Node):
    """A string, without its quotes."""

    __slots__ = ("value",)

    value: str


@frozen
class Size(Node):
    """Dimensions joined by `x`: numbers, symbols, computed groups, or `_` (any) as None."""

    __slots__ = ("dimensions",)

    dimensions: tuple[int | str | Group | None, ...]


@frozen
class Group(Node):
    """An expression in parentheses."""

    __slots__ = ("expression",)

    expression: Expression


@frozen
class Operation(Node):
    """An operator with its operands: `+ - * / // % < <= > >= == != and or not`."""

    __slots__ = ("operands", "operator")

    operator: str
    operands: tuple[Expression, ...]


@frozen
class Call(Node):
    """`name(argument, ...)`; `keywords` are its `name=value` arguments."""

    __slots__ = ("arguments", "function", "keywords")

    function: Name
    arguments: tuple[Expression | Apply, ...]
    keywords: tuple[tuple[Name, Expression], ...]


@frozen
class Apply(Node):
    """Words side by side inside a call: `normal 100`, `stop fake`."""

    __slots__ = ("arguments", "function")

    function: Name
    arguments: tuple[Expression, ...]


@frozen
class Choices(Node):
    """A set in braces: `{32, 64, 128}`."""

    __slots__ = ("values",)

    values: tuple[Value, ...]


@frozen
class Option(Node):
    """`name=value` or `name=value,value`."""

    __slots__ = ("name", "values")

    name: Name
    values: tuple[Value, ...]


@frozen
class Clause(Node):
    """A joining word and what follows it: `from a, b`, `as c`, `of 8000`, `on val.loss`, `else digits`, `in {1, 2}`."""

    __slots__ = ("values", "word")

    word: Name
    values: tuple[Value, ...]


@frozen
class Result(Node):
    """`-> SHAPE`: the output that the writer expects."""

    __slots__ = ("size",)

    size: Value


Expression: TypeAlias = Name | Symbol | Number | Text | Size | Group | Operation | Call
Value: TypeAlias = Name | Symbol | Number | Text | Size | Group | Call | Choices
Item: TypeAlias = Value | Option | Clause | Result


VALUES: Final = (Number, Size, Symbol, Text, Group, Choices, Call)
"""What can only be a value."""


@frozen
class Statement(Node):
    """One statement; `body` holds the statements of the block that it opens, None where it opens none."""

    __slots__ = ("body", "inline")

    _: KW_ONLY
    body: tuple[Statement, ...] | None
    inline: bool
    """The body stands on the header's own line."""


@frozen
class Command(Statement):
    """A word and what follows it: a layer, a setting, a section, a use of a block."""

    __slots__ = ("head", "items")

    head: Name
    items: tuple[Item, ...]


@frozen
class Parameter(Node):
    """A parameter of a block, with its default."""

    __slots__ = ("default", "name")

    name: Name
    default: Value | None


@frozen
class Block(Statement):
    """`block NAME(parameter, ...):`."""

    __slots__ = ("name", "parameters")

    name: Name
    parameters: tuple[Parameter, ...]


@frozen
class Condition(Statement):
    """`if EXPRESSION:`."""

    __slots__ = ("test",)

    test: Expression


@frozen
class Loop(Statement):
    """`for NAME in VALUE, ...:`."""

    __slots__ = ("name", "values")

    name: Name
    values: tuple[Value, ...]


@frozen
class Import(Statement):
    """`import NAME, ... from "file"`."""

    __slots__ = ("names", "path")

    names: tuple[Name, ...]
    path: Text


@frozen
class Expect(Statement):
    """`expect QUANTITY <= NUMBER, ...`."""

    __slots__ = ("tests",)

    tests: tuple[Operation, ...]


@frozen
class Let(Statement):
    """`let NAME = EXPRESSION`."""

    __slots__ = ("name", "value")

    name: Name
    value: Expression | Apply


@frozen
class Update(Statement):
    """`update NETWORK: LOSS OPTIMIZER`, or with an option alone in the optimizer's place."""

    __slots__ = ("loss", "network", "optimizer")

    network: Name
    loss: Expression
    optimizer: Command | Option | None


@frozen
class Unread(Statement):
    """What could not be read and has been reported: its place is kept, so that what follows stays silent."""

    __slots__ = ()


@frozen
class Row:
    """One line of text: its statements, whether the first opens a block, and its comment."""

    __slots__ = ("comment", "opens", "start", "statements")

    statements: tuple[Statement, ...]
    opens: bool
    comment: str | None
    start: int
    """Offset of the first character that is not blank."""


@frozen
class File:
    """A whole text: its lines in order (for the formatter) and its statements nested by indentation."""

    __slots__ = ("rows", "statements")

    rows: tuple[Row, ...]
    statements: tuple[Statement, ...]
