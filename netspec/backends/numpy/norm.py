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

    def scaled(self, normal: Array) -> Array:
        """The normalised numbers after scale and shift, in their place."""
        if self.operation.affine:
            normal *= self.site.parameters["weight"].reshape(self.broadcast)
            normal += self.site.parameters["bias"].reshape(self.broadcast)
        return normal

    def normal(self, x: Array, mean: Array, deviation: Array) -> Array:
        """The normalised numbers; what they are made of is kept, so that they can be made again."""
        self.kept = x, mean, deviation
        normal: Array = np.subtract(x, mean)
        normal /= deviation
        return normal

    def average(self, array: Array) -> Array:
        """The mean of each group."""
        return np.asarray(array.mean(axis=self.axes, keepdims=True))

    def backward(self, dy: Array) -> Any:
        normal, dx = self.normal(*self.kept), self.site.empty(*self.shape)
        if self.operation.affine:
            np.multiply(dy, normal, out=dx)
            np.sum(dx, axis=self.others, out=self.site.gradients["weight"])
            np.sum(dy, axis=self.others, out=self.site.gradients["bias"])
            dy = np.multiply(dy, self.site.parameters["weight"].reshape(self.broadcast), out=dx)
        return self.through(dy, normal, dx)

    def through(self, dy: Array, normal: Array, dx: Array) -> Array:
        """Fill the gradient of the input, from that of the normalised numbers, which may be the same array."""
        inner = self.average(dy * normal)
        np.subtract(dy, self.average(dy), out=dx)
        normal *= inner
        dx -= normal
        dx /= self.kept[2]
        return dx

    def moments(self, x: Array) -> tuple[Array, Array]:
        """The mean and the biased variance of each group."""
        mean = self.average(x)
        centred = np.subtract(x, mean)
        return mean, self.average(np.square(centred, out=centred))

    def deviation(self, variance: Array) -> Array:
        """What numbers of this variance are divided by."""
        return np.asarray(np.sqrt(variance + self.operation.eps))


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
            mean, variance = self.moments(x)
            unbiased = variance.ravel() * (self.count / max(self.count - 1, 1))
            state["running_mean"] += momentum * (mean.ravel() - state["running_mean"])
            state["running_var"] += momentum * (unbiased - state["running_var"])
        else:
            mean, variance = (state[name].reshape(self.broadcast) for name in ("running_mean", "running_var"))
        return self.within(self.scaled(self.normal(x, mean, self.deviation(variance))))

    def within(self, array: Array) -> Array:
        """The steps that are there, the others 0."""
        return array if self.mask is None else masked(array, self.mask)

    def average(self, array: Array) -> Array:
        if self.mask is None:
            return super().average(array)
        return np.asarray(self.within(array).sum(axis=self.axes, keepdims=True) / self.count)

    def backward(self, dy: Array) -> Any:
        dx = super().backward(self.within(dy))
        return (self.within(dx), *self.dlengths) if self.dlengths else dx

    def through(self, dy: Array, normal: Array, dx: Array) -> Array:
        if self.is_training:
            return super().through(dy, normal, dx)
        # of a frozen layer, whose mean and deviation do not depend on the input
        return np.divide(dy, self.kept[2], out=dx)


@rule(Layernorm)
class LayernormKernel(Normalising):
    """A group is the channels of one example, step or pixel."""

    def prepare(self) -> None:
        super().prepare()
        self.axes = (self.channel,)

    def forward(self, x: Array, training: bool) -> Array:
        mean, variance = self.moments(x)
        return self.scaled(self.normal(x, mean, self.deviation(variance)))


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
        mean = rows.mean(axis=2, keepdims=True)
        variance = np.mean(np.square(rows - mean), axis=2, keepdims=True)
        y = self.normal(x, mean, np.sqrt(variance + self.operation.eps)).reshape(self.first)
        if self.operation.affine:
            y = y * self.site.parameters["weight"].reshape(self.scale)
            y += self.site.parameters["bias"].reshape(self.scale)
        return np.moveaxis(y, 1, self.site.channel_axis)

    def normal(self, x: Array, mean: Array, deviation: Array) -> Array:
        """The normalised numbers, group by group; what they are made of is kept, so that they can be made again."""
        self.kept = x, mean, deviation
        normal: Array = np.moveaxis(x, self.site.channel_axis, 1).reshape(self.rows) - mean
        normal /= deviation
        return normal

    def backward(self, dy: Array) -> Array:
        normal, deviation = self.normal(*self.kept), self.kept[2]
        dy = np.moveaxis(dy, self.site.channel_axis, 1)
        if self.operation.affine:
            np.sum(dy * normal.reshape(self.first), axis=self.sums, out=self.site.gradients["weight"])
            np.sum(dy, axis=self.sums, out=self.site.gradients["bias"])
            dy = dy * self.site.parameters["weight"].reshape(self.scale)
        rows = dy.reshape(self.rows)
        inner = np.mean(rows * normal, axis=2, keepdims=True)
        dx = (rows - rows.mean(axis=2, keepdims=True) - normal * inner) / deviation
        return np.moveaxis(dx.reshape(self.first), 1, self.site.channel_axis)


@rule(Rmsnorm)
class RmsnormKernel(Kernel[Rmsnorm]):
    """x' = x / root, dx = (dx' - x' * mean(dx' * x')) / root."""

    def forward(self, x: Array, training: bool) -> Array:
        square = np.mean(np.square(x), axis=self.site.channel_axis, keepdims=True)
        root = np.sqrt(square + self.operation.eps)
        self.kept = x, root
        normal: Array = x / root
        if not self.operation.affine:
            return normal
        y: Array = normal * self.site.parameters["weight"].reshape(self.site.broadcast)
        return y

    def backward(self, dy: Array) -> Array:
        x, root = self.kept
        normal = x / root
        if self.operation.affine:
            np.sum(dy * normal, axis=self.site.other_axes, out=self.site.gradients["weight"])
            dy = dy * self.site.parameters["weight"].reshape(self.site.broadcast)
        inner = np.mean(dy * normal, axis=self.site.channel_axis, keepdims=True)
        dx: Array = (dy - normal * inner) / root
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
        x = x.reshape(self.flat)
        base = self.operation.k + self.band @ np.square(x)
        self.kept = x, base
        return (x * base**-self.operation.beta).reshape(self.site.input_shape())

    def backward(self, dy: Array) -> Array:
        (x, base), flat = self.kept, dy.reshape(self.flat)
        power = base**-self.operation.beta
        through = self.band.T @ (flat * x * power / base)
        dx: Array = flat * power - 2 * self.operation.beta * x * through
        return dx.reshape(dy.shape)
