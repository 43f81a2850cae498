"""Expressions of networks: the values and losses that `let`, `update` and `make` say, bound and checked.

Knows networks by what they read and give (`Applied`), so that a text and a document are read alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from netspec.diagnostics import Edit, Fix, Label, short
from netspec.ir import catalog
from netspec.ir.layer import Layer
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Expression
from netspec.ir.training import Optimizer, Reader
from netspec.ir.updates import (
    NOISE,
    Field,
    Noise,
    Stop,
    Term,
    Update,
    Use,
    Value,
    inside,
    noise_word,
    values_of,
)
from netspec.passes.arguments import bind_arguments
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant
from netspec.passes.scope import Replacement, Scope, Unknown, constant
from netspec.passes.strange import (
    EVERY,
    STOP,
    every_apart,
    no_field,
    no_network,
    no_optimizer,
    no_value,
    shapeless,
)
from netspec.passes.terms import Terms
from netspec.syntax import tree

NAMES: Final = "xyzuvw"
"""What the values that a network reads are called where it is told how it is applied."""


class Applied(Protocol):
    """The networks of a file, as expressions see them."""

    @property
    def words(self) -> Mapping[str, Any]:
        """The networks by name."""

    @property
    def broken(self) -> Collection[str]:
        """The networks that cannot be made, which has been reported."""

    def reads(self, word: str) -> tuple[Shape, ...]:
        """What a network reads, nothing where nothing has said so yet."""

    def result(self, word: str) -> Layer:
        """The layer with the result of a network that was applied."""

    def apply(self, use: tree.Call, given: Sequence[Shape]) -> Shape | None:
        """The shape that a network makes of those of the arguments; None after a report."""

    def trains(self, word: str) -> bool:
        """The network has something to train."""

    def size(self, word: str) -> int:
        """The number of layers of a network that was applied."""


class Found(NamedTuple):
    """A value with its shape."""

    value: Value
    shape: Shape


class Expressions:
    """Binds the lines of a file one after the other; `updates` are those that could be made."""

    def __init__(
        self,
        context: Context,
        networks: Applied,
        reader: Reader | None,
        first: tree.Name | None = None,
        values: Mapping[str, tree.Value] | None = None,
        is_unread: bool = False,
    ) -> None:
        self.context, self.networks, self.reader = context, networks, reader
        self.is_unread = is_unread
        """Something was reported of the data, or of a line that may give a name: any name may stand for a value."""
        self.scope = Scope(dict(values or {}))
        self.fields = _fields(reader, first.text if first else "")
        """The fields of the data by their names here."""
        self.shapes: dict[Field, Shape] = {}
        """The shapes of the fields that are read."""
        self.lets: dict[str, tuple[tree.Let, Found | None]] = {}
        self.written: dict[str, tree.Let] = {}
        """The lines `let` by the name that they give, also those that stand further down."""
        self.reading: tree.Let | tree.Update | None = None
        """The line that is read."""
        self.places = 0
        self.updates: list[Update] = []
        self.terms = Terms(self)

    def report(self, code: str, message: str, node: tree.Node, label: str = "", **details: object) -> None:
        """Report at a node."""
        self.context.diagnostics.report(code, message, Label(self.context.span(node), label), **details)

    # --- lines

    def lines(self, lines: Sequence[tree.Let | tree.Update]) -> None:
        """Bind `let NAME = EXPR` and `update NAME: EXPR ...`, one line after the other."""
        for line in reversed(lines):
            if isinstance(line, tree.Let):
                self.written[line.name.text] = line
        for line in lines:
            self.reading = line
            if isinstance(line, tree.Let):
                self.let(line)
            else:
                self.update(line)
        self.reading = None

    def let(self, line: tree.Let) -> None:
        name = line.name.text
        if name in self.lets or name in self.fields or name in self.networks.words:
            labels = [Label(self.context.span(line.name), "again" * (name in self.lets))]
            if name in self.lets:
                labels.append(Label(self.context.span(self.lets[name][0].name), "first"))
            what = "a network" if name in self.networks.words else "a field of the data"
            known = "given twice" if name in self.lets else f"that of {what}"
            self.context.diagnostics.report("N109", f"the name `{short(name)}` is {known}", *labels)
            return
        found = self.value(line.value)
        most = self.context.limits.nesting
        if found and sum(1 for _ in inside(found.value)) > most:
            message = f"a value is made of more than {most} others, which are made of one another"
            self.report("N503", message, line.name, "one too many")
            found = None
        self.lets[name] = line, found

    def update(self, line: tree.Update) -> None:
        word = line.network.text
        if word not in self.networks.words:
            no_network(self, line.network)
            return
        terms = self.terms.of(line.loss, word)
        how = self.how(line.optimizer)
        if terms is None or how is None or word in self.networks.broken:
            return
        labels = [Label(self.context.span(line.network), "again")]
        for other in self.updates:
            if other.network == word and other.span:
                labels.append(Label(other.span, "first"))
                message = f"`{word}` has two updates; what it is to make small is the sum of its losses"
                self.context.diagnostics.report("N402", message, *labels)
                return
        if not self.networks.trains(word):
            message = f"`{word}` has no parameters that could be trained"
            self.report("N411", message, line.network)
            return
        if not self.is_small(terms, line):
            return
        optimizer, every = how
        self.updates.append(Update(word, terms, optimizer, every, self.context.span(line)))

    def is_small(self, terms: Sequence[Term], line: tree.Update) -> bool:
        """The network of an update has no more layers than a network may have; reports one that has."""
        values = [each for term in terms for each in (term.of, term.target)]
        made = {each for value in values for each in _parts(value)}
        layers = sum(self.networks.size(each.network) for each in made if isinstance(each, Use))
        if layers > self.context.limits.layers:
            self.context.report_limit(layers, self.context.span(line))
        return layers <= self.context.limits.layers

    def make(self, line: tree.Command) -> Value | None:
        """What `make` shows: the value of its line."""
        match line.items:
            case (tree.Call() | tree.Name() as value,):
                found = self.value(value)
                if found and not isinstance(found.value, Use):
                    self.report("N411", "`make` applies a network, as in `make generator(normal 100)`", value)
                    return None
                return found.value if found else None
        self.report("N411", "`make` takes one expression, as in `make generator(normal 100)`", line)
        return None

    def check_read(self, lines: Sequence[tree.Let | tree.Update]) -> None:
        """Some update reads the examples of the data, which are what an epoch is of; reports that none does."""
        if not self.updates or self.reader is None or self.context.diagnostics:
            return
        first = next(iter(self.fields.values()))
        if first not in [each for value in values_of(self.updates) for each in inside(value)]:
            message = (
                f"no update reads `{first}` of `{self.reader.word}`, whose examples are what an epoch is of"
            )
            last = next(line for line in reversed(lines) if isinstance(line, tree.Update))
            self.report("N411", message, last)

    def how(self, written: tree.Command | tree.Option | None) -> tuple[Optimizer | None, int] | None:
        """The optimizer of an update, and every how many steps it is done; None after a report."""
        head = written.head if isinstance(written, tree.Command) else None
        items = written.items if isinstance(written, tree.Command) else (written,) if written else ()
        options = [each for each in items if isinstance(each, tree.Option) and each.name.text == EVERY]
        rest = [each for each in items if each not in options]
        every = 1
        for option in options:
            if (every := self.every(option)) < 1:
                return None
        if head is None and rest:
            self.report("N411", "after the losses stands an optimizer, or `every=` alone", rest[0])
            return None
        if head is None:
            return None, every
        if isinstance(written, tree.Command) and every_apart(self, written):
            return None
        definition = catalog.find("optimizer", head.text)
        if definition is None:
            no_optimizer(self, head)
            return None
        given = self.replaced(rest)
        use = None if given is None else bind_arguments(self.context, definition, head, given).instance
        return (use, every) if isinstance(use, Optimizer) else None

    def every(self, option: tree.Option) -> int:
        """The number of steps that `every=` says; 0 after a report."""
        values = self.replaced(option.values)
        match values:
            case None:
                return 0
            case (tree.Number(value=int(number)),) if number >= 1:
                return number
            case (tree.Number(value=number),) if not isinstance(option.values[0], tree.Number):
                label = f"is {number:g}"
            case _:
                label = ""
        self.report("N105", f"`{EVERY}` is a whole number of steps, 1 or more", option, label)
        return 0

    def replaced(self, items: Sequence[Any]) -> tuple[Any, ...] | None:
        """Items with the parameters of the file replaced and values worked out; None after a report."""
        try:
            work = Replacement(self.scope)
            return tuple(constant(work.node(each)) for each in items)
        except NotConstant as problem:
            self.context.report_value(problem)
        except Unknown:
            pass  # reported where the parameter stands
        return None

    # --- values

    def value(self, node: tree.Node) -> Found | None:
        """A value with its shape; None after a report."""
        match node:
            case tree.Group(expression=inner):
                return self.value(inner)
            case tree.Name():
                return self.name(node)
            case tree.Call(function=function) if function.text in self.networks.words:
                return self.use(node)
            case tree.Call(function=function):
                no_network(self, function, node)
            case tree.Apply(function=tree.Name(text=word), arguments=(argument,)) if word == STOP:
                found = self.value(argument)
                return found and Found(Stop(found.value), found.shape)
            case tree.Apply(function=tree.Name(text=word)) if word in NOISE:
                return self.noise(node)
            case tree.Apply(function=function):
                no_value(self, function)
            case _:
                notes = (
                    "a value is a field of the data, a network applied to a value, noise, `stop` a value",
                )
                what = short(self.context.text(node))
                self.report("N411", f"a network reads values, and `{what}` is none", node, notes=notes)
        return None

    def name(self, node: tree.Name) -> Found | None:
        """A name of `let`, or a field of the data."""
        name = node.text
        if name in self.lets:
            return self.lets[name][1]
        if name in self.fields:
            shape = self.field_shape(self.fields[name])
            if shape is None:
                message = f"what `{name}` is, is not known here"
                notes = ("the network that reads it says so:  input 28x28x1  as its first line",)
                self.report("N411", message, node, notes=notes)
                return None
            return Found(self.fields[name], shape)
        if name in self.networks.words:
            text = f"{name}({next(iter(self.fields), 'normal 100')})"
            fix = Fix((Edit(self.context.span(node), text),), f"`{text}`")
            self.report("N411", f"`{name}` is a network, and is applied to what it reads", node, fixes=(fix,))
            return None
        no_field(self, node)
        return None

    def field_shape(self, field: Field) -> Shape | None:
        """The shape of a field: as a network or a loss has read it before, or else as the reader knows it."""
        assert self.reader is not None
        own = self.reader.target_shape() if field.last else self.reader.example_shape()
        if field not in self.shapes and own is not None:
            self.shapes[field] = own
        return self.shapes.get(field)

    def use(self, node: tree.Call) -> Found | None:
        """A network applied to what stands in its parentheses."""
        word = node.function.text
        reads = self.networks.reads(word) if word not in self.networks.broken else ()
        many, given = len(reads) or 1, len(node.arguments)
        if node.keywords or (given != many and word not in self.networks.broken):
            what = "one value" if many == 1 else f"{many} values ({', '.join(map(str, reads))})"
            values = ", ".join(NAMES[:many]) if many <= len(NAMES) else "x, ..."
            said = f", and here it is given {given}" if given != many else ""
            self.report("N411", f"the network `{word}` reads {what}: `{word}({values})`{said}", node)
            return None
        for argument, shape in zip(node.arguments, reads, strict=False):
            if (
                isinstance(argument, tree.Name)
                and argument.text in self.fields
                and argument.text not in self.lets
            ):
                self.settle(self.fields[argument.text], shape)
        found = [each for each in map(self.value, node.arguments) if each is not None]
        if len(found) < given or word in self.networks.broken:
            return None
        made = self.networks.apply(node, [each.shape for each in found])
        return Found(Use(word, tuple(each.value for each in found)), made) if made is not None else None

    def settle(self, field: Field, reads: Shape) -> None:
        """A field has the shape that the network reads which it is first given to; a class is what the reader says."""
        assert self.reader is not None
        known = self.reader.target_shape() if field.last else None
        self.shapes.setdefault(field, reads if known is None or known.of is None else known)

    def noise(self, node: tree.Apply) -> Found | None:
        """`normal 100`: numbers of a shape."""
        values = self.replaced(node.arguments)
        match values:
            case None:
                return None
            case (tree.Number(value=int(size)),):
                dims: tuple[object, ...] = (size,)
            case (tree.Size(dimensions=given),):
                dims = given
            case _:
                dims = ()
        sizes = tuple(dim for dim in dims if isinstance(dim, int) and dim >= 1)
        if not sizes or len(sizes) < len(dims) or any(isinstance(dim, Expression) for dim in dims):
            self.report("N105", shapeless(node.function.text), node)
            return None
        kind = noise_word(node.function.text)
        assert kind is not None
        self.places += 1
        shape = Shape(sizes)
        return Found(Noise(kind, shape, self.places), shape)


def _fields(reader: Reader | None, called: str) -> dict[str, Field]:
    """The fields of data that are examples with what is to be predicted of them; none of others.

    The first may be called otherwise.
    """
    names = reader.fields(()) if reader else ()
    match names:
        case (name, last):
            first = Field(name, called=called)
            return {name: first, last: Field(last, last=True), **({called: first} if called else {})}
    return {}


def _parts(value: float | Value | None) -> Iterator[Value]:
    """A value and what it is made of; nothing of a number."""
    if value is not None and not isinstance(value, int | float):
        yield from inside(value)
