"""Activations: a function and its derivative, entry by entry."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.activation import Relu


@rule(Relu)
class ReluKernel(Kernel[Relu]):
    """max(x, 0)."""

    def prepare(self) -> None:
        self.y = self.site.empty(*self.site.output_shape())
        self.positive = np.empty(self.y.shape, bool)
        self.dx = self.site.empty(*self.y.shape)

    def forward(self, x: Array, training: bool) -> Array:
        return np.maximum(x, 0, out=self.y)

    def backward(self, dy: Array) -> Array:
        np.greater(self.y, 0, out=self.positive)
        return np.multiply(dy, self.positive, out=self.dx)
