"""The plan: a network for one batch size, every kernel made, every buffer allocated, run many times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netspec.backends import as_given
from netspec.backends.numpy.kernel import Array, Site, rules
from netspec.backends.numpy.store import Store
from netspec.ir.layer import Layer
from netspec.ir.net import Net, Weight
from netspec.layers.output import Probability


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


def _needed(net: Net, results: Sequence[str]) -> list[Layer]:
    """The layers of a plan: all but the functions of outputs that losses take in."""
    read = {name.partition(".")[0] for layer in net.layers for name in layer.inputs}
    return [
        layer
        for layer in net.layers
        if not isinstance(layer.operation, Probability)
        or layer.name in {*read, *results}
        or layer.inputs[0] not in results
    ]


class Plan:
    """The kernels of a network in order, for inputs of the given shapes, batch first.

    `results` are what gradients come from: outputs, or what they read where they are fused with a loss; the function
    of such an output is left out unless something else reads it.
    """

    def __init__(
        self,
        net: Net,
        input_shapes: Sequence[tuple[int, ...]],
        store: Store,
        random: np.random.Generator,
        *results: str,
    ) -> None:
        layers = _needed(net, results)
        self.sources = [layer.name for layer in net.inputs]
        self.results = results
        self.values: dict[str, Array] = {}
        self.steps: list[Step] = []
        self._users = Counter(
            weight.name for layer in layers for weight in set(net.weights_of(layer).values())
        )
        shapes = net.shapes_for(*(tuple(shape[1:]) for shape in input_shapes))
        for layer in layers:
            if layer.inputs:
                inputs = tuple(shapes[name] for name in layer.inputs)
                weights = net.weights_of(layer)
                gradients, shared = self._gradients(store, weights)
                site: Site[Any] = Site(
                    layer.operation,
                    inputs,
                    shapes[layer.name],
                    input_shapes[0][0],
                    store.dtype,
                    store.values_of(weights),
                    gradients,
                    random,
                )
                extras = (f"{layer.name}.{extra}" for extra in layer.operation.extras(inputs))
                kernel = rules.find(type(layer.operation))(site)
                step = Step(
                    layer.inputs,
                    (layer.name, *extras),
                    kernel,
                    shared,
                    layer.name in net.keeping_states,
                    layer.operation.passes_gradient,
                )
                self.steps.append(step)
        self.cleared = self._cleared(net, layers, store)

    def _gradients(
        self, store: Store, weights: dict[str, Weight]
    ) -> tuple[dict[str, Array], list[tuple[Array, Array]]]:
        """Where a kernel puts its gradients: where they belong, or apart if other layers use the same weight.

        Those of frozen weights, which a kernel works out all the same, go nowhere.
        """
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
        for step in self.steps:
            given = (values[name] for name in step.inputs)
            found = step.kernel.forward(*given, training=training and not step.keeps_state)
            if len(step.results) == 1:
                values[step.results[0]] = found
            else:
                values.update(zip(step.results, found, strict=True))
        return as_given([values[name] for name in self.results])

    def backward(self, *given: Array) -> None:
        """Fill the gradients of all parameters and keep those of the inputs, given those of the results."""
        for view in self.cleared:
            view.fill(0)
        gradients: dict[str, Array] = {}
        for name, gradient in zip(self.results, given, strict=True):
            gradients[name] = gradients[name] + gradient if name in gradients else gradient
        for step in reversed(self.steps):
            own_given = [gradients.pop(name, None) for name in step.results]
            if all(each is None for each in own_given) or not step.passes_gradient:
                continue
            found = step.kernel.backward(*own_given)
            for name, value in zip(step.inputs, found if isinstance(found, tuple) else (found,), strict=True):
                gradients[name] = gradients[name] + value if name in gradients else value
            for own, total in step.shared:
                total += own
        self.input_gradients = [
            gradients[name] if name in gradients else np.zeros_like(self.values[name])
            for name in self.sources
        ]
