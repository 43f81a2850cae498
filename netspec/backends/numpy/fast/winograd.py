"""A 3x3 convolution by Winograd's F(4x4, 3x3): 36 products for 16 outputs of a channel, where there are 144 otherwise.

Tiles of 6x6 pixels that overlap by two are transformed, multiplied point by point with the transformed kernel (a GEMM
over channels for each of the 36 points) and transformed back into 4x4 outputs (Lavin and Gray 2016, "Fast Algorithms
for Convolutional Neural Networks", section 4.3).  A transformation of a tile's rows and then its columns is one matrix.
The gradients are those of these four linear steps.  A row of tiles is worked on at a time, in the processor's cache.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from netspec.backends.numpy.fast.canvas import Canvas
from netspec.backends.numpy.fast.rows import MOST_IMAGES
from netspec.backends.numpy.fast.shared import Shared
from netspec.backends.numpy.kernel import Array, Site
from netspec.layers.conv import Conv

TILE: Final = 4
"""Rows and columns of outputs of a tile."""
FROM_IMAGE: Final = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
FROM_KERNEL: Final = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
TO_OUTPUT: Final = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)
LEAST_CHANNELS: Final = 16
"""With fewer the transformations cost more than the products that are saved."""
LEAST_COLUMNS: Final = 64
"""Tiles of a row, of all images at a time: with fewer the transformed kernel is too much to read for them."""
PIECE: Final = 512
"""Columns of a product with a transformation: OpenBLAS takes such a small one as it is."""


class Winograd:
    """The weights of a convolution at the 36 points; images come in `WinogradOf`."""

    most_images = MOST_IMAGES

    def __init__(self, site: Site[Conv], keeps_y: bool) -> None:
        self.site, self.keeps_y, self.shared = site, keeps_y, Shared(site.dtype)
        _, self.channels, *self.image = site.input_shape()
        _, self.outputs, *self.output = site.output_shape()
        self.tiles = self.output[0] // TILE, self.output[1] // TILE
        self.from_image, self.from_kernel, self.to_output = (
            np.kron(matrix, matrix).astype(site.dtype) for matrix in (FROM_IMAGE, FROM_KERNEL, TO_OUTPUT)
        )
        self.points = site.empty(36, self.outputs, self.channels)
        self.bias = site.zeros(self.outputs, 1, 1)

    @classmethod
    def fits(cls, site: Site[Conv]) -> bool:
        """A 3x3 convolution without stride from many channels to many, with whole tiles."""
        operation = site.operation
        plain = operation.dilation == operation.stride == (1, 1) and operation.groups == 1
        _, outputs, *size = site.output_shape()
        many = min(outputs, site.input_shape()[1]) >= LEAST_CHANNELS
        many &= min(site.batch, MOST_IMAGES) * size[1] // TILE >= LEAST_COLUMNS
        return plain and many and operation.kernel == (3, 3) and not any(length % TILE for length in size)

    def load(self) -> None:
        """Take the weights as they are now."""
        kernels = self.site.parameters["weight"].reshape(-1, 9).T
        np.matmul(self.from_kernel, kernels, out=self.points.reshape(36, -1))
        if self.site.operation.bias:
            self.bias[:, 0, 0] = self.site.parameters["bias"]

    def prepare_back(self, chunks: int) -> None:
        """Make room for gradients."""
        self.back = self.site.empty(36, self.channels, self.outputs)
        self.dpoints, self.dproduct = np.empty_like(self.points), np.empty_like(self.points)
        self.dbias = self.site.empty(self.outputs)

    def load_back(self) -> None:
        """The points for the gradient of the image; nothing is added up yet."""
        np.copyto(self.back, self.points.swapaxes(1, 2))
        self.dpoints.fill(0)
        self.dbias.fill(0)

    def collect(self) -> None:
        """Fill the gradients of the parameters."""
        found = self.from_kernel.T @ self.dpoints.reshape(36, -1)
        np.copyto(self.site.gradients["weight"].reshape(-1, 9), found.T)
        if self.site.operation.bias:
            np.copyto(self.site.gradients["bias"], self.dbias)

    def of(self, images: int, number: int) -> WinogradOf:
        """The convolution of a chunk of so many images."""
        return WinogradOf(self, images)


class WinogradOf:
    """The convolution of one chunk: from what is drawn on `canvas` to `y` (H, O, W, n), and back from `dy`."""

    def __init__(self, weights: Winograd, images: int) -> None:
        self.weights, site, shared = weights, weights.site, weights.shared
        (high, wide), (height, width) = weights.tiles, weights.output
        top, _, left, _ = site.padding()
        shape = (weights.image[0], weights.channels, weights.image[1], images)
        self.canvas = Canvas(shape, (height + 2, width + 2), (1, 1), (top, left), site.dtype)
        size = height, weights.outputs, width, images
        self.y = site.empty(*size) if weights.keeps_y else shared.array("y", *size)
        self.rows = high
        self.inputs = weights.channels, wide, images
        self.outputs = weights.outputs, wide, images
        self.tiles = shared.array("tiles", 36, *self.inputs)
        self.products = shared.array("products", 36, *self.outputs)
        self.results = shared.array("results", 16, *self.outputs)
        self.seen: dict[bool, Array] = {}
        """The transformed tiles: in training those of all rows are kept."""

    def forward(self, training: bool) -> None:
        """Fill `y`."""
        if training not in self.seen:
            self.seen[training] = self.weights.site.empty(self.rows if training else 1, 36, *self.inputs)
        self.transformed, weights = self.seen[training], self.weights
        for row in range(self.rows):
            transformed = self.transformed[row % len(self.transformed)]
            np.copyto(self.tiles.reshape(6, 6, *self.inputs), _tiles(self.canvas.array, row, 6))
            _transform(weights.from_image, self.tiles, transformed)
            np.matmul(weights.points, _flat(transformed), out=_flat(self.products))
            _transform(weights.to_output, self.products, self.results)
            results = self.results.reshape(TILE, TILE, *self.outputs)
            np.add(results, weights.bias, out=_tiles(self.y, row, TILE))

    def prepare_back(self, wants_image: bool) -> None:
        """Make room for gradients; that of the canvas only where it is wanted."""
        self.wants_image, shared = wants_image, self.weights.shared
        self.dy = shared.array("dy", *self.y.shape)
        if wants_image:
            self.dcanvas = shared.array("dcanvas", *self.canvas.array.shape)

    def backward(self) -> None:
        """Add the chunk's part of the weights' gradient, and fill `dcanvas`."""
        weights = self.weights
        if self.wants_image:
            self.dcanvas.fill(0)
        for row in range(self.rows):
            np.copyto(self.results.reshape(TILE, TILE, *self.outputs), _tiles(self.dy, row, TILE))
            _transform(weights.to_output.T, self.results, self.products)
            products, transformed = _flat(self.products), _flat(self.transformed[row])
            np.matmul(products, transformed.swapaxes(1, 2), out=weights.dproduct)
            np.add(weights.dpoints, weights.dproduct, out=weights.dpoints)
            if self.wants_image:
                np.matmul(weights.back, products, out=transformed)
                _transform(weights.from_image.T, self.transformed[row], self.tiles)
                self._add_tiles(row)
        weights.dbias += np.add.reduce(self.dy, axis=(0, 2, 3))

    def _add_tiles(self, row: int) -> None:
        """Add the gradients of a row of tiles to that of the canvas: first what does not overlap, then the rest."""
        tiles = self.tiles.reshape(6, 6, *self.inputs)
        drawn = _tiles(self.dcanvas, row, 6)
        for part in (slice(TILE), slice(TILE, None)):
            np.add(drawn[:, part], tiles[:, part], out=drawn[:, part])


def _tiles(array: Array, row: int, size: int) -> Array:
    """A row of tiles of images (H, ..., C, W, n) as (size, size, C, tiles, n), a view."""
    channels, width, images = array.shape[-3:]
    by_row, *_, by_channel, by_column, by_image = array.strides
    return as_strided(
        array[TILE * row :],
        (size, size, channels, width // TILE, images),
        (by_row, by_column, by_channel, TILE * by_column, by_image),
    )


def _flat(points: Array) -> Array:
    """Points (36, C, tiles, n) as matrices (36, C, tiles n)."""
    return points.reshape(*points.shape[:2], -1)


def _transform(matrix: Array, x: Array, out: Array) -> None:
    """The matrix times x, a piece of its columns at a time."""
    x, out = (each.reshape(len(each), -1) for each in (x, out))
    whole = x.shape[1] // PIECE * PIECE
    pieces, results = (each[:, :whole].reshape(len(each), -1, PIECE).swapaxes(0, 1) for each in (x, out))
    np.matmul(matrix, pieces, out=results)
    np.matmul(matrix, x[:, whole:], out=out[:, whole:])
