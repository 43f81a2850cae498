"""The table of a network (`passes.count`) as JSON and as text.

In the text, what stands for several lines is one row, opened on demand: `depth` says how many levels.  The branches
of a join are always shown, a dash before the first line of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from netspec.ir.symbolic import Dim, Expression
from netspec.passes.count import Row, Table

EVERYTHING: Final = 1 << 20
"""The depth that opens every row."""


def as_data(table: Table) -> dict[str, Any]:
    """A table as JSON data with stable keys, one entry of `networks` in the document."""
    return {
        "name": table.name,
        "rows": [_row_data(row) for row in table.rows],
        "parameters": table.parameters,
        "trained": table.trained,
        "multiply_adds": as_json(table.multiply_adds),
        "symbols": list(table.symbols),
        "constraints": list(table.constraints),
        "convention": table.convention,
        "memory": {
            "parameters": table.memory.parameters,
            "predicting": table.memory.predicting,
            "training": table.memory.training,
            "gradients": table.memory.gradients,
            "optimizer": table.memory.optimizer,
            "batch": table.memory.batch,
            "step": table.memory.step,
        },
    }


def _row_data(row: Row) -> dict[str, Any]:
    data: dict[str, Any] = {
        "line": row.line,
        "layer": row.text,
        "name": row.name,
        "output": row.output,
        "parameters": row.parameters,
        "multiply_adds": as_json(row.multiply_adds),
        "notes": list(row.notes),
    }
    if row.kind != "line":
        data |= {"kind": row.kind, "count": row.count, "rows": [_row_data(each) for each in row.rows]}
    if row.file:
        data["file"] = row.file
    return data


def as_json(number: Dim | None) -> int | str | None:
    """A number as it stands in documents: an expression as its text."""
    return str(number) if isinstance(number, Expression) else number


# --- as text

COUNTED: Final = "a product and its sum count as one"
"""The convention of multiply-adds: He et al. (2015), torchvision; others print twice as many "FLOPs"."""
_HEAD: Final = ("line", "layer", "output", "parameters", "multiply-adds")
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_STEP: Final = "  "
_WIDEST: Final = 24
"""Longer expressions are told as `?`."""


def shown(rows: tuple[Row, ...], depth: int, indent: str = "") -> Iterator[tuple[str, Row, bool]]:
    """The rows to show, each with what stands before its text, and whether those that it holds follow it."""
    for row in rows:
        opened = bool(row.rows) and (row.kind == "join" or depth > 0)
        yield indent, row, opened
        if not opened:
            continue
        if row.kind == "join":
            for branch in row.rows:
                yield from _branch(branch, depth, indent)
        else:
            yield from shown(row.rows, depth - 1, indent + _STEP)


def _branch(row: Row, depth: int, indent: str) -> Iterator[tuple[str, Row, bool]]:
    """The rows of one branch, a dash before the first."""
    rows = row.rows if row.kind == "path" else (row,)
    lines = list(shown(rows, depth, indent + _STEP * 2))
    for index, (before, each, opened) in enumerate(lines):
        yield (
            (indent + _STEP + "- " + before[len(indent + _STEP * 2) :] if index == 0 else before),
            each,
            opened,
        )


def as_text(
    table: Table, title: str = "", *, width: int | None = None, colour: bool = False, depth: int = 0
) -> str:
    """A table for people.  Notes stand at the end of their row, or below it where `width` columns are too few."""
    several = all(row.kind == "network" for row in table.rows)  # the networks of a file without other layers
    rows = list(shown(table.rows, depth + several))
    cells = [
        (_line(row), before + _text(row), *_cells(row, opened and (bool(before) or not several)))
        for before, row, opened in rows
    ]
    total = ("", "total", "", f"{table.parameters:,}", shortened(table.multiply_adds))
    sums = {total: COUNTED}
    if table.trained != table.parameters:
        sums[("", "trained", "", f"{table.trained:,}", "")] = "the others are frozen"
    memory = _memory_cells(table)
    widths = [max(len(cell) for cell in column) for column in zip(_HEAD, *sums, *cells, strict=True)]
    widths[1] = max(widths[1], *(len(label) - widths[2] - 2 for label, _, _ in memory))
    widths[3] = max(widths[3], *(len(size) for _, size, _ in memory))

    def paint(text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if colour and text and style else text

    def line(line: str, layer: str, output: str, parameters: str, products: str) -> str:
        a, b, c, d, e = widths
        return f"{line:>{a}}  {layer:<{b}}  {output:<{c}}  {parameters:>{d}}  {products:>{e}}".rstrip()

    notes = [*(", ".join(row.notes) for _, row, _ in rows), *sums.values()]
    whole = sum(widths) + 2 * len(widths)
    beside = width is None or whole + max(map(len, notes), default=0) <= width
    lines = [paint(title or table.name, _BOLD), "", paint(line(*_HEAD), _DIM)]
    for row, note in zip([*cells, *sums], notes, strict=True):
        style = _BOLD if row is total else ""
        text = line(*row)
        if note and beside:
            lines.append(paint(f"{text:<{whole}}", style) + paint(note, _DIM))
        else:
            below = f"{'':{widths[0] + 4}}{note}"
            lines += [paint(text, style), paint(below, _DIM)] if note else [text]
    if table.symbols:
        lines.append(paint(f"{'':{widths[0]}}  ? depends on {', '.join(table.symbols)}", _DIM))
    if table.constraints:
        lines.append(f"{'':{widths[0]}}  sizes  {', '.join(table.constraints)}")
    if table.convention != "torch":
        lines.append(
            paint(f"{'':{widths[0]}}  parameters are counted as in {_NAMES[table.convention]}", _DIM)
        )
    left = widths[1] + widths[2] + 2
    lines += ["", paint(f"{'':{widths[0]}}  {'memory in float32':<{left}}  {'bytes':>{widths[3]}}", _DIM)]
    for label, size, meaning in memory:
        text = f"{'':{widths[0]}}  {label:<{left}}  {size:>{widths[3]}}"
        fits = width is None or len(text) + 2 + len(meaning) <= width
        lines.append(f"{text}  {paint(meaning, _DIM)}" if fits else text)
    return "\n".join(lines) + "\n"


_NAMES: Final = {"keras": "Keras: one bias a gate", "paper": "the papers: one bias a gate"}


def _line(row: Row) -> str:
    """The line's number; a colon before it says that the line is another file's."""
    return f"{':' * bool(row.file)}{row.line or ''}"


def _text(row: Row) -> str:
    return f"{row.text} x {row.count}" if row.count > 1 else row.text


def _cells(row: Row, opened: bool) -> tuple[str, str, str]:
    """Output, parameters and multiply-adds; what an opened row comes to stands in the rows below it."""
    if opened and row.kind != "join":
        return row.output, "", ""
    if opened:
        inside = sum(each.parameters for each in row.rows)
        return row.output, f"{row.parameters - inside:,}" if row.parameters - inside else "", ""
    return (
        row.output,
        f"{row.parameters:,}" if row.parameters else "",
        shortened(row.multiply_adds) if row.multiply_adds != 0 else "",
    )


def shortened(value: Dim | None) -> str:
    """A number, or an expression that is not too long for a table."""
    return "?" if value is None or len(text := f"{value:,}") > _WIDEST else text


def _memory_cells(table: Table) -> list[tuple[str, str, str]]:
    memory = table.memory
    all_trained = table.trained == table.parameters
    gradients = "their gradients" if all_trained else "the gradients of those that are trained"
    more = "more" if memory.optimizer is None else f"{memory.optimizer:,}" if memory.optimizer else "nothing"
    rows = [
        (
            "parameters",
            shortened(memory.parameters),
            f"as much again for {gradients}, {more} for the optimizer",
        ),
        (
            "one example, predicting",
            shortened(memory.predicting),
            "the most that is still to be read at one time",
        ),
        (
            "one example, training",
            shortened(memory.training),
            "the same with what the backward pass reads, and gradients",
        ),
    ]
    if memory.batch is None:
        return rows
    step = f"a step, {memory.batch:,} at a time"
    return [*rows, (step, shortened(memory.step), "the peak: all of these, for so many examples")]
