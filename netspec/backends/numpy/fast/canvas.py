"""Images in the order of axes in which a convolution reads them, with their padding and cut into phases.

Within a fast path images are (H, C, W, n): a row of all channels and of n images at a time lies together, so that the
inner loops of NumPy run over many numbers however few the channels are.  A canvas for a stride (s, t) is
(H', s, t, C, W', n) with row h = H' s + phase: there the convolution has no stride, and kernels of 1/s the size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from netspec.backends.numpy.kernel import Array

Pair: TypeAlias = tuple[int, int]
Pairs: TypeAlias = list[tuple[Array, Array]]


def phases(size: int, before: int, stride: int, length: int) -> Iterator[tuple[int, slice, slice]]:
    """Where the rows of an image stand: the phase, the image's rows in it, and their places among `length` of them."""
    for phase in range(stride):
        first = (phase - before) % stride
        place = (first + before) // stride
        count = max(min(-(-(size - first) // stride), length - place), 0)
        yield phase, slice(first, first + stride * count, stride), slice(place, place + count)


class Canvas:
    """Room for padded images; what lies around them stays 0."""

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        size: Pair,
        stride: Pair,
        before: Pair,
        dtype: np.dtype[np.generic],
    ) -> None:
        self.shape, self.size, self.stride, self.before = shape, size, stride, before
        _, channels, _, images = shape
        self.array = np.zeros((size[0], *stride, channels, size[1], images), dtype)

    def views(self, array: Array, images: Array) -> Pairs:
        """Each part of images (H, C, W, n) with its place in an array like this one."""
        height, _, width, _ = self.shape
        return [
            (images[rows, :, columns], array[top, i, j, :, left])
            for i, rows, top in phases(height, self.before[0], self.stride[0], self.size[0])
            for j, columns, left in phases(width, self.before[1], self.stride[1], self.size[1])
        ]
