"""Networks: those of a file that has no layers of its own, each laid out once, and what is said of them.

A network reads what its `input` line says, or else what it is first applied to.  What is trained by an `update`, and
what `make` shows, are expressions of them (`passes.expressions`); the networks to be run are made of both in
`passes.updates`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from netspec.diagnostics import Label, short
from netspec.frozen import record
from netspec.ir.generation import Generation
from netspec.ir.layer import Frame, Layer, Operation, Origin, Param, Problem
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Reader, Training
from netspec.ir.updates import Network, input_name, numbered
from netspec.layers.input import Input
from netspec.passes.arguments import bind_arguments
from netspec.passes.clauses import own_name
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant
from netspec.passes.expressions import Expressions
from netspec.passes.place import Defined, Place, Room
from netspec.passes.scope import Replacement, Scope, Unknown
from netspec.passes.telling import report_problem
from netspec.passes.unfold import Unfold, heads
from netspec.source import Source, Span
from netspec.syntax import tree
from netspec.syntax.parser import parse

if TYPE_CHECKING:
    from netspec.passes.bind import Bound


@record
class Lines:
    """What `train:` and `generate:` say of networks."""

    steps: Sequence[tree.Let | tree.Update]
    makes: Sequence[tree.Command]
    first: tree.Name | None
    """The name after `data ... as`."""
    has_data: bool
    unread: Sequence[str]
    """The lines of `train:` that could not be read."""

    @classmethod
    def of(cls, context: Context, statements: Sequence[tree.Statement]) -> Lines:
        """Those of a file."""
        train, generate = (_section(statements, word) for word in ("train", "generate"))
        makes = [each for each in generate if isinstance(each, tree.Command) and each.head.text == "make"]
        names = [name for each in train if _is(each, "data") for name in _given(each)]
        steps = [each for each in train if isinstance(each, tree.Let | tree.Update)]
        unread = [context.text(each) for each in train if isinstance(each, tree.Unread)]
        return cls(steps, makes, (*names, None)[0], any(_is(each, "data") for each in train), unread)

    @property
    def are_without_update(self) -> bool:
        """There is no `update`, nor may an unread line be one."""
        return not self.unread and not any(isinstance(each, tree.Update) for each in self.steps)

    @property
    def hide_names(self) -> bool:
        """An unread line may say what names stand for."""
        return any(re.search(r"\b(data|let)\b", text) for text in self.unread)


def _section(statements: Sequence[tree.Statement], word: str) -> tuple[tree.Statement, ...]:
    return next((each.body or () for each in statements if _is(each, word)), ())


def _is(statement: tree.Statement, word: str) -> bool:
    return isinstance(statement, tree.Command) and statement.head.text == word


def _given(statement: tree.Statement) -> Iterator[tree.Name]:
    """The name that a `data` line gives its first field."""
    for item in statement.items if isinstance(statement, tree.Command) else ():
        match item:
            case tree.Clause(word=tree.Name(text="as"), values=(tree.Name() as name,)):
                yield name


def bind_networks(
    context: Context, unfold: Unfold, bound: Bound, statements: Sequence[tree.Statement]
) -> None:
    """Lay out the networks of a file that has no layers of its own, and bind what is said of them."""
    lines, networks = Lines.of(context, statements), Networks(context, unfold, bound.words)
    shows = _only(context, lines.makes)
    if bound.graph.names:
        _refuse(context, lines)
        bound.make = shows
        return
    if lines.first and lines.are_without_update:
        _report_first(context, lines.first)
    for word in networks.declared():
        networks.lay_out(word)
    training = bound.training or Training({})
    reader = training.get("data")
    known = reader if isinstance(reader, Reader) else None
    is_unread = lines.hide_names or (lines.has_data and known is None)
    expressions = Expressions(context, networks, known, lines.first, bound.values, is_unread)
    expressions.lines(lines.steps)
    make = expressions.make(shows) if shows else None
    expressions.check_read(lines.steps)
    updates, make = numbered(expressions.updates, make)
    bound.networks = networks.all()
    if updates:
        bound.training = replace(training, updates=updates)
    if make is not None:
        bound.generation = replace(bound.generation or Generation({}), make=make)


def _only(context: Context, makes: Sequence[tree.Command]) -> tree.Command | None:
    """The line `make`, if there is one; reports a second one."""
    if len(makes) > 1:
        labels = Label(context.span(makes[1]), "again"), Label(context.span(makes[0]), "first")
        context.diagnostics.report("N402", "`make` is said twice", *labels)
    return makes[0] if makes else None


def _refuse(context: Context, lines: Lines) -> None:
    """Report what is said of networks in a file with layers of its own; `make` is left to `passes.making`."""
    for line in lines.steps:
        word = "let" if isinstance(line, tree.Let) else "update"
        message = f"`{word}` is about the networks of a file, and this one has layers that belong to none"
        note = "`network NAME:` before the layers, and these indented below it, makes a network of them"
        context.diagnostics.report("N411", message, context.span(line), notes=(note,))
        return
    if lines.first and lines.are_without_update:
        _report_first(context, lines.first)


def _report_first(context: Context, name: tree.Name) -> None:
    """Report a name for the first field of the data that no update reads."""
    message = f"`as {short(name.text)}` names the data for an `update`, and there is none"
    context.diagnostics.report("N411", message, context.span(name))


class Networks:
    """The networks of a file in its graph, each laid out once."""

    def __init__(self, context: Context, unfold: Unfold, words: Mapping[str, Defined]) -> None:
        self.context, self.unfold, self.graph = context, unfold, unfold.graph
        self.words = {word: each for word, each in words.items() if each.is_network}
        self.found: dict[str, Network] = {}
        self.broken = {word for word, each in words.items() if each.is_missing}
        """Those of which something was reported."""
        self.sizes: dict[str, int] = {}
        """The number of layers of each."""
        self.trained: set[str] = set()
        """Those with parameters that are not frozen."""

    def all(self) -> tuple[Network, ...]:
        """Those that were laid out, in the order of the file."""
        return tuple(self.found[word] for word in self.words if word in self.found)

    def declared(self) -> list[str]:
        """The networks that say what they read and are no part of another one."""
        parts = {
            head.text for each in self.words.values() for head in heads(each.body) if head.text != each.word
        }
        return [word for word, each in self.words.items() if word not in parts and each.inputs]

    def reads(self, word: str) -> tuple[Shape, ...]:
        """What a network reads, nothing where neither its lines nor a use has said so."""
        if word in self.found:
            return tuple(self.graph.results[name] for name in self.found[word].inputs)
        return tuple(shape for shape, _ in self.stated(self.words[word]))

    def place(self, word: str, name: str) -> Span:
        """Where it is said what a network reads by an input, else where the network begins."""
        origin = self.graph.done[name].origin
        return origin.statement if origin else self.words[word].header

    def result(self, word: str) -> Layer:
        """The layer with the result of a network that was laid out."""
        return self.graph.done[self.found[word].result]

    def stated(self, defined: Defined) -> list[tuple[Shape, Span]]:
        """What the `input` lines of a network say, and where they stand; those that say nothing are left out."""
        found = [self.said(defined, line) for line in defined.inputs]
        return [each for each in found if each is not None]

    def said(self, defined: Defined, line: tree.Command) -> tuple[Shape, Span] | None:
        """What one of them says; None where that is not known, or after a report."""
        with self.unfold.blocks.within(defined, None):
            try:
                items = Replacement(Scope({**defined.values})).items(line.items)
            except NotConstant as problem:
                self.context.report_value(problem)
                return None
            except Unknown:
                return None
            use = bind_arguments(self.context, Input, line.head, own_name(items)[1])
            span, word = self.context.span(line), self.context.span(line.head)
            if not isinstance(use.instance, Operation):
                return None
            try:
                return use.instance.result(()), span
            except Problem as problem:
                origin = Origin(span, word, use.arguments)
                layer = Layer(f"{defined.word}_input", use.instance, origin=origin)
                report_problem(self.context, [layer], problem)
        return None

    def lay_out(self, word: str, given: Shape | None = None, use: Span | None = None) -> Network | None:
        """Add the layers of a network, which reads what it says, or else `given`; None after a report."""
        if word in self.found or word in self.broken:
            return self.found.get(word)
        defined, before, begin = self.words[word], len(self.context.diagnostics), len(self.graph.done)
        stated = self.stated(defined)
        reads = stated or ([(given, defined.header)] if given else [])
        if len(self.context.diagnostics) > before or not reads or len(stated) < len(defined.inputs):
            self.broken.add(word)
            return None
        start, inputs = self.begin(defined, reads)
        label = Label(use, f"{word}, in = {given}") if use and not stated else None
        with self.unfold.blocks.within(defined, label):
            self.unfold.body(defined.body, start)
        layers, result = list(self.graph.done.values())[begin:], start.above or ""
        network = Network(word, inputs, result)
        failed = len(self.context.diagnostics) > before or result not in self.graph.done
        if failed or not self.is_whole(layers, network):
            self.broken.add(word)
            return None
        self.found[word], self.sizes[word] = network, len(layers)
        made = (param for layer in layers if not layer.frozen for param in self.parameters(layer))
        if any(param.trainable for param in made):
            self.trained.add(word)
        return network

    def begin(self, defined: Defined, reads: Sequence[tuple[Shape, Span]]) -> tuple[Place, tuple[str, ...]]:
        """The place below the inputs of a network, which are added, and their names; a span is where a shape stands."""
        text, shapes = f"network {defined.word}", _listed(reads)
        frame = Frame("network", text, defined.header, reads=shapes, is_use=False)
        room = self.unfold.blocks.room(defined, Place(Room(defined.words), Scope()))
        place, names = Place(room, Scope({**defined.values}, reads[0][0]), frame=frame), list[str]()
        named = [own_name(line.items)[0] for line in defined.inputs] or [None]
        for number, ((shape, says), given) in enumerate(zip(reads, named, strict=True), 1):
            name = f"{room.prefix}{given.text if given else input_name(number)}"
            if given:
                with self.unfold.blocks.within(defined, None):
                    self.unfold.lines.alias(place, given, name)
            if name not in names:
                operation = Input(shape.dims, shape.of)
                self.graph.add(Layer(name, operation, origin=Origin(says, says, {}, frame=frame)))
            names.append(name)
        room.inputs, place.above = tuple(names), names[0]
        return place, room.inputs

    def parameters(self, layer: Layer) -> tuple[Param, ...]:
        return layer.operation.parameters(self.inputs(layer)) if layer.inputs else ()

    def is_whole(self, layers: Sequence[Layer], network: Network) -> bool:
        """A network has weights of its own alone; reports those that it shares with another one."""
        before, own = len(self.context.diagnostics), {layer.name for layer in layers}
        for layer in layers:
            lenders = [lender for lender, _ in layer.operation.borrows(self.inputs(layer)).values()]
            for owner in [layer.shares, *lenders]:
                if owner and owner not in own:
                    message = f"`{network.name}` uses the weights of `{owner}`, which another network has"
                    label = Label(self.within(layer, network), "is not its own")
                    self.context.diagnostics.report("N411", message, label)
        return len(self.context.diagnostics) == before

    def within(self, layer: Layer, network: Network) -> Span:
        """The line of a network that a layer comes from, through whatever is used there."""
        frames = [*layer.origin.frame.chain()] if layer.origin and layer.origin.frame else []
        if len(frames) > 1:
            return frames[-2].statement
        return layer.origin.statement if layer.origin else self.words[network.name].header

    def inputs(self, layer: Layer) -> list[Shape]:
        return [self.graph.results[name] for name in layer.inputs]

    # --- for expressions

    def size(self, word: str) -> int:
        """See `Applied.size`."""
        return self.sizes[word]

    def trains(self, word: str) -> bool:
        """The network has something to train."""
        return word in self.trained

    def apply(self, use: tree.Call, given: Sequence[Shape]) -> Shape | None:
        """See `Applied.apply`."""
        word, span = use.function.text, self.context.span(use)
        network = self.lay_out(word, given[0], span)
        if network is None:
            return None
        for shape, read, name, argument in zip(
            given, self.reads(word), network.inputs, use.arguments, strict=True
        ):
            if shape != read:
                labels = (
                    Label(self.context.span(argument), f"gives {shape}"),
                    Label(self.place(word, name), f"reads {read}"),
                )
                self.context.diagnostics.report("N204", _differs(word, read, shape), *labels)
                return None
        return self.result(word).shape


def _differs(word: str, reads: Shape, given: Shape) -> str:
    return f"the network `{word}` reads {reads}, and here it is given {given}"


def _listed(reads: Sequence[tuple[Shape, Span]]) -> str:
    return ", ".join(str(shape) for shape, _ in reads)


class Laid:
    """The networks of a document, which are there."""

    def __init__(self, context: Context, net: Net) -> None:
        self.context, self.net = context, net
        self.words = {each.name: each for each in net.networks}
        self.broken: frozenset[str] = frozenset()

    def reads(self, word: str) -> tuple[Shape, ...]:
        """See `Applied.reads`."""
        return tuple(self.net.by_name[name].shape for name in self.words[word].inputs)

    def result(self, word: str) -> Layer:
        """See `Applied.result`."""
        return self.net.by_name[self.words[word].result]

    def trains(self, word: str) -> bool:
        """See `Applied.trains`."""
        own = (self.net.parameters_of(layer) for layer in self.net.layers_of(word))
        return any(param.trainable for params in own for param in params)

    def size(self, word: str) -> int:
        """See `Applied.size`."""
        return len(self.net.layers_of(word))

    def apply(self, use: tree.Call, given: Sequence[Shape]) -> Shape | None:
        """See `Applied.apply`."""
        word = use.function.text
        for shape, read, argument in zip(given, self.reads(word), use.arguments, strict=True):
            if shape != read:
                label = Label(self.context.span(argument), f"gives {shape}")
                self.context.diagnostics.report("N204", _differs(word, read, shape), label)
                return None
        return self.result(word).shape


def with_updates(context: Context, net: Net, lines: Sequence[str], make: str | None) -> Net:
    """The network of a document with what it says of its networks, bound; reports what does not hold."""
    for each in net.networks:
        own = {layer.name for layer in net.layers_of(each.name)}
        others = {name for other in net.networks if other != each for name in (*other.inputs, other.result)}
        lent = [
            weight.name.partition(".")[0]
            for name in own
            for weight in net.weights_of(net.by_name[name]).values()
        ]
        if (
            any(net.by_name[name].inputs for name in each.inputs)
            or each.result not in own
            or own & others
            or not own.issuperset(lent)
        ):
            message = f"`{each.name}` is no network by itself, from its inputs to its result"
            context.diagnostics.report("N411", message)
    texts = [*lines, *([f"make {make}"] if make else [])]
    if context.diagnostics or not texts:
        return net
    context.source = Source("\n".join(texts), "<json>")
    statements = parse(context.source, context.diagnostics, context.limits).statements
    training = net.training or Training({})
    reader = training.get("data")
    expressions = Expressions(context, Laid(context, net), reader if isinstance(reader, Reader) else None)
    makes = [each for each in statements if isinstance(each, tree.Command) and _is(each, "make")]
    steps = [each for each in statements if isinstance(each, tree.Let | tree.Update)]
    if len(makes) + len(steps) < sum(not isinstance(each, tree.Unread) for each in statements):
        message = "the updates of a document are lines `let` and `update`"
        context.diagnostics.report("N105", message, context.source.line_span(1))
    expressions.lines(steps)
    shows = _only(context, makes)
    shown = expressions.make(shows) if shows else None
    expressions.check_read(steps)
    updates, shown = numbered(expressions.updates, shown)
    if updates:
        net = replace(net, training=replace(training, updates=updates))
    if shown is not None:
        net = replace(net, generation=replace(net.generation or Generation({}), make=shown))
    return net
