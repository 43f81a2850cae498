"""Pooling: the windows of the padded image reduced, and the gradient sent back to where it belongs."""

from __future__ import annotations

from collections.abc import Iterator

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
        n, c, h, w = site.input_shape()
        _, _, oh, ow = site.output_shape()
        top, bottom, left, right = site.padding()
        (kh, kw), (sh, sw) = window.kernel, window.stride
        # a last window of `ceil` may reach beyond the padding
        height = max(h + top + bottom, (oh - 1) * sh + kh)
        width = max(w + left + right, (ow - 1) * sw + kw)
        self.largest = self.operation.kind == "max"
        self.around = -np.inf if self.largest else 0
        self.padded = (n, c, height, width)
        self.inside = (..., slice(top, top + h), slice(left, left + w))
        self.slide = (window.kernel, window.stride, (1, 1), (oh, ow))
        if not self.largest:
            counted = np.zeros((1, 1, height, width), site.dtype)
            whole = (..., slice(h + top + bottom), slice(w + left + right))
            counted[whole if self.operation.counted else self.inside] = 1
            self.share = 1 / windows(counted, *self.slide).sum(axis=(2, 3))

    def entries(self, padded: Array) -> Iterator[Array]:
        """For each entry of the window a view (N, C, OH, OW) of the pixels that it lies on."""
        views = windows(padded, *self.slide)
        return (views[:, :, i, j] for i in range(views.shape[2]) for j in range(views.shape[3]))

    def pad(self, x: Array) -> Array:
        """The padded image; the image itself where nothing stands around it."""
        if x.shape == self.padded:
            return x
        padded = np.full(self.padded, self.around, x.dtype)
        padded[self.inside] = x
        return padded

    def forward(self, x: Array, training: bool) -> Array:
        first, *rest = self.entries(self.pad(x))
        y = first.copy()
        join = np.maximum if self.largest else np.add
        for entry in rest:
            join(y, entry, out=y)
        if self.largest:
            self.kept = x, y
        else:
            y *= self.share
        return y

    def backward(self, dy: Array) -> Array:
        dpadded = self.site.zeros(*self.padded)
        if self.largest:
            self._to_first(dy, dpadded)
        else:
            part = dy * self.share
            for dentry in self.entries(dpadded):
                dentry += part
        return dpadded[self.inside]

    def _to_first(self, dy: Array, dpadded: Array) -> None:
        """Each gradient to the first maximum of its window, row by row, as PyTorch has it."""
        x, y = self.kept
        hit, free, part = np.empty(y.shape, bool), np.ones(y.shape, bool), np.empty_like(y)
        for entry, dentry in zip(self.entries(self.pad(x)), self.entries(dpadded), strict=True):
            np.equal(entry, y, out=hit)
            hit &= free
            free ^= hit
            dentry += np.multiply(dy, hit, out=part)


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
