"""Pooling: windows reduced, an entry of all of them at a time, and the gradient sent back to where it belongs."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.lengths import ends_of, there
from netspec.backends.numpy.windows import windows
from netspec.layers.pool import Global, Pool


@rule(Pool)
class PoolKernel(Kernel[Pool]):
    """max, or the mean over the pixels that count; a pass over the outputs for each entry of the window."""

    def prepare(self) -> None:
        site, window = self.site, self.operation.window
        _, _, h, w = site.input_shape()
        _, _, oh, ow = site.output_shape()
        top, bottom, left, right = site.padding()
        (kh, kw), (sh, sw) = window.kernel, window.stride
        rows = [_inside(i - top, sh, h, oh) for i in range(kh)]
        columns = [_inside(j - left, sw, w, ow) for j in range(kw)]
        self.entries = [
            ((..., places, others), (..., pixels, beside))
            for places, pixels in rows
            for others, beside in columns
        ]
        """For each entry of the window, the outputs for which it lies on a pixel, and these pixels."""
        self.largest = self.operation.kind == "max"
        self.start = -np.inf if self.largest else 0
        if not self.largest:
            # a last window of `ceil` may reach beyond the padding
            height, width = (
                max(h + top + bottom, (oh - 1) * sh + kh),
                max(w + left + right, (ow - 1) * sw + kw),
            )
            counted = np.zeros((1, 1, height, width), site.dtype)
            whole = (..., slice(h + top + bottom), slice(w + left + right))
            own = (..., slice(top, top + h), slice(left, left + w))
            counted[whole if self.operation.counted else own] = 1
            slide = (window.kernel, window.stride, (1, 1), (oh, ow))
            self.share = 1 / windows(counted, *slide).sum(axis=(2, 3))

    def forward(self, x: Array, training: bool) -> Array:
        y = np.full(self.site.output_shape(), self.start, x.dtype)
        join = np.maximum if self.largest else np.add
        for places, pixels in self.entries:
            join(y[places], x[pixels], out=y[places])
        if self.largest:
            self.kept = x, y
        else:
            y *= self.share
        return y

    def backward(self, dy: Array) -> Array:
        dx = self.site.zeros(*self.site.input_shape())
        if self.largest:
            self._to_first(dy, dx)
        else:
            part = dy * self.share
            for places, pixels in self.entries:
                dx[pixels] += part[places]
        return dx

    def _to_first(self, dy: Array, dx: Array) -> None:
        """Each gradient to the first maximum of its window, row by row, as PyTorch has it."""
        x, y = self.kept
        free = np.ones(y.shape, bool)
        for places, pixels in self.entries:
            hit = x[pixels] == y[places]
            hit &= free[places]
            free[places] ^= hit
            dx[pixels] += dy[places] * hit


def _inside(first: int, stride: int, size: int, count: int) -> tuple[slice, slice]:
    """Of `count` places from `first` on, a stride apart: those that lie within `size` pixels, and where they lie."""
    low = max(-(first // stride), 0)
    high = max(min((size - 1 - first) // stride + 1, count), low)
    start = first + low * stride
    return slice(low, high), slice(start, start + (high - low) * stride, stride)


@rule(Global)
class GlobalKernel(Kernel[Global]):
    """Over the pixels of an image, or over the steps of a sequence, those that are there."""

    def prepare(self) -> None:
        self.axis = (2, 3) if len(self.site.inputs[0].dims) == 3 else (1,)
        shape = self.site.input_shape()
        self.count: Array | int = int(np.prod([shape[axis] for axis in self.axis]))
        self.mask: Array | bool = True

    def forward(self, x: Array, *lengths: Array, training: bool) -> Array:
        self.dlengths = [np.zeros(each.shape, x.dtype) for each in lengths]
        if lengths:
            ends = ends_of(lengths[0], x.shape[1])
            self.mask, self.count = there(ends, x.shape[1])[..., None], ends[:, None, None].astype(x.dtype)
        if self.operation.kind == "max":
            x = np.where(self.mask, x, -np.inf) if lengths else x
            y: Array = x.max(axis=self.axis, keepdims=True)
            self.kept = x, y
            return y.reshape(self.site.output_shape())
        if lengths:
            x = np.where(self.mask, x, 0)
            return np.asarray((x.sum(axis=1, keepdims=True) / self.count)[:, 0])
        return np.asarray(x.mean(axis=self.axis))

    def backward(self, dy: Array) -> Array | tuple[Array, ...]:
        dy, dx = np.expand_dims(dy, self.axis), self.site.empty(*self.site.input_shape())
        if self.operation.kind == "avg":
            dx[...] = self.mask * (dy / self.count)
        else:  # shared by equal maxima, as torch.amax does
            x, y = self.kept
            largest = x == y
            dx[...] = largest * (dy / largest.sum(axis=self.axis, keepdims=True))
        return (dx, *self.dlengths) if self.dlengths else dx
