"""Grammar rules and tokens to tree nodes: one method a rule, called as the parser reduces, so no parse tree is made.

Holds no state and is shared by every parse.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from netspec.syntax import tree

_SUFFIX = {"k": 10**3, "M": 10**6}
_SEPARATOR = re.compile("[x×]")


def number(text: str) -> int | float:
    """The value of a number as written: an int where no point and no exponent is used.

    >>> number("12"), number("1e-3"), number("70k"), number("1.5M")
    (12, 0.001, 70000, 1500000)
    """
    if text.isdigit():
        return int(text)
    factor = _SUFFIX.get(text[-1])
    if factor is None:
        return float(text)
    if text[:-1].isdigit():
        return int(text[:-1]) * factor
    value = float(text[:-1]) * factor
    return int(value) if value.is_integer() else value


def _dimension(text: str) -> int | str | None:
    return int(text) if text.isdigit() else None if text == "_" else text


@lru_cache(1024)
def _dimensions(text: str) -> tuple[int | str | None, ...]:
    return tuple(_dimension(part) for part in _SEPARATOR.split(text) if part)


class Sign:
    """A terminal that no node keeps whole: a bracket, an operator, the word that opens a statement, a comment."""

    __slots__ = ("end", "start", "text")

    def __init__(self, start: int, end: int, text: str) -> None:
        self.start, self.end, self.text = start, end, text


class TreeBuilder:
    """Makes the nodes of `tree`: a terminal from its place and text, a rule from its children.

    Terminals that are not named here become signs.
    """

    WORD = CALL = FROM = AS = OF = ON = ELSE = IN = tree.Name
    SYMBOL = tree.Symbol

    def NUMBER(self, start: int, end: int, text: str) -> tree.Number:
        return tree.Number(start, end, number(text))

    def STRING(self, start: int, end: int, text: str) -> tree.Text:
        return tree.Text(start, end, text[1:-1])

    def SIZE(self, start: int, end: int, text: str) -> tree.Size:
        return tree.Size(start, end, _dimensions(text))

    def negative(self, children: list[Any]) -> tree.Number:
        minus, value = children
        return tree.Number(minus.start, value.end, -value.value)

    def group(self, children: list[Any]) -> tree.Group:
        left, expression, right = children
        return tree.Group(left.start, right.end, expression)

    def tail(self, children: list[Any]) -> Any:
        return children[1]

    def size(self, children: list[Any]) -> tree.Size:
        first, *parts = children
        dimensions: list[int | str | tree.Group | None] = []
        if isinstance(first, tree.Group):
            dimensions.append(first)
        else:
            dimensions.extend(_dimensions(first.text))
        for part in parts:
            match part:
                case tree.Number(value=int(value)):
                    dimensions.append(value)
                case tree.Symbol():
                    dimensions.append(part.text)
                case tree.Size():
                    dimensions.extend(part.dimensions)
                case _:
                    dimensions.append(part)
        return tree.Size(first.start, parts[-1].end, tuple(dimensions))

    def values(self, children: list[Any]) -> tuple[tree.Value, ...]:
        return tuple(children)

    def choices(self, children: list[Any]) -> tree.Choices:
        return tree.Choices(children[0].start, children[-1].end, tuple(children[1:-1]))

    def option(self, children: list[Any]) -> tree.Option:
        name, values = children
        return tree.Option(name.start, values[-1].end, name, values)

    def clause(self, children: list[Any]) -> tree.Clause:
        word, values = children
        return tree.Clause(word.start, values[-1].end, word, values)

    def result(self, children: list[Any]) -> tree.Result:
        arrow, size = children
        return tree.Result(arrow.start, size.end, size)

    def _binary(self, children: list[Any]) -> tree.Operation:
        left, operator, right = children
        return tree.Operation(left.start, right.end, operator.text, (left, right))

    disjunction = conjunction = comparison = sum = product = _binary

    def negation(self, children: list[Any]) -> tree.Operation:
        operator, operand = children
        return tree.Operation(operator.start, operand.end, operator.text, (operand,))

    minus = negation

    def keyword(self, children: list[Any]) -> tuple[tree.Name, tree.Expression]:
        name, value = children
        return name, value

    def call(self, children: list[Any]) -> tree.Call:
        function, _left, *parts, right = children
        arguments = tuple(part for part in parts if not isinstance(part, tuple))
        keywords = tuple(part for part in parts if isinstance(part, tuple))
        return tree.Call(function.start, right.end, function, arguments, keywords)

    def apply(self, children: list[Any]) -> tree.Apply:
        function, *arguments = children
        return tree.Apply(function.start, arguments[-1].end, function, tuple(arguments))

    def command(self, children: list[Any]) -> tree.Command:
        head = children[0]
        return tree.Command(head.start, children[-1].end, head, tuple(children[1:]), body=None, inline=False)

    def parameter(self, children: list[Any]) -> tree.Parameter:
        name = children[0]
        return tree.Parameter(name.start, children[-1].end, name, children[1] if children[1:] else None)

    def block(self, children: list[Any]) -> tree.Block:
        keyword, name, *rest = children  # the rest: parameters in their parentheses
        return tree.Block(keyword.start, children[-1].end, name, tuple(rest[1:-1]), body=None, inline=False)

    def condition(self, children: list[Any]) -> tree.Condition:
        keyword, test = children
        return tree.Condition(keyword.start, test.end, test, body=None, inline=False)

    def loop(self, children: list[Any]) -> tree.Loop:
        keyword, name, values = children
        return tree.Loop(keyword.start, values[-1].end, name, values, body=None, inline=False)

    def importation(self, children: list[Any]) -> tree.Import:
        keyword, *names, path = children
        return tree.Import(keyword.start, path.end, tuple(names), path, body=None, inline=False)

    def expectation(self, children: list[Any]) -> tree.Expect:
        keyword, *tests = children
        return tree.Expect(keyword.start, tests[-1].end, tuple(tests), body=None, inline=False)

    def binding(self, children: list[Any]) -> tree.Let:
        keyword, name, value = children
        return tree.Let(keyword.start, value.end, name, value, body=None, inline=False)

    def update(self, children: list[Any]) -> tree.Update:
        keyword, network, loss, *optimizer = children
        follows = optimizer[0] if optimizer else None
        return tree.Update(keyword.start, children[-1].end, network, loss, follows, body=None, inline=False)

    def header(self, children: list[Any]) -> tuple[tree.Statement, ...]:
        return tuple(children)

    def row(self, children: list[Any]) -> tree.Row:
        comment: Any = children.pop() if isinstance(children[-1], Sign) else None
        opens = bool(children) and isinstance(children[0], tuple)
        if opens:
            children[0] = children[0][0]
        first = children[0] if children else comment
        return tree.Row(tuple(children), opens, comment and comment.text, first.start)

    def file(self, children: list[Any]) -> tuple[tree.Row, ...]:
        return tuple(children)
