"""Layers that disturb training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.dropout import Dropout, Noise

MOST: Final = 1 << 16
"""Numbers that are drawn at a time, in float64: the same whatever the program's type."""


def _parts(x: Array) -> Iterator[slice]:
    """The examples of a batch, some at a time."""
    together = max(MOST * len(x) // max(x.size, 1), 1)
    return (slice(start, start + together) for start in range(0, len(x), together))


@rule(Dropout)
class DropoutKernel(Kernel[Dropout]):
    """x times a mask of 0 and 1 / (1 - p)."""

    def prepare(self) -> None:
        self.scale = self.site.dtype.type(1 / (1 - self.operation.probability))

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        self.kept = np.empty(x.shape, bool)
        for part in _parts(x):
            draws = self.site.random.random(x[part].shape)
            np.less(draws, 1 - self.operation.probability, out=self.kept[part])
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
        for part in _parts(x):
            draws = self.site.random.standard_normal(x[part].shape)
            np.multiply(draws, self.operation.deviation, out=y[part], casting="same_kind")
        y += x
        return y

    def backward(self, dy: Array) -> Array:
        return dy
