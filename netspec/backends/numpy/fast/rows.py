"""A convolution as one small GEMM for each row of its output, for any number of images at a time.

The columns of a canvas are copied once for each place of the kernel in a row, (H, kw C + 1, W n) with a row of ones for
the bias.  A window of kh rows of that is itself a matrix (kh (kw C + 1), W n): a view, so that nothing is copied kh
times (Cho and Brand 2017, "MEC", with its GEMMs joined).  The gradient of the columns is the same product, with the
kernel's rows turned round and the gradient of the output in the place of the columns.  OpenBLAS takes such small GEMMs
as they are, where it would first pack a long one.
"""

from __future__ import annotations

from math import prod
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from netspec.backends.numpy.fast.canvas import Canvas
from netspec.backends.numpy.fast.shared import Shared
from netspec.backends.numpy.kernel import Array, Site
from netspec.layers.conv import Conv

MOST_IMAGES: Final = 32
"""Images at a time: enough for long inner loops, few enough for a processor's cache."""
SMALL_TURNED: Final = 1200
"""Entries of a product with a transposed matrix that OpenBLAS takes as it is, where it packs a larger one first."""
LARGEST_IMAGE: Final = 1 << 17
"""Numbers of an image before and after a convolution, at most: a larger one fills the cache alone."""
ALWAYS: Final = 1 << 19
"""Numbers for the gradients of weights by row that are no matter, however small the images are."""


def are_small(site: Site[Conv]) -> bool:
    """The images before and after a convolution are small enough for canvases; the plain rule is leaner for others."""
    return max(prod(shape[1:]) for shape in (site.input_shape(), site.output_shape())) <= LARGEST_IMAGE


