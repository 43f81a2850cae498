"""Count: what every statement of a network makes and costs, as data, as JSON and as text.

Every number comes from the layers' definitions.  Where a size is a symbol, what depends on it is None.

Memory is in bytes of float32 numbers, and covers what the network itself forces one to hold:

- *parameters*: all parameters and states (running means).  Training adds their gradients, as large again, and what
  the optimiser keeps (nothing for `sgd`, twice the parameters for `adam`).
- *predicting*, for one example: the largest sum of a core layer's inputs and its output, since everything else can be
  let go of.  A relu or a flatten counts as a layer of its own, although a backend may need no room for it.
- *training*, for one example: the outputs of all core layers, which the backward pass reads, and the largest pair of
  gradients (of a layer's output and of its inputs) alive at one time.

Not counted: scratch space such as the columns of a convolution, and the framework itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, Final

from netspec.frozen import frozen
from netspec.ir.layer import Layer, Origin
from netspec.ir.net import Net
from netspec.ir.shape import Dim, Shape
from netspec.passes.check import loss_of

BYTES: Final = 4
"""Bytes of one number in float32."""


@frozen
class Row:
    """One statement as written, followers included; `parameters` are those that are trained."""

    line: int | None
    text: str
    name: str
    output: str
    parameters: int
    multiply_adds: Dim
    notes: tuple[str, ...] = ()


@frozen
class Memory:
    """Bytes in float32, as the module's docstring defines them; None where a symbol decides."""

    parameters: int
    predicting: int | None
    training: int | None


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

    @cached_property
    def parameters(self) -> int:
        """Number of parameters that are trained."""
        return sum(row.parameters for row in self.rows)

    @cached_property
    def multiply_adds(self) -> Dim:
        """Multiply-adds of one example's forward pass."""
        return sum(row.multiply_adds for row in self.rows)


def count(net: Net) -> Table:
    """The table of a network."""
    rows = tuple(_row(net, list(group)) for _, group in groupby(net.layers, key=_statement))
    return Table(net.name, rows, _memory(net), net.symbols, tuple(net.constraints.texts()))


def _statement(layer: Layer) -> object:
    """What the layers of one statement have in common; a layer that was not read from a text stands alone."""
    return layer.origin.statement.start if layer.origin else layer.name


def _row(net: Net, layers: Sequence[Layer]) -> Row:
    result = layers[-1]
    params = [param for layer in layers for param in net.parameters_of(layer)]
    return Row(
        line=result.origin.statement.line if result.origin else None,
        text=_written(result.origin)
        if result.origin
        else " ".join(layer.operation.written() for layer in layers),
        name=result.name,
        output=str(result.shape),
        parameters=sum(param.size for param in params if param.trainable),
        multiply_adds=sum(_multiply_adds(net, layer) for layer in layers),
        notes=tuple(note for layer in layers for note in _notes(net, layer)),
    )


def _written(origin: Origin) -> str:
    """A statement as written, without its `->`, in the formatter's spacing."""
    statement, result = origin.statement, origin.result
    text = statement.text
    if result:
        before, after = text[: result.start - statement.start], text[result.end - statement.start :]
        text = before.rstrip().removesuffix("->") + after
    return " ".join(text.replace("×", "x").split())


def _notes(net: Net, layer: Layer) -> list[str]:
    """What a reader would not see in the text: padding that is not even, a flatten, how an output is trained."""
    inputs = net.shapes_into(layer)
    notes = []
    if layer.origin and layer.origin.implicit:
        notes.append(f"flattened channel by channel: {layer.shape}")
    sides = layer.operation.padding(inputs) if inputs else None
    if sides and (names := Shape(sides).symbols):
        notes.append(f"pad depends on {', '.join(names)}")
    elif sides and (sides[0] != sides[1] or sides[2] != sides[3]):
        notes.append(f"pad {','.join(map(str, sides))} (top,bottom,left,right)")
    if layer is net.outputs[-1] and layer.word == loss_of(net, net.training).fuses:
        notes.append("trained on logits")
    return notes


def _multiply_adds(net: Net, layer: Layer) -> Dim:
    if not layer.inputs:
        return 0
    return layer.operation.multiply_adds(net.shapes_into(layer))


def _memory(net: Net) -> Memory:
    outputs = [_entries(layer.shape) for layer in net.layers]
    around = [
        _sum([own, *map(_entries, net.shapes_into(layer))])
        for layer, own in zip(net.layers, outputs, strict=True)
    ]
    held = sum(param.size for param in net.parameters.values())
    known = [each for each in around if each is not None]
    kept = _sum(outputs)
    if kept is None or not known:
        return Memory(held * BYTES, None, None)
    return Memory(held * BYTES, max(known) * BYTES, (kept + max(known)) * BYTES)


