"""Bind: statements to layers and settings, every word looked up in the catalog, every name resolved.

Composite words are expanded here into their core parts, which keep the place of the word.  Blocks, branches and
several networks will be unfolded by a pass before this one; until then they are reported as not supported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from netspec.diagnostics import Edit, Fix, Label, did_you_mean
from netspec.ir import catalog
from netspec.ir.layer import Layer, Operation, Origin
from netspec.ir.shape import Pattern, Symbol
from netspec.ir.training import Training
from netspec.passes.arguments import Use, bind_arguments
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant, evaluate
from netspec.passes.settings import bind_training
from netspec.source import Span
from netspec.syntax import tree

EDITION = 1
_SECTIONS = ("train", "generate")
_UNSUPPORTED = {
    tree.Block: "a `block` definition",
    tree.Condition: "`if`",
    tree.Loop: "`for`",
    tree.Import: "`import`",
    tree.Expect: "`expect`",
    tree.Let: "`let`",
    tree.Update: "`update`",
}


@dataclass(slots=True)
class Bound:
    """What binding makes of a text: layers without shapes, and the training settings."""

    layers: list[Layer] = field(default_factory=list)
    training: Training | None = None
    train_span: Span | None = None


def bind(context: Context, statements: Sequence[tree.Statement]) -> Bound:
    """Bind the statements of a file; reports what is wrong and leaves it out."""
    return _Bind(context).run(statements)


class _Bind:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.bound = Bound()
        self.counts: Counter[str] = Counter()
        self.names: dict[str, Span] = {}
        self.above: str | None = None

    def run(self, statements: Sequence[tree.Statement]) -> Bound:
        for index, statement in enumerate(statements):
            if len(self.bound.layers) > self.context.limits.layers:
                limit = self.context.limits.layers
                span = self.context.span(statement)
                self.context.diagnostics.report("N505", f"more than {limit:,} layers", span)
                break
            match statement:
                case tree.Command(head=tree.Name(text="netspec")):
                    self.edition(statement, first=index == 0)
                case tree.Command(head=tree.Name(text="train"), body=tuple(body)):
                    self.train(statement, body)
                case tree.Command(body=None):
                    self.statement(statement)
                case tree.Command(head=head):
                    self.unsupported(head, f"the block `{head.text}:`")
                case _:
                    self.unsupported(statement, _UNSUPPORTED[type(statement)])
        return self.bound

    def unsupported(self, node: tree.Node, what: str) -> None:
        self.context.diagnostics.report("N901", f"{what} is not supported yet", self.context.span(node))

    def edition(self, statement: tree.Command, *, first: bool) -> None:
        match statement.items:
            case (tree.Number(value=1),) if first:
                return
        span = self.context.span(statement)
        message = f"the edition is {EDITION}, written `netspec {EDITION}` on the first line"
        fix = Fix((Edit(span, f"netspec {EDITION}"),), f"`netspec {EDITION}`")
        self.context.diagnostics.report("N007", message, span, fixes=(fix,) if first else ())

    def train(self, statement: tree.Command, body: tuple[tree.Statement, ...]) -> None:
        span = self.context.span(statement.head)
        if self.bound.train_span:
            labels = [Label(span, "again"), Label(self.bound.train_span, "first")]
            self.context.diagnostics.report("N402", "a second `train:`", *labels)
            return
        self.bound.train_span = span
        self.bound.training = bind_training(self.context, body)

    def statement(self, statement: tree.Command) -> None:
        """One layer and its followers."""
        items, sources, name, stated = self.clauses(statement)
        head = statement.head
        span = self.context.span(statement)
        uses: list[tuple[tree.Name, Use]] = []
        while True:
            definition = self.definition(head, follower=bool(uses))
            if definition is None:
                self.fail(statement, name)
                return
            if definition.names_itself and items and isinstance(items[0], tree.Name):
                name, items = items[0], items[1:]
            use = bind_arguments(self.context, definition, head, items, self.follows)
            uses.append((head, use))
            if not use.rest:
                break
            head, items = use.rest[0], use.rest[1:]  # type: ignore[assignment]
            if not self.may_follow(head, items):
                self.fail(statement, name)
                return
        if any(use.instance is None for _, use in uses):
            self.fail(statement, name)
            return
        self.add(span, uses, sources, name, stated)

    def clauses(
        self, statement: tree.Command
    ) -> tuple[list[tree.Item], tuple[tree.Name, ...] | None, tree.Name | None, tree.Result | None]:
        """The statement's items without `from`, `as` and `->`, and those three."""
        items: list[tree.Item] = []
        sources: tuple[tree.Name, ...] | None = None
        name: tree.Name | None = None
        stated: tree.Result | None = None
        for item in statement.items:
            match item:
                case tree.Clause(word=tree.Name(text="from"), values=values) if sources is None:
                    sources = tuple(value for value in values if isinstance(value, tree.Name))
                    if len(sources) != len(values):
                        self.context.diagnostics.report(
                            "N110", "`from` takes names of layers", self.context.span(item)
                        )
                case tree.Clause(word=tree.Name(text="as"), values=(tree.Name() as given,)) if name is None:
                    name = given
                case tree.Result() if stated is None:
                    stated = item
                case tree.Result() | tree.Clause(word=tree.Name(text="from" | "as")):
                    text = self.context.text(item)
                    self.context.diagnostics.report(
                        "N110", f"`{text}` cannot stand here", self.context.span(item)
                    )
                case _:
                    items.append(item)
        return items, sources, name, stated

    def definition(self, head: tree.Name, *, follower: bool) -> type[Operation] | None:
        found = catalog.find("layer", head.text)
        if found is not None:
            assert issubclass(found, Operation)
            return found
        span = self.context.span(head)
        if head.text in _SECTIONS:
            fix = Fix((Edit(span, f"{head.text}:"),), f"`{head.text}:` and its settings indented below it")
            self.context.diagnostics.report("N101", f"`{head.text}` opens a block and needs a `:`", span, fixes=(fix,))
        elif catalog.is_planned("layer", head.text):
            self.unsupported(head, f"`{head.text}`")
        else:
            near = did_you_mean(head.text, [*catalog.words("layer"), *_SECTIONS])
            fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
            what = "layer" if not follower else "layer or argument"
            notes = () if near else ("`netspec layers` lists the layers",)
            self.context.diagnostics.report(
                "N101", f"there is no {what} called `{head.text}`", span, fixes=fixes, notes=notes
            )
        return None

    @staticmethod
    def follows(word: str) -> bool:
        """A word that is not an argument starts a follower; a misspelt one is told so."""
        return catalog.find("layer", word) is not None or catalog.is_planned("layer", word)

    def may_follow(self, head: tree.Name, items: Sequence[tree.Item]) -> bool:
        """A follower stands without values: those that it needs want a line of their own."""
        definition = catalog.find("layer", head.text)
        if definition is None:
            return self.definition(head, follower=True) is not None
        values = [item for item in items if isinstance(item, tree.Number | tree.Size | tree.Symbol | tree.Group)]
        stray = values and values[0].start == items[0].start
        if not stray and not any(each.required for each in definition.arguments()):
            return True
        span = self.context.span(head)
        fix = Fix((Edit(self.context.source.span(head.start, head.start), "; "),), f"`; {head.text} ...`")
        message = f"`{head.text}` with a value is a layer of its own"
        self.context.diagnostics.report(
            "N107", message, Label(span, "after a `;` or on the next line"), fixes=(fix,)
        )
        return False

    def fail(self, statement: tree.Command, name: tree.Name | None) -> None:
        """Keep the place of a layer that cannot be made, so that what follows stays silent."""
        span = self.context.span(statement)
        origin = Origin(span, self.context.span(statement.head), {})
        given = name.text if name and self.claim(name) else f"?{len(self.bound.layers)}"
        self.bound.layers.append(Layer(given, Unknown(), origin=origin))
        self.above = given

    def claim(self, name: tree.Name) -> bool:
        span = self.context.span(name)
        if name.text in self.names:
            labels = [Label(span, "again"), Label(self.names[name.text], "first")]
            self.context.diagnostics.report("N109", f"the name `{name.text}` is taken", *labels)
            return False
        self.names[name.text] = span
        return True

    def add(
        self,
        statement: Span,
        uses: list[tuple[tree.Name, Use]],
        sources: tuple[tree.Name, ...] | None,
        name: tree.Name | None,
        stated: tree.Result | None,
    ) -> None:
        inputs = self.resolve(sources)
        parts = [
            (part, head, use)
            for head, use in uses
            for part in use.instance.parts()  # type: ignore[union-attr]
        ]
        pattern = self.pattern(stated) if stated else None
        for index, (operation, head, use) in enumerate(parts):
            last = index == len(parts) - 1
            origin = Origin(
                statement,
                self.context.span(head),
                use.arguments,
                self.context.span(stated.size) if stated and last else None,
            )
            reads_nothing = operation.reads_nothing
            layer = Layer(
                self.name(operation, name if last else None),
                operation,
                () if reads_nothing else inputs,
                stated=pattern if last else None,
                origin=origin,
            )
            if not reads_nothing and not inputs:
                self.context.diagnostics.report(
                    "N303" if any(not each.inputs for each in self.bound.layers) else "N301",
                    f"`{head.text}` has nothing to read: the network starts with an `input`",
                    self.context.span(head),
                )
                layer = Layer(layer.name, Unknown(), origin=origin)
            self.bound.layers.append(layer)
            inputs = (layer.name,)
        self.above = inputs[0]

    def resolve(self, sources: tuple[tree.Name, ...] | None) -> tuple[str, ...]:
        if sources is None:
            return (self.above,) if self.above is not None else ()
        found = []
        for source in sources:
            if source.text in self.names:
                found.append(source.text)
                continue
            span = self.context.span(source)
            fixes = tuple(Fix((Edit(span, near),), f"`{near}`") for near in did_you_mean(source.text, self.names))
            known = ", ".join(f"`{name}`" for name in list(self.names)[:8]) or "none; `as NAME` gives one"
            self.context.diagnostics.report(
                "N108", f"no layer above is named `{source.text}`", span, notes=(f"names: {known}",), fixes=fixes
            )
        return tuple(found)

    def name(self, operation: Operation, given: tree.Name | None) -> str:
        self.counts[operation.word] += 1
        if given and self.claim(given):
            return given.text
        while (name := f"{operation.word}{self.counts[operation.word]}") in self.names:
            self.counts[operation.word] += 1
        return name

    def pattern(self, stated: tree.Result) -> Pattern | None:
        try:
            match stated.size:
                case tree.Number(value=int(value)):
                    return Pattern((value,))
                case tree.Symbol(text=text):
                    return Pattern((Symbol(text),))
                case tree.Name(text="_"):
                    return Pattern((None,))
                case tree.Group() as group:
                    return Pattern((int(evaluate(group)),))
                case tree.Size(dimensions=dimensions):
                    return Pattern(
                        tuple(
                            Symbol(dim)
                            if isinstance(dim, str)
                            else int(evaluate(dim))
                            if isinstance(dim, tree.Group)
                            else dim
                            for dim in dimensions
                        )
                    )
        except NotConstant as problem:
            self.context.diagnostics.report(problem.code, str(problem), self.context.span(problem.node))
            return None
        self.context.diagnostics.report(
            "N105", "after `->` stands a shape such as 28x28x4", self.context.span(stated)
        )
        return None


class Unknown(Operation):
    """Stands for a layer that could not be made; its shape is unknown, which silences what follows."""

    word = "?"
    reads_nothing = True
