"""Convolutions: the windows of some rows copied to columns, then one GEMM an image and group (a single batched call).

The transposed convolution is the same machine run backwards.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.windows import Pair, scatter_add, windows
from netspec.layers.conv import Conv, Depthwise, Upconv, Upsample

MOST: Final = 1 << 19
"""Numbers in the columns of a block: enough for a GEMM to pay, few enough for a processor's cache."""


class Correlation:
    """The bias-free convolution of images (N, C, H, W) with kernels, and its adjoints, a block at a time.

    A block is some rows of the output of some images.  Its columns (n, G, C/G * kh * kw, rows * OW) are the windows
    of the padded rows that it sees: about `MOST` numbers, so that memory does not grow with the image.
    """

    def __init__(
        self,
        image: tuple[int, ...],
        output: tuple[int, ...],
        window: tuple[Pair, Pair, Pair],
        padding: tuple[int, int, int, int],
        groups: int,
        dtype: np.dtype[np.generic],
    ) -> None:
        self.image, self.window, self.padding, self.dtype = image, window, padding, dtype
        n, c, _, _ = image
        _, o, self.height, self.width = output
        (kh, kw), self.stride, self.dilation = window
        rows = c // groups * kh * kw
        self.matrix = (groups, rows, -1)
        self.products = (n, groups, o // groups, self.height * self.width)
        self.weight = (groups, o // groups, rows)
        self.pointwise = (kh, kw) == self.stride == (1, 1) and not any(padding)
        """Its columns are the image itself."""
        self.blocks = self._blocks(groups * rows * self.width)

    def _blocks(self, row: int) -> list[tuple[slice, slice]]:
        """The images and the rows of each block, where a row of an output has so many numbers in its columns."""
        images = self.image[0]
        rows = min(max(MOST // row, 1), self.height)
        together = min(max(MOST // (row * rows), 1), images)
        return [
            (slice(image, min(image + together, images)), slice(top, min(top + rows, self.height)))
            for image in range(0, images, together)
            for top in range(0, self.height, rows)
        ]

    def strip(self, rows: slice) -> tuple[slice, slice]:
        """The rows of the image that some rows of the output see, and their places in a strip of all that they see."""
        (kh, _), (stride, _), (dilation, _) = self.window
        first = rows.start * stride - self.padding[0]
        last = (rows.stop - 1) * stride - self.padding[0] + (kh - 1) * dilation + 1
        start, stop = max(first, 0), min(last, self.image[2])
        stop = max(stop, start)
        return slice(start, stop), slice(start - first, stop - first)

    def strip_shape(self, images: slice, rows: slice) -> tuple[int, ...]:
        """The shape of the padded strip for some rows of the output."""
        (kh, _), (stride, _), (dilation, _) = self.window
        height = (rows.stop - rows.start - 1) * stride + (kh - 1) * dilation + 1
        _, _, left, right = self.padding
        return (images.stop - images.start, self.image[1], height, left + self.image[3] + right)

    def columns(self, image: Array, images: slice, rows: slice) -> Array:
        """The columns of a block."""
        own, places = self.strip(rows)
        strip = image[images, :, own]
        if any(self.padding):
            padded = np.zeros(self.strip_shape(images, rows), self.dtype)
            left = self.padding[2]
            padded[:, :, places, left : left + image.shape[3]] = strip
            strip = padded
        view = windows(strip, *self.window, (rows.stop - rows.start, self.width))
        return view.reshape(len(view), *self.matrix)

    def pixels(self, output: Array, images: slice, rows: slice) -> Array:
        """A block of an output (N, O, OH, OW) as matrices (n, G, O/G, rows * OW)."""
        places = slice(rows.start * self.width, rows.stop * self.width)
        return output.reshape(self.products)[images, ..., places]

    def forward(self, image: Array, weight: Array, out: Array) -> None:
        """Fill `out`, which is contiguous."""
        matrix = weight.reshape(self.weight)
        for block in self.blocks:
            np.matmul(matrix, self.columns(image, *block), out=self.pixels(out, *block))

    def to_weight(self, image: Array, dy: Array, out: Array) -> None:
        """The gradient of the weight: the products of `dy` with the image."""
        total, first = out.reshape(self.weight), True
        for block in self.blocks:
            columns = self.columns(image, *block).swapaxes(2, 3)
            for given, seen in zip(self.pixels(dy, *block), columns, strict=True):
                if first:
                    np.matmul(given, seen, out=total)
                else:
                    total += np.matmul(given, seen)
                first = False

    def to_image(self, dy: Array, weight: Array) -> Array:
        """The gradient of the image: each output spread over its window."""
        matrix = weight.reshape(self.weight).swapaxes(1, 2)
        if self.pointwise:
            return np.matmul(matrix, dy.reshape(self.products)).reshape(self.image)
        dx = np.zeros(self.image, self.dtype)
        left, kernel = self.padding[2], self.window[0]
        for images, rows in self.blocks:
            spread = np.matmul(matrix, self.pixels(dy, images, rows))
            form = (len(spread), self.image[1], *kernel, rows.stop - rows.start, self.width)
            strip = np.zeros(self.strip_shape(images, rows), self.dtype)
            scatter_add(strip, spread.reshape(form), self.stride, self.dilation)
            own, places = self.strip(rows)
            dx[images, :, own] += strip[:, :, places, left : left + self.image[3]]
        return dx


def _window(operation: Conv | Depthwise | Upconv) -> tuple[Pair, Pair, Pair]:
    return operation.kernel, operation.stride, operation.dilation


@rule(Conv, Depthwise)
class ConvKernel(Kernel[Conv | Depthwise]):
    """y = W * x + b."""

    def prepare(self) -> None:
        site, operation = self.site, self.operation
        image, output = site.input_shape(), site.output_shape()
        groups = operation.groups if isinstance(operation, Conv) else image[1]
        padding = site.padding()
        self.correlation = Correlation(image, output, _window(operation), padding, groups, site.dtype)

    def forward(self, x: Array, training: bool) -> Array:
        self.kept = x
        y = self.site.empty(*self.site.output_shape())
        self.correlation.forward(x, self.site.parameters["weight"], y)
        if self.operation.bias:
            y += self.site.parameters["bias"][:, None, None]
        return y

    def backward(self, dy: Array) -> Array | None:
        self.correlation.to_weight(self.kept, dy, self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(dy, axis=(0, 2, 3), out=self.site.gradients["bias"])
        return self.correlation.to_image(dy, self.site.parameters["weight"]) if self.site.sends else None


@rule(Upconv)
class UpconvKernel(Kernel[Upconv]):
    """The gradient of a convolution from the output to this input, plus a bias.

    That convolution slides over the output, padded so that it has exactly this input's size.
    """

    def prepare(self) -> None:
        site, operation = self.site, self.operation
        image, output = site.input_shape(), site.output_shape()
        top, _, left, _ = site.padding()
        after = [
            (size - 1) * stride + reach - (larger + before)
            for size, stride, reach, larger, before in zip(
                image[2:], operation.stride, operation.window.reach, output[2:], (top, left), strict=True
            )
        ]
        # rows that no window reaches stay unpadded: they hold the bias alone
        padding = (top, max(after[0], 0), left, max(after[1], 0))
        self.correlation = Correlation(
            output, image, _window(operation), padding, operation.groups, site.dtype
        )

    def forward(self, x: Array, training: bool) -> Array:
        self.kept = x
        y = self.correlation.to_image(x, self.site.parameters["weight"])
        if self.operation.bias:
            y += self.site.parameters["bias"][:, None, None]
        return y

    def backward(self, dy: Array) -> Array:
        self.correlation.to_weight(dy, self.kept, self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(dy, axis=(0, 2, 3), out=self.site.gradients["bias"])
        dx = self.site.empty(*self.site.input_shape())
        self.correlation.forward(dy, self.site.parameters["weight"], dx)
        return dx


@rule(Upsample)
class UpsampleKernel(Kernel[Upsample]):
    """y = R x C': a matrix for rows and one for columns, which repeat or interpolate."""

    def prepare(self) -> None:
        site = self.site
        image = site.input_shape()
        self.rows, self.columns = (
            interpolation(size, factor, self.operation.mode).astype(site.dtype)
            for size, factor in zip(image[2:], self.operation.factor, strict=True)
        )

    def forward(self, x: Array, training: bool) -> Array:
        return self.between(x, self.rows, self.columns.T)

    def backward(self, dy: Array) -> Array:
        return self.between(dy, self.rows.T, self.columns)

    def between(self, images: Array, left: Array, right: Array) -> Array:
        """The products of each image (C, H, W) with two matrices, an image at a time."""
        y = self.site.empty(*images.shape[:2], len(left), right.shape[1])
        for image, out in zip(images, y, strict=True):
            np.matmul(left, image @ right, out=out)
        return y


def interpolation(size: int, factor: int, mode: str) -> Array:
    """The matrix (size * factor, size) that makes a line of pixels longer; pixel centres lie at halves."""
    places = np.arange(size * factor)
    if mode == "nearest":
        return np.eye(size)[places // factor]
    centre = np.clip((places + 0.5) / factor - 0.5, 0, size - 1)
    left = np.minimum(np.floor(centre).astype(int), max(size - 2, 0))
    share = (centre - left)[:, None]
    unit = np.eye(size)
    return np.add((1 - share) * unit[left], share * unit[np.minimum(left + 1, size - 1)])
