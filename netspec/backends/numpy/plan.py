"""The plan: a network for one batch size, every kernel made, every buffer allocated, run many times."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array, Site, rules
from netspec.backends.numpy.store import Store
from netspec.ir.net import Net


class Plan:
    """The kernels of a network in order, for inputs of one shape.  `upto` leaves out the layers after it."""

    def __init__(
        self, net: Net, input_shape: tuple[int, ...], store: Store, random: np.random.Generator, upto: str
    ) -> None:
        batch, *dims = input_shape
        shapes = net.shapes_for(tuple(dims))
        # a kernel takes its inputs in order, however many they are
        self.steps: list[tuple[str, tuple[str, ...], Any]] = []
        self.source = net.inputs[0].name
        self.result = upto
        self.values: dict[str, Array] = {}
        for layer in net.layers:
            if layer.inputs:
                kernel = rules.find(type(layer.operation))
                site: Site[Any] = Site(
                    layer.operation,
                    tuple(shapes[name] for name in layer.inputs),
                    shapes[layer.name],
                    batch,
                    store.dtype,
                    store.values_of(layer.name),
                    store.gradients_of(layer.name),
                    random,
                )
                self.steps.append((layer.name, layer.inputs, kernel(site)))
            if layer.name == upto:
                break

    def forward(self, inputs: Array, training: bool) -> Array:
        """The result for a batch, channels first."""
        values = self.values = {self.source: inputs}
        for name, sources, kernel in self.steps:
            values[name] = kernel.forward(*(values[source] for source in sources), training=training)
        return values[self.result]

    def backward(self, gradient: Array) -> None:
        """Fill the gradients of all parameters and keep that of the input, given that of the result."""
        gradients: dict[str, Array] = {self.result: gradient}
        for name, sources, kernel in reversed(self.steps):
            found = kernel.backward(gradients.pop(name))
            for source, value in zip(sources, found if isinstance(found, tuple) else (found,), strict=True):
                gradients[source] = gradients[source] + value if source in gradients else value
        self.input_gradient = gradients[self.source]
