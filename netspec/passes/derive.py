"""Derive: a network made of layers of another one, which it shares parameters with by their names.

A parameter is called after the layer that made it.  Where this layer is not part of the derived network, another use
of it takes its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from netspec.ir.layer import Layer, Operation, Shapes
from netspec.ir.net import Net, add_results
from netspec.ir.shape import Shape, Symbol
from netspec.ir.values import Reference
from netspec.layers.input import Input
from netspec.layers.reshape import Identity


def closure(net: Net, results: Iterable[str]) -> list[Layer]:
    """The layers that some results are made by, those of inputs included, in the network's order."""
    needed = {name.partition(".")[0] for name in results}
    found = []
    for layer in reversed(net.layers):
        if layer.name in needed:
            needed.update(name.partition(".")[0] for name in layer.inputs)
            found.append(layer)
    return found[::-1]


def lenders(operation: Operation) -> dict[str, str]:
    """The layers whose weights an operation uses, by the arguments that name them."""
    return {
        each.name: getattr(operation, each.name)
        for each in operation.lookup().references
        if isinstance(each.kind, Reference)
        and each.kind.weights
        and getattr(operation, each.name) is not None
    }


class Draft:
    """A network that is being derived."""

    def __init__(self, taken: Collection[str]) -> None:
        self.taken = set(taken)
        self.layers: dict[str, Layer] = {}
        self.shapes: dict[str, Shape] = {}
        self.outputs: list[str] = []
        self.lengths: dict[object, Symbol] = {}
        """Symbols in the place of longer expressions, which could not be told from an input's size."""

    def fresh(self, name: str) -> str:
        """A name like this one that nothing has."""
        found = name.replace(".", "_")
        while found in self.taken:
            found += "_"
        self.taken.add(found)
        return found

    def input(self, name: str, shape: Shape) -> str:
        """Add an input of a shape, whatever size its symbols stand for."""
        dims = tuple(
            dim
            if isinstance(dim, int | Symbol)
            else self.lengths.setdefault(dim, Symbol(f"SIZE{len(self.lengths) + 1}"))
            for dim in shape.dims
        )
        return self.add(name, Input(dims, shape.of), (), ())

    def add(
        self,
        name: str,
        operation: Operation,
        inputs: Sequence[str],
        shapes: Shapes,
        like: Layer | None = None,
    ) -> str:
        """Add a layer that reads results of such shapes, with the parameters of the layer that it is like."""
        shape = operation.result(shapes)
        owner, frozen = (like.shares, like.frozen) if like else ("", False)
        layer = Layer(name, operation, tuple(inputs), shape, owner, frozen=frozen)
        self.layers[name] = layer
        add_results(self.shapes, layer, shapes, shape)
        return name

    def output(self, result: str, name: str = "") -> str:
        """Make a result an output, one that is not a layer's own under such a name; what it is called."""
        if "." in result:
            result = self.add(name, Identity(), (result,), (self.shapes[result],))
        self.outputs.append(result)
        return result

    def holds(self, owner: str) -> bool:
        """There is a use of the layer that made some parameters."""
        return any((layer.shares or layer.name) == owner for layer in self.layers.values())

    def net(self, name: str, owners: Mapping[str, str]) -> tuple[Net, dict[str, str]]:
        """The network, and what its layers are called in the end; `owners` are those of the weights of lenders."""
        names = self._names()
        layers = tuple(self._named(layer, names, owners) for layer in self.layers.values())
        outputs = tuple(names[each] for each in dict.fromkeys(self.outputs))
        return Net(name, layers, named_outputs=outputs), names

    def _names(self) -> dict[str, str]:
        """The names of layers, those of owners for the use of each that has the most of its parameters."""
        names = {name: name for name in self.layers}
        uses: dict[str, list[str]] = {}
        for layer in self.layers.values():
            if self._parameters(layer):
                uses.setdefault(layer.shares or layer.name, []).append(layer.name)
        for owner, members in uses.items():
            first = max(members, key=lambda name: self._parameters(self.layers[name]))
            if first != owner and owner in names:
                names[owner] = first
            names[first] = owner
        return names

    def _parameters(self, layer: Layer) -> int:
        if not layer.inputs:
            return 0
        return len(layer.operation.parameters([self.shapes[name] for name in layer.inputs]))

    def _named(self, layer: Layer, names: Mapping[str, str], owners: Mapping[str, str]) -> Layer:
        """The layer with what it and others are called."""
        inputs = []
        for result in layer.inputs:
            owner, dot, extra = result.partition(".")
            inputs.append(f"{names[owner]}{dot}{extra}")
        lent = {argument: owners[lender] for argument, lender in lenders(layer.operation).items()}
        operation = replace(_reading(layer.operation, inputs), **lent)
        name, owner = names[layer.name], layer.shares or layer.name
        shares = owner if name != owner and self._parameters(layer) else ""
        return Layer(name, operation, tuple(inputs), layer.shape, shares, frozen=layer.frozen)


def _reading(operation: Operation, inputs: Sequence[str]) -> Operation:
    """The operation with the names of what it reads in the arguments that say so."""
    named = [
        each.name
        for each in operation.lookup().references
        if isinstance(each.kind, Reference)
        and not each.kind.weights
        and isinstance(getattr(operation, each.name), str)
    ]
    return replace(operation, **dict(zip(named, inputs[len(inputs) - len(named) :], strict=True)))
