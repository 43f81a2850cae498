"""Blocks: a use of a block or network is the block's lines at that place, with its values for the parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from netspec.diagnostics import Label
from netspec.ir.layer import Origin
from netspec.passes.clauses import ends_line, read_pattern
from netspec.passes.evaluate import NotConstant
from netspec.passes.library import standard
from netspec.passes.lines import Read
from netspec.passes.place import Defined, Place, Room, Sharing
from netspec.passes.scope import Replacement, Scope, Unknown, shown
from netspec.passes.uses import bind_use
from netspec.syntax import tree

if TYPE_CHECKING:
    from netspec.passes.unfold import Unfold


class Blocks:
    """Carries out uses; the lines of a block are again the unfolding's."""

    def __init__(self, unfolding: Unfold) -> None:
        self.unfolding = unfolding
        self.context = unfolding.context
        self.graph = unfolding.graph
        self.lines = unfolding.lines
        self.open: list[Defined] = []
        """The blocks that are being unfolded, each used by the one before."""

    def use(self, head: tree.Name, read: Read, place: Place) -> tree.Command | None:
        """Unfold a block or network; layers that follow it on its line come back."""
        defined = place.room.words.get(head.text) or standard(self.context, head.text)
        assert defined is not None
        if read.clauses.weights is not None:
            message = (
                f"`weights=` belongs to a layer, and `{defined.word}` holds several; a `network` shares them"
            )
            self.unfolding.report("N110", message, read.clauses.weights)
        if defined.is_missing:
            self.lines.fail(place, read.statement, read.clauses.name)
            return None
        bound = bind_use(self.context, place, defined, head, read.clauses.items, self.graph.results)
        sources = self.lines.sources(place, read.clauses, head)
        if bound is None or sources is None or not self.may_open(defined, head):
            self.lines.fail(place, read.statement, read.clauses.name)
            return None
        values, items = bound
        self.unfolding.bound(read.statement, 1, (), place)
        if len(sources) > 1:
            self.unfolding.report(
                "N304", f"`{head.text}` reads one layer, and {len(sources)} are named", head
            )
        if defined.is_network and len(defined.inputs) > 1:
            message = (
                f"the network `{defined.word}` reads {len(defined.inputs)} values, and a line gives it one"
            )
            note = f"`let` and `update` apply it to as many:  {defined.word}(x, y)"
            self.unfolding.report("N304", message, head, notes=(note,))
            self.lines.fail(place, read.statement, read.clauses.name)
            return None
        place.above = sources[0]
        self.inside(defined, values, read, place)
        if items:
            first = items[0]
            assert isinstance(first, tree.Name)
            tail = [each for each in read.statement.items if ends_line(each)]
            return tree.Command(
                first.start, read.statement.end, first, (*items[1:], *tail), body=None, inline=False
            )
        assert place.above is not None
        if read.clauses.name:
            self.lines.alias(place, read.clauses.name, place.above)
        if read.clauses.stated:
            self.state(read, place)
        return None

    def state(self, read: Read, place: Place) -> None:
        """Hold the result of a use against the shape that its line states."""
        clauses = read.clauses
        pattern = read_pattern(self.context, clauses.stated) if clauses.stated else None
        if pattern and clauses.stated and place.above:
            span, head = self.context.span(read.statement), self.context.span(read.statement.head)
            result = self.context.span(clauses.stated.size)
            self.graph.state(
                place.above, pattern, Origin(span, head, {}, result, False, place.frame, read.text)
            )

    def may_open(self, defined: Defined, head: tree.Name) -> bool:
        """The block is not inside itself, nor too deep."""
        if defined in self.open:
            ring = " -> ".join([*(each.word for each in self.open[self.open.index(defined) :]), defined.word])
            message = f"the block `{defined.word}` uses itself"
            self.unfolding.report(
                "N307", message, head, ring if len(self.open) > 1 else "is the block itself"
            )
            return False
        if len(self.open) >= self.context.limits.nesting:
            message = f"blocks use one another more than {self.context.limits.nesting} deep"
            self.unfolding.report("N503", message, head, "one too many")
            return False
        return True

    def inside(self, defined: Defined, values: dict[str, tree.Value], read: Read, place: Place) -> None:
        """The lines of a block at the place of its use."""
        reads = self.graph.results.get(place.above) if place.above else None
        work = Replacement(Scope({}, reads))
        try:
            values = {name: work.node(value) for name, value in values.items()}
        except NotConstant as problem:
            self.context.report_value(problem)
            self.lines.fail(place, read.statement)
            return
        except Unknown:
            self.lines.fail(place, read.statement)
            return
        text = read.text or " ".join(self.context.text(read.statement).split())
        text = text.split("->")[0].strip()
        kind = "network" if defined.is_network else "block"
        frame = self.unfolding.frame(kind, text, read.statement, place)
        room = self.room(defined, place)
        frozen = place.frozen or read.clauses.frozen is not None
        inner = Place(room, Scope(values, reads), place.above, frame, frozen)
        known = [f"in = {reads}"] if reads else []
        known += [f"{each.name.text} = {shown(values[each.name.text])}" for each in defined.parameters]
        with self.within(defined, Label(self.context.span(read.statement), f"`{text}`, " + ", ".join(known))):
            self.unfolding.body(defined.body, inner)
        place.above = inner.above

    def room(self, defined: Defined, place: Place) -> Room:
        """The names of a use: those of a network's first use are the network's own."""
        defined.uses += 1
        outer = place.room
        if defined.is_network:
            number = "" if defined.uses == 1 else str(defined.uses)
            room = Room(defined.words, f"{defined.word}{number}_")
            if defined.uses == 1:
                room.records = defined
            else:
                room.shares = Sharing(defined)
            return room
        outer.counts[defined.word] += 1
        room = Room(defined.words, f"{outer.prefix}{defined.word}{outer.counts[defined.word]}_")
        room.records, room.shares = outer.records, outer.shares
        return room

    @contextmanager
    def within(self, defined: Defined, use: Label | None) -> Iterator[None]:
        """Nodes belong to the block's text, and findings to this use of it, if it is one."""
        context = self.context
        before, uses = context.source, context.diagnostics.uses
        context.source, context.diagnostics.uses = defined.source, (*((use,) if use else ()), *uses)
        self.open.append(defined)
        try:
            yield
        finally:
            self.open.pop()
            context.source, context.diagnostics.uses = before, uses
