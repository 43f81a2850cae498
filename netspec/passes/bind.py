"""Bind: the statements of a file, from top to bottom, to a graph of layers and the training settings.

What only the top level may hold is dealt with here: the edition, parameters, definitions, `output`, `expect` and
`train:`.  Everything else is layers and their structure (`passes.unfold`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, short
from netspec.frozen import record
from netspec.ir import catalog
from netspec.ir.generation import Generation
from netspec.ir.layer import Layer, Operation
from netspec.ir.training import Training
from netspec.ir.updates import Network
from netspec.passes.context import Context
from netspec.passes.generation import bind_generation
from netspec.passes.infer import Enough, Graph
from netspec.passes.library import Library
from netspec.passes.line import is_setting
from netspec.passes.parameters import parameters
from netspec.passes.place import Defined, Place, Room
from netspec.passes.scope import Scope
from netspec.passes.settings import bind_training
from netspec.passes.unfold import Unfold
from netspec.source import Span
from netspec.syntax import tree

EDITION: Final = 1
_SPECIAL: Final = frozenset("netspec train generate output param network".split())


@record
class Bound:
    """What binding makes of a text: layers with shapes, budgets, named outputs, and the training settings."""

    graph: Graph
    result: str | None = None
    """The result of the last line."""
    outputs: dict[str, Span] = field(default_factory=dict)
    """The results that `output` lines name."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Results that have names of the user's, and those."""
    words: Mapping[str, Defined] = field(default_factory=dict)
    """The blocks and networks that the file defines or imports."""
    budgets: list[tree.Expect] = field(default_factory=list)
    values: Mapping[str, tree.Value] = field(default_factory=dict)
    """The parameters of the file."""
    training: Training | None = None
    train_span: Span | None = None
    generation: Generation | None = None
    generate_span: Span | None = None
    networks: tuple[Network, ...] = ()
    """The networks of a file that has no layers of its own."""
    make: tree.Command | None = None
    """The line `make` of a file that has."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that could be made."""
        return self.graph.layers


def bind(context: Context, statements: Sequence[tree.Statement]) -> Bound:
    """Bind the statements of a file; reports what is wrong and leaves it out."""
    return _Bind(context, statements).run()


