"""Count: what every statement of a network makes and costs.

Every number comes from the layers' definitions.  Where a size is a symbol, multiply-adds are an expression of
it (None where that is too long).
Multiply-adds are those of one example's forward pass, products of weights and inputs only: the convention of
He et al. (2015) and of torchvision, half of what is counted as "FLOPs" where a multiplication and an addition are two.

A table is a tree: a use of a block is a row that holds the block's rows, the turns of a `repeat` are one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from functools import cached_property
from typing import Final

from netspec.frozen import frozen, record
from netspec.ir.layer import Frame, Layer, Origin
from netspec.ir.net import Net
from netspec.ir.shape import Dim, Shape
from netspec.passes.memory import Memory, memory_of
from netspec.passes.objective import aims_of

CONVENTIONS: Final = ("torch", "keras", "paper")
"""Ways of counting parameters, which differ in the biases of recurrent layers."""


@frozen
class Row:
    """One statement as written, followers included; `parameters` are without states, those that are frozen included.

    `rows` are the lines that it stands for: of a block, of the branches of a join, of the turns of a repetition.
    """

    line: int | None
    text: str
    name: str
    output: str
    parameters: int
    multiply_adds: Dim | None
    notes: tuple[str, ...] = ()
    kind: str = "line"
    """`line`, or what holds the rows: `block`, `network`, `repeat`, `join`, `path`."""
    count: int = 1
    """How often it stands in a row."""
    rows: tuple[Row, ...] = ()
    file: str = ""
    """The file that holds the line, where that is another one."""
    layers: tuple[str, ...] = ()
    """The core layers that the statement itself makes: of a join, the one that joins."""
    turns: int = 1
    """Of a repetition: how many turns its rows are."""

    def all_layers(self) -> Iterator[str]:
        """The core layers of the statement and of the rows that it stands for, in order."""
        for row in self.rows:
            yield from row.all_layers()
        yield from self.layers


@frozen
class Table:
    """What a network makes and costs, a row a statement."""

    name: str
    rows: tuple[Row, ...]
    memory: Memory
    symbols: tuple[str, ...] = ()
    """The symbols in its shapes."""
    constraints: tuple[str, ...] = ()
    """What their sizes have to meet."""
    convention: str = "torch"
    """How parameters were counted."""
    trained: int = 0
    """Number of parameters that are not frozen."""

    @cached_property
    def parameters(self) -> int:
        """Number of parameters, those that are frozen included."""
        return sum(row.parameters for row in self.rows)

    @cached_property
    def multiply_adds(self) -> Dim | None:
        """Multiply-adds of one example's forward pass."""
        return added(row.multiply_adds for row in self.rows)


def count(net: Net, convention: str = "torch") -> Table:
    """The table of a network."""
    counted = _Rows(net, convention)
    rows = counted.of(_tree(net.layers))
    constraints = tuple(net.constraints.texts()) if net.symbols else ()
    trained = sum(counted.parameters(layer) for layer in net.layers if not layer.frozen)
    return Table(net.name, rows, memory_of(net), net.symbols, constraints, convention, trained)


# --- the tree of statements


@record
class _Node:
    """A frame with what stands in it, or a statement with its layers (`frame` is None)."""

    frame: Frame | None = None
    layers: list[Layer] = field(default_factory=list)
    """Those of the statement itself: of a join, the layer that joins."""
    nodes: list[_Node] = field(default_factory=list)

    @property
    def key(self) -> object:
        """What the layers of one statement have in common."""
        origin = self.layers[0].origin
        return (origin.statement.start, id(origin.statement.source)) if origin else self.layers[0].name


def _tree(layers: Sequence[Layer]) -> list[_Node]:
    """The layers by statement, the statements inside the frames that hold them."""
    root = _Node()
    stack: list[_Node] = [root]
    for layer in layers:
        frames = list(layer.origin.frame.chain())[::-1] if layer.origin and layer.origin.frame else []
        depth = 0
        while depth < len(frames) and depth + 1 < len(stack) and stack[depth + 1].frame is frames[depth]:
            depth += 1
        del stack[depth + 1 :]
        for frame in frames[depth:]:
            stack[-1].nodes.append(_Node(frame))
            stack.append(stack[-1].nodes[-1])
        _place(stack[-1], layer)
    return root.nodes


