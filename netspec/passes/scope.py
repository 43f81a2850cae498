"""Scopes: what the names of parameters and loop variables stand for, and their replacement in a statement.

A block sees its own parameters, the loop variables around a line, the parameters of its file, and `in`, what the
block (on the top level: the network) reads.  A value keeps the place of the name that it replaces, so that messages
point at what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from typing import Any, Final

from netspec.frozen import record
from netspec.ir.shape import Dim, Shape
from netspec.ir.symbolic import Expression
from netspec.passes.evaluate import NotConstant, amount
from netspec.syntax import tree

RESULT: Final = "="
"""Marks a name that was replaced by the full name of a result, which no text can hold."""
BROKEN: Final = "?"
"""Stands for a value that could not be worked out, which has been reported."""
# what follows `in.` -> the axis, and the ranks that have it
_AXES: Final[dict[str, tuple[int, tuple[int, ...]]]] = {
    "channels": (-1, (3, 4)),
    "features": (-1, (1, 2)),
    "width": (-2, (3, 4)),
    "height": (-3, (3, 4)),
    "steps": (0, (2, 4)),
}
SIZES: Final = tuple(f"in.{name}" for name in _AXES)


@record
class Scope:
    """Names and their values; `reads` is the shape behind `in`, None where it is not known."""

    values: dict[str, tree.Value] = field(default_factory=dict)
    reads: Shape | None = None

    def with_value(self, name: str, value: tree.Value) -> Scope:
        """The scope inside a loop."""
        return Scope({**self.values, name: value}, self.reads)


class Unknown(Exception):
    """The value depends on a layer that could not be made, which has been reported."""


def shown(value: tree.Value) -> str:
    """A value as it is written."""
    match value:
        case tree.Number(value=number):
            short = f"{number:g}"
            return short if isinstance(number, float) and float(short) == number else repr(number)
        case tree.Name(text=text) | tree.Symbol(text=text):
            return text.removeprefix(RESULT)
        case tree.Text(value=text):
            return f'"{text}"'
        case tree.Size(dimensions=dimensions):
            return "x".join("_" if dim is None else str(dim) for dim in dimensions)
    raise AssertionError(value)


def constant(value: tree.Value) -> tree.Value:
    """A value with its arithmetic done; raises `NotConstant`."""
    if isinstance(value, tree.Group):
        found = amount(value)
        if isinstance(found, Expression):
            return tree.Size(value.start, value.end, (found,))  # type: ignore[arg-type]
        return tree.Number(value.start, value.end, found)
    if isinstance(value, tree.Size):
        dims = tuple(amount(dim) if isinstance(dim, tree.Group) else dim for dim in value.dimensions)
        return tree.Size(value.start, value.end, dims)  # type: ignore[arg-type]
    if isinstance(value, (tree.Call, tree.Choices)):
        raise NotConstant(value, "a number, a size, a word or a name is wanted here")
    return value


def mentioned(statement: tree.Statement) -> frozenset[str]:
    """The names in a statement's own line that may stand for a value."""
    found: list[str] = []
    todo: list[tree.Node] = [statement]
    while todo:
        part = todo.pop()
        match part:
            case tree.Name(text=text):
                found.append(text)
            case tree.Command(items=items):
                todo += items
            case tree.Clause(word=tree.Name(text="as")):
                pass
            case tree.Clause(values=values) | tree.Option(values=values) | tree.Loop(values=values):
                todo += values
            case tree.Group(expression=inner) | tree.Condition(test=inner) | tree.Result(size=inner):
                todo.append(inner)
            case tree.Operation(operands=operands):
                todo += operands
            case tree.Size(dimensions=dimensions):
                todo += [dim for dim in dimensions if isinstance(dim, tree.Group)]
    return frozenset(found)