class Rows:
    """The weights of a convolution as matrices, in memory of their own; images come in `RowsOf`."""

    most_images = MOST_IMAGES

    def __init__(self, site: Site[Conv], keeps_y: bool) -> None:
        self.site, self.keeps_y, self.shared = site, keeps_y, Shared(site.dtype)
        _, channels, *self.image = site.input_shape()
        _, outputs, *self.output = site.output_shape()
        self.channels, self.outputs = channels, outputs
        (kh, kw), (s, t) = site.operation.kernel, site.operation.stride
        self.stride = s, t
        self.kernel = -(-kh // s), -(-kw // t)
        high, wide = self.kernel
        self.taps = s * t * channels
        self.columns = wide * self.taps + 1
        self.own, self.cut = self.kernels()
        self.matrix = site.zeros(outputs, high, self.columns)
        self.weights = self.split(self.matrix)
        self.bias = self.matrix[:, 0, -1]
        self.flat = self.matrix.reshape(outputs, -1)

    def kernels(self) -> tuple[Array, Array]:
        """Zeros for kernels that the stride divides: the real kernel in them, (O, C, kh, kw), and all as `split`."""
        high, wide = self.kernel
        s, t = self.stride
        whole = self.site.zeros(self.outputs, self.channels, high * s, wide * t)
        kh, kw = self.site.operation.kernel
        cut = whole.reshape(self.outputs, self.channels, high, s, wide, t)
        return whole[:, :, :kh, :kw], cut.transpose(0, 2, 4, 3, 5, 1)

    def split(self, matrix: Array) -> Array:
        """The weights in a matrix, (O, kh, kw, s, t, C)."""
        high, wide = self.kernel
        return matrix[:, :, :-1].reshape(self.outputs, high, wide, *self.stride, self.channels)

    @classmethod
    def fits(cls, site: Site[Conv]) -> bool:
        """A convolution neither dilated nor in groups.

        Its room, which it holds from batch to batch, must be in proportion to the images: the columns are, and the
        gradients of the weights by row are at most twice as many numbers.  Else the plain rule is leaner, and as fast.
        """
        if site.operation.dilation != (1, 1) or site.operation.groups != 1:
            return False
        numbers = sum(prod(shape) for shape in (site.input_shape(), site.output_shape()))
        rows = site.output_shape()[2] * prod(site.parameters["weight"].shape) * -(-site.batch // MOST_IMAGES)
        return rows <= max(ALWAYS, 2 * numbers)

    def load(self) -> None:
        """Take the weights as they are now."""
        self.own[...] = self.site.parameters["weight"]
        self.weights[...] = self.cut
        if self.site.operation.bias:
            self.bias[...] = self.site.parameters["bias"]

    def prepare_back(self, chunks: int) -> None:
        """Make room for gradients: those of the weights, a row of an output and a chunk of images at a time."""
        site, (high, _) = self.site, self.kernel
        self.turned = site.empty(self.columns - 1, high, self.outputs)
        self.dmatrices = site.empty(chunks, self.output[0], self.outputs, high * self.columns)
        self.dmatrix = site.empty(self.outputs, high, self.columns)
        self.down, self.dcut = self.kernels()

    def load_back(self) -> None:
        """The kernel with its rows turned round, for the gradient of the columns."""
        np.copyto(self.turned, self.matrix[:, ::-1, :-1].transpose(2, 1, 0))

    def collect(self) -> None:
        """Fill the gradients of the parameters from those of all chunks."""
        site = self.site
        rows = self.dmatrices.reshape(-1, self.dmatrix.size)
        np.add.reduce(rows, axis=0, out=self.dmatrix.reshape(-1))
        np.copyto(self.dcut, self.split(self.dmatrix))
        np.copyto(site.gradients["weight"], self.down)
        if site.operation.bias:
            np.copyto(site.gradients["bias"], self.dmatrix[:, 0, -1])

    def canvas(self, images: int) -> Canvas:
        """What the images are drawn on."""
        size = self.output[0] + self.kernel[0] - 1, self.output[1] + self.kernel[1] - 1
        top, _, left, _ = self.site.padding()
        shape = (self.image[0], self.channels, self.image[1], images)
        return Canvas(shape, size, self.stride, (top, left), self.site.dtype)

    def of(self, images: int, number: int) -> RowsOf:
        """The convolution of a chunk of so many images."""
        return RowsOf(self, images, number)


class RowsOf:
    """The convolution of one chunk: from what is drawn on `canvas` to `y` (H, O, W, n), and back from `dy`."""

    def __init__(self, rows: Rows, images: int, number: int) -> None:
        self.rows, self.number = rows, number
        self.canvas = rows.canvas(images)
        height, width = rows.output
        high, wide = rows.kernel
        site = rows.site
        lowered = site.empty(height + high - 1, rows.columns, width * images)
        lowered[:, -1] = 1
        drawn = self.canvas.array.reshape(len(lowered), rows.taps, -1, images)
        by_row, by_tap, by_column, by_image = drawn.strides
        self.shifted = as_strided(
            drawn,
            (len(lowered), wide, rows.taps, width, images),
            (by_row, by_column, by_tap, by_column, by_image),
        )
        self.lowered = lowered[:, :-1].reshape(self.shifted.shape)
        self.windows = _windows(lowered, height, high)
        size = height, rows.outputs, width, images
        self.y = site.empty(*size) if rows.keeps_y else rows.shared.array("y", *size)
        self.product = self.y.reshape(height, rows.outputs, -1)

    def forward(self, training: bool) -> None:
        """Fill `y`."""
        np.copyto(self.lowered, self.shifted)
        np.matmul(self.rows.flat, self.windows, out=self.product)

    def prepare_back(self, wants_image: bool) -> None:
        """Make room for gradients; that of the canvas only where it is wanted."""
        rows, shared = self.rows, self.rows.shared
        height, outputs, width, images = self.y.shape
        high, wide = rows.kernel
        padded = shared.array("dy", height + 2 * (high - 1), outputs, width * images)
        inside = padded[high - 1 : high - 1 + height]
        self.dy, self.dproduct = inside.reshape(self.y.shape), inside
        # a kernel's row at a time, where OpenBLAS takes the products as they are then
        cuts = high if high * rows.columns * outputs > SMALL_TURNED >= rows.columns * outputs else 1
        self.seen = self.windows.reshape(height, cuts, -1, width * images).swapaxes(2, 3)
        self.dmatrix = rows.dmatrices[self.number].reshape(height, outputs, cuts, -1).swapaxes(1, 2)
        self.wants_image = wants_image
        if wants_image:
            self.dcanvas = shared.array("dcanvas", *self.canvas.array.shape)
            self.dwindows = _windows(padded, height + high - 1, high)
            self.dlowered = shared.array("dlowered", height + high - 1, wide * rows.taps, width * images)
            parts = self.dlowered.reshape(len(self.dlowered), wide, rows.taps, width, images)
            drawn = self.dcanvas.reshape(len(self.dlowered), rows.taps, -1, images)
            self.shifts = [(drawn[:, :, j : j + width], parts[:, j]) for j in range(wide)]
            self.beyond = drawn[:, :, width:]

    def backward(self) -> None:
        """Fill the chunk's part of the weights' gradient, and `dcanvas`."""
        np.matmul(self.dproduct[:, None], self.seen, out=self.dmatrix)
        if not self.wants_image:
            return
        turned = self.rows.turned
        np.matmul(turned.reshape(len(turned), -1), self.dwindows, out=self.dlowered)
        (drawn, part), *others = self.shifts
        np.copyto(drawn, part)
        self.beyond.fill(0)
        for drawn, part in others:
            drawn += part


def _windows(rows: Array, count: int, high: int) -> Array:
    """`high` rows (R, columns) from each on as one matrix (high R, columns): a view, in which rows recur."""
    by_row, by_line, by_column = rows.strides
    return as_strided(
        rows, (count, high * rows.shape[1], rows.shape[2]), (by_row, by_line, by_column), writeable=False
    )