def _place(parent: _Node, layer: Layer) -> None:
    """Put a layer into its statement's node, which is the last one where it goes on."""
    node = _Node(layers=[layer])
    last = parent.nodes[-1] if parent.nodes else None
    if (last is not None and last.frame is None and last.key == node.key) or (
        last is not None
        and last.frame is not None
        and last.frame.kind == "join"
        and layer.origin is not None
        and last.frame.statement == layer.origin.statement
    ):
        last.layers.append(layer)
    else:
        parent.nodes.append(node)


class _Rows:
    def __init__(self, net: Net, convention: str) -> None:
        self.net = net
        self.convention = convention
        self.fused = {aim.output.name for aim in aims_of(net, net.training) if aim.fused}
        self.main = next((layer.origin.statement.source for layer in net.layers if layer.origin), None)

    def of(self, nodes: Sequence[_Node]) -> tuple[Row, ...]:
        """The rows of some nodes; turns of a `repeat` become one, those of a `for` stand by themselves."""
        rows: list[Row] = []
        index = 0
        while index < len(nodes):
            node = nodes[index]
            if node.frame is None:
                rows.append(self.statement(node))
            elif node.frame.kind == "for":
                rows += self.of(node.nodes)
            elif node.frame.kind == "repeat":
                turns = [each for each in nodes[index:] if _same_repeat(each, node)][: node.frame.turns]
                rows.append(self.repeated(node.frame, turns))
                index += len(turns) - 1
            else:
                rows.append(self.held(node))
            index += 1
        return tuple(rows)

    def statement(self, node: _Node) -> Row:
        """The row of one statement."""
        result = node.layers[-1]
        origin = result.origin
        text = written(origin) if origin else " ".join(each.operation.written() for each in node.layers)
        return Row(
            origin.statement.line if origin else None,
            text,
            result.name,
            str(result.shape),
            sum(self.parameters(layer) for layer in node.layers),
            added(self.products(layer) for layer in node.layers),
            tuple(dict.fromkeys(note for layer in node.layers for note in self.notes(layer))),
            file=self.file(origin),
            layers=tuple(layer.name for layer in node.layers),
        )

    def held(self, node: _Node) -> Row:
        """The row of a frame: a use of a block, a join, a branch of several lines."""
        frame = node.frame
        assert frame is not None
        if frame.kind == "join":
            rows = tuple(row for branch in node.nodes for row in self.branch(branch))
        else:
            rows = self.of(node.nodes)
        own = node.layers[-1:] or [_last(node)]
        text = _clean(frame.text) if frame.text else ""
        return self.sum(frame, text, own[0], rows, "path" if frame.kind == "branch" else frame.kind)

    def branch(self, node: _Node) -> tuple[Row, ...]:
        """A branch as one row: its only one, or one that holds them."""
        rows = self.of(node.nodes) if node.frame is not None else (self.statement(node),)
        if len(rows) == 1 or node.frame is None or node.frame.kind == "for":
            return rows
        return (self.sum(node.frame, "path", _last(node), rows, "path"),)

    def repeated(self, frame: Frame, turns: Sequence[_Node]) -> Row:
        """The turns of a repetition: where a turn is one line, that line with its count."""
        bodies = [self.of(turn.nodes) for turn in turns]
        if all(len(body) == 1 for body in bodies) and len({body[0].text for body in bodies}) == 1:
            first = bodies[0][0]
            rows = tuple(row for body in bodies for row in body) if len(turns) > 1 else first.rows
            row = self.sum(frame, first.text, _last(turns[-1]), rows, "repeat", len(turns), len(turns))
            return row if len(turns) > 1 else first
        rows = tuple(row for body in bodies for row in body)
        return self.sum(frame, frame.text, _last(turns[-1]), rows, "repeat", turns=len(turns))

    def sum(
        self,
        frame: Frame,
        text: str,
        result: Layer,
        rows: tuple[Row, ...],
        kind: str,
        count: int = 1,
        turns: int = 1,
    ) -> Row:
        """A row for what holds others."""
        notes = tuple(dict.fromkeys(note for row in rows for note in row.notes)) if kind == "join" else ()
        joining = [result] if kind == "join" else []
        return Row(
            frame.statement.line,
            text,
            result.name,
            str(result.shape),
            sum(row.parameters for row in rows) + sum(self.parameters(layer) for layer in joining),
            added([row.multiply_adds for row in rows] + [self.products(layer) for layer in joining]),
            () if notes else tuple(note for layer in joining for note in self.notes(layer)),
            kind,
            count,
            rows,
            "" if frame.statement.source is self.main else frame.statement.source.name,
            tuple(layer.name for layer in joining),
            turns,
        )

    def file(self, origin: Origin | None) -> str:
        source = origin.statement.source if origin else self.main
        return "" if source is self.main or source is None else source.name

    def parameters(self, layer: Layer) -> int:
        own = sum(param.size for param in self.net.parameters_of(layer) if not param.is_state)
        if self.convention == "torch" or not own:
            return own
        return own - layer.operation.uncounted(self.net.shapes_into(layer), self.convention)

    def products(self, layer: Layer) -> Dim | None:
        if not layer.inputs:
            return 0
        with suppress(OverflowError):
            return layer.operation.multiply_adds(self.net.shapes_into(layer))
        return None

    def notes(self, layer: Layer) -> list[str]:
        """What a reader would not see in the text: uneven padding, a flatten, shared weights, a fused output."""
        inputs = self.net.shapes_into(layer)
        notes = []
        if layer.origin and layer.origin.implicit:
            notes.append(f"flattened channel by channel: {layer.shape}")
        sides = layer.operation.padding(inputs) if inputs else None
        if sides and (names := Shape(sides).symbols):
            notes.append(f"pad depends on {', '.join(names)}")
        elif sides and (sides[0] != sides[1] or sides[2] != sides[3]):
            notes.append(f"pad {','.join(map(str, sides))} (top,bottom,left,right)")
        if layer.shares:
            notes.append(f"weights of {layer.shares}")
        if layer.inputs and layer.operation.borrows(inputs):
            lenders = dict.fromkeys(lender for lender, _ in layer.operation.borrows(inputs).values())
            notes.append(f"weight of {', '.join(lenders)}")
        if layer.frozen:
            notes.append("frozen")
        if layer.name in self.net.named_outputs:
            notes.append("output")
        if layer.name in self.fused:
            notes.append("trained on logits")
        return notes


