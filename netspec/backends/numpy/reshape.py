"""Layers that only change the shape, views of channels-first arrays, and those that repeat."""

from __future__ import annotations

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.ir.layer import Operation
from netspec.ir.shape import Shape
from netspec.layers.reshape import Crop, Detach, Flatten, Identity, RepeatVector, Reshape


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
        self.dx = self.site.zeros(*self.site.input_shape())

    def forward(self, x: Array, training: bool) -> Array:
        return x[self.middle]

    def backward(self, dy: Array) -> Array:
        self.dx[self.middle] = dy
        return self.dx


@rule(RepeatVector)
class RepeatVectorKernel(Kernel[RepeatVector]):
    """x at every step."""

    def prepare(self) -> None:
        self.y = self.site.empty(*self.site.output_shape())

    def forward(self, x: Array, training: bool) -> Array:
        self.y[...] = x[:, None]
        return self.y

    def backward(self, dy: Array) -> Array:
        dx: Array = dy.sum(axis=1)
        return dx
