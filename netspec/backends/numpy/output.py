"""Softmax and sigmoid as layers; the fused forms that training uses are in `loss`."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.output import Sigmoid, Softmax


def sigmoid(x: Array, out: Array) -> Array:
    """1 / (1 + exp(-x)), through tanh, which does not overflow."""
    np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def softmax(x: Array, axis: int, out: Array) -> Array:
    """exp(x) over its sum along an axis, shifted by the maximum so that nothing overflows."""
    np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    np.exp(out, out=out)
    return np.divide(out, np.add.reduce(out, axis=axis, keepdims=True), out=out)


@rule(Softmax)
class SoftmaxKernel(Kernel[Softmax]):
    """Over the channel axis."""

    def forward(self, x: Array, training: bool) -> Array:
        y = self.kept = softmax(x, self.site.channel_axis, self.site.empty(*x.shape))
        return y

    def backward(self, dy: Array) -> Array:
        inner = np.sum(dy * self.kept, axis=self.site.channel_axis, keepdims=True)
        return np.multiply(self.kept, dy - inner)


@rule(Sigmoid)
class SigmoidKernel(Kernel[Sigmoid]):
    """Entry by entry."""

    def forward(self, x: Array, training: bool) -> Array:
        y = self.kept = sigmoid(x, self.site.empty(*x.shape))
        return y

    def backward(self, dy: Array) -> Array:
        return np.multiply(dy, self.kept * (1 - self.kept))
