"""Normalisation.  With n numbers a group, x' = (x - mean) / deviation, the gradient of x from that of x' is

dx = (dx' - mean(dx') - x' * mean(dx' * x')) / deviation.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.lengths import ends_of, masked, there
from netspec.layers.norm import Batchnorm, Groupnorm, Layernorm, Lrn, Rmsnorm


class Normalising(Kernel[Batchnorm | Layernorm]):
    """What both share: scale and shift of the channels, and the gradient through mean and deviation."""

    axes: tuple[int, ...]
    """The axes of a group."""

    def prepare(self) -> None:
        self.shape = self.site.input_shape()
        self.channel = self.site.channel_axis
        self.others, self.broadcast = self.site.other_axes, self.site.broadcast
        self.normal, self.y, self.dx, self.product = (self.site.empty(*self.shape) for _ in range(4))

    def scaled(self) -> Array:
        """The normalised numbers after scale and shift."""
        if not self.operation.affine:
            return self.normal
        np.multiply(self.normal, self.site.parameters["weight"].reshape(self.broadcast), out=self.y)
        self.y += self.site.parameters["bias"].reshape(self.broadcast)
        return self.y

    def average(self, array: Array) -> Array:
        """The mean of each group."""
        return np.asarray(array.mean(axis=self.axes, keepdims=True))

    def backward(self, dy: Array) -> Any:
        if self.operation.affine:
            np.multiply(dy, self.normal, out=self.product)
            np.sum(self.product, axis=self.others, out=self.site.gradients["weight"])
            np.sum(dy, axis=self.others, out=self.site.gradients["bias"])
            dy = np.multiply(dy, self.site.parameters["weight"].reshape(self.broadcast), out=self.dx)
        return self.through(dy)

    def through(self, dy: Array) -> Array:
        """The gradient of the input, from that of the normalised numbers."""
        np.multiply(dy, self.normal, out=self.product)
        inner = self.average(self.product)
        np.subtract(dy, self.average(dy), out=self.dx)
        self.dx -= np.multiply(self.normal, inner, out=self.product)
        self.dx /= self.deviation
        return self.dx

    def normalise(self, x: Array) -> tuple[Array, Array]:
        """Fill `normal` and keep the deviation; the mean and the biased variance."""
        mean = self.average(x)
        np.subtract(x, mean, out=self.normal)
        np.square(self.normal, out=self.product)
        variance = self.average(self.product)
        self.deviation = np.sqrt(variance + self.operation.eps)
        self.normal /= self.deviation
        return mean, variance


@rule(Batchnorm)
class BatchnormKernel(Normalising):
    """A group is a channel over the whole batch, of examples with lengths over the steps that are there."""

    operation: Batchnorm

    def prepare(self) -> None:
        super().prepare()
        self.axes = self.others
        self.count = prod(self.shape) // self.shape[self.channel]
        self.mask: Array | None = None

    def forward(self, x: Array, *lengths: Array, training: bool) -> Array:
        state, momentum = self.site.parameters, self.operation.momentum
        self.is_training = training
        self.dlengths = [np.zeros(each.shape, x.dtype) for each in lengths]
        if lengths:
            ends = ends_of(lengths[0], x.shape[1])
            self.mask = there(ends, x.shape[1])
            self.count = int(ends.sum()) * (prod(self.shape[2:]) // self.shape[self.channel])
        if training:
            mean, variance = self.normalise(x)
            unbiased = variance.ravel() * (self.count / max(self.count - 1, 1))
            state["running_mean"] += momentum * (mean.ravel() - state["running_mean"])
            state["running_var"] += momentum * (unbiased - state["running_var"])
        else:
            self.deviation = np.sqrt(state["running_var"] + self.operation.eps).reshape(self.broadcast)
            np.subtract(x, state["running_mean"].reshape(self.broadcast), out=self.normal)
            self.normal /= self.deviation
        return self.kept(self.scaled())

    def kept(self, array: Array) -> Array:
        """The steps that are there, the others 0."""
        return array if self.mask is None else masked(array, self.mask)

    def average(self, array: Array) -> Array:
        if self.mask is None:
            return super().average(array)
        return np.asarray(self.kept(array).sum(axis=self.axes, keepdims=True) / self.count)

    def backward(self, dy: Array) -> Any:
        dx = super().backward(self.kept(dy))
        return (self.kept(dx), *self.dlengths) if self.dlengths else dx

    def through(self, dy: Array) -> Array:
        if self.is_training:
            return super().through(dy)
        # of a frozen layer, whose mean and deviation do not depend on the input
        return np.divide(dy, self.deviation, out=self.dx)


@rule(Layernorm)
class LayernormKernel(Normalising):
    """A group is the channels of one example, step or pixel."""

    def prepare(self) -> None:
        super().prepare()
        self.axes = (self.channel,)

    def forward(self, x: Array, training: bool) -> Array:
        self.normalise(x)
        return self.scaled()


@rule(Groupnorm)
class GroupnormKernel(Kernel[Groupnorm]):
    """A group is some channels of one example, over all pixels and steps: a row of a matrix (N, groups, rest)."""

    def prepare(self) -> None:
        site = self.site
        shape, channel = site.input_shape(), site.channel_axis
        self.first = (shape[0], shape[channel], *(shape[axis] for axis in site.other_axes[1:]))
        """The shape with the channels in axis 1."""
        self.rows = (shape[0], self.operation.groups, -1)
        self.scale = (1, -1, *(1 for _ in self.first[2:]))
        self.sums = tuple(axis for axis in range(len(shape)) if axis != 1)

    def forward(self, x: Array, training: bool) -> Array:
        rows = np.moveaxis(x, self.site.channel_axis, 1).reshape(self.rows)
        centred = rows - rows.mean(axis=2, keepdims=True)
        variance = np.mean(np.square(centred), axis=2, keepdims=True)
        self.deviation = np.sqrt(variance + self.operation.eps)
        self.normal = centred / self.deviation
        y = self.normal.reshape(self.first)
        if self.operation.affine:
            y = y * self.site.parameters["weight"].reshape(self.scale)
            y += self.site.parameters["bias"].reshape(self.scale)
        return np.moveaxis(y, 1, self.site.channel_axis)

    def backward(self, dy: Array) -> Array:
        dy = np.moveaxis(dy, self.site.channel_axis, 1)
        if self.operation.affine:
            np.sum(dy * self.normal.reshape(self.first), axis=self.sums, out=self.site.gradients["weight"])
            np.sum(dy, axis=self.sums, out=self.site.gradients["bias"])
            dy = dy * self.site.parameters["weight"].reshape(self.scale)
        rows = dy.reshape(self.rows)
        inner = np.mean(rows * self.normal, axis=2, keepdims=True)
        dx = (rows - rows.mean(axis=2, keepdims=True) - self.normal * inner) / self.deviation
        return np.moveaxis(dx.reshape(self.first), 1, self.site.channel_axis)


@rule(Rmsnorm)
class RmsnormKernel(Kernel[Rmsnorm]):
    """x' = x / root, dx = (dx' - x' * mean(dx' * x')) / root."""

    def forward(self, x: Array, training: bool) -> Array:
        square = np.mean(np.square(x), axis=self.site.channel_axis, keepdims=True)
        self.root = np.sqrt(square + self.operation.eps)
        self.normal: Array = x / self.root
        if not self.operation.affine:
            return self.normal
        y: Array = self.normal * self.site.parameters["weight"].reshape(self.site.broadcast)
        return y

    def backward(self, dy: Array) -> Array:
        if self.operation.affine:
            np.sum(dy * self.normal, axis=self.site.other_axes, out=self.site.gradients["weight"])
            dy = dy * self.site.parameters["weight"].reshape(self.site.broadcast)
        inner = np.mean(dy * self.normal, axis=self.site.channel_axis, keepdims=True)
        dx: Array = (dy - self.normal * inner) / self.root
        return dx


@rule(Lrn)
class LrnKernel(Kernel[Lrn]):
    """y = x d^-beta, d = k + alpha / size * B x^2; B holds a 1 for each channel in a channel's window."""

    def prepare(self) -> None:
        _, channels, height, width = self.site.input_shape()
        size = self.operation.size
        distance = np.arange(channels)[None] - np.arange(channels)[:, None]
        window = (distance >= -(size // 2)) & (distance <= (size - 1) // 2)
        self.band = (window * (self.operation.alpha / size)).astype(self.site.dtype)
        self.flat = (self.site.batch, channels, height * width)

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x.reshape(self.flat)
        self.base = self.operation.k + self.band @ np.square(self.x)
        self.power: Array = self.base**-self.operation.beta
        return (self.x * self.power).reshape(x.shape)

    def backward(self, dy: Array) -> Array:
        flat = dy.reshape(self.flat)
        through = self.band.T @ (flat * self.x * self.power / self.base)
        dx = flat * self.power - 2 * self.operation.beta * self.x * through
        return dx.reshape(dy.shape)
