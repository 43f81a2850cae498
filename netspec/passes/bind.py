"""Bind: statements to layers and settings, every word looked up in the catalog, every name resolved.

Composite words are expanded here into their core parts, which keep the place of the word.  Blocks, branches and
several networks will be unfolded by a pass before this one; until then they are reported as not supported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, did_you_mean
from netspec.ir import catalog
from netspec.ir.layer import Layer, Operation, Origin
from netspec.ir.shape import Pattern
from netspec.ir.training import Training
from netspec.ir.values import Reference, References
from netspec.passes.arguments import Use
from netspec.passes.clauses import Clauses, read_clauses, read_pattern
from netspec.passes.context import Context
from netspec.passes.line import bind_line, is_setting, not_yet
from netspec.passes.misfit import short
from netspec.passes.settings import bind_training
from netspec.source import Span
from netspec.syntax import tree

EDITION: Final = 1
# What is read and not built: how it is called, and whether layers would stand in its place.
_PLANNED: Final[dict[type[tree.Statement], tuple[str, bool]]] = {
    tree.Block: ("a `block` definition", False),
    tree.Condition: ("`if`", True),
    tree.Loop: ("`for`", True),
    tree.Import: ("`import`", False),
    tree.Expect: ("`expect`", False),
    tree.Let: ("`let`", False),
    tree.Update: ("`update`", False),
}


@dataclass(slots=True)
class Bound:
    """What binding makes of a text: layers without shapes, and the training settings."""

    layers: list[Layer] = field(default_factory=list)
    training: Training | None = None
    train_span: Span | None = None


def bind(context: Context, statements: Sequence[tree.Statement]) -> Bound:
    """Bind the statements of a file; reports what is wrong and leaves it out."""
    return _Bind(context, statements).run()


class Unknown(Operation):
    """Stands for a layer that could not be made; its shape is unknown, which silences what follows."""

    word = "?"
    reads_nothing = True


class _Bind:
    def __init__(self, context: Context, statements: Sequence[tree.Statement]) -> None:
        self.context = context
        self.statements = statements
        self.bound = Bound()
        self.counts: Counter[str] = Counter()
        self.names: dict[str, Span] = {}
        self.reserved = set(_given_names(statements))
        self.own = frozenset(_defined_words(statements))
        self.above: str | None = None
        self.strays: list[tree.Command] = []
        self.after_empty_train = False

    def run(self) -> Bound:
        for index, statement in enumerate(self.statements):
            if self.context.is_enough(statement):
                break
            if self.is_stray(statement):
                continue
            self.report_strays()
            self.after_empty_train = False
            self.statement(statement, first=index == 0)
            if len(self.bound.layers) > self.context.limits.layers:
                limit, span = self.context.limits.layers, self.context.span(statement)
                message = f"the network has more than {limit:,} layers"
                label = Label(span, f"makes {len(self.bound.layers):,}")
                note = "`--limit layers=NUMBER` raises the limit"
                self.context.diagnostics.report("N505", message, label, notes=(note,))
                break
        self.report_strays()
        return self.bound

    def is_stray(self, statement: tree.Statement) -> bool:
        """The statement is a setting outside of `train:`, which is kept to be reported with its neighbours."""
        match statement:
            case tree.Command(head=tree.Name(text=word), body=None) if is_setting(word):
                self.strays.append(statement)
                return True
        return False

    def statement(self, statement: tree.Statement, *, first: bool) -> None:
        match statement:
            case tree.Unread():
                self.fail(statement)
            case tree.Command(head=tree.Name(text="netspec")):
                self.edition(statement, first=first)
            case tree.Command(head=tree.Name(text="train"), body=tuple(body)):
                self.train(statement, body)
            case tree.Command(body=None):
                self.line(statement)
            case tree.Command(head=head, body=tuple(body)) if catalog.find("layer", head.text):
                self.layer_with_body(statement, body)
            case tree.Command(head=head):
                not_yet(self.context, head, f"the block `{short(head.text)}:`")
                self.fail(statement)
            case _:
                what, holds_layers = _PLANNED[type(statement)]
                not_yet(self.context, statement, what)
                if holds_layers:
                    self.fail(statement)

    def edition(self, statement: tree.Command, *, first: bool) -> None:
        match statement.items:
            case (tree.Number(value=1),) if first:
                return
            case (tree.Number(value=1),):
                message = "the edition stands on the first line"
            case _:
                written = short(self.context.text(statement))
                message = (
                    f"this version reads edition {EDITION}, written `netspec {EDITION}`; found `{written}`"
                )
        span = self.context.span(statement)
        fix = Fix((Edit(span, f"netspec {EDITION}"),), f"`netspec {EDITION}`")
        self.context.diagnostics.report("N007", message, span, fixes=(fix,) if first else ())

    def train(self, statement: tree.Command, body: tuple[tree.Statement, ...]) -> None:
        span = self.context.span(statement.head)
        for item in statement.items:
            what = short(self.context.text(item))
            message = f"`train:` takes no arguments, and `{what}` stands there"
            self.context.diagnostics.report("N104", message, self.context.span(item))
        if self.bound.train_span:
            labels = Label(span, "again"), Label(self.bound.train_span, "first")
            start = self.context.source.line_start(span.line)
            header = self.context.source.span(start, statement.body[0].start if statement.body else span.end)
            indent = " " * (header.source.position(header.end)[1] - 1)
            fix = Fix((Edit(header, indent),), f"drop line {span.line}, so that its settings join the others")
            self.context.diagnostics.report("N402", "a second `train:`", *labels, fixes=(fix,))
            return
        self.bound.train_span = span
        self.bound.training = bind_training(self.context, body)
        self.after_empty_train = not body

    def report_strays(self) -> None:
        """Settings outside `train:`, told once for all that stand together."""
        strays, self.strays = self.strays, []
        if not strays or self.after_empty_train:
            return
        source, starts = self.context.source, [each.start for each in strays]
        edits = [Edit(source.span(start, start), "    ") for start in starts]
        edits[0] = Edit(source.span(starts[0], starts[0]), "train:\n    ")
        words = "`train:` before it, and the setting indented below"
        if len(strays) > 1:
            words = f"`train:` before it, and the {len(strays)} settings indented below"
        message = f"`{strays[0].head.text}` is a setting and stands in the block `train:`"
        label = Label(self.context.span(strays[0]), "this is no layer")
        self.context.diagnostics.report("N101", message, label, fixes=(Fix(tuple(edits), words),))

    def layer_with_body(self, statement: tree.Command, body: tuple[tree.Statement, ...]) -> None:
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
        self.line(statement)
        for each in body:
            self.statement(each, first=False)

    def moved(self, statement: tree.Statement, to: tree.Statement) -> Edit:
        """The edit that gives a statement at the start of its line the indentation of another."""
        source = self.context.source
        start = source.line_start(source.position(statement.start)[0])
        return Edit(source.span(start, statement.start), " " * (source.position(to.start)[1] - 1))

    def line(self, statement: tree.Command) -> None:
        """One layer and its followers."""
        clauses = read_clauses(self.context, statement)
        found = bind_line(self.context, statement, clauses.items, self.own)
        if found is None:
            self.fail(statement, clauses.name)
            return
        uses, own_name = found
        self.add(self.context.span(statement), uses, clauses, clauses.name or own_name)

    def fail(self, statement: tree.Statement, name: tree.Name | None = None) -> None:
        """Keep the place of a layer that cannot be made, so that what follows stays silent."""
        span = self.context.span(statement)
        given = name.text if name and self.claim(name) else f"?{len(self.bound.layers)}"
        self.bound.layers.append(Layer(given, Unknown(), origin=Origin(span, span, {})))
        self.above = given

    def claim(self, name: tree.Name) -> bool:
        span = self.context.span(name)
        if name.text in self.names:
            labels = Label(span, "again"), Label(self.names[name.text], "first")
            number = next(
                n for n in range(2, len(self.reserved) + 3) if f"{name.text}{n}" not in self.reserved
            )
            fix = Fix((Edit(span, f"{name.text}{number}"),), f"`as {name.text}{number}`")
            message = f"the name `{short(name.text)}` is given twice"
            self.context.diagnostics.report("N109", message, *labels, fixes=(fix,))
            return False
        self.names[name.text] = span
        return True

    def add(
        self, statement: Span, uses: list[tuple[tree.Name, Use]], clauses: Clauses, name: tree.Name | None
    ) -> None:
        parts: list[tuple[Operation, tree.Name, Use]] = []
        for head, use in uses:
            assert isinstance(use.instance, Operation)
            parts += [(part, head, use) for part in use.instance.parts()]
        inputs = () if parts[0][0].reads_nothing else self.resolve(clauses, parts[0][1])
        if inputs is not None:
            parts, inputs = self.referred(parts, inputs)
        if inputs is None:
            self.bound.layers.append(
                Layer(self.name(parts[-1][0], name), Unknown(), origin=Origin(statement, statement, {}))
            )
            self.above = self.bound.layers[-1].name
            return
        pattern = read_pattern(self.context, clauses.stated) if clauses.stated else None
        for index, (operation, head, use) in enumerate(parts):
            last = index == len(parts) - 1
            origin = self.origin(statement, head, use, clauses, last=last)
            stated: Pattern | None = pattern if last else None
            layer = Layer(
                self.name(operation, name if last else None), operation, inputs, stated=stated, origin=origin
            )
            self.bound.layers.append(layer)
            inputs = (layer.name,)
        self.above = layer.name

    def referred(
        self, parts: list[tuple[Operation, tree.Name, Use]], inputs: tuple[str, ...]
    ) -> tuple[list[tuple[Operation, tree.Name, Use]], tuple[str, ...]]:
        """The first part with the results that its references name among its inputs."""
        operation, head, use = parts[0]
        for argument in type(operation).arguments():
            value = getattr(operation, argument.name)
            if isinstance(argument.kind, References) and value:
                inputs = (*(() if len(value) > 1 else inputs), *value)
                operation = replace(operation, **{argument.name: ()})
            elif isinstance(argument.kind, Reference) and value and not argument.kind.weights:
                inputs = (*inputs, value)
        return [(operation, head, use), *parts[1:]], inputs

    def origin(self, statement: Span, head: tree.Name, use: Use, clauses: Clauses, *, last: bool) -> Origin:
        arguments = dict(use.arguments)
        if clauses.sources:
            arguments["from"] = self.context.span(clauses.sources)
        stated = self.context.span(clauses.stated.size) if clauses.stated and last else None
        return Origin(statement, self.context.span(head), arguments, stated)

    def resolve(self, clauses: Clauses, head: tree.Name) -> tuple[str, ...] | None:
        """The names of the layers that a line reads, None after a report."""
        if clauses.sources is None:
            if self.above is None:
                self.nothing_to_read(head)
                return None
            return (self.above,)
        names = [value for value in clauses.sources.values if isinstance(value, tree.Name)]
        unknown = [name for name in names if name.text not in self.names]
        for name in unknown:
            span = self.context.span(name)
            near = did_you_mean(name.text, self.names)
            fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
            known = (
                ", ".join(f"`{short(name)}`" for name in list(self.names)[:8]) or "none; `as NAME` gives one"
            )
            message = f"no line above is named `{short(name.text)}`"
            self.context.diagnostics.report("N108", message, span, notes=(f"names: {known}",), fixes=fixes)
        return None if unknown or not names else tuple(name.text for name in names)

    def nothing_to_read(self, head: tree.Name) -> None:
        """A layer before the input, or without one."""
        span = self.context.span(head)
        later = next((each for each in self.statements if _is_input(each)), None)
        if later is None:
            note = "the first line says what comes in, such as  input 28x28x1"
            message = f"`{head.text}` has nothing to read: there is no `input`"
            self.context.diagnostics.report("N301", message, span, notes=(note,))
            return
        place = self.context.span(later)
        start = self.context.source.span(span.start, span.start)
        fix = Fix((Edit(place, ""), Edit(start, f"{place.text}; ")), f"`{place.text}` moved before it")
        labels = Label(span, "has nothing to read"), Label(place, "the input stands below")
        message = f"`{head.text}` stands before the input"
        self.context.diagnostics.report("N303", message, *labels, fixes=(fix,))

    def name(self, operation: Operation, given: tree.Name | None) -> str:
        if given and self.claim(given):
            return given.text
        while True:
            self.counts[operation.word] += 1
            name = f"{operation.word}{self.counts[operation.word]}"
            if name not in self.reserved and name not in self.names:
                return name


def _given_names(statements: Sequence[tree.Statement]) -> Iterator[str]:
    """The names after `as`, which no layer gets by itself."""
    for statement in statements:
        for item in statement.items if isinstance(statement, tree.Command) else ():
            match item:
                case tree.Clause(word=tree.Name(text="as"), values=(tree.Name(text=text),)):
                    yield text


def _defined_words(statements: Sequence[tree.Statement]) -> Iterator[str]:
    """The words that a file defines by blocks, networks and imports."""
    for statement in statements:
        match statement:
            case tree.Block(name=tree.Name(text=text)):
                yield text
            case tree.Import(names=names):
                yield from (name.text for name in names)
            case tree.Command(head=tree.Name(text="network"), items=(tree.Name(text=text), *_)):
                yield text


def _is_input(statement: tree.Statement) -> bool:
    found = catalog.find("layer", statement.head.text) if isinstance(statement, tree.Command) else None
    return found is not None and issubclass(found, Operation) and found.reads_nothing
