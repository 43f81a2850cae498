"""Convolutions: the windows copied to columns, then one GEMM an image and group (a single batched call).

The transposed convolution is the same machine run backwards.
"""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.windows import Pair, scatter_add, windows
from netspec.layers.conv import Conv, Depthwise, Upconv, Upsample


class Correlation:
    """The bias-free convolution of images (N, C, H, W) with kernels, and its adjoints.

    Columns (N, G, C/G * kh * kw, OH * OW) are the windows of the padded image.
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
        n, c, h, w = image
        _, o, oh, ow = output
        top, bottom, left, right = padding
        (kh, kw), self.stride, self.dilation = window
        self.padded = np.zeros((n, c, h + top + bottom, w + left + right), dtype)
        self.dpadded = np.empty(self.padded.shape, dtype)
        self.inside = (..., slice(top, top + h), slice(left, left + w))
        self.view = windows(self.padded, *window, (oh, ow))
        rows = c // groups * kh * kw
        self.columns = np.empty(self.view.shape, dtype)
        self.matrix = self.columns.reshape(n, groups, rows, oh * ow)
        self.dcolumns = np.empty(self.view.shape, dtype)
        self.dmatrix = self.dcolumns.reshape(self.matrix.shape)
        self.products = (n, groups, o // groups, oh * ow)
        self.weight = (groups, o // groups, rows)
        self.dweights = np.empty((n, *self.weight), dtype)

    def load(self, image: Array) -> None:
        """Fill the columns."""
        self.padded[self.inside] = image
        np.copyto(self.columns, self.view)

    def forward(self, weight: Array, out: Array) -> None:
        """The convolution of the image that is loaded."""
        np.matmul(weight.reshape(self.weight), self.matrix, out=out.reshape(self.products))

    def to_weight(self, dy: Array, out: Array) -> None:
        """The gradient of the weight: the products of `dy` with the image that is loaded."""
        np.matmul(dy.reshape(self.products), self.matrix.swapaxes(2, 3), out=self.dweights)
        np.sum(self.dweights, axis=0, out=out.reshape(self.weight))

    def to_image(self, dy: Array, weight: Array) -> Array:
        """The gradient of the image: each output spread over its window."""
        np.matmul(weight.reshape(self.weight).swapaxes(1, 2), dy.reshape(self.products), out=self.dmatrix)
        self.dpadded.fill(0)
        scatter_add(self.dpadded, self.dcolumns, self.stride, self.dilation)
        return self.dpadded[self.inside]


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
        self.y = site.empty(*output)

    def forward(self, x: Array, training: bool) -> Array:
        self.correlation.load(x)
        self.correlation.forward(self.site.parameters["weight"], self.y)
        if self.operation.bias:
            self.y += self.site.parameters["bias"][:, None, None]
        return self.y

    def backward(self, dy: Array) -> Array:
        self.correlation.to_weight(dy, self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(dy, axis=(0, 2, 3), out=self.site.gradients["bias"])
        return self.correlation.to_image(dy, self.site.parameters["weight"])


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
        self.y = site.empty(*output)
        self.dx = site.empty(*image)

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        np.copyto(self.y, self.correlation.to_image(x, self.site.parameters["weight"]))
        if self.operation.bias:
            self.y += self.site.parameters["bias"][:, None, None]
        return self.y

    def backward(self, dy: Array) -> Array:
        self.correlation.load(dy)
        self.correlation.to_weight(np.ascontiguousarray(self.x), self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(dy, axis=(0, 2, 3), out=self.site.gradients["bias"])
        self.correlation.forward(self.site.parameters["weight"], self.dx)
        return self.dx


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
        self.wide = site.empty(*image[:3], len(self.columns))
        self.y = site.empty(*site.output_shape())
        self.dx = site.empty(*image)

    def forward(self, x: Array, training: bool) -> Array:
        np.matmul(x, self.columns.T, out=self.wide)
        return np.matmul(self.rows, self.wide, out=self.y)

    def backward(self, dy: Array) -> Array:
        np.matmul(self.rows.T, dy, out=self.wide)
        return np.matmul(self.wide, self.columns, out=self.dx)


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
