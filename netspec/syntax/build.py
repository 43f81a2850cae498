"""Grammar rules and tokens to tree nodes: one method a rule, called by Lark as it reduces, so no parse tree is made.

Holds no state and is shared by every parse.
"""

from __future__ import annotations

import re
from typing import Any

from lark import Token, Transformer, v_args

from netspec.syntax import tree

_SUFFIX = {"k": 10**3, "M": 10**6}
_SEPARATOR = re.compile("[x×]")


def number(text: str) -> int | float:
    """The value of a number as written: an int where no point and no exponent is used.

    >>> number("12"), number("1e-3"), number("70k"), number("1.5M")
    (12, 0.001, 70000, 1500000)
    """
    factor = _SUFFIX.get(text[-1])
    if factor:
        text = text[:-1]
    if text.isdigit():
        return int(text) * (factor or 1)
    value = float(text) * (factor or 1)
    return int(value) if factor and value.is_integer() else value


def _dimension(text: str) -> int | str | None:
    return int(text) if text.isdigit() else None if text == "_" else text


def _dimensions(text: str) -> list[int | str | None]:
    return [_dimension(part) for part in _SEPARATOR.split(text) if part]


def _where(token: Token) -> tuple[int, int]:
    assert token.start_pos is not None and token.end_pos is not None
    return token.start_pos, token.end_pos


def _split(children: tuple[Any, ...]) -> tuple[tuple[tree.Name, ...], Any]:
    return children[:-1], children[-1]


class TreeBuilder(Transformer[Token, Any]):
    """Makes the nodes of `tree`; terminals become leaves, rules become inner nodes."""

    def NUMBER(self, token: Token) -> tree.Number:
        return tree.Number(*_where(token), number(token))

    def WORD(self, token: Token) -> tree.Name:
        return tree.Name(*_where(token), str(token))

    CALL = FROM = AS = OF = ON = ELSE = IN = WORD

    def SYMBOL(self, token: Token) -> tree.Symbol:
        return tree.Symbol(*_where(token), str(token))

    def STRING(self, token: Token) -> tree.Text:
        return tree.Text(*_where(token), token[1:-1])

    def SIZE(self, token: Token) -> tree.Size:
        return tree.Size(*_where(token), tuple(_dimensions(token)))

    @v_args(inline=True)
    def negative(self, minus: Token, value: tree.Number) -> tree.Number:
        return tree.Number(_where(minus)[0], value.end, -value.value)

    @v_args(inline=True)
    def group(self, left: Token, expression: tree.Expression, right: Token) -> tree.Group:
        return tree.Group(_where(left)[0], _where(right)[1], expression)

    @v_args(inline=True)
    def tail(self, _times: Token, part: Any) -> Any:
        return part

    @v_args(inline=True)
    def size(self, first: Token | tree.Group, *parts: Any) -> tree.Size:
        dimensions: list[int | str | tree.Group | None] = []
        if isinstance(first, tree.Group):
            start = first.start
            dimensions.append(first)
        else:
            start = _where(first)[0]
            dimensions.extend(_dimensions(first))
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
        return tree.Size(start, parts[-1].end, tuple(dimensions))

    def values(self, children: list[Any]) -> tuple[tree.Value, ...]:
        return tuple(children)

    def choices(self, children: list[Any]) -> tree.Choices:
        return tree.Choices(_where(children[0])[0], _where(children[-1])[1], tuple(children[1:-1]))

    @v_args(inline=True)
    def option(self, name: tree.Name, values: tuple[tree.Value, ...]) -> tree.Option:
        return tree.Option(name.start, values[-1].end, name, values)

    @v_args(inline=True)
    def clause(self, word: tree.Name, values: tuple[tree.Value, ...]) -> tree.Clause:
        return tree.Clause(word.start, values[-1].end, word, values)

    @v_args(inline=True)
    def result(self, arrow: Token, size: tree.Value) -> tree.Result:
        return tree.Result(_where(arrow)[0], size.end, size)

    @v_args(inline=True)
    def _binary(self, left: tree.Expression, operator: Token, right: tree.Expression) -> tree.Operation:
        return tree.Operation(left.start, right.end, str(operator), (left, right))

    disjunction = conjunction = comparison = sum = product = _binary

    @v_args(inline=True)
    def negation(self, operator: Token, operand: tree.Expression) -> tree.Operation:
        return tree.Operation(_where(operator)[0], operand.end, str(operator), (operand,))

    minus = negation

    @v_args(inline=True)
    def keyword(self, name: tree.Name, value: tree.Expression) -> tuple[tree.Name, tree.Expression]:
        return name, value

    @v_args(inline=True)
    def call(self, function: tree.Name, _left: Token, *rest: Any) -> tree.Call:
        arguments = tuple(part for part in rest[:-1] if not isinstance(part, tuple))
        keywords = tuple(part for part in rest[:-1] if isinstance(part, tuple))
        return tree.Call(function.start, _where(rest[-1])[1], function, arguments, keywords)

    @v_args(inline=True)
    def apply(self, function: tree.Name, *arguments: tree.Expression) -> tree.Apply:
        return tree.Apply(function.start, arguments[-1].end, function, arguments)

    def command(self, children: list[Any]) -> tree.Command:
        return tree.Command(children[0].start, children[-1].end, children[0], tuple(children[1:]))

    @v_args(inline=True)
    def parameter(self, name: tree.Name, default: tree.Value | None = None) -> tree.Parameter:
        return tree.Parameter(name.start, (default or name).end, name, default)

    @v_args(inline=True)
    def block(self, keyword: Token, name: tree.Name, *rest: Any) -> tree.Block:
        end = _where(rest[-1])[1] if rest else name.end
        return tree.Block(_where(keyword)[0], end, name, rest[1:-1])

    @v_args(inline=True)
    def condition(self, keyword: Token, test: tree.Expression) -> tree.Condition:
        return tree.Condition(_where(keyword)[0], test.end, test)

    @v_args(inline=True)
    def loop(self, keyword: Token, name: tree.Name, values: tuple[tree.Value, ...]) -> tree.Loop:
        return tree.Loop(_where(keyword)[0], values[-1].end, name, values)

    def importation(self, children: list[Any]) -> tree.Import:
        keyword, *names, path = children
        return tree.Import(_where(keyword)[0], path.end, tuple(names), path)

    def expectation(self, children: list[Any]) -> tree.Expect:
        keyword, *tests = children
        return tree.Expect(_where(keyword)[0], tests[-1].end, tuple(tests))

    @v_args(inline=True)
    def binding(self, keyword: Token, name: tree.Name, value: tree.Expression) -> tree.Let:
        return tree.Let(_where(keyword)[0], value.end, name, value)

    @v_args(inline=True)
    def update(
        self, keyword: Token, network: tree.Name, loss: tree.Expression, optimizer: tree.Command | None = None
    ) -> tree.Update:
        return tree.Update(_where(keyword)[0], (optimizer or loss).end, network, loss, optimizer)

    @v_args(inline=True)
    def header(self, opener: tree.Statement) -> tuple[tree.Statement]:
        return (opener,)

    def row(self, children: list[Any]) -> tree.Row:
        comment: Token | None = children.pop() if isinstance(children[-1], Token) else None
        opens = bool(children) and isinstance(children[0], tuple)
        if opens:
            children[0] = children[0][0]
        places = [child.start for child in children] or [_where(child)[0] for child in [comment] if child]
        return tree.Row(tuple(children), opens, None if comment is None else str(comment), places[0])

    def file(self, children: list[Any]) -> tuple[tree.Row, ...]:
        return tuple(children)
