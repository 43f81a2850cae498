"""Pooling: the windows of the padded image reduced, and the gradient sent back to where it belongs."""

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
        n, c, h, w = site.input_shape()
        _, _, oh, ow = site.output_shape()
        top, bottom, left, right = site.padding()
        (kh, kw), (sh, sw) = window.kernel, window.stride
        # a last window of `ceil` may reach beyond the padding
        height = max(h + top + bottom, (oh - 1) * sh + kh)
        width = max(w + left + right, (ow - 1) * sw + kw)
        self.largest = self.operation.kind == "max"
        self.padded = np.full((n, c, height, width), -np.inf if self.largest else 0, site.dtype)
        self.dpadded = site.empty(*self.padded.shape)
        self.inside = (..., slice(top, top + h), slice(left, left + w))
        slide = (window.kernel, window.stride, (1, 1), (oh, ow))
        self.entries, self.dentries = (
            [view[:, :, i, j] for i in range(kh) for j in range(kw)]
            for view in (windows(self.padded, *slide), windows(self.dpadded, *slide))
        )
        """For each entry of the window a view (N, C, OH, OW) of the pixels that it lies on."""
        self.y, self.part = site.empty(n, c, oh, ow), site.empty(n, c, oh, ow)
        self.hit, self.open = np.empty(self.y.shape, bool), np.empty(self.y.shape, bool)
        if not self.largest:
            counted = np.zeros((1, 1, height, width), site.dtype)
            whole = (..., slice(h + top + bottom), slice(w + left + right))
            counted[whole if self.operation.counted else self.inside] = 1
            self.share = 1 / windows(counted, *slide).sum(axis=(2, 3))

    def forward(self, x: Array, training: bool) -> Array:
        self.padded[self.inside] = x
        first, *rest = self.entries
        np.copyto(self.y, first)
        join = np.maximum if self.largest else np.add
        for entry in rest:
            join(self.y, entry, out=self.y)
        if not self.largest:
            self.y *= self.share
        return self.y

    def backward(self, dy: Array) -> Array:
        self.dpadded.fill(0)
        if self.largest:
            self._to_first(dy)
        else:
            np.multiply(dy, self.share, out=self.part)
            for dentry in self.dentries:
                dentry += self.part
        return self.dpadded[self.inside]

    def _to_first(self, dy: Array) -> None:
        """Each gradient to the first maximum of its window, row by row, as PyTorch has it."""
        self.open.fill(True)
        for entry, dentry in zip(self.entries, self.dentries, strict=True):
            np.equal(entry, self.y, out=self.hit)
            self.hit &= self.open
            self.open ^= self.hit
            dentry += np.multiply(dy, self.hit, out=self.part)


@rule(Global)
class GlobalKernel(Kernel[Global]):
    """Over the pixels of an image, or over the steps of a sequence, those that are there."""

    def prepare(self) -> None:
        self.axis = (2, 3) if len(self.site.inputs[0].dims) == 3 else (1,)
        self.dx = self.site.empty(*self.site.input_shape())
        self.count: Array | int = int(np.prod([self.dx.shape[axis] for axis in self.axis]))
        self.mask: Array | bool = True

    def forward(self, x: Array, *lengths: Array, training: bool) -> Array:
        self.dlengths = [np.zeros(each.shape, x.dtype) for each in lengths]
        if lengths:
            ends = ends_of(lengths[0], x.shape[1])
            self.mask, self.count = there(ends, x.shape[1])[..., None], ends[:, None, None].astype(x.dtype)
        if self.operation.kind == "max":
            self.x = np.where(self.mask, x, -np.inf) if lengths else x
            self.y: Array = self.x.max(axis=self.axis, keepdims=True)
            return self.y.reshape(self.site.output_shape())
        if lengths:
            x = np.where(self.mask, x, 0)
            return np.asarray((x.sum(axis=1, keepdims=True) / self.count)[:, 0])
        return np.asarray(x.mean(axis=self.axis))

    def backward(self, dy: Array) -> Array | tuple[Array, ...]:
        dy = np.expand_dims(dy, self.axis)
        if self.operation.kind == "avg":
            self.dx[...] = self.mask * (dy / self.count)
        else:  # shared by equal maxima, as torch.amax does
            largest = self.x == self.y
            self.dx[...] = largest * (dy / largest.sum(axis=self.axis, keepdims=True))
        return (self.dx, *self.dlengths) if self.dlengths else self.dx
