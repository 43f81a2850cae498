"""The plan: a network for one batch size, every kernel made, run many times.

Results live as long as `passes.lifetimes` says: what nobody will read any more is let go of after every step.  What
layers over sequences keep for the way back, and what the faster paths of `fast` fill, is held from batch to batch.  A
plan that only predicts holds of them no more than a block of steps, the results of dense layers, and what `Images` has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netspec.backends import as_given
from netspec.backends.numpy.fast import LONGEST, Path, choose
from netspec.backends.numpy.kernel import Array, Site, rules
from netspec.backends.numpy.store import Store
from netspec.ir.layer import Layer
from netspec.ir.net import Net, Weight
from netspec.passes.lifetimes import last_read, learning, needed


@dataclass(frozen=True, slots=True)
class Step:
    """One layer: the results that its kernel reads and gives, and gradients of weights that others use too."""

    inputs: tuple[str, ...]
    results: tuple[str, ...]
    kernel: Any
    shared: list[tuple[Array, Array]] = field(default_factory=list)
    """What the kernel fills, and where that is added up."""
    keeps_state: bool = False
    """It does what it does at prediction, in training too."""
    passes_gradient: bool = True
    """What it reads has a gradient through it."""
    done: tuple[str, ...] = ()
    """The results that no later step reads, as far as steps give any."""


def rows(layers: Sequence[Layer], kept: Collection[str]) -> Iterator[list[Layer]]:
    """The layers but the inputs, in order: those in a row, each of which is read by the next, once, and by no other."""
    readers = Counter(name.partition(".")[0] for layer in layers for name in layer.inputs)
    row: list[Layer] = []
    for layer in layers:
        if row and (layer.inputs != (row[-1].name,) or readers[row[-1].name] > 1 or row[-1].name in kept):
            yield row
            row = []
        if layer.inputs:
            row.append(layer)
    if row:
        yield row


class Plan:
    """The kernels of a network in order, for inputs of the given shapes, batch first.

    `results` are what gradients come from: outputs, or what they read where they are fused with a loss; the function
    of such an output is left out unless something else reads it.

    What is `kept` is in `values` after `forward`, beside the results, the inputs and what nobody reads.  A plan that
    does not `learn` has no `backward`, and keeps nothing for it.

    With faster `paths`, layers in a row whose results nobody else reads may be one step.  Then nothing is sent back to
    where nothing is trained, and `input_gradients` are not there.
    """

    def __init__(
        self,
        net: Net,
        input_shapes: Sequence[tuple[int, ...]],
        store: Store,
        random: np.random.Generator,
        *results: str,
        paths: Sequence[Path] = (),
        kept: Collection[str] = (),
        learns: bool = True,
    ) -> None:
        layers = needed(net, results)
        self.sources = [layer.name for layer in net.inputs]
        self.results = results
        self.values: dict[str, Array] = {}
        self.steps: list[Step] = []
        self.store, self.paths, self.learns = store, paths, learns
        self._users = Counter(
            weight.name for layer in layers for weight in set(net.weights_of(layer).values())
        )
        self._shapes = net.shapes_for(*(tuple(shape[1:]) for shape in input_shapes))
        self._batch, self._random = input_shapes[0][0], random
        self._done = last_read(layers, {*results, *kept, *self.sources})
        self._shown = {*self.sources}
        self._shared: dict[tuple[object, ...], Any] = {}
        trained = learning(net, layers, store.trained) if paths else {layer.name for layer in layers}
        for row in rows(layers, {*results, *kept}):
            places = [self._place(net, layer, trained) for layer in row]
            while places:
                path, count = choose([site for site, _ in places[:LONGEST]], paths)
                taken, places = places[:count], places[count:]
                self._add(net, row[-len(places) - count :][:count], taken, path, trained)
        self.cleared = self._cleared(net, layers, store) if learns else []

    def _place(
        self, net: Net, layer: Layer, trained: Collection[str]
    ) -> tuple[Site[Any], list[tuple[Array, Array]]]:
        """Where a layer's kernel works, and its gradients that are added up elsewhere."""
        weights = net.weights_of(layer)
        gradients, shared = self._gradients(self.store, weights)
        site: Site[Any] = Site(
            layer.operation,
            tuple(self._shapes[name] for name in layer.inputs),
            self._shapes[layer.name],
            self._batch,
            self.store.dtype,
            self.store.values_of(weights),
            gradients,
            self._random,
            self.learns,
            not self.paths or any(name.partition(".")[0] in trained for name in layer.inputs),
            self._shared,
        )
        return site, shared

    def _add(
        self,
        net: Net,
        layers: Sequence[Layer],
        places: Sequence[tuple[Site[Any], list[tuple[Array, Array]]]],
        path: Path | None,
        trained: Collection[str],
    ) -> None:
        """A step for one layer, or for some in a row that a path takes."""
        first, last, sites = layers[0], layers[-1], [site for site, _ in places]
        wanted = any(name.partition(".")[0] in trained for name in first.inputs)
        extras = (f"{last.name}.{extra}" for extra in last.operation.extras(sites[-1].inputs))
        results = (last.name, *extras)
        # a path that takes the layers that give and read a result never shows it
        self._shown.update(results)
        self.steps.append(
            Step(
                first.inputs,
                results,
                path(sites, wanted) if path else rules.find(type(first.operation))(sites[0]),
                [each for _, shared in places for each in shared],
                first.name in net.keeping_states,
                first.operation.passes_gradient and last.name in trained,
                tuple(name for layer in layers for name in self._done[layer.name] if name in self._shown),
            )
        )

    def _gradients(
        self, store: Store, weights: dict[str, Weight]
    ) -> tuple[dict[str, Array], list[tuple[Array, Array]]]:
        """Where a kernel puts its gradients: where they belong, or apart if other layers use the same weight.

        Those of frozen weights, which a kernel works out all the same, go nowhere, and there is no room for any where
        nothing is learnt.
        """
        if not self.learns:
            nothing = np.zeros((), store.dtype)
            views = store.values_of(weights).items()
            return {name: np.broadcast_to(nothing, view.shape) for name, view in views}, []
        gradients, shared = store.gradients_of(weights), []
        for name, view in gradients.items():
            if self._users[weights[name].name] > 1:
                gradients[name] = np.empty(view.shape, store.dtype)
                shared.append((gradients[name], view))
        for name, view in store.values_of(weights).items():
            if weights[name].name in store.untrained:
                gradients[name] = np.empty(view.shape, store.dtype)
        return gradients, shared

    def _cleared(self, net: Net, layers: Sequence[Layer], store: Store) -> list[Array]:
        """The gradients that no kernel overwrites: those that are added up, and those that nothing reaches."""
        reached = set(self.results)
        filled: Counter[str] = Counter()
        for layer in reversed(layers):
            if layer.name in reached and layer.operation.passes_gradient:
                reached.update(name.partition(".")[0] for name in layer.inputs)
                filled.update(weight.name for weight in net.weights_of(layer).values())
        return [
            view for name, view in store.gradient_views.items() if filled[name] == 0 or self._users[name] > 1
        ]

    def forward(self, inputs: Sequence[Array], training: bool) -> Any:
        """The result for a batch, channels first, or a tuple of several; `values` holds those of all layers."""
        values = self.values = dict(zip(self.sources, inputs, strict=True))
        read, learns = values.__getitem__, self.learns
        for step in self.steps:
            kernel, results = step.kernel, step.results
            found = kernel.forward(*map(read, step.inputs), training=training and not step.keeps_state)
            if len(results) == 1:
                values[results[0]] = found
            else:
                values.update(zip(results, found, strict=True))
            for name in step.done:
                del values[name]
            if not learns:
                kernel.kept = None
        return as_given(list(map(read, self.results)))

    def backward(self, *given: Array) -> None:
        """Fill the gradients of all parameters and keep those of the inputs, given those of the results."""
        for view in self.cleared:
            view.fill(0)
        gradients: dict[str, Array] = {}
        for name, gradient in zip(self.results, given, strict=True):
            gradients[name] = gradients[name] + gradient if name in gradients else gradient
        for step in reversed(self.steps):
            self._back(step, gradients)
            step.kernel.kept = None
        self.source_gradients = gradients

    @staticmethod
    def _back(step: Step, gradients: dict[str, Array]) -> None:
        """Put the gradients of what a step reads in the place of those of its results."""
        own_given = [gradients.pop(name, None) for name in step.results]
        if all(each is None for each in own_given) or not step.passes_gradient:
            return
        found = step.kernel.backward(*own_given)
        for name, value in zip(step.inputs, found if isinstance(found, tuple) else (found,), strict=True):
            if value is not None:
                gradients[name] = gradients[name] + value if name in gradients else value
        for own, total in step.shared:
            total += own

    @property
    def input_gradients(self) -> list[Array]:
        """The gradients of the inputs after `backward`."""
        assert not self.paths, "a plan with faster paths works out no gradients of inputs"
        found = self.source_gradients
        return [found.get(name, np.zeros_like(self.values[name])) for name in self.sources]
