"""Parameters and gradients in one flat buffer each, so that a step of an optimiser is a few calls for any depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array
from netspec.ir.net import Net, Weight


class Store:
    """The numbers of one program: `values` and `gradients` are the trainable parameters end to end."""

    def __init__(self, net: Net, dtype: str) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        trainable = {name: param for name, param in net.parameters.items() if param.trainable}
        self.shapes = [param.shape for param in trainable.values()]
        """The shapes of the parameters that are trained, in the order of the buffers."""
        size = sum(param.size for param in trainable.values())
        self.values = np.zeros(size, self.dtype)
        self.gradients = np.zeros(size, self.dtype)
        self.penalised = np.zeros(size, bool)
        """Where weights stand: matrices and kernels, not biases, scales and shifts."""
        self.frozen = {name for name, param in net.parameters.items() if param.frozen}
        self.states = [name for name, param in net.parameters.items() if param.is_state]
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

    @property
    def changing(self) -> dict[str, Array]:
        """What training changes: `values`, and the states by name."""
        return {"values": self.values, **{name: self.views[name] for name in self.states}}

    def load(self, values: Mapping[str, Array]) -> None:
        """Overwrite all parameters and states."""
        for name, view in self.views.items():
            view[...] = values[name]

    def values_of(self, weights: Mapping[str, Weight]) -> dict[str, Array]:
        """Views of parameters and states in use, under their short names."""
        return _of(weights, self.views)

    def gradients_of(self, weights: Mapping[str, Weight]) -> dict[str, Array]:
        """Views of the gradients of parameters in use, under their short names."""
        return _of(weights, self.gradient_views)


def _of(weights: Mapping[str, Weight], views: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name: views[weight.name].T if weight.transposed else views[weight.name]
        for name, weight in weights.items()
        if weight.name in views
    }
