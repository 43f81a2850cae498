"""Normalisation.  With n numbers a group, x' = (x - mean) / deviation, the gradient of x from that of x' is

dx = (dx' - mean(dx') - x' * mean(dx' * x')) / deviation.
"""

from __future__ import annotations

from math import prod

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.norm import Batchnorm, Layernorm


class Normalising(Kernel[Batchnorm | Layernorm]):
    """What both share: scale and shift of the channels, and the gradient through mean and deviation."""

    axes: tuple[int, ...]
    """The axes of a group."""

    def prepare(self) -> None:
        self.shape = self.site.input_shape()
        self.channel = self.site.channel_axis
        self.others = tuple(axis for axis in range(len(self.shape)) if axis != self.channel)
        self.broadcast = tuple(-1 if axis == self.channel else 1 for axis in range(len(self.shape)))
        self.normal, self.y, self.dx, self.product = (self.site.empty(*self.shape) for _ in range(4))

    def scaled(self) -> Array:
        """The normalised numbers after scale and shift."""
        if not self.operation.affine:
            return self.normal
        np.multiply(self.normal, self.site.parameters["weight"].reshape(self.broadcast), out=self.y)
        self.y += self.site.parameters["bias"].reshape(self.broadcast)
        return self.y

    def backward(self, dy: Array) -> Array:
        if self.operation.affine:
            np.multiply(dy, self.normal, out=self.product)
            np.sum(self.product, axis=self.others, out=self.site.gradients["weight"])
            np.sum(dy, axis=self.others, out=self.site.gradients["bias"])
            dy = np.multiply(dy, self.site.parameters["weight"].reshape(self.broadcast), out=self.dx)
        np.multiply(dy, self.normal, out=self.product)
        inner = np.mean(self.product, axis=self.axes, keepdims=True)
        np.subtract(dy, np.mean(dy, axis=self.axes, keepdims=True), out=self.dx)
        self.dx -= np.multiply(self.normal, inner, out=self.product)
        self.dx /= self.deviation
        return self.dx

    def normalise(self, x: Array) -> tuple[Array, Array]:
        """Fill `normal` and keep the deviation; the mean and the biased variance."""
        mean = x.mean(axis=self.axes, keepdims=True)
        np.subtract(x, mean, out=self.normal)
        np.square(self.normal, out=self.product)
        variance = np.mean(self.product, axis=self.axes, keepdims=True)
        self.deviation = np.sqrt(variance + self.operation.eps)
        self.normal /= self.deviation
        return mean, variance


@rule(Batchnorm)
class BatchnormKernel(Normalising):
    """A group is a channel over the whole batch."""

    operation: Batchnorm

    def prepare(self) -> None:
        super().prepare()
        self.axes = self.others
        self.count = prod(self.shape) // self.shape[self.channel]

    def forward(self, x: Array, training: bool) -> Array:
        state, momentum = self.site.parameters, self.operation.momentum
        if training:
            mean, variance = self.normalise(x)
            unbiased = variance.ravel() * (self.count / max(self.count - 1, 1))
            state["running_mean"] += momentum * (mean.ravel() - state["running_mean"])
            state["running_var"] += momentum * (unbiased - state["running_var"])
        else:
            deviation = np.sqrt(state["running_var"] + self.operation.eps).reshape(self.broadcast)
            np.subtract(x, state["running_mean"].reshape(self.broadcast), out=self.normal)
            self.normal /= deviation
        return self.scaled()


@rule(Layernorm)
class LayernormKernel(Normalising):
    """A group is the channels of one example, step or pixel."""

    def prepare(self) -> None:
        super().prepare()
        self.axes = (self.channel,)

    def forward(self, x: Array, training: bool) -> Array:
        self.normalise(x)
        return self.scaled()
