"""Printing: a syntax tree in the language's one style, comments kept.  The formatter behind `netspec fmt`.

Four spaces a level, one space between items, `x` in sizes, at most one blank line between rows, comments two spaces
after a statement, the `->` of neighbouring lines below one another.  Words and numbers stay as they were written.
Knows no layer: the shapes that `--annotate` writes are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from netspec.source import Source
from netspec.syntax import tree

INDENT: Final = "    "
_TIGHT: Final = frozenset("+ - * / // %".split())


@dataclass(frozen=True, slots=True)
class _Line:
    """One line to be: what stands before the last `->`, that result, the comment."""

    level: int
    text: str
    arrow: str
    comment: str
    number: int
    """Where it stood, counted from 1."""


def format_file(
    file: tree.File, source: Source, *, results: Mapping[int, str] | None = None, strip: bool = False
) -> str:
    """The text of a file in the language's one style; it parses to the same tree.

    `results` maps the offset of a statement's first character to the shape that is written after its `->`; `strip`
    leaves every `->` out.  The file must have been parsed without complaint.
    """
    printer = _Printer(source, results or {}, strip)
    lines = list(printer.lines(file.rows))
    printed: list[str] = []
    above = lines[0].number if lines else 0
    for line, text in zip(lines, _aligned(lines), strict=True):
        if line.number > above + 1:
            printed.append("")
        printed.append(text)
        above = line.number
    return "".join(f"{text}\n" for text in printed)


def _aligned(lines: Sequence[_Line]) -> Iterator[str]:
    """The lines as text, the arrows of neighbours in one column, which is a multiple of four."""

    def run(pair: tuple[int, _Line]) -> tuple[bool, int, int]:
        index, line = pair
        return bool(line.arrow), line.level, line.number - index

    for (has_arrow, *_), group in groupby(enumerate(lines), key=run):
        members = [line for _, line in group]
        column = -(-(max(len(line.text) for line in members) + 2) // 4) * 4
        for line in members:
            text = f"{line.text:<{column}}{line.arrow}" if has_arrow else line.text
            yield INDENT * line.level + "  ".join(filter(None, [text, line.comment]))


class _Printer:
    def __init__(self, source: Source, results: Mapping[int, str], strip: bool) -> None:
        self.source = source
        self.results = results
        self.strip = strip

    # --- rows

    def lines(self, rows: Sequence[tree.Row]) -> Iterator[_Line]:
        levels = _levels(self.source, rows)
        for row, level in zip(rows, levels, strict=True):
            comment = row.comment.rstrip() if row.comment else ""
            number = self.source.position(row.start)[0]
            text, arrow = self.row(row)
            yield _Line(level, text, arrow, comment, number)

    def row(self, row: tree.Row) -> tuple[str, str]:
        """The statements of a row, and apart from them the `->` that ends the last."""
        statements = list(row.statements)
        if not statements:
            return "", ""
        opener = f"{self.statement(statements.pop(0))}:" if row.opens else ""
        parts = [self.statement(statement) for statement in statements[:-1]]
        arrow = ""
        if statements:
            head, arrow = self.split(statements[-1])
            parts.append(head)
        return " ".join(filter(None, [opener, "; ".join(parts)])), arrow

    def split(self, statement: tree.Statement) -> tuple[str, str]:
        """A statement without the `->` at its end, and that `->`."""
        if not isinstance(statement, tree.Command):
            return self.statement(statement), ""
        items = self.items(statement)
        last = items.pop() if items and items[-1].startswith("->") else ""
        return " ".join([statement.head.text, *items]), last

    # --- statements

    def statement(self, statement: tree.Statement) -> str:
        match statement:
            case tree.Command(head=head):
                return " ".join([head.text, *self.items(statement)])
            case tree.Block(name=name, parameters=()):
                closing = "()" if self.source.text[statement.end - 1] == ")" else ""
                return f"block {name.text}{closing}"
            case tree.Block(name=name, parameters=parameters):
                return f"block {name.text}({', '.join(map(self.parameter, parameters))})"
            case tree.Condition(test=test):
                return f"if {self.expression(test)}"
            case tree.Loop(name=name, values=values):
                return f"for {name.text} in {self.values(values, ', ')}"
            case tree.Import(names=names, path=path):
                return f"import {', '.join(name.text for name in names)} from {self.value(path)}"
            case tree.Expect(tests=tests):
                return f"expect {', '.join(map(self.expression, tests))}"
            case tree.Let(name=name, value=value):
                return f"let {name.text} = {self.expression(value)}"
            case tree.Update(network=network, loss=loss, optimizer=optimizer):
                rest = f" {self.how(optimizer)}" if optimizer else ""
                return f"update {network.text}: {self.expression(loss)}{rest}"
        raise AssertionError(statement)

    def how(self, optimizer: tree.Command | tree.Option) -> str:
        """What stands after the losses of an `update`."""
        return self.item(optimizer) if isinstance(optimizer, tree.Option) else self.statement(optimizer)

    def parameter(self, parameter: tree.Parameter) -> str:
        default = parameter.default
        return parameter.name.text if default is None else f"{parameter.name.text}={self.value(default)}"

    def items(self, command: tree.Command) -> list[str]:
        """The items of a command, its `->` left out, put in or replaced as wanted."""
        wanted = self.results.get(command.start)
        items = []
        for item in command.items:
            if not isinstance(item, tree.Result):
                items.append(self.item(item))
            elif wanted is not None:
                items.append(f"-> {wanted}")
                wanted = None
            elif not self.strip:
                items.append(f"-> {self.value(item.size)}")
        return items if wanted is None else [*items, f"-> {wanted}"]

    def item(self, item: tree.Value | tree.Option | tree.Clause) -> str:
        match item:
            case tree.Option(name=name, values=values):
                return f"{name.text}={self.values(values, ',')}"
            case tree.Clause(word=word, values=values):
                return f"{word.text} {self.values(values, ', ')}"
            case _:
                return self.value(item)

    # --- values and expressions

    def values(self, values: Iterable[tree.Value], between: str) -> str:
        return between.join(map(self.value, values))

    def value(self, value: tree.Value) -> str:
        match value:
            case tree.Choices(values=values):
                return f"{{{self.values(values, ', ')}}}"
            case tree.Number():  # the sign of a negative one may stand apart
                return "".join(self.source.text[value.start : value.end].split())
            case _:
                return self.expression(value)

    def expression(self, node: tree.Expression | tree.Apply, tight: bool = False) -> str:
        """An expression; `tight` is the inside of parentheses, where arithmetic is written without spaces."""
        match node:
            case tree.Group(expression=inner):
                return f"({self.expression(inner, tight=True)})"
            case tree.Operation(operator=operator, operands=(operand,)):
                gap = " " if operator == "not" else ""
                return f"{operator}{gap}{self.expression(operand, tight)}"
            case tree.Operation(operator=operator, operands=(left, right)):
                gap = "" if tight and operator in _TIGHT else " "
                return f"{self.expression(left, tight)}{gap}{operator}{gap}{self.expression(right, tight)}"
            case tree.Call(function=function, arguments=arguments, keywords=keywords):
                return f"{function.text}({', '.join(self.arguments(arguments, keywords))})"
            case tree.Apply(function=function, arguments=words):
                return " ".join([function.text, *map(self.expression, words)])
            case tree.Size(dimensions=dimensions):
                return "x".join(map(self.dimension, dimensions))
            case _:
                return self.source.text[node.start : node.end]

    def arguments(
        self,
        arguments: Iterable[tree.Expression | tree.Apply],
        keywords: Iterable[tuple[tree.Name, tree.Expression]],
    ) -> list[str]:
        """The arguments of a call in the order in which they were written."""
        texts = [(node.start, self.expression(node)) for node in arguments]
        texts += [(name.start, f"{name.text}={self.expression(value)}") for name, value in keywords]
        return [text for _, text in sorted(texts)]

    def dimension(self, dimension: int | str | tree.Group | None) -> str:
        if isinstance(dimension, tree.Group):
            return self.expression(dimension)
        return "_" if dimension is None else str(dimension)


def _levels(source: Source, rows: Sequence[tree.Row]) -> list[int]:
    """How deep every row stands; a comment of its own stands with what follows, or with what it ends."""
    levels: list[int] = []
    comments: list[tree.Row] = []
    indents: list[int] = []
    """Columns of the blocks around the last statement, outermost first."""
    for row in rows:
        if not row.statements:
            comments.append(row)
            continue
        indent = source.position(row.start)[1] - 1
        around = [column for column in indents if column < indent] + [indent]
        levels += [_comment_level(source, comment, indents, len(around) - 1) for comment in comments]
        levels.append(len(around) - 1)
        comments, indents = [], around
    return levels + [_comment_level(source, comment, indents, 0) for comment in comments]


def _comment_level(source: Source, comment: tree.Row, indents: Sequence[int], least: int) -> int:
    column = source.position(comment.start)[1] - 1
    return max([least, *(level for level, indent in enumerate(indents) if indent <= column)])
