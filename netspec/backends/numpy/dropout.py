"""Layers that disturb training."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.dropout import Dropout, Noise


@rule(Dropout)
class DropoutKernel(Kernel[Dropout]):
    """x times a mask of 0 and 1 / (1 - p)."""

    def prepare(self) -> None:
        shape = self.site.input_shape()
        self.draws = np.empty(shape)
        self.kept = np.empty(shape, bool)
        self.mask, self.y, self.dx = (self.site.empty(*shape) for _ in range(3))

    def forward(self, x: Array, training: bool) -> Array:
        self.training = training
        if not training:
            return x
        keep = 1 - self.operation.probability
        self.site.random.random(out=self.draws)
        np.less(self.draws, keep, out=self.kept)
        np.multiply(self.kept, self.mask.dtype.type(1 / keep), out=self.mask)
        return np.multiply(x, self.mask, out=self.y)

    def backward(self, dy: Array) -> Array:
        return np.multiply(dy, self.mask, out=self.dx) if self.training else dy


@rule(Noise)
class NoiseKernel(Kernel[Noise]):
    """x plus normal noise; the gradient passes."""

    def prepare(self) -> None:
        self.draws = np.empty(self.site.input_shape())
        self.y = self.site.empty(*self.draws.shape)

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        self.site.random.standard_normal(out=self.draws)
        np.multiply(self.draws, self.operation.deviation, out=self.y, casting="same_kind")
        self.y += x
        return self.y

    def backward(self, dy: Array) -> Array:
        return dy
