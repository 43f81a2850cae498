"""Windows over padded images as strided views, and their adjoint: the one idea behind convolution and pooling."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from netspec.backends.numpy.kernel import Array

Pair: TypeAlias = tuple[int, int]


def windows(image: Array, kernel: Pair, stride: Pair, dilation: Pair, output: Pair) -> Array:
    """A view (N, C, kh, kw, OH, OW) of an image (N, C, H, W): entry i, j of the window at each output pixel."""
    n, c, h, w = image.strides
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    shape = (*image.shape[:2], kh, kw, *output)
    return np.lib.stride_tricks.as_strided(image, shape, (n, c, h * dh, w * dw, h * sh, w * sw))


def scatter_add(image: Array, columns: Array, stride: Pair, dilation: Pair) -> None:
    """The adjoint of `windows`: add columns (N, C, kh, kw, OH, OW) to the pixels of an image that they came from."""
    kh, kw, height, width = columns.shape[2:]
    for i in range(kh):
        rows = slice(i * dilation[0], i * dilation[0] + stride[0] * (height - 1) + 1, stride[0])
        for j in range(kw):
            cols = slice(j * dilation[1], j * dilation[1] + stride[1] * (width - 1) + 1, stride[1])
            image[:, :, rows, cols] += columns[:, :, i, j]