class Replacement:
    """Replaces names by values in parts of one statement, and remembers where; `fold` works sums out as well."""

    def __init__(self, scope: Scope, *, fold: bool = True) -> None:
        self.scope = scope
        self.fold = fold
        self.done: list[tuple[int, int, str]] = []
        """Start, end and new text of every name."""

    def items(self, items: Sequence[tree.Item]) -> tuple[tree.Item, ...]:
        """The items of a line with names replaced; raises `NotConstant` and `Unknown`."""
        return tuple(map(self.node, items))

    def node(self, node: Any) -> Any:
        """A node with the names inside it replaced."""
        if node.__class__ is tree.Number:
            return node
        match node:
            case tree.Name(text=text):
                return self.name(node, text)
            case tree.Clause(word=tree.Name(text="as")):
                return node
            case tree.Option(name=name, values=values):
                return tree.Option(node.start, node.end, name, tuple(map(self.node, values)))
            case tree.Clause(word=word, values=values):
                return tree.Clause(node.start, node.end, word, tuple(map(self.node, values)))
            case tree.Group():
                return self.group(node)
            case tree.Operation(operator=operator, operands=operands):
                return tree.Operation(node.start, node.end, operator, tuple(map(self.node, operands)))
            case tree.Size(dimensions=dimensions):
                parts = tuple(self.node(dim) if isinstance(dim, tree.Group) else dim for dim in dimensions)
                numbers: Any = tuple(part.value if isinstance(part, tree.Number) else part for part in parts)
                return replace(node, dimensions=numbers)
            case tree.Result(size=size):
                return replace(node, size=self.node(size))
        return node

    def group(self, node: tree.Group) -> tree.Group | tree.Number:
        """An expression in parentheses: where a name was replaced in it, the number that it comes to."""
        before = len(self.done)
        inner = replace(node, expression=self.node(node.expression))
        if len(self.done) == before or not self.fold:
            return inner
        value = amount(inner)
        if isinstance(value, Expression):
            return inner
        number = tree.Number(node.start, node.end, value)
        self.done[before:] = [(node.start, node.end, shown(number))]
        return number

    def name(self, node: tree.Name, text: str) -> tree.Value:
        value = self.scope.values.get(text)
        if value is None:
            if not text.startswith("in."):
                return node
            value = tree.Number(node.start, node.end, self.size(node))
        if isinstance(value, tree.Name) and value.text == BROKEN:
            raise Unknown
        self.done.append((node.start, node.end, shown(value)))
        return placed(value, node)

    def size(self, node: tree.Name) -> int:
        """What `in.channels` and its like stand for."""
        reads, what = self.scope.reads, node.text.removeprefix("in.")
        if what not in _AXES:
            message = f"after `in.` stands one of {', '.join(_AXES)}; found `{what[:40]}`"
            raise NotConstant(node, message, "N108", SIZES)
        if reads is None:
            raise Unknown
        axis, ranks = _AXES[what]
        if len(reads.dims) not in ranks or reads.of is not None:
            message = f"there is no `{node.text}` here: what comes in is {reads.described}"
            others = [f"in.{name}" for name, (at, ranks) in _AXES.items() if at == axis and name != what]
            raise NotConstant(node, message, "N108", others)
        dim: Dim = reads.dims[axis]
        if not isinstance(dim, int):
            raise NotConstant(node, f"`{node.text}` is {dim}, which has no number yet; `--bind` gives it one")
        return dim


def placed(value: tree.Value, node: tree.Node) -> tree.Value:
    """A value at the place of a node."""
    match value:
        case tree.Number(value=number):
            return tree.Number(node.start, node.end, number)
        case tree.Name(text=text):
            return tree.Name(node.start, node.end, text)
    return replace(value, start=node.start, end=node.end)


def spliced(text: str, start: int, done: Sequence[tuple[int, int, str]]) -> str:
    """A text that begins at an offset with some stretches replaced."""
    for begin, end, new in sorted(done, reverse=True):
        text = text[: begin - start] + new + text[end - start :]
    return text