def _entries(shape: Shape) -> int | None:
    return size if isinstance(size := shape.size, int) else None


def _sum(numbers: Iterable[int | None]) -> int | None:
    """The sum, None where one of the numbers is not known."""
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


# --- as JSON


def as_data(table: Table) -> dict[str, Any]:
    """A table as JSON data with stable keys, one entry of `networks` in the document."""
    return {
        "name": table.name,
        "rows": [
            {
                "line": row.line,
                "layer": row.text,
                "name": row.name,
                "output": row.output,
                "parameters": row.parameters,
                "multiply_adds": _as_json(row.multiply_adds),
                "notes": list(row.notes),
            }
            for row in table.rows
        ],
        "parameters": table.parameters,
        "multiply_adds": _as_json(table.multiply_adds),
        "symbols": list(table.symbols),
        "constraints": list(table.constraints),
        "memory": {
            "parameters": table.memory.parameters,
            "predicting": table.memory.predicting,
            "training": table.memory.training,
        },
    }


def _as_json(number: Dim) -> int | str:
    return number if isinstance(number, int) else str(number)


# --- as text

_HEAD: Final = ("line", "layer", "output", "parameters", "multiply-adds")
_WIDEST: Final = 24
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def as_text(table: Table, title: str = "", *, width: int | None = None, colour: bool = False) -> str:
    """A table for people.  Notes stand at the end of their row, or below it where `width` columns are too few."""
    cells = [(str(row.line or ""), row.text, row.output, *_numbers(row)) for row in table.rows]
    total = ("", "total", "", f"{table.parameters:,}", _number(table.multiply_adds))
    memory = _memory_cells(table.memory)
    widths = [max(len(cell) for cell in column) for column in zip(_HEAD, total, *cells, strict=True)]
    widths[1] = max(widths[1], *(len(label) - widths[2] - 2 for label, _, _ in memory))
    widths[3] = max(widths[3], *(len(size) for _, size, _ in memory))

    def paint(text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if colour and text else text

    def line(line: str, layer: str, output: str, parameters: str, products: str) -> str:
        a, b, c, d, e = widths
        return f"{line:>{a}}  {layer:<{b}}  {output:<{c}}  {parameters:>{d}}  {products:>{e}}".rstrip()

    notes = [", ".join(row.notes) for row in table.rows]
    whole = sum(widths) + 2 * len(widths)
    beside = width is None or whole + max(map(len, notes), default=0) <= width
    lines = [paint(title or table.name, _BOLD), "", paint(line(*_HEAD), _DIM)]
    for row, note in zip(cells, notes, strict=True):
        text = line(*row)
        if note and beside:
            lines.append(f"{text:<{whole}}{paint(note, _DIM)}")
        else:
            below = f"{'':{widths[0] + 4}}{note}"
            lines += [text, paint(below, _DIM)] if note else [text]
    lines.append(paint(line(*total), _BOLD))
    if table.symbols:
        lines.append(paint(f"{'':{widths[0]}}  ? depends on {', '.join(table.symbols)}", _DIM))
    if table.constraints:
        lines.append(f"{'':{widths[0]}}  sizes  {', '.join(table.constraints)}")
    left = widths[1] + widths[2] + 2
    lines += ["", paint(f"{'':{widths[0]}}  {'memory in float32':<{left}}  {'bytes':>{widths[3]}}", _DIM)]
    for label, size, meaning in memory:
        text = f"{'':{widths[0]}}  {label:<{left}}  {size:>{widths[3]}}"
        fits = width is None or len(text) + 2 + len(meaning) <= width
        lines.append(f"{text}  {paint(meaning, _DIM)}" if fits else text)
    return "\n".join(lines) + "\n"


def _numbers(row: Row) -> tuple[str, str]:
    return (
        f"{row.parameters:,}" if row.parameters else "",
        _number(row.multiply_adds) if row.multiply_adds != 0 else "",
    )


def _number(value: Dim | None) -> str:
    """A number, or an expression that is not too long for a table."""
    return "?" if value is None or len(text := f"{value:,}") > _WIDEST else text


def _memory_cells(memory: Memory) -> list[tuple[str, str, str]]:
    return [
        (
            "parameters",
            _number(memory.parameters),
            "as much again for their gradients, more for the optimizer",
        ),
        ("one example, predicting", _number(memory.predicting), "the largest input and output of one layer"),
        ("one example, training", _number(memory.training), "all outputs kept, and the largest gradients"),
    ]
