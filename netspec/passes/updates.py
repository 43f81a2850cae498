"""Updates: the network of each `update`, from the data and the noise that it reads to what its losses read.

    update discriminator: bce(discriminator(real), 0.9) + bce(discriminator(stop fake), 0)

is a network with the inputs `image` and `noise1` and two outputs.  Layers keep the names that they have in the file's
own graph, so that a program of an update works on the parameters of another one by name; a further use of a network is
a further use of its layers.  The network that `make` shows is made in the same way; `make code=normal`, of a network by
itself, is all of it that lies behind the result `code`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netspec.frozen import frozen
from netspec.ir.layer import Layer, Operation
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Aim, Optimizer, Training
from netspec.ir.updates import Field, From, Network, Noise, Stop, Term, Update, Use, Value, inside, values_of
from netspec.ir.values import Reference
from netspec.layers.input import Input
from netspec.layers.reshape import Detach
from netspec.passes.objective import target_shape


@frozen
class Derived:
    """A network made of the file's, and what its inputs and targets are.

    `aims` are what is trained, in the order of `targets`: a number, a field of the data, or None where the loss has no
    target or the network itself gives it.
    """

    net: Net
    inputs: tuple[Field | Noise, ...]
    aims: tuple[Aim, ...] = ()
    targets: tuple[float | Field | None, ...] = ()
    trained: tuple[str, ...] = ()
    """The parameters and states that change."""

    def training(self, training: Training, optimizer: Optimizer | None) -> Training:
        """The settings of a program of this network."""
        own = {} if optimizer is None else {"optimizer": optimizer}
        return replace(training, settings={**training.settings, **own}, updates=(), aims=self.aims)


def alone(net: Net, name: str = "") -> Net:
    """One network of a file as a network by itself, the one that is applied unless named; `net` where it has none."""
    if not net.networks:
        return net
    network = _network(net, name or applied(net))
    layers = net.layers_of(network.name)
    return replace(net, layers=layers, training=None, generation=None, networks=(network,))


def applied(net: Net) -> str:
    """The network that a file is about: the one that `make` applies, else the last."""
    make = net.generation.make if net.generation else None
    return make.network if isinstance(make, Use) else net.networks[-1].name


def updates(net: Net) -> tuple[Derived, ...]:
    """The network of each update of a file."""
    return tuple(_derived(net, update) for update in net.training.updates) if net.training else ()


def made(net: Net) -> Derived | None:
    """The network that `make` shows; None where there is no such line."""
    make = net.generation.make if net.generation else None
    if make is None:
        return None
    graph = _Graph(net)
    graph.add(make)
    return Derived(graph.net(f"{net.name}_make"), tuple(graph.inputs))


def fields(net: Net) -> dict[str, Shape]:
    """The fields of the data that updates read or compare with, and their shapes: of a class, `Shape((), of=10)`."""
    found: dict[str, Shape] = {}
    every = [*updates(net), *([show] if (show := made(net)) else [])]
    for derived in every:
        for field, layer in zip(derived.inputs, derived.net.inputs, strict=True):
            if isinstance(field, Field):
                found[field.name] = layer.shape
    for derived in every:
        for aim, target in zip(derived.aims, derived.targets, strict=True):
            if isinstance(target, Field):
                found.setdefault(target.name, target_shape(aim))
    return found


def parameters_of(net: Net, name: str) -> tuple[str, ...]:
    """The parameters and states of one network of a file."""
    layers = {layer.name for layer in net.layers_of(name)}
    return tuple(each for each in net.parameters if each.partition(".")[0] in layers)


def _network(net: Net, name: str) -> Network:
    return next(each for each in net.networks if each.name == name)


def _derived(net: Net, update: Update) -> Derived:
    graph = _Graph(net)
    aims, targets = [], []
    for term in update.terms:
        output = graph.add(term.of)
        compared = _compared(term)
        target = graph.add(compared) if compared else ""
        aims.append((term.loss, output, target))
        targets.append(None if compared or term.target is None else term.target)
    own = graph.net(f"{net.name}_{update.network}", [name for _, *names in aims for name in names if name])
    return Derived(
        own,
        tuple(graph.inputs),
        tuple(Aim(own.by_name[output], loss, target) for loss, output, target in aims),
        tuple(targets),  # type: ignore[arg-type]
        parameters_of(net, update.network),
    )


def _compared(term: Term) -> Stop | None:
    """The value that an output is compared with where the network itself gives it: no gradient passes there."""
    if term.target is None or isinstance(term.target, int | float | Field):
        return None
    return term.target if isinstance(term.target, Stop) else Stop(term.target)


class _Graph:
    """The layers of one derived network, made from values; a value that is there is not made again."""

    def __init__(self, net: Net) -> None:
        self.whole = net
        self.layers: list[Layer] = []
        self.results: dict[Value, str] = {}
        self.inputs: list[Field | Noise] = []
        self.uses: dict[str, int] = {}

    def net(self, name: str, outputs: list[str] | None = None) -> Net:
        """The network, with these results as outputs; inputs first."""
        layers = sorted(self.layers, key=lambda layer: bool(layer.inputs))
        read = {name.partition(".")[0] for layer in layers for name in layer.inputs}
        named = tuple(dict.fromkeys(name for name in outputs or () if name in read))
        return Net(name, tuple(layers), named_outputs=named)

    def add(self, value: Value) -> str:
        """The result that is a value, its layers added where they are not there yet."""
        if value not in self.results:
            self.results[value] = self.make(value)
        return self.results[value]

    def make(self, value: Value) -> str:
        match value:
            case Field(name=name):
                return self.input(value, name, self.shape_of(value))
            case Noise(shape=shape, place=place):
                return self.input(value, f"noise{place + 1}", shape)
            case Stop(of=inner):
                return self.stop(self.add(inner))
            case Use(network=network, of=parts):
                return self.use(_network(self.whole, network), [self.add(each) for each in parts])
            case From(result=result, of=noise):
                return self.behind(result, self.add(noise))

    def shape_of(self, field: Field) -> Shape:
        """What the networks read that are given a field."""
        training, generation = self.whole.training, self.whole.generation
        ways = values_of(training.updates if training else (), generation.make if generation else None)
        for value in ways:
            for each in inside(value):
                if isinstance(each, Use) and field in each.of:
                    name = _network(self.whole, each.network).inputs[each.of.index(field)]
                    return self.whole.by_name[name].shape
        raise LookupError(field.name)

    def input(self, value: Field | Noise, name: str, shape: Shape) -> str:
        self.inputs.append(value)
        self.layers.append(Layer(self.free(name), Input(shape.dims, shape.of), shape=shape))
        return self.layers[-1].name

    def stop(self, given: str) -> str:
        shape = next(layer.shape for layer in self.layers if layer.name == given)
        self.layers.append(Layer(self.free("stop1"), Detach(), (given,), shape))
        return self.layers[-1].name

    def free(self, name: str) -> str:
        """The name, or one with a number where it is taken, as those of the file's layers are."""
        taken = {layer.name for layer in self.layers} | self.whole.by_name.keys()
        stem, number = name.rstrip("0123456789"), 1
        while name in taken:
            number += 1
            name = f"{stem}{number}"
        return name

    def use(self, network: Network, given: Sequence[str]) -> str:
        """The layers of a network on what is given; those of a further use share with those of the first one."""
        self.uses[network.name] = number = self.uses.get(network.name, 0) + 1
        names = dict(zip(network.inputs, given, strict=True))
        for layer in self.whole.layers_of(network.name):
            if layer.name in network.inputs:
                continue
            name = layer.name if number == 1 else self.free(_numbered(layer.name, network.name, number))
            names[layer.name] = name
            inputs = tuple(_renamed(each, names) for each in layer.inputs)
            shares = layer.shares
            if number > 1 and not shares and self.whole.weights_of(layer):
                shares = layer.name
            operation = layer.operation if number == 1 else _referring(layer.operation, names)
            self.layers.append(replace(layer, name=name, operation=operation, inputs=inputs, shares=shares))
        return _renamed(network.result, names)

    def behind(self, result: str, given: str) -> str:
        """The layers between a result and the last output, on what is given in its place."""
        end = self.whole.outputs[-1].name
        for layer in between(self.whole, result, end):
            inputs = tuple(_renamed(name, {result: given}) for name in layer.inputs)
            operation = _referring(layer.operation, {result: given})
            self.layers.append(replace(layer, operation=operation, inputs=inputs))
        return end


def between(net: Net, result: str, end: str) -> list[Layer]:
    """The layers that it takes to come from a result to that of the layer `end`, in order."""
    needed, layers = {end}, []
    for layer in reversed(net.layers):
        if layer.name in needed:
            layers.append(layer)
            needed |= {name.partition(".")[0] for name in layer.inputs if name != result}
    return layers[::-1]


def _numbered(name: str, network: str, number: int) -> str:
    """What a layer is called in a further use: `discriminator2_conv1`."""
    return name.replace(f"{network}_", f"{network}{number}_", 1)


def _renamed(result: str, names: Mapping[str, str]) -> str:
    """A result (`lstm1`, `lstm1.state`) of the layer that stands in another one's place."""
    layer, dot, extra = result.partition(".")
    return f"{names.get(layer, layer)}{dot}{extra}"


def _referring(operation: Operation, names: Mapping[str, str]) -> Operation:
    """The operation with the new names of the results that its arguments name; weights are those of the first use."""
    changed = {
        each.name: _renamed(value, names)
        for each in operation.lookup().references
        if isinstance(each.kind, Reference)
        and not each.kind.weights
        and isinstance(value := getattr(operation, each.name), str)
    }
    return replace(operation, **changed) if changed else operation