def _same_repeat(node: _Node, first: _Node) -> bool:
    mine, theirs = node.frame, first.frame
    assert theirs is not None
    return (
        mine is not None
        and mine.kind == "repeat"
        and mine.statement == theirs.statement
        and mine.outer is theirs.outer
    )


def _last(node: _Node) -> Layer:
    """The layer that gives a node's result."""
    while not node.layers:
        node = node.nodes[-1]
    return node.layers[-1]


def written(origin: Origin) -> str:
    """A statement with its values worked out, without its `->`, in the formatter's spacing."""
    if origin.text:
        return _clean(origin.text)
    statement, result = origin.statement, origin.result
    text = statement.text
    if result and statement.start <= result.start < statement.end:
        before, after = text[: result.start - statement.start], text[result.end - statement.start :]
        text = before.rstrip().removesuffix("->") + after
    return " ".join(text.replace("×", "x").split())


def _clean(text: str) -> str:
    return " ".join(text.split("->")[0].replace("×", "x").split())


# --- the network as a whole


def multiply_adds_of(net: Net) -> Dim | None:
    """Multiply-adds of one example's forward pass."""
    rows = _Rows(net, "torch")
    return added(rows.products(layer) for layer in net.layers)


def added(numbers: Iterable[Dim | None]) -> Dim | None:
    """The sum, None where it is too long an expression."""
    found: Dim = 0
    with suppress(OverflowError):
        for number in numbers:
            if number is None:
                return None
            found = found + number
        return found
    return None
