"""Parameters and gradients in one flat buffer each, so that a step of an optimiser is a few calls for any depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array
from netspec.ir.net import Net


class Store:
    """The numbers of one program: `values` and `gradients` are the trainable parameters end to end."""

    def __init__(self, net: Net, dtype: str) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        trainable = {name: param for name, param in net.parameters.items() if param.trainable}
        size = sum(param.size for param in trainable.values())
        self.values = np.zeros(size, self.dtype)
        self.gradients = np.zeros(size, self.dtype)
        self.penalised = np.zeros(size, bool)
        """Where weights stand: matrices and kernels, not biases, scales and shifts."""
        self.views: dict[str, Array] = {}
        self.gradient_views: dict[str, Array] = {}
        start = 0
        for name, param in net.parameters.items():
            if not param.trainable:
                self.views[name] = np.zeros(param.shape, self.dtype)
                continue
            stretch = slice(start, start + param.size)
            self.views[name] = self.values[stretch].reshape(param.shape)
            self.gradient_views[name] = self.gradients[stretch].reshape(param.shape)
            self.penalised[stretch] = len(param.shape) > 1
            start = stretch.stop

    def load(self, values: Mapping[str, Array]) -> None:
        """Overwrite all parameters and states."""
        for name, view in self.views.items():
            view[...] = values[name]

    def values_of(self, layer: str) -> dict[str, Array]:
        """Views of a layer's parameters and states under their short names."""
        return _of(layer, self.views)

    def gradients_of(self, layer: str) -> dict[str, Array]:
        """Views of a layer's gradients under their short names."""
        return _of(layer, self.gradient_views)


def _of(layer: str, views: Mapping[str, Array]) -> dict[str, Array]:
    prefix = f"{layer}."
    return {
        name.removeprefix(prefix): view for name, view in views.items() if name.partition(".")[0] == layer
    }
