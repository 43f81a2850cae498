"""Convolutions in a row on one image that is only predicted: few calls a layer, for the calls are what it costs.

The image is (H, W, C).  A window with a few to its right is one row of the columns, so that runs of a row of the image
are copied together; the weights stand in their matrix once for each of these windows, shifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from netspec.backends.numpy.fast.canvas import Canvas, Pairs
from netspec.backends.numpy.fast.pooled import Pooled
from netspec.backends.numpy.kernel import Array, Site
from netspec.layers.conv import Conv

MOST_COLUMNS: Final = 1 << 16
"""Numbers that the columns of a layer may have: few enough for a processor's cache."""
RUN: Final = 400
"""Products in the time in which a run is copied."""


class Strips:
    """A convolution of one image, from its canvas to `y`, with relu and the largest of windows where these follow."""

    def __init__(self, site: Site[Conv], relu: bool, window: tuple[int, int] | None) -> None:
        self.site, self.relu = site, relu
        _, channels, *image = site.input_shape()
        _, outputs, high, wide = site.output_shape()
        (kh, kw), (s, t) = site.operation.kernel, site.operation.stride
        top, _, left, _ = site.padding()
        size = (high - 1) * s + kh, (wide - 1) * t + kw
        # the channels of a pixel lie together, as the images of a chunk do in a canvas
        self.canvas = Canvas((image[0], 1, image[1], channels), size, (1, 1), (top, left), site.dtype)
        count = _windows(site)
        run = ((count - 1) * t + kw) * channels
        columns = np.ones((high * wide // count, kh * run + 1), site.dtype)
        pixel, number = channels * site.dtype.itemsize, site.dtype.itemsize
        row = size[1] * pixel
        self.shifted = as_strided(
            self.canvas.array, (high, wide // count, kh, run), (s * row, count * t * pixel, row, number)
        )
        self.columns, self.lowered = columns, columns[:, :-1].reshape(self.shifted.shape)
        self.matrix = site.zeros(kh * run + 1, count * outputs)
        by_row, by_column = self.matrix.strides
        self.weights = as_strided(
            self.matrix,
            (kh, kw, channels, count, outputs),
            (run * by_row, channels * by_row, by_row, t * channels * by_row + outputs * by_column, by_column),
        )
        self.bias = self.matrix[-1].reshape(count, outputs)
        self.product = site.empty(len(columns), count * outputs)
        y = self.product.reshape(high, 1, wide, outputs)
        self.pooled = Pooled(y, window) if window else None
        self.result = self.pooled.y if self.pooled else y
        self.numbers = self.result.reshape(-1)
        self.zeros = np.zeros_like(self.numbers)

    @classmethod
    def fits(cls, site: Site[Conv]) -> bool:
        """One image, and not too large."""
        return site.batch == 1 and _columns(site, _windows(site)) <= MOST_COLUMNS

    def to(self, pairs: Pairs) -> None:
        """Say where the result goes, part by part."""
        self.pairs = pairs

    def load(self) -> None:
        """Take the weights as they are now."""
        self.weights[...] = self.site.parameters["weight"].transpose(2, 3, 1, 0)[:, :, :, None]
        if self.site.operation.bias:
            self.bias[...] = self.site.parameters["bias"]

    def forward(self) -> None:
        """From what is drawn on the canvas to where the result goes."""
        np.copyto(self.lowered, self.shifted)
        np.dot(self.columns, self.matrix, out=self.product)
        if self.pooled:
            self.pooled.forward()
        if self.relu:  # of one run of numbers, then copied: less than both at once, row by row
            np.maximum(self.numbers, self.zeros, out=self.numbers)
        for part, place in self.pairs:
            np.copyto(place, part)


class Single:
    """All stages on one image, a view (H, 1, W, C) of a batch, to a view of the results."""

    def __init__(self, stages: Sequence[Strips], x: Array, y: Array) -> None:
        self.stages = stages
        first, last = stages[0], stages[-1]
        self.pairs = first.canvas.views(first.canvas.array, x)
        for stage, following in pairwise(stages):
            stage.to(following.canvas.views(following.canvas.array, stage.result))
        last.to([(last.result, y)])
        self.parameters = [each for stage in stages for each in stage.site.parameters.values()]
        self.loaded: list[bytes] = []

    def forward(self) -> None:
        """From the image to the results."""
        # to see that the weights are the same takes less than to place them
        now = [each.tobytes() for each in self.parameters]
        if now != self.loaded:
            self.loaded = now
            for stage in self.stages:
                stage.load()
        for part, place in self.pairs:
            np.copyto(place, part)
        for stage in self.stages:
            stage.forward()


def _columns(site: Site[Any], count: int) -> int:
    """The numbers of the columns where so many windows are one row."""
    _, channels, *_ = site.input_shape()
    _, _, high, wide = site.output_shape()
    (kh, kw), (_, t) = site.operation.kernel, site.operation.stride
    return high * wide // count * kh * ((count - 1) * t + kw) * channels


def _windows(site: Site[Any]) -> int:
    """How many windows side by side are best one row: few runs to copy, and few products with zeros."""
    _, outputs, high, wide = site.output_shape()

    def cost(count: int) -> int:
        runs = high * wide // count * site.operation.kernel[0]
        return RUN * runs + _columns(site, count) * count * outputs

    return min((count for count in range(1, wide + 1) if wide % count == 0), key=cost)
