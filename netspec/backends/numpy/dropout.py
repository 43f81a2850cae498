"""Layers that disturb training."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.dropout import Dropout, Noise


@rule(Dropout)
class DropoutKernel(Kernel[Dropout]):
    """x times a mask of 0 and 1 / (1 - p)."""

    def prepare(self) -> None:
        self.mask = self.site.empty(*self.site.input_shape())
        self.y = self.site.empty(*self.mask.shape)

    def forward(self, x: Array, training: bool) -> Array:
        self.training = training
        if not training:
            return x
        keep = 1 - self.operation.probability
        np.divide(self.site.random.random(self.mask.shape) < keep, keep, out=self.mask, casting="same_kind")
        return np.multiply(x, self.mask, out=self.y)

    def backward(self, dy: Array) -> Array:
        return np.multiply(dy, self.mask) if self.training else dy


@rule(Noise)
class NoiseKernel(Kernel[Noise]):
    """x plus normal noise; the gradient passes."""

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            return x
        noise = np.asarray(self.site.random.standard_normal(x.shape), x.dtype)
        return np.add(x, x.dtype.type(self.operation.deviation) * noise)

    def backward(self, dy: Array) -> Array:
        return dy
