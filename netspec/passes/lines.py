"""Lines: from one layer line to the layers of the network, every name resolved.

Composite words become their core parts here, which keep the place of the word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.frozen import record
from netspec.ir.layer import Layer, Operation, Origin
from netspec.ir.shape import Pattern
from netspec.ir.values import Reference, References
from netspec.passes.arguments import Use
from netspec.passes.clauses import Clauses, ends_line, read_clauses, read_pattern
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant
from netspec.passes.infer import Graph, Unmade
from netspec.passes.line import bind_line
from netspec.passes.place import Place
from netspec.passes.scope import RESULT, Replacement, Unknown, mentioned, spliced
from netspec.source import Places, Span
from netspec.syntax import tree


class Part(NamedTuple):
    """A core operation of a line; where its word and its arguments stand, counted from the line's first character."""

    operation: Operation
    word: tuple[int, int]
    arguments: Mapping[str, tuple[int, int]]


@record
class Read:
    """A line as read: its items with names replaced, its text so, the clauses taken out."""

    statement: tree.Command
    clauses: Clauses
    text: str
    """Empty where it holds no such name."""


class Lines:
    """Adds the layers of lines to a graph."""

    def __init__(self, context: Context, graph: Graph) -> None:
        self.context = context
        self.graph = graph
        self.known: dict[tuple[object, ...], list[Part]] = {}
        """Lines that were bound before, by their text and the values in it: in most networks, most."""
        self.mentions: dict[int, tuple[frozenset[str], tree.Command]] = {}
        """The names in statements by the statement's identity; keeping it keeps the identity its own."""

    # --- reading

    def read(self, place: Place, statement: tree.Command) -> Read | None:
        """The line with the names in it replaced by their values; None after a report."""
        found = self.replaced(place, statement)
        if found is None:
            return None
        items, text = found
        changed = statement
        if items is not statement.items:
            changed = tree.Command(
                statement.start,
                statement.end,
                statement.head,
                items,
                body=statement.body,
                inline=statement.inline,
            )
        return Read(changed, read_clauses(self.context, changed), text)

    def part(self, read: Read, rest: tree.Command) -> Read:
        """What is left of a line."""
        return Read(rest, read_clauses(self.context, rest), read.text)

    def replaced(self, place: Place, statement: tree.Command) -> tuple[tuple[tree.Item, ...], str] | None:
        """The items with names replaced, and the line's text so; None after a report."""
        self.context.visible = place.scope.values
        if not place.scope.values and not self.context.asks:
            return statement.items, ""
        found = self.mentions.get(id(statement))
        if found is None:
            found = self.mentions[id(statement)] = (mentioned(statement), statement)
        names, _ = found
        if not names & place.scope.values.keys() and not any(name.startswith("in.") for name in names):
            return statement.items, ""
        work = Replacement(place.scope)
        try:
            items = work.items(statement.items)
        except NotConstant as problem:
            self.context.report_value(problem)
            return None
        except Unknown:
            self.report_unknown(place, statement)
            return None
        span = self.context.span(statement)
        return items, spliced(span.text, span.start, work.done)

    def report_unknown(self, place: Place, statement: tree.Statement) -> None:
        """Report a question about what is read where nothing is, unless that is because of a failed layer."""
        if place.above is None:
            head = tree.Name(statement.start, statement.end, self.context.text(statement))
            self.context.report_start(head)

    # --- binding

    def line(self, place: Place, read: Read) -> tree.Command | None:
        """Add one layer and its followers; what follows them and is a block of its own comes back."""
        statement, clauses = read.statement, read.clauses
        key = self.key(place, read)
        parts = self.known.get(key) if key else None
        if parts is not None:
            self.add(place, read, parts, clauses, clauses.name)
            return None
        bound = bind_line(self.context, statement, clauses.items, place.room.words, place.room.results)
        if bound is None:
            self.fail(place, statement, clauses.name)
            return None
        uses, own_name, rest = bound
        parts = _parts(statement, uses)
        if key and own_name is None and rest is None and not any(_refers(part) for part in parts):
            self.known[key] = parts
        if rest is not None:  # the clauses that end a line belong to its last word
            tail: list[tree.Item] = [each for each in statement.items if ends_line(each)]
            rest = replace(rest, items=(*rest.items, *tail))
            clauses = Clauses(clauses.items, clauses.sources, frozen=clauses.frozen)
        self.add(place, read, parts, clauses, clauses.name or own_name)
        return rest

    def key(self, place: Place, read: Read) -> tuple[object, ...] | None:
        """What decides how a line is bound: its text up to its clauses, that with values, the file's own words."""
        statement, items = read.statement, read.clauses.items
        if items and statement.items[len(items) - 1] is not items[-1]:
            return None  # a clause stands between the arguments
        end = items[-1].end if items else statement.head.end
        return self.context.source.text[statement.start : end], read.text, id(place.room.words)

    def add(
        self, place: Place, read: Read, parts: list[Part], clauses: Clauses, name: tree.Name | None
    ) -> None:
        """Add the core layers of a line."""
        source, base = self.context.source, read.statement.start
        statement = Span(source, base, read.statement.end)
        first = parts[0].operation
        inputs = () if first.reads_nothing else self.sources(place, clauses, read.statement.head)
        if inputs is not None and first.lookup().references:
            parts, inputs = self.referred(place, read.statement, parts, inputs)
        if inputs is None:
            self.fail(place, read.statement, name)
            return
        pattern = read_pattern(self.context, clauses.stated) if clauses.stated else None
        stated = self.context.span(clauses.stated.size) if clauses.stated else None
        last, frozen = len(parts) - 1, place.frozen or clauses.frozen is not None
        for index, (operation, (start, end), ranges) in enumerate(parts):
            arguments: Mapping[str, Span] = Places(source, base, ranges)
            if clauses.sources:
                arguments = {**arguments, "from": self.context.span(clauses.sources)}
            word = Span(source, base + start, base + end)
            ends = index == last
            origin = Origin(
                statement, word, arguments, stated if ends else None, False, place.frame, read.text
            )
            given = self.name(place, operation.word, name if ends else None)
            layer = Layer(
                given, operation, inputs, stated=pattern if ends else None, origin=origin, frozen=frozen
            )
            self.graph.add(self.shared(place, clauses, layer))
            inputs = (given,)
        place.above = given
        if clauses.state:
            self.further(place, clauses.state, given)

    def join(
        self,
        place: Place,
        name: str,
        operation: Operation,
        ends: tuple[str, ...],
        stated: Pattern | None,
        origin: Origin,
    ) -> None:
        """Add the layer that joins branches."""
        layer = Layer(name, operation, ends, stated=stated, origin=origin)
        self.graph.add(self.shared(place, Clauses(), layer))

    def further(self, place: Place, state: tree.Name, layer: str) -> None:
        """`state as NAME`: a name for a further result."""
        if f"{layer}.state" not in self.graph.results and layer in self.graph.results:
            span = self.context.span(state)
            message = f"`{self.graph.done[layer].word}` has no state that could be named"
            self.context.diagnostics.report("N110", message, Label(span, "only rnn, lstm and gru have one"))
        if self.claim(place, state):
            place.room.results[state.text] = f"{layer}.state"

    def shared(self, place: Place, clauses: Clauses, layer: Layer) -> Layer:
        """The layer as a further use of another where it stands in a network used before, or says so."""
        room = place.room
        if clauses.weights is not None:
            owner = self.resolve(place, clauses.weights)
            if owner is None:
                return layer
            return self.graph.sharing(layer, owner, self.context.span(clauses.weights)) or layer
        if room.shares is not None:
            made, at = room.shares.network.made, room.shares.matched
            room.shares.matched += 1
            if at >= len(made) or room.shares.failed:
                return layer
            found = self.graph.sharing(layer, made[at].name)
            room.shares.failed = found is None
            return found or layer
        if room.records is not None:
            room.records.made.append(layer)
        return layer

    def referred(
        self, place: Place, statement: tree.Command, parts: list[Part], inputs: tuple[str, ...]
    ) -> tuple[list[Part], tuple[str, ...] | None]:
        """The first part with the results that its references name among its inputs; None after a report."""
        operation, word, ranges = parts[0]
        spans = Places(self.context.source, statement.start, ranges)
        for argument in operation.lookup().references:
            value = getattr(operation, argument.name)
            if not isinstance(argument.kind, Reference) or not value:
                continue
            names = value if isinstance(value, tuple) else (value,)
            span = spans.get(argument.name) or self.context.span(statement.head)
            results = [
                (argument.kind.weights and self.lender(place, name)) or self.named(place, name, span)
                for name in names
            ]
            found = tuple(result for result in results if result is not None)
            if len(found) < len(names):
                return parts, None
            if isinstance(argument.kind, References):
                inputs = (*(() if len(found) > 1 else inputs), *found)
                operation = replace(operation, **{argument.name: ()})
            elif argument.kind.weights:
                operation = replace(operation, **{argument.name: self.graph.holder(found[0])})
            else:
                inputs = (*inputs, *found)
                operation = replace(operation, **{argument.name: found[0]})
        if operation.joins and len(set(inputs)) < len(inputs):
            self.report_same(statement, inputs)
        return [Part(operation, word, ranges), *parts[1:]], inputs

    def report_same(self, statement: tree.Command, inputs: tuple[str, ...]) -> None:
        """Report a join of one result with itself, which is most often a line that was forgotten."""
        twice = next(name for name in inputs if inputs.count(name) > 1)
        layer = self.graph.done.get(twice)
        labels = [Label(self.context.span(statement), f"reads `{twice}` twice")]
        if layer is not None and layer.origin is not None:
            labels.append(Label(layer.origin.statement, "is the line above it too"))
        message = f"`{statement.head.text}` joins a result with itself"
        self.context.diagnostics.report("N309", message, *labels)

    def lender(self, place: Place, name: str) -> str | None:
        """The layer that lends its weight where a name is that of a network with one such layer."""
        network = place.room.words.get(name)
        if network is None or not network.is_network:
            return None
        lending = [layer.name for layer in network.made if layer.operation.lends]
        return lending[0] if len(lending) == 1 else None

    def fail(self, place: Place, statement: tree.Statement, name: tree.Name | None = None) -> None:
        """Keep the place of a layer that cannot be made, so that what follows stays silent."""
        span = self.context.span(statement)
        given = self.name(place, "?", name)
        self.graph.add(Layer(given, Unmade(), origin=Origin(span, span, {}, frame=place.frame)))
        place.above = given

    # --- names

    def sources(self, place: Place, clauses: Clauses, head: tree.Name) -> tuple[str, ...] | None:
        """The results that a line reads, None after a report."""
        if clauses.sources is None:
            if place.above is None:
                self.context.report_start(head)
                return None
            return (place.above,)
        names = [value for value in clauses.sources.values if isinstance(value, tree.Name)]
        found = [self.resolve(place, name) for name in names]
        return None if None in found or not found else tuple(name for name in found if name is not None)

    def resolve(self, place: Place, name: tree.Name) -> str | None:
        """The result that a name stands for, None after a report."""
        return self.named(place, name.text, self.context.span(name))

    def named(self, place: Place, text: str, span: Span) -> str | None:
        """The result that a name stands for; it is written somewhere in a span."""
        if text.startswith(RESULT):
            return text.removeprefix(RESULT)
        results = place.room.results
        if text in results:
            return results[text]
        layer, dot, extra = text.partition(".")
        if dot and (further := f"{results.get(layer)}.{extra}") in self.graph.results:
            return further
        if not place.room.prefix and text in self.graph.results:
            return text
        known = [*results, *(self.graph.done if not place.room.prefix else ())]
        within = span.text.rfind(text)
        if within > 0:
            span = span.source.span(span.start + within, span.start + within + len(text))
        near = did_you_mean(text, known)
        fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
        shown = ", ".join(f"`{short(name)}`" for name in list(results)[:8]) or "none; `as NAME` gives one"
        message = f"no line above is named `{short(text)}`"
        self.context.diagnostics.report("N108", message, span, notes=(f"names: {shown}",), fixes=fixes)
        return None

    def name(self, place: Place, word: str, given: tree.Name | None) -> str:
        """The full name of a new layer: the one given, or its word with a number."""
        room = place.room
        if given and self.claim(place, given):
            name = self.free(f"{room.prefix}{given.text}")
            room.results[given.text] = name
            return name
        while True:
            room.counts[word] += 1
            name = f"{word}{room.counts[word]}"
            if name not in room.reserved and f"{room.prefix}{name}" not in self.graph.names:
                return f"{room.prefix}{name}"

    def free(self, name: str) -> str:
        """The name, with a number where it is taken: a name may be given again in each turn of a repetition."""
        number, free = 1, name
        while free in self.graph.names:
            number += 1
            free = f"{name}_{number}"
        return free

    def alias(self, place: Place, given: tree.Name, result: str) -> None:
        """Name a result that is there."""
        if self.claim(place, given):
            place.room.results[given.text] = result

    def claim(self, place: Place, name: tree.Name) -> bool:
        """Take a name that the text gives; one that is taken is reported."""
        room, span = place.room, self.context.span(name)
        if name.text in room.given and not place.repeats:
            labels = Label(span, "again"), Label(room.given[name.text], "first")
            taken = {*room.reserved, *room.given}
            number = next(n for n in range(2, len(taken) + 3) if f"{name.text}{n}" not in taken)
            fix = Fix((Edit(span, f"{name.text}{number}"),), f"`as {name.text}{number}`")
            message = f"the name `{short(name.text)}` is given twice"
            self.context.diagnostics.report("N109", message, *labels, fixes=(fix,))
            return False
        room.given[name.text] = span
        return True


def _refers(part: Part) -> bool:
    return bool(part.operation.lookup().references)


def _parts(statement: tree.Command, uses: list[tuple[tree.Name, Use]]) -> list[Part]:
    parts: list[Part] = []
    base = statement.start
    for head, use in uses:
        assert isinstance(use.instance, Operation)
        ranges = {name: (span.start - base, span.end - base) for name, span in use.arguments.items()}
        word = (head.start - base, head.end - base)
        parts += [Part(operation, word, ranges) for operation in use.instance.parts()]
    return parts
