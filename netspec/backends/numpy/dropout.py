"""Layers that disturb training."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.dropout import Dropout, Noise


@rule(Dropout)
class DropoutKernel(Kernel[Dropout]):
    """x times a mask of 0 and 1 / (1 - p)."""

    def prepare(self) -> None:
        self.scale = self.site.dtype.type(1 / (1 - self.operation.probability))

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        self.kept = self.site.random.random(x.shape) < 1 - self.operation.probability
        return self.masked(x)

    def backward(self, dy: Array) -> Array:
        return dy if self.kept is None else self.masked(dy)

    def masked(self, x: Array) -> Array:
        """What the mask leaves of an array, made larger."""
        y: Array = np.multiply(x, self.scale)
        y *= self.kept
        return y


@rule(Noise)
class NoiseKernel(Kernel[Noise]):
    """x plus normal noise; the gradient passes."""

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        y = self.site.empty(*x.shape)
        draws = self.site.random.standard_normal(x.shape)
        np.multiply(draws, self.operation.deviation, out=y, casting="same_kind")
        y += x
        return y

    def backward(self, dy: Array) -> Array:
        return dy
