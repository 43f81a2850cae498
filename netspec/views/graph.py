"""Graph: the boxes of a picture and what joins them, from the rows of a table.

A row is a box, or where it is opened a cluster of the boxes that it holds.  Branches of joins are always shown; what
only hands its input on is a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from netspec.ir.catalog import find
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.passes.count import Row, count
from netspec.views.align import signature

EVERYTHING: Final = 1 << 20
"""The depth that opens every row, and shows every turn of a repetition."""
_LINES: Final = 6
"""Lines of a repetition that its folded box shows."""


@dataclass(eq=False)
class Box:
    """One node: lines of text, what comes out, what is trained."""

    number: int
    text: tuple[str, ...]
    output: str
    parameters: int
    family: str
    """The family of its layers, `join`, or `block` for what stands for several lines."""
    count: int = 1

    @property
    def key(self) -> str:
        """Its name in a text that describes the picture."""
        return f"n{self.number}"

    @property
    def joins(self) -> bool:
        """It is a small node where branches meet."""
        return self.family == "join"

    @property
    def numbers(self) -> tuple[str, str]:
        """Output and parameters, as a box shows them."""
        return self.output, f"{self.parameters:,} parameters" if self.parameters else ""


@dataclass(eq=False)
class Cluster:
    """A row that is opened, with what it holds."""

    number: int
    text: str
    members: list[Member] = field(default_factory=list)
    repeats: bool = False
    """It shows one of several equal turns."""


Member: TypeAlias = Box | Cluster


@dataclass(frozen=True)
class Edge:
    """A line from a box to one that reads its result."""

    source: Box
    target: Box
    label: str = ""


@dataclass(frozen=True)
class Graph:
    """All that a picture shows."""

    name: str
    members: tuple[Member, ...]
    edges: tuple[Edge, ...]


def graph(net: Net, depth: int = 0) -> Graph:
    """The boxes and lines of a network; `depth` levels of blocks and repetitions are opened."""
    return _Graph(net, depth).run()


def boxes(members: Sequence[Member]) -> Iterator[Box]:
    """The boxes among some members and inside of them, in order."""
    for each in members:
        if isinstance(each, Box):
            yield each
        else:
            yield from boxes(each.members)


class _Graph:
    def __init__(self, net: Net, depth: int) -> None:
        self.net = net
        self.depth = depth
        self.number = 0
        self.of: dict[str, Box | str] = {}
        """The box of every layer; of a layer that is only a line, the result that it hands on."""

    def run(self) -> Graph:
        members = tuple(self.members(count(self.net).rows, self.depth))
        edges: dict[tuple[Box, Box], dict[str, None]] = {}
        for layer in self.net.layers:
            target = self.of[layer.name]
            for name in layer.inputs:
                source, label = self.source(name)
                if isinstance(target, Box) and source.number < target.number:
                    edges.setdefault((source, target), {})[label] = None
        lines = (Edge(*pair, ", ".join(filter(None, labels))) for pair, labels in edges.items())
        return Graph(self.net.name, members, tuple(lines))

    def source(self, result: str) -> tuple[Box, str]:
        """The box that a result comes from, and the name of a further result (`state`)."""
        while True:
            base, _, extra = result.partition(".")
            found = self.of[base]
            if isinstance(found, Box):
                return found, extra
            result = found

    def members(self, rows: Sequence[Row], depth: int) -> Iterator[Member]:
        for row in rows:
            layers = [self.net.by_name[name] for name in row.all_layers()]
            if row.kind != "join" and self.is_line(layers):
                self.of.update((layer.name, layer.inputs[0]) for layer in layers)
            elif row.kind == "join":
                yield from self.members(row.rows, depth)
                yield self.box(row, [self.net.by_name[name] for name in row.layers])
            elif row.kind == "path":
                yield from self.members(row.rows, depth)
            elif row.rows and depth > 0:
                yield self.cluster(row, depth)
            else:
                yield self.box(row, layers)

    def is_line(self, layers: Sequence[Layer]) -> bool:
        """The layers only hand on what they read."""
        return all(layer.word == "identity" and len(layer.inputs) == 1 for layer in layers) and all(
            layer not in self.net.outputs for layer in layers
        )

    def box(self, row: Row, layers: Sequence[Layer]) -> Box:
        self.number += 1
        held = bool(row.rows) and row.kind != "join"
        family = "block" if held else _family(layers)
        own = row.parameters - (0 if held else sum(each.parameters for each in row.rows))
        box = Box(self.number, _text(row), row.output, own, family, row.count)
        self.of.update((layer.name, box) for layer in layers)
        return box

    def cluster(self, row: Row, depth: int) -> Cluster:
        """A row that is opened: all that it holds, or one turn that stands for all."""
        self.number += 1
        made = Cluster(self.number, f"{row.text} x {row.count}" if row.count > 1 else row.text)
        turns = _turns(row)
        if depth < EVERYTHING // 2 and len(turns) > 1 and len({_costs(turn) for turn in turns}) == 1:
            made.text, made.repeats = f"{row.text} x {row.turns}" if row.count > 1 else row.text, True
            inside = turns[0][0].rows if row.count > 1 and turns[0][0].rows else turns[0]
            made.members = list(self.members(inside, depth - 1))
            first = [name for each in turns[0] for name in each.all_layers()]
            for turn in turns[1:]:
                others = (name for each in turn for name in each.all_layers())
                self.of.update((other, self.of[name]) for name, other in zip(first, others, strict=True))
        else:
            made.members = list(self.members(row.rows, depth - 1))
        return made


def _family(layers: Sequence[Layer]) -> str:
    """The family of a line: that of the word that it begins with, but what joins is a join."""
    if layers[-1].operation.joins:
        return "join"
    first = next((layer for layer in layers if not (layer.origin and layer.origin.implicit)), layers[-1])
    word = find("layer", first.origin.word.text) if first.origin else None
    return (word or first.operation).family()


def _turns(row: Row) -> list[tuple[Row, ...]]:
    """The rows of a repetition, turn by turn."""
    length = len(row.rows) // row.turns
    return [row.rows[start : start + length] for start in range(0, length * row.turns, length or 1)]


def _costs(rows: Sequence[Row]) -> tuple[object, ...]:
    """What rows say and come to, those inside included."""
    return tuple((signature(row), row.output, row.parameters, _costs(row.rows)) for row in rows)


def _text(row: Row) -> tuple[str, ...]:
    """The lines of a box; a repetition of several lines shows those of one turn."""
    if row.count > 1:
        return (f"{row.text} x {row.count}",)
    if row.kind != "repeat":
        return (row.text,)
    body = [each.text if each.count == 1 else f"{each.text} x {each.count}" for each in _turns(row)[0]]
    more = ["..."] if len(body) > _LINES else []
    return (f"{row.text}:", *(f"  {text}" for text in [*body[:_LINES], *more]))
