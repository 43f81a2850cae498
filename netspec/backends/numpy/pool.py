"""Pooling: the windows of the padded image reduced, and the gradient sent back to where it belongs."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.windows import scatter_add, windows
from netspec.layers.pool import Global, Pool


@rule(Pool)
class PoolKernel(Kernel[Pool]):
    """max, or the mean over the pixels that are really there."""

    def prepare(self) -> None:
        site, window = self.site, self.operation.window
        n, c, h, w = site.input_shape()
        _, _, oh, ow = site.output_shape()
        top, bottom, left, right = self.operation.padding(site.inputs)
        (kh, kw), (sh, sw) = window.kernel, window.stride
        # a last window of `ceil` may reach beyond the padding
        height = max(h + top + bottom, (oh - 1) * sh + kh)
        width = max(w + left + right, (ow - 1) * sw + kw)
        self.largest = self.operation.kind == "max"
        self.padded = np.full((n, c, height, width), -np.inf if self.largest else 0, site.dtype)
        self.dpadded = site.empty(*self.padded.shape)
        self.inside = (..., slice(top, top + h), slice(left, left + w))
        self.view = windows(self.padded, window.kernel, window.stride, (1, 1), (oh, ow))
        self.columns = site.empty(*self.view.shape)
        self.flat = self.columns.reshape(n, c, kh * kw, oh, ow)
        self.dcolumns = site.empty(*self.view.shape)
        self.dflat = self.dcolumns.reshape(self.flat.shape)
        self.y = site.empty(*site.output_shape())
        if not self.largest:
            real = np.zeros((1, 1, height, width), site.dtype)
            real[self.inside] = 1
            self.share = 1 / windows(real, window.kernel, window.stride, (1, 1), (oh, ow)).sum(axis=(2, 3))

    def forward(self, x: Array, training: bool) -> Array:
        self.padded[self.inside] = x
        if self.largest:
            np.copyto(self.columns, self.view)
            return np.max(self.flat, axis=2, out=self.y)
        np.sum(self.view, axis=(2, 3), out=self.y)
        self.y *= self.share
        return self.y

    def backward(self, dy: Array) -> Array:
        if self.largest:
            self.dflat.fill(0)
            first = np.expand_dims(self.flat.argmax(axis=2), 2)
            np.put_along_axis(self.dflat, first, np.expand_dims(dy, 2), axis=2)
        else:
            self.dflat[...] = np.expand_dims(dy * self.share, 2)
        self.dpadded.fill(0)
        scatter_add(self.dpadded, self.dcolumns, self.operation.window.stride, (1, 1))
        return self.dpadded[self.inside]


@rule(Global)
class GlobalKernel(Kernel[Global]):
    """Over the pixels of an image, or over the steps of a sequence."""

    def prepare(self) -> None:
        self.axis = (2, 3) if len(self.site.inputs[0].dims) == 3 else (1,)
        self.dx = self.site.empty(*self.site.input_shape())
        self.count = int(np.prod([self.dx.shape[axis] for axis in self.axis]))

    def forward(self, x: Array, training: bool) -> Array:
        if self.operation.kind == "avg":
            return np.asarray(x.mean(axis=self.axis))
        self.x = x
        self.y: Array = x.max(axis=self.axis, keepdims=True)
        return self.y.reshape(self.site.output_shape())

    def backward(self, dy: Array) -> Array:
        dy = np.expand_dims(dy, self.axis)
        if self.operation.kind == "avg":
            np.divide(dy, self.count, out=self.dx)
        else:  # shared by equal maxima, as torch.amax does
            largest = self.x == self.y
            self.dx[...] = largest * (dy / largest.sum(axis=self.axis, keepdims=True))
        return self.dx
