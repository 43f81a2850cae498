"""Layout: how lines nest.  A line that ends in `:` opens a block; the indented lines below it are its body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from itertools import islice, takewhile

from netspec.diagnostics import Diagnostics, Edit, Fix, Label
from netspec.frozen import record
from netspec.source import Source, Span
from netspec.syntax import tree

STEP = 4
"""Spaces of one level, where nothing else is written."""
_SHOWN = 40


@record
class _Open:
    """A block whose body is being read."""

    header: tree.Statement | None
    indent: int
    body: list[tree.Statement]
    inner: int = -1
    """Indentation of the body, known from its first line."""


def nest(source: Source, rows: Sequence[tree.Row], diagnostics: Diagnostics) -> tuple[tree.Statement, ...]:
    """The statements of all rows, each block's body inside its header; reports what fits no block."""
    return _Nest(source, [row for row in rows if row.statements], diagnostics).run()


@record
class _Nest:
    source: Source
    rows: Sequence[tree.Row]
    diagnostics: Diagnostics
    blocks: list[_Open] = field(default_factory=lambda: [_Open(None, -1, [], inner=0)])
    wrong: list[tree.Row] = field(default_factory=list)
    """Rows on end that share one wrong indentation; they are told at once."""

    def run(self) -> tuple[tree.Statement, ...]:
        for index, row in enumerate(self.rows):
            block = self.blocks[-1]
            if not row.opens and self.indent(row) == block.inner and not self.wrong:
                block.body.extend(row.statements)  # what most rows are, without the questions of the others
            else:
                self.row(index, row)
        self.report_wrong()
        while len(self.blocks) > 1:
            self.close(len(self.rows))
        return tuple(self.blocks[0].body)

    def indent(self, row: tree.Row) -> int:
        return row.start - self.source.text.rfind("\n", 0, row.start) - 1

    def row(self, index: int, row: tree.Row) -> None:
        indent = self.indent(row)
        while len(self.blocks) > 1 and indent <= self.blocks[-1].indent:
            self.report_wrong()
            self.close(index)
        block = self.blocks[-1]
        if block.inner < 0:
            block.inner = indent
        if indent > block.inner and self.lacks_colon(block):
            self.open_without_colon(index, row, indent)
            block = self.blocks[-1]
        if indent == block.inner or (self.wrong and indent != self.indent(self.wrong[0])):
            self.report_wrong()
        if indent != block.inner:
            self.wrong.append(row)
        if not row.opens:
            block.body.extend(row.statements)
            return
        header, *inline = row.statements
        if inline:
            block.body.append(replace(header, body=tuple(inline), inline=True))
        else:
            self.blocks.append(_Open(header, indent, []))

    def lacks_colon(self, block: _Open) -> bool:
        """The line above is a bare word, which may have wanted to open a block."""
        if self.wrong or not block.body:
            return False
        match block.body[-1]:
            case tree.Command(items=(), body=None):
                return True
        return False

    def open_without_colon(self, index: int, row: tree.Row, indent: int) -> None:
        """Read the row, and those that line up with it, as the body of the bare word above."""
        block = self.blocks[-1]
        header = block.body.pop()
        end = self.source.span(header.end, header.end)
        body = list(takewhile(lambda each: self.indent(each) > block.inner, islice(self.rows, index, None)))
        word = self.source.text[header.start : header.end][:_SHOWN]
        self.diagnostics.report(
            "N005",
            f"a line is indented below `{word}`, which opens no block: there is no `:` after it",
            Label(self.source.span(row.start, row.statements[0].end), f"indented by {indent}"),
            Label(self.source.span(header.start, header.end), "a block would need a `:` here"),
            fixes=(Fix((Edit(end, ":"),), f"`{word}:`"), self.shifted(body, block.inner)),
        )
        self.blocks.append(_Open(header, block.inner, [], inner=indent))

    def shifted(self, rows: Sequence[tree.Row], indent: int) -> Fix:
        """The fix that gives rows another indentation; rows further in keep their distance."""
        edits = []
        by = indent - self.indent(rows[0])
        for row in rows:
            start = self.source.line_start(self.source.position(row.start)[0])
            edits.append(Edit(self.source.span(start, row.start), " " * max(self.indent(row) + by, 0)))
        first, last = (self.source.position(row.start)[0] for row in (rows[0], rows[-1]))
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        return Fix(
            tuple(edits), f"{lines} indented by {indent}" if indent else f"{lines} without indentation"
        )

    def report_wrong(self) -> None:
        """Report the rows of one wrong indentation."""
        rows, self.wrong = self.wrong, []
        if not rows:
            return
        block, indent = self.blocks[-1], self.indent(rows[0])
        label = Label(self.source.span(rows[0].start, rows[0].statements[0].end), f"indented by {indent}")
        others = []
        if block.header is None:
            reason = "no line above opens a block"
        else:
            reason = "the lines of one block line up"
            others = [Label(self.header_span(block), f"its lines are indented by {block.inner}")]
        message = f"the indentation is {indent} where {block.inner} is expected: {reason}"
        self.diagnostics.report("N005", message, label, *others, fixes=(self.shifted(rows, block.inner),))

    def header_span(self, block: _Open) -> Span:
        assert block.header is not None
        return self.source.span(block.header.start, block.header.end)

    def close(self, index: int) -> None:
        """Close the innermost block before the row of an index."""
        block = self.blocks.pop()
        assert block.header is not None
        if not block.body:
            below = self.rows[index:]
            fixes = (self.shifted(below, block.indent + STEP),) if below else ()
            label = Label(self.header_span(block), "its lines stand below it, indented by 4 spaces")
            word = self.source.text[block.header.start : block.header.end][:_SHOWN]
            self.diagnostics.report("N005", f"the block `{word}:` has no lines", label, fixes=fixes)
        self.blocks[-1].body.append(replace(block.header, body=tuple(block.body)))
