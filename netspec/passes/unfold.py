"""Unfold: what structures a text is carried out, until only layers are left.

`repeat`, `for` and `if` are done with while reading; a use of a block or network is the block's lines at that place,
with its values in the place of its parameters; a join with a body reads one branch a row.  Every layer keeps the
frames it came through (`ir.layer.Frame`), from which tables and messages tell a structured text.

Nothing large is begun: before a repetition its turns are multiplied with the fewest layers that its body can have,
and the limit is met first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir import catalog
from netspec.ir.layer import Frame, Operation
from netspec.passes.arguments import bind_arguments
from netspec.passes.blocks import Blocks
from netspec.passes.bounds import fewest
from netspec.passes.branches import Branches
from netspec.passes.clauses import own_name
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant, holds
from netspec.passes.infer import Enough, Graph
from netspec.passes.line import find_layer, is_block, not_yet
from netspec.passes.lines import Lines
from netspec.passes.place import Defined, Place
from netspec.passes.scope import Replacement, Unknown, constant, shown
from netspec.syntax import tree

TURNS_A_LAYER = 2
"""Turns of repetitions and uses of blocks at most, for each layer that the limit allows."""
HEADERS = ("repeat", "for", "if", "else", "path", "block", "network", "train")
"""Words that lines stand below, beside the joins."""
_TOP = {
    "param": "a `param` stands on the top level of a file",
    "output": "an `output` stands on the top level of a file",
    "network": "a `network` is defined on the top level of a file",
    "train": "`train:` stands on the top level of a file",
}


_WORDS = frozenset((*HEADERS, *_TOP))
"""Words that are not those of layers or blocks."""


class Unfold:
    """Carries out the statements of a text and adds the layers to a graph."""

    def __init__(self, context: Context, graph: Graph) -> None:
        self.context = context
        self.graph = graph
        self.lines = Lines(context, graph)
        self.branches = Branches(self)
        self.blocks = Blocks(self)
        self.turns = 0

    def report(self, code: str, message: str, node: tree.Node, label: str = "", **details: object) -> None:
        """Report at a node."""
        self.context.diagnostics.report(code, message, Label(self.context.span(node), label), **details)

    # --- statements

    def body(self, statements: Sequence[tree.Statement], place: Place) -> None:
        """Carry out statements one after the other."""
        for index, statement in enumerate(statements):
            if self.context.is_enough(statement):
                raise Enough
            match statement:
                case tree.Condition():
                    self.body(self.chosen(statements, index, place), place)
                case tree.Command(head=tree.Name(text="else")) if _follows_if(statements, index):
                    pass
                case _:
                    self.statement(statement, place)

    def statement(self, statement: tree.Statement, place: Place) -> None:
        """Carry out one statement."""
        if (
            isinstance(statement, tree.Command)
            and statement.body is None
            and statement.head.text not in _WORDS
        ):
            self.line(statement, place)
            return
        match statement:
            case tree.Command(head=tree.Name(text="repeat")):
                self.repeat(statement, place)
            case tree.Loop():
                self.loop(statement, place)
            case tree.Command(head=tree.Name(text="path"), body=body):
                label = "stands in no join"
                self.report("N310", "`path:` is a branch of a join, such as `add:`", statement.head, label)
                self.body(body or (), place)
            case tree.Command(head=tree.Name(text="else")):
                self.report("N310", "`else:` follows an `if` and stands right below it", statement.head)
            case tree.Command(head=tree.Name(text=word)) if word in _TOP and self.is_inside(place):
                self.report("N310", _TOP[word], statement.head, "stands inside something")
            case tree.Command(body=None):
                self.line(statement, place)
            case tree.Command(body=tuple(body)):
                self.with_body(statement, body, place)
            case tree.Unread():
                self.lines.fail(place, statement)
            case _:
                word = self.context.text(statement).split()[0]
                self.report("N310", f"`{short(word)}` stands on the top level of a file", statement)

    @staticmethod
    def is_inside(place: Place) -> bool:
        """The place is not on the top level."""
        return bool(place.room.prefix) or place.frame is not None

    def unused(self, words: Mapping[str, Defined]) -> None:
        """Words that nothing is called, in blocks of the text that nobody uses: the rest shows in a use."""
        for defined in words.values():
            if not defined.uses and defined.source is self.context.main:
                for head in heads(defined.body):
                    if head.text not in _WORDS and not is_block(head.text, words):
                        find_layer(self.context, head, words)

    def line(self, statement: tree.Command, place: Place) -> None:
        """A layer line, a use of a block, or layers with a block after them."""
        if statement.head.text == "input" and place.room.prefix:
            self.input(statement, place)
            return
        read = self.lines.read(place, statement)
        if read is None:
            self.lines.fail(place, statement)
            return
        rest: tree.Command | None = read.statement
        before, frozen = self.mark(), read.clauses.frozen
        while rest is not None:
            read = read if rest is read.statement else self.lines.part(read, rest)
            if is_block(rest.head.text, place.room.words):
                rest = self.blocks.use(rest.head, read, place)
            else:
                rest = self.lines.line(place, read)
        self.check_frozen(frozen, before)

    def mark(self) -> tuple[int, int]:
        """How much there is: layers, and findings."""
        return len(self.graph.done), len(self.context.diagnostics)

    def check_frozen(self, word: tree.Name | None, before: tuple[int, int]) -> None:
        """The layers made since have parameters of their own, where a word says that these are frozen."""
        layers, findings = before
        if word is None or len(self.context.diagnostics) > findings:
            return
        made = list(self.graph.done.values())[layers:]
        if not made or any(layer.frozen for layer in made):
            return
        span = self.context.span(word)
        lenders = [layer.shares for layer in made if layer.shares]
        words = [f"`{each}`" for each in dict.fromkeys(layer.word for layer in made)]
        has = "has" if len(words) == 1 else "have"
        why = f"{' and '.join(words)} {has} no parameters"
        if lenders:
            why = f"the weights are those of `{lenders[0]}`"
        notes = ("`frozen` stands where the weights are made",) if lenders else ()
        fix = Fix((Edit(span, ""),), "without `frozen`")
        self.report("N110", f"nothing is frozen here: {why}", word, notes=notes, fixes=(fix,))

    def input(self, statement: tree.Command, place: Place) -> None:
        """An `input` line in a network: what is given is checked, or what follows reads it."""
        if self.blocks.open and not self.blocks.open[-1].is_network:
            self.report("N310", "a block reads what stands above its use and has no `input`", statement)
            return
        if place.room.inputs and statement in self.blocks.open[-1].inputs:
            place.above = place.room.inputs[self.blocks.open[-1].inputs.index(statement)]
            return
        definition = catalog.find("layer", "input")
        assert definition is not None
        name, items = own_name(statement.items)
        use = bind_arguments(self.context, definition, statement.head, items)
        if name and place.above:
            self.lines.alias(place, name, place.above)
        reads = place.scope.reads
        if isinstance(use.instance, Operation) and reads is not None:
            wanted = use.instance.result(())
            if wanted != reads and wanted.is_known:
                word = self.blocks.open[-1].word
                message = f"the network `{word}` reads {wanted}, and here it is given {reads}"
                self.report("N204", message, statement, f"says {wanted}")

    def with_body(self, statement: tree.Command, body: tuple[tree.Statement, ...], place: Place) -> None:
        """A word that opens a block: a join, or a mistake."""
        found = catalog.find("layer", statement.head.text)
        if found is not None and issubclass(found, Operation) and found.joins:
            self.branches.join(statement, body, place, found)
        elif found is not None:
            self.layer_with_body(statement, body, place)
        elif is_block(statement.head.text, place.room.words):
            self.report(
                "N310", f"`{statement.head.text}` is a block to be used, and takes no lines", statement.head
            )
            self.lines.fail(place, statement)
        else:
            self.unknown_header(statement)
            self.lines.fail(place, statement)

    def unknown_header(self, statement: tree.Command) -> None:
        """A word with lines below it that holds none."""
        word, span = statement.head.text, self.context.span(statement.head)
        if catalog.is_planned("layer", word):
            not_yet(self.context, statement.head, f"the block `{word}:`")
            return
        known = [each for each in catalog.words("layer") if _joins(each)]
        near = did_you_mean(word, [*known, *HEADERS])
        fixes = tuple(Fix((Edit(span, each),), f"`{each}`") for each in near)
        notes = () if near else (f"lines stand below {', '.join([*known, *HEADERS])}",)
        message = f"nothing called `{short(word)}` holds lines"
        self.context.diagnostics.report("N101", message, span, fixes=fixes, notes=notes)

    def layer_with_body(
        self, statement: tree.Command, body: tuple[tree.Statement, ...], place: Place
    ) -> None:
        """Lines indented below a layer: reported once, then read as layers."""
        after = self.context.source.text[statement.end :].lstrip(" \t")
        word = statement.head.text
        if after.startswith(":"):
            span = self.context.span(statement)
            colon = statement.end + self.context.source.text[statement.end :].index(":")
            edits = [Edit(self.context.source.span(colon, colon + 1), "")]
            edits += [self.moved(each, to=statement) for each in body if not statement.inline]
            fix = Fix(tuple(edits), f"`{span.text}` without `:`, and what is below it without indentation")
            label = Label(span, "its `:` would open one")
            message = f"`{word}` is a layer and opens no block"
            self.context.diagnostics.report("N110", message, label, fixes=(fix,))
        self.line(statement, place)
        self.body(body, place)

    def moved(self, statement: tree.Statement, to: tree.Statement) -> Edit:
        """The edit that gives a statement at the start of its line the indentation of another."""
        source = self.context.source
        start = source.line_start(source.position(statement.start)[0])
        return Edit(source.span(start, statement.start), " " * (source.position(to.start)[1] - 1))

    # --- conditions and repetitions

    def chosen(
        self, statements: Sequence[tree.Statement], index: int, place: Place
    ) -> tuple[tree.Statement, ...]:
        """The statements of the branch that a condition takes; none after a report."""
        condition = statements[index]
        assert isinstance(condition, tree.Condition)
        otherwise: tuple[tree.Statement, ...] = ()
        match statements[index + 1 : index + 2]:
            case [tree.Command(head=tree.Name(text="else"), body=tuple(body))]:
                otherwise = body
        work = Replacement(place.scope, fold=False)
        try:
            test = work.node(condition.test)
            starts = {start for start, *_ in work.done}
            return (condition.body or ()) if holds(test, self.context.sizes, starts) else otherwise
        except NotConstant as problem:
            self.context.report_value(problem)
        except Unknown:
            self.lines.report_unknown(place, condition)
        self.lines.fail(place, condition)
        return ()

    def repeat(self, statement: tree.Command, place: Place) -> None:
        """`repeat N:` does its body N times, each on the result of the one before."""
        turns = self.count(statement, place)
        if turns is None:
            self.lines.fail(place, statement)
            return
        body = statement.body or ()
        self.bound(statement, turns, body, place)
        for turn in range(turns):
            frame = self.frame("repeat", f"repeat {turns}", statement, place, turn, turns)
            inner = place.inside(frame)
            self.body(body, inner)
            place.above = inner.above

    def count(self, statement: tree.Command, place: Place) -> int | None:
        """How often a `repeat` repeats; None after a report."""
        if statement.body is None:
            message = "`repeat` repeats the lines below it and ends in `:`"
            end = self.context.source.span(statement.end, statement.end)
            fix = Fix((Edit(end, ":"),), f"`{short(self.context.text(statement))}:`")
            self.report("N310", message, statement, fixes=(fix,))
            return None
        try:
            items = Replacement(place.scope).items(statement.items)
            match [
                constant(item)
                for item in items
                if not isinstance(item, (tree.Option, tree.Clause, tree.Result))
            ]:
                case [tree.Number(value=int(value))] if value >= 0 and len(items) == 1:
                    return value
        except NotConstant as problem:
            self.context.report_value(problem)
            return None
        except Unknown:
            self.lines.report_unknown(place, statement)
            return None
        self.report("N105", "`repeat` takes one whole number of 0 or more, as in `repeat 3:`", statement)
        return None

    def loop(self, statement: tree.Loop, place: Place) -> None:
        """`for NAME in VALUE, ...:` does its body once for each value."""
        for inner, _ in self.loop_turns(statement, place):
            self.body(statement.body or (), inner)
            place.above = inner.above

    def loop_turns(self, statement: tree.Loop, place: Place) -> Iterator[tuple[Place, int]]:
        """A place for each turn of a loop, with the turn."""
        work = Replacement(place.scope)
        try:
            values = [constant(work.node(value)) for value in statement.values]
        except NotConstant as problem:
            self.context.report_value(problem)
            self.lines.fail(place, statement)
            return
        except Unknown:
            self.lines.fail(place, statement)
            return
        name = statement.name.text
        self.bound(statement, len(values), statement.body or (), place)
        for turn, value in enumerate(values):
            text = f"for {name} = {shown(value)}"
            frame = self.frame("for", text, statement, place, turn, len(values))
            yield place.inside(frame, place.scope.with_value(name, value)), turn

    def bound(
        self, statement: tree.Statement, turns: int, body: Sequence[tree.Statement], place: Place
    ) -> None:
        """Refuse a repetition that must go beyond the limit on layers, before it begins."""
        limit = self.context.limits.layers
        self.turns += turns
        least = turns * fewest(body, place.room, place.scope, {}) if turns > 1 else 0
        layers = len(self.graph.names) + least
        if layers > limit or self.turns > limit * TURNS_A_LAYER:
            message, counted = f"the network has more than {limit:,} layers", f"makes {layers:,}"
            if layers <= limit:
                message = f"repetitions and uses of blocks take more than {limit * TURNS_A_LAYER:,} turns"
                counted = f"{self.turns:,} turns up to here"
            note = "`--limit layers=NUMBER` raises the limit"
            self.report("N505", message, statement, counted, notes=(note,))
            raise Enough

    def frame(
        self, kind: str, text: str, statement: tree.Statement, place: Place, turn: int = 0, turns: int = 1
    ) -> Frame:
        """A frame around what follows."""
        reads = self.graph.results.get(place.above) if place.above else None
        span = self.context.span(statement)
        return Frame(kind, text, span, place.frame, turn, turns, str(reads) if reads else "")


def heads(body: Sequence[tree.Statement]) -> Iterator[tree.Name]:
    """The first words of all lines, those below others included."""
    for statement in body:
        if isinstance(statement, tree.Command):
            yield statement.head
        yield from heads(statement.body or ())


def _joins(word: str) -> bool:
    found = catalog.find("layer", word)
    return found is not None and issubclass(found, Operation) and found.joins


def _follows_if(statements: Sequence[tree.Statement], index: int) -> bool:
    return index > 0 and isinstance(statements[index - 1], tree.Condition)