class _Bind:
    def __init__(self, context: Context, statements: Sequence[tree.Statement]) -> None:
        self.context = context
        self.statements = statements
        context.later_input = next((each for each in _all(statements) if _is_input(each)), None)
        reserved = frozenset(_given_names(statements))
        self.bound = Bound(Graph(context, reserved))
        self.bound.values = parameters(context, statements)
        words = Library(context).defined(statements, self.bound.values)
        self.bound.words = words
        self.unfold = Unfold(context, self.bound.graph)
        self.place = Place(Room(words, reserved=reserved), Scope(dict(self.bound.values)))
        self.strays: list[tree.Command] = []
        self.after_empty_train = False

    def run(self) -> Bound:
        with suppress(Enough):
            self.top()
            self.networks()
        self.report_strays()
        self.unfold.unused(self.bound.words)
        self.bound.result = self.place.above
        self.bound.given = {result: name for name, result in self.place.room.results.items()}
        return self.bound

    def top(self) -> None:
        for index, statement in enumerate(self.statements):
            if self.context.is_enough(statement):
                break
            if self.is_stray(statement):
                continue
            self.report_strays()
            self.after_empty_train = False
            if not self.special(statement, first=index == 0):
                self.layers(index)

    def networks(self) -> None:
        """The networks of a file without layers of its own, and what is said of any; most files say nothing."""
        if not self.bound.graph.names or any(map(_is_of_networks, self.statements)):
            from netspec.passes.networks import bind_networks

            bind_networks(self.context, self.unfold, self.bound, self.statements)

    def layers(self, index: int) -> None:
        """A statement that makes layers."""
        statement = self.statements[index]
        if isinstance(statement, tree.Command) and statement.body is None:
            self.unfold.statement(statement, self.place)
        elif isinstance(statement, tree.Condition) or _is_else(statement):
            if not (_is_else(statement) and index and isinstance(self.statements[index - 1], tree.Condition)):
                self.unfold.body(self.statements[index : index + 2][: 1 + self.has_else(index)], self.place)
        else:
            self.unfold.body((statement,), self.place)
        if self.place.scope.reads is None and self.bound.graph.results:
            self.place.scope.reads = next(iter(self.bound.graph.results.values()))

    def has_else(self, index: int) -> bool:
        return any(_is_else(each) for each in self.statements[index + 1 : index + 2])

    def is_stray(self, statement: tree.Statement) -> bool:
        """The statement is a setting outside of `train:`, which is kept to be reported with its neighbours."""
        match statement:
            case tree.Command(head=tree.Name(text=word), body=None) if (
                word not in self.place.room.words and is_setting(word)
            ):
                self.strays.append(statement)
                return True
        return False

    def special(self, statement: tree.Statement, *, first: bool) -> bool:
        """Deal with a statement that only the top level may hold; False where it is none."""
        if isinstance(statement, tree.Command) and statement.head.text not in _SPECIAL:
            return False
        match statement:
            case tree.Command(head=tree.Name(text="netspec")):
                self.edition(statement, first=first)
            case tree.Command(head=tree.Name(text="train"), body=tuple(body)):
                self.train(statement, body)
            case tree.Command(head=tree.Name(text="generate"), body=tuple(body)):
                self.generate(statement, body)
            case tree.Command(head=tree.Name(text="output"), body=None):
                self.output(statement)
            case tree.Command(head=tree.Name(text="param")):
                pass  # read before
            case tree.Command(head=tree.Name(text="network"), body=tuple()) | tree.Block() | tree.Import():
                self.definition(statement)
            case tree.Expect():
                self.bound.budgets.append(statement)
            case tree.Let() | tree.Update():
                word = "let" if isinstance(statement, tree.Let) else "update"
                message = f"`{word}` stands in the block `train:`"
                self.context.diagnostics.report("N310", message, self.context.span(statement))
            case _:
                return False
        return True

    def definition(self, statement: tree.Statement) -> None:
        """A definition was entered before; what cannot be one is reported."""
        match statement:
            case tree.Command(head=head, items=(tree.Name(), *rest)) if rest:
                message = f"a network has a name and no values: `{short(self.context.text(statement))}`"
                self.context.diagnostics.report("N104", message, self.context.span(rest[0]))
            case tree.Command(head=head, items=items) if not items or not isinstance(items[0], tree.Name):
                message = "a network has a name, as in `network tower:`"
                self.context.diagnostics.report("N103", message, self.context.span(head))

    def output(self, statement: tree.Command) -> None:
        """`output NAME ...`: results that are outputs beside the last line's."""
        for item in statement.items:
            if not isinstance(item, tree.Name):
                message = f"after `output` stand names of layers; found {short(self.context.text(item))}"
                self.context.diagnostics.report("N105", message, self.context.span(item))
                continue
            result = self.unfold.lines.resolve(self.place, item)
            if result is not None and "." in result:
                message = f"`{item.text}` is a state, and the outputs are results of layers"
                note = f"`identity from {item.text} as NAME` makes it one"
                self.context.diagnostics.report("N105", message, self.context.span(item), notes=(note,))
            elif result is not None:
                self.bound.outputs[result] = self.context.span(item)
        if not statement.items:
            message = "`output` needs the name of a layer; `as NAME` gives one"
            self.context.diagnostics.report("N103", message, self.context.span(statement))

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
        if self.section(statement, self.bound.train_span, "settings"):
            self.bound.train_span = self.context.span(statement.head)
            self.bound.training = bind_training(self.context, body)
            self.after_empty_train = not body

    def generate(self, statement: tree.Command, body: tuple[tree.Statement, ...]) -> None:
        if self.section(statement, self.bound.generate_span, "lines"):
            self.bound.generate_span = self.context.span(statement.head)
            self.bound.generation = bind_generation(self.context, body)

    def section(self, statement: tree.Command, first: Span | None, holds: str) -> bool:
        """Whether a block of the file is the first of its kind; reports what its header says too much."""
        word, span = statement.head.text, self.context.span(statement.head)
        for item in statement.items:
            what = short(self.context.text(item))
            message = f"`{word}:` takes no arguments, and `{what}` stands there"
            self.context.diagnostics.report("N104", message, self.context.span(item))
        if first is None:
            return True
        labels = Label(span, "again"), Label(first, "first")
        start = self.context.source.line_start(span.line)
        body = statement.body or ()
        header = self.context.source.span(start, body[0].start if body else span.end)
        indent = " " * (header.source.position(header.end)[1] - 1)
        fix = Fix((Edit(header, indent),), f"drop line {span.line}, so that its {holds} join the others")
        self.context.diagnostics.report("N402", f"a second `{word}:`", *labels, fixes=(fix,))
        return False

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


def _all(statements: Sequence[tree.Statement]) -> Iterator[tree.Statement]:
    """The statements of the top level, those inside repetitions, conditions and joins included."""
    for statement in statements:
        yield statement
        if statement.body and not isinstance(statement, tree.Block) and not _is_network(statement):
            yield from _all(statement.body)


def _is_network(statement: tree.Statement) -> bool:
    return isinstance(statement, tree.Command) and statement.head.text in ("network", "train", "generate")


def _is_of_networks(statement: tree.Statement) -> bool:
    """A block of settings with a line about networks."""
    return _is_network(statement) and any(
        isinstance(line, tree.Let | tree.Update) or line.head.text == "make"
        for line in statement.body or ()
        if isinstance(line, tree.Let | tree.Update | tree.Command)
    )


def _given_names(statements: Sequence[tree.Statement]) -> Iterator[str]:
    """The names after `as`, which no layer gets by itself."""
    for statement in _all(statements):
        for item in statement.items if isinstance(statement, tree.Command) else ():
            if item.__class__ is not tree.Clause:
                continue
            match item:
                case tree.Clause(word=tree.Name(text="as"), values=(tree.Name(text=text),)):
                    yield text


def _is_else(statement: tree.Statement) -> bool:
    return isinstance(statement, tree.Command) and statement.head.text == "else"


def _is_input(statement: tree.Statement) -> bool:
    found = catalog.find("layer", statement.head.text) if isinstance(statement, tree.Command) else None
    return found is not None and issubclass(found, Operation) and found.reads_nothing
