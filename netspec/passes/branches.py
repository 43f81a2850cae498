"""Branches: a join with a body reads one branch a row, all from the same point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netspec.ir.layer import Frame, Operation, Origin
from netspec.passes.arguments import bind_arguments
from netspec.passes.clauses import read_pattern
from netspec.passes.context import Context
from netspec.passes.lines import Read
from netspec.passes.place import Place
from netspec.syntax import tree

if TYPE_CHECKING:
    from netspec.passes.unfold import Unfold


class Branches:
    """Carries out joins; the lines of a branch are again the unfolding's."""

    def __init__(self, unfold: Unfold) -> None:
        self.unfold = unfold
        self.context = unfold.context
        self.lines = unfold.lines

    def join(
        self, statement: tree.Command, body: tuple[tree.Statement, ...], place: Place, found: type[Operation]
    ) -> None:
        """A join whose branches stand below it, a row each."""
        read = self.lines.read(place, statement)
        use = bind_arguments(self.context, found, statement.head, read.clauses.items) if read else None
        if read is None or use is None or not isinstance(use.instance, Operation):
            self.lines.fail(place, statement)
            return
        start = place.above
        if read.clauses.sources:
            sources = self.lines.sources(place, read.clauses, statement.head)
            start = sources[0] if sources else start
        text = read.text or " ".join(self.context.text(statement).split())
        frame = self.unfold.frame("join", text, statement, place)
        before = self.unfold.mark()
        frozen = place.frozen or read.clauses.frozen is not None
        ends = list(self.branches(body, Place(place.room, place.scope, start, frame, frozen)))
        self.unfold.check_frozen(read.clauses.frozen, before)
        if len(ends) < 2:
            if body:  # else its lines are missing, which has been reported
                self.too_few(statement, len(ends))
            self.lines.fail(place, read.statement, read.clauses.name)
            return
        if any(end is None for end in ends):
            self.context.report_start(statement.head)
            self.lines.fail(place, statement, read.clauses.name)
            return
        self.joined(place, read, use.instance, tuple(end for end in ends if end is not None))

    def too_few(self, statement: tree.Command, number: int) -> None:
        """Report a join of one branch, or of none."""
        what = "one branch" if number else "no branch"
        note = "each row below it is a branch; `path:` opens one of several lines"
        message = f"`{statement.head.text}` joins two branches or more, and there is {what}"
        self.unfold.report("N309", message, statement, what, notes=(note,))

    def joined(self, place: Place, read: Read, operation: Operation, ends: tuple[str, ...]) -> None:
        """Add the layer that joins the ends of the branches."""
        clauses, span = read.clauses, self.context.span(read.statement)
        pattern = read_pattern(self.context, clauses.stated) if clauses.stated else None
        stated = self.context.span(clauses.stated.size) if clauses.stated else None
        head = self.context.span(read.statement.head)
        origin = Origin(span, head, {}, stated, False, place.frame, read.text)
        name = self.lines.name(place, operation.word, clauses.name)
        self.lines.join(place, name, operation, ends, pattern, origin)
        place.above = name

    def branches(self, body: Sequence[tree.Statement], place: Place) -> Iterator[str | None]:
        """The result of each branch; `if` and `for` choose which there are."""
        rows = _rows(self.context, body)
        for index, row in enumerate(rows):
            match row:
                case (tree.Condition() as condition,):
                    following = rows[index + 1][0] if index + 1 < len(rows) else condition
                    yield from self.branches(self.unfold.chosen((condition, following), 0, place), place)
                case (tree.Command(head=tree.Name(text="else")),) if index and isinstance(
                    rows[index - 1][0], tree.Condition
                ):
                    pass
                case (tree.Loop() as loop,):
                    for inner, _ in self.unfold.loop_turns(loop, place):
                        yield from self.branches(loop.body or (), inner)
                case _:
                    yield self.branch(row, place)

    def branch(self, row: Sequence[tree.Statement], place: Place) -> str | None:
        """The result of one branch."""
        first, last = row[0], row[-1]
        place_of = tree.Node(first.start, last.end)
        frame = Frame("branch", "", self.context.span(place_of), place.frame)
        inner = place.inside(frame)
        match row:
            case (tree.Command(head=tree.Name(text="path"), body=tuple(body), items=()),):
                self.unfold.body(body, inner)
            case _:
                self.unfold.body(row, inner)
        return inner.above


def _rows(context: Context, body: Sequence[tree.Statement]) -> list[tuple[tree.Statement, ...]]:
    """The statements of a join by the line on which they start."""
    rows: dict[int, list[tree.Statement]] = {}
    for statement in body:
        rows.setdefault(context.source.position(statement.start)[0], []).append(statement)
    return [tuple(row) for row in rows.values()]
