"""Lifetimes: when each result of a network is first there and when nobody reads it any more, and what that comes to.

The NumPy plan makes room and lets go of it by these lists, and `netspec shapes` tells what they come to, so that the
estimate is the plan's own.  What a layer reads in going back, its definition says (`Operation.reads_back`, `keeps`).

*Predicting*, a result lives from its layer to the last one that reads it.  *Training*, what the backward pass reads of
it lives on until the layer that reads it has gone back; a gradient lives from the first layer that sends it back until
its own layer has gone back.  Inputs, and outputs once they are there, live to the end.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence

from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.layers.output import Probability
from netspec.passes.objective import aims_of


def needed(net: Net, results: Collection[str]) -> list[Layer]:
    """The layers that training with these results needs: all but the functions of outputs that losses take in."""
    read = {_owner(name) for layer in net.layers for name in layer.inputs}
    return [
        layer
        for layer in net.layers
        if not isinstance(layer.operation, Probability)
        or layer.name in {*read, *results}
        or layer.inputs[0] not in results
    ]


def last_read(layers: Sequence[Layer], kept: Collection[str] = ()) -> Mapping[str, tuple[str, ...]]:
    """For each layer the results that it is the last to read, but what is `kept`.  What nobody reads is in no list."""
    last = {name: layer.name for layer in layers for name in layer.inputs}
    found: dict[str, list[str]] = {layer.name: [] for layer in layers}
    for name, reader in last.items():
        if name not in kept:
            found[reader].append(name)
    return {reader: tuple(names) for reader, names in found.items()}


def learning(net: Net, layers: Sequence[Layer], trained: Collection[str]) -> set[str]:
    """The layers that have parameters among those that are trained, or read what comes from such layers."""
    found: set[str] = set()
    for layer in layers:
        own = any(weight.name in trained for weight in net.weights_of(layer).values())
        if own or any(_owner(name) in found for name in layer.inputs):
            found.add(layer.name)
    return found


def most_predicting(net: Net) -> int | None:
    """The most numbers that are there at one time while one example is predicted; None where a symbol decides."""
    results = [layer.name for layer in net.outputs]
    walk = _walk(net, net.layers, results, learns=False)
    if walk is None:
        return None
    for layer in net.layers:
        walk.forward(layer)
    return walk.most


def most_training(net: Net) -> int | None:
    """The same while one example goes forward and back, gradients of parameters left out."""
    outputs = [layer.name for layer in net.outputs]
    aims = aims_of(net, net.training)
    results = [aim.result for aim in aims] or outputs
    layers = needed(net, results)
    walk = _walk(net, layers, {*outputs, *results, *(aim.target for aim in aims)}, learns=True)
    if walk is None:
        return None
    for layer in layers:
        walk.forward(layer)
    walk.begin(dict.fromkeys(results))
    trained = {name for name, param in net.parameters.items() if param.trainable}
    learns = learning(net, layers, trained)
    for layer in reversed(layers):
        walk.back(layer, learns)
    return walk.most


def _walk(net: Net, layers: Sequence[Layer], kept: Collection[str], *, learns: bool) -> _Walk | None:
    sizes = {name: shape.size for name, shape in net.shapes.items()}
    numbers = {name: size for name, size in sizes.items() if isinstance(size, int)}
    if len(numbers) < len(sizes):
        return None
    return _Walk(net, numbers, last_read(layers, {*kept, *(each.name for each in net.inputs)}), learns)


class _Walk:
    """A walk through a network's layers and back, with an account of what is there; arrays go by keys."""

    def __init__(
        self, net: Net, sizes: Mapping[str, int], done: Mapping[str, tuple[str, ...]], learns: bool
    ) -> None:
        self.net, self.sizes, self.done, self.learns = net, sizes, done, learns
        self.now = self.most = 0
        self.room: dict[Hashable, int] = {}
        """How many numbers each array has."""
        self.holders: dict[Hashable, int] = {}
        """How many still want it."""
        self.arrays: dict[str, Hashable] = {}
        """The array of each result: of a view, that of what it shows."""
        self.kept: dict[str, list[Hashable]] = {}
        """The arrays that each layer reads when it goes back."""
        self.gradients: dict[str, Hashable] = {}

    def take(self, key: Hashable, numbers: int) -> Hashable:
        self.room[key], self.holders[key] = numbers, 1
        self.now += numbers
        self.most = max(self.most, self.now)
        return key

    def hold(self, key: Hashable) -> Hashable:
        self.holders[key] += 1
        return key

    def drop(self, key: Hashable) -> None:
        self.holders[key] -= 1
        if not self.holders[key]:
            self.now -= self.room.pop(key)

    def results(self, layer: Layer) -> list[str]:
        extras = layer.operation.extras(self.net.shapes_into(layer)) if layer.inputs else ()
        return [layer.name, *(f"{layer.name}.{extra}" for extra in extras)]

    def forward(self, layer: Layer) -> None:
        """What the layer gives is there, and what nobody reads after it is not."""
        operation = layer.operation
        still = operation.random and not self.learns and operation.at_prediction() is None
        for name in self.results(layer):
            if layer.inputs and name == layer.name and (operation.is_view or still):
                self.arrays[name] = self.hold(self.arrays[layer.inputs[0]])
            else:
                self.arrays[name] = self.take(name, self.sizes[name])
        if self.learns and layer.inputs:
            self.kept[layer.name] = self._keep(layer)
        for name in self.done[layer.name]:
            self.drop(self.arrays[name])

    def _keep(self, layer: Layer) -> list[Hashable]:
        read = layer.operation.reads_back()
        names = [*layer.inputs * ("input" in read), *[layer.name] * ("output" in read)]
        kept = [self.hold(self.arrays[name]) for name in names]
        more = layer.operation.keeps(self.net.shapes_into(layer))
        return [*kept, self.take((layer.name, "kept"), more)] if isinstance(more, int) and more else kept

    def begin(self, results: Collection[str]) -> None:
        """The gradients of what is trained are there."""
        for name in results:
            self.gradients[name] = self.take((name, "gradient"), self.sizes[name])

    def back(self, layer: Layer, learning: Collection[str]) -> None:
        """The gradients of what the layer reads take the place of that of its result; nothing is kept for it."""
        names = [name for name in self.results(layer) if name in self.gradients]
        given = [self.gradients.pop(name) for name in names]
        if given and layer.operation.passes_gradient:
            for place, name in enumerate(layer.inputs):
                if _owner(name) in learning:
                    self._send(layer, place, name, given[0])
        for key in [*given, *self.kept.pop(layer.name, ())]:
            self.drop(key)

    def _send(self, layer: Layer, place: int, name: str, given: Hashable) -> None:
        operation, size = layer.operation, self.sizes[name]
        if (operation.hands_back or operation.is_view) and self.room[given] == size:
            key = self.hold(given)
        else:
            key = self.take((layer.name, place), size)
        if name in self.gradients:
            total = self.take((layer.name, place, "sum"), size)
            self.drop(self.gradients[name])
            self.drop(key)
            key = total
        self.gradients[name] = key


def _owner(result: str) -> str:
    """The layer that a result is of."""
    return result.partition(".")[0]
