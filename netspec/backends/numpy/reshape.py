"""Layers that only change the shape, views of channels-first arrays, and those that repeat."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.ir.layer import Operation
from netspec.ir.shape import Shape
from netspec.layers.reshape import Crop, Detach, Flatten, Identity, Pad, RepeatVector, Reshape


@rule(Flatten, Reshape, Identity, Detach)
class ReshapeKernel(Kernel[Operation]):
    """The same numbers in another shape."""

    def forward(self, x: Array, training: bool) -> Array:
        return x.reshape(self.site.output_shape())

    def backward(self, dy: Array) -> Array:
        return dy.reshape(self.site.input_shape())


@rule(Crop)
class CropKernel(Kernel[Crop]):
    """A view of the middle."""

    def prepare(self) -> None:
        top, left = Shape(self.operation.start(self.site.inputs[0])).known
        height, width = self.operation.size
        self.middle = (..., slice(top, top + height), slice(left, left + width))

    def forward(self, x: Array, training: bool) -> Array:
        return x[self.middle]

    def backward(self, dy: Array) -> Array:
        dx = self.site.zeros(*self.site.input_shape())
        dx[self.middle] = dy
        return dx


@rule(Pad)
class PadKernel(Kernel[Pad]):
    """The image in the middle; of each row and column around it is known which one it is."""

    def prepare(self) -> None:
        top, bottom, left, right = self.operation.sides
        _, _, height, width = self.site.input_shape()
        self.middle = (..., slice(top, top + height), slice(left, left + width))
        self.rows, self.columns = (
            [] if self.operation.mode == "constant" else self.copies(*sides)
            for sides in ((height, top, bottom), (width, left, right))
        )

    def copies(self, size: int, before: int, after: int) -> list[tuple[int, int]]:
        """The places around the middle of an axis of the result, each with the place there that it repeats."""
        places = np.arange(-before, size + after)
        if self.operation.mode == "reflect":
            own = size - 1 - np.abs(size - 1 - np.abs(places))
        else:
            own = places % size if self.operation.mode == "circular" else places.clip(0, size - 1)
        return [
            (place + before, of + before)
            for place, of in zip(places.tolist(), own.tolist(), strict=True)
            if place != of
        ]

    def forward(self, x: Array, training: bool) -> Array:
        y = self.site.empty(*self.site.output_shape())
        y.fill(self.operation.value)
        y[self.middle] = x
        for place, of in self.rows:
            y[:, :, place] = y[:, :, of]
        for place, of in self.columns:
            y[..., place] = y[..., of]
        return y

    def backward(self, dy: Array) -> Array:
        if not (self.rows or self.columns):
            return dy[self.middle]
        dy = dy.copy()
        for place, of in self.columns:
            dy[..., of] += dy[..., place]
        for place, of in self.rows:
            dy[:, :, of] += dy[:, :, place]
        return dy[self.middle]


@rule(RepeatVector)
class RepeatVectorKernel(Kernel[RepeatVector]):
    """x at every step."""

    def forward(self, x: Array, training: bool) -> Array:
        y = self.site.empty(*self.site.output_shape())
        y[...] = x[:, None]
        return y

    def backward(self, dy: Array) -> Array:
        dx: Array = dy.sum(axis=1)
        return dx
