"""Difference: a comparison (`views.compare`) as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from netspec.passes.count import Row, added
from netspec.passes.table import shortened
from netspec.views.compare import Change, Comparison, Setting, Total

MARKS: Final = {"added": "+", "removed": "-", "changed": "~", "moved": ">", "affected": " "}
_COLOURS: Final = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", ">": "\x1b[36m"}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_NAMES: Final = {
    "core_layers": "core layers",
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "memory_parameters": "bytes of parameters",
    "memory_predicting": "bytes in predicting",
    "memory_training": "bytes in training",
}
_HEAD: Final = ("", "line", "layer", "output", "parameters", "multiply-adds")
Cells = tuple[str, str, str, str, str, str]


def as_text(before: str, after: str, found: Comparison, colour: bool = False) -> str:
    """A comparison for people; `before` and `after` are the names of the two."""
    if found.identical:
        return f"{before} and {after} describe the same network\n"
    return "\n".join(_Text(colour).parts(before, after, found)) + "\n"


def in_a_line(found: Comparison) -> str:
    """A comparison in one line: `2 lines changed, 1 added; parameters 1,000 -> 2,000 (+100.0 %)`."""
    if found.identical:
        return "the same network"
    counts = Counter(change.kind for change in found.changes)
    lines = [(counts[kind], kind) for kind in MARKS if counts[kind] and kind != "affected"]
    told = [f"{number} {kind}" for number, kind in lines]
    if told:
        told[0] = told[0].replace(" ", " line " if lines[0][0] == 1 else " lines ")
    parts = [", ".join(told)] if told else []
    if found.training:
        parts.append(f"{len(found.training)} setting{'s' * (len(found.training) != 1)} of `train:`")
    if found.generation:
        parts.append(f"{len(found.generation)} line{'s' * (len(found.generation) != 1)} of `generate:`")
    for total in found.totals:
        if total.name in ("parameters", "multiply_adds") and total.before != total.after:
            name, before, after, _, share = _total(total)
            parts.append(f"{name} {before} -> {after}" + (f" ({share})" if share else ""))
    return "; ".join(parts)


class _Text:
    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def paint(self, text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if self.colour and style and text else text

    def parts(self, before: str, after: str, found: Comparison) -> Iterator[str]:
        yield self.paint(f"{before} -> {after}", _BOLD)
        if found.changes:
            yield ""
            yield from self.rows(found.changes)
        for name, settings in (("train", found.training), ("generate", found.generation)):
            if settings:
                yield ""
                yield self.paint(name, _BOLD)
                yield from self.settings(settings)
        yield ""
        yield from self.totals(found)

    def rows(self, changes: Sequence[Change]) -> Iterator[str]:
        """The lines that changed, in columns, what changed in them below."""
        rows = list(_rows(changes, ""))
        widths = [
            max(len(cells[index]) for cells in (_HEAD, *(row for row, _ in rows))) for index in range(6)
        ]
        yield self.paint(_line(_HEAD, widths), _DIM)
        for cells, notes in rows:
            mark = cells[0]
            yield self.paint(_line(cells, widths), _COLOURS.get(mark, ""))
            indent = " " * (widths[0] + widths[1] + 6 + len(cells[2]) - len(cells[2].lstrip()))
            for note in notes:
                yield self.paint(f"{indent}{note}", _DIM)

    def settings(self, settings: Sequence[Setting]) -> Iterator[str]:
        for each in settings:
            mark = MARKS[each.kind]
            text = each.after or each.before
            if each.kind == "changed":
                text = f"{each.before} -> {each.after}"
            notes = f"  ({', '.join(each.notes)})" if each.notes else ""
            yield self.paint(f"{mark} {text}", _COLOURS[mark]) + self.paint(notes, _DIM)

    def totals(self, found: Comparison) -> Iterator[str]:
        """The figures of the whole, before and after."""
        rows = [_total(each) for each in found.totals]
        old, new = (", ".join(shapes) for shapes in found.outputs)
        rows.append(("output", old if old != new else "", new, "", ""))
        head = ("total", "before", "after", "difference", "")
        widths = [max(len(row[index]) for row in (head, *rows)) for index in range(5)]
        for index, row in enumerate([head, *rows]):
            name, *numbers = (
                f"{cell:<{widths[column]}}" if column == 0 else f"{cell:>{widths[column]}}"
                for column, cell in enumerate(row)
            )
            yield self.paint("  ".join([name, *numbers]).rstrip(), _DIM if index == 0 else "")


def _rows(changes: Sequence[Change], indent: str) -> Iterator[tuple[Cells, tuple[str, ...]]]:
    for change in changes:
        row = change.after or change.before
        assert row is not None
        text = f"{row.text} x {row.count}" if row.count > 1 else row.text
        sides = [_cells(each) for each in (change.before, change.after) if each]
        line, output, parameters, products = (
            " -> ".join(dict.fromkeys(values)) for values in zip(*sides, strict=True)
        )
        cells = (MARKS[change.kind], line, indent + text, output, _figure(parameters), _figure(products))
        yield cells, change.notes
        yield from _rows(change.inside, indent + "  ")


def _cells(row: Row) -> tuple[str, str, str, str]:
    return str(row.line or ""), row.output, shortened(row.parameters), shortened(row.multiply_adds)


def _figure(text: str) -> str:
    """What layers without any leave empty."""
    return "" if text == "0" else text


def _line(cells: Cells, widths: Sequence[int]) -> str:
    mark, line, layer, output, *numbers = (
        f"{cell:>{width}}" if index in (1, 4, 5) else f"{cell:<{width}}"
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([f"{mark or ' '} {line}", layer, output, *numbers]).rstrip()


def _total(total: Total) -> tuple[str, str, str, str, str]:
    name, before, after = _NAMES[total.name], total.before, total.after
    if before is None or after is None or before == after:
        return name, shortened(before), shortened(after), "" if before is None or after is None else "0", ""
    if not (isinstance(before, int) and isinstance(after, int)):
        return name, shortened(before), shortened(after), shortened(added([after, -before])), ""
    per_cent = f"{100 * (after - before) / before:+.1f} %" if before else ""
    return name, shortened(before), shortened(after), f"{after - before:+,}", per_cent
