"""Layout: how lines nest.  A line that ends in `:` opens a block; the indented lines below it are its body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netspec.diagnostics import Diagnostics, Edit, Fix, Label
from netspec.source import Source
from netspec.syntax import tree


@dataclass(slots=True)
class _Open:
    """A block whose body is being read."""

    header: tree.Statement | None
    row: tree.Row | None
    indent: int
    body: list[tree.Statement]
    inner: int = -1
    """Indentation of the body, known from its first line."""


def nest(source: Source, rows: Sequence[tree.Row], diagnostics: Diagnostics) -> tuple[tree.Statement, ...]:
    """The statements of all rows, each block's body inside its header; reports what fits no block."""
    open_blocks = [_Open(None, None, -1, [], inner=0)]
    for row in rows:
        if not row.statements:
            continue
        indent = source.position(row.start)[1] - 1
        while len(open_blocks) > 1 and indent <= open_blocks[-1].indent:
            _close(source, open_blocks, diagnostics)
        block = open_blocks[-1]
        if block.inner < 0:
            block.inner = indent
        elif indent != block.inner:
            _misplaced(source, row, indent, block, diagnostics)
        if row.opens:
            header, *inline = row.statements
            if inline:
                block.body.append(replace(header, body=tuple(inline), inline=True))
            else:
                open_blocks.append(_Open(header, row, indent, []))
        else:
            block.body.extend(row.statements)
    while len(open_blocks) > 1:
        _close(source, open_blocks, diagnostics)
    return tuple(open_blocks[0].body)


def _close(source: Source, open_blocks: list[_Open], diagnostics: Diagnostics) -> None:
    block = open_blocks.pop()
    assert block.header is not None
    if not block.body:
        span = source.span(block.header.start, block.header.end)
        diagnostics.report(
            "N005", "the block has no body", Label(span, "its lines stand below, indented by 4 spaces")
        )
    open_blocks[-1].body.append(replace(block.header, body=tuple(block.body)))


def _misplaced(source: Source, row: tree.Row, indent: int, block: _Open, diagnostics: Diagnostics) -> None:
    start = source.line_start(source.position(row.start)[0])
    first = row.statements[0]
    label = Label(source.span(row.start, first.end), f"indented by {indent}")
    fix = Fix((Edit(source.span(start, row.start), " " * block.inner),), f"an indentation of {block.inner}")
    opener = "no line above opens a block" if block.header is None else "the lines of one block line up"
    diagnostics.report("N005", f"the indentation is {indent} where {block.inner} is expected: {opener}", label, fixes=(fix,))
