"""Convolutions in a row, each with the relu and the pooling that follow it, on a chunk of images at a time.

A result is written straight into its place in the next convolution's padded image; the layers of a chunk follow one
another while it is in the processor's cache.  Relu after pooling is relu before it: a maximum does not mind.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from netspec.backends.numpy.fast.canvas import Canvas, Pairs
from netspec.backends.numpy.fast.pooled import Pooled
from netspec.backends.numpy.fast.rows import Rows, RowsOf, are_small
from netspec.backends.numpy.fast.single import Single, Strips
from netspec.backends.numpy.fast.winograd import Winograd, WinogradOf
from netspec.backends.numpy.kernel import Array, Site
from netspec.layers.activation import Relu
from netspec.layers.conv import Conv
from netspec.layers.pool import Pool
from netspec.layers.reshape import Flatten


def _pools(site: Site[Any]) -> bool:
    """It keeps the largest of windows that lie side by side."""
    operation = site.operation
    if not isinstance(operation, Pool) or operation.kind != "max" or operation.ceil:
        return False
    return operation.window.kernel == operation.window.stride and not any(site.padding())


class Stage:
    """A convolution with what follows it, up to the next."""

    def __init__(self, sites: Sequence[Site[Any]]) -> None:
        first, *others = sites
        self.relu = any(isinstance(site.operation, Relu) for site in others)
        pools = [site for site in others if isinstance(site.operation, Pool)]
        self.window = pools[0].operation.window.kernel if pools else None
        kind = Winograd if Winograd.fits(first) else Rows
        # what is pooled is compared with the largest once more
        self.weights: Rows | Winograd = kind(first, keeps_y=bool(pools))
        self.output = (pools or sites)[0].output_shape()

    @classmethod
    def length(cls, sites: Sequence[Site[Any]]) -> int:
        """How many layers from the first on make a stage; 0 for none."""
        if not sites or not isinstance(sites[0].operation, Conv) or not are_small(sites[0]):
            return 0
        if not (Winograd.fits(sites[0]) or Rows.fits(sites[0])):
            return 0
        relu = pool = False
        for count, site in enumerate(sites[1:], 1):
            if isinstance(site.operation, Relu) and not relu:
                relu = True
            elif _pools(site) and not pool:
                pool = True
            else:
                return count
        return len(sites)


class StageOf:
    """A stage on one chunk of images."""

    def __init__(self, stage: Stage, images: int, number: int) -> None:
        self.stage = stage
        self.conv: RowsOf | WinogradOf = stage.weights.of(images, number)
        self.canvas: Canvas = self.conv.canvas
        self.pooled = Pooled(self.conv.y, stage.window) if stage.window else None
        self.result = self.pooled.y if self.pooled else self.conv.y
        self.learns = stage.weights.site.learns
        if stage.relu:
            # a row is compared with a row in less time than with one number
            self.zeros = stage.weights.shared.array("zeros", *self.result.shape[1:])
            self.positive = np.empty(self.result.shape if self.learns else (), bool)

    def to(self, pairs: Pairs) -> None:
        """Say where the result goes, part by part."""
        self.pairs = pairs

    def forward(self, training: bool) -> None:
        """From what is drawn on the canvas to where the result goes."""
        self.conv.forward(training)
        if self.pooled:
            self.pooled.forward()
        if self.stage.relu:  # as a whole, then copied: less than both at once, a short run at a time
            np.maximum(self.result, self.zeros, out=self.result)
            if self.learns:
                np.greater(self.result, 0, out=self.positive)
        for part, place in self.pairs:
            np.copyto(place, part)

    def prepare_back(self, wants_image: bool) -> None:
        """Make room for gradients."""
        self.conv.prepare_back(wants_image)
        if self.pooled:
            self.pooled.prepare_back(self.conv.dy, self.stage.weights.shared)
        self.dresult = self.pooled.dy if self.pooled else self.conv.dy

    def back_from(self, pairs: Pairs) -> None:
        """Say where the gradient of the result comes from."""
        self.dpairs = pairs

    def backward(self) -> None:
        """From the gradient of the result to that of the canvas."""
        for dpart, dplace in self.dpairs:
            np.copyto(dpart, dplace)
        if self.stage.relu:
            np.multiply(self.dresult, self.positive, out=self.dresult)
        if self.pooled:
            self.pooled.backward()
        self.conv.backward()


class Images:
    """The kernel of all stages; it takes and gives arrays as the plain ones do."""

    def __init__(self, sites: Sequence[Site[Any]], wants_gradient: bool) -> None:
        self.wants_gradient = wants_gradient
        self.site = sites[0]
        self.stages: list[Stage] = []
        taken = 0
        while count := Stage.length(sites[taken:]):
            self.stages.append(Stage(sites[taken : taken + count]))
            taken += count
        self.x = self.site.empty(*self.site.input_shape())
        self.y = self.site.empty(*sites[taken - 1].output_shape())
        self.given = self.y.reshape(sites[-1].output_shape())
        batch, most = self.site.batch, min(stage.weights.most_images for stage in self.stages)
        number = -(-batch // most)
        ends = [batch * index // number for index in range(number + 1)]
        self.chunks = [
            Chunk(self.stages, index, _inside(self.x)[..., start:end], _inside(self.y)[..., start:end])
            for index, (start, end) in enumerate(pairwise(ends))
        ]
        self.slices = [slice(*each) for each in pairwise(ends)]
        self.is_ready_back = False
        self.single = self._single() if self.site.batch == 1 else None

    def _single(self) -> Single | None:
        """What predicts one image, where it is small."""
        sites = [stage.weights.site for stage in self.stages]
        if not all(map(Strips.fits, sites)):
            return None
        strips = [
            Strips(site, stage.relu, stage.window) for site, stage in zip(sites, self.stages, strict=True)
        ]
        return Single(strips, *(array.transpose(2, 0, 3, 1) for array in (self.x, self.y)))

    @classmethod
    def length(cls, sites: Sequence[Site[Any]]) -> int:
        """How many layers from the first on it takes; 0 for none."""
        total = 0
        while count := Stage.length(sites[total:]):
            total += count
        if total and total < len(sites) and isinstance(sites[total].operation, Flatten):
            total += 1
        return total

    def forward(self, x: Array, training: bool) -> Array:
        np.copyto(self.x, x)
        if self.single and not training:
            self.single.forward()
            return self.given
        for stage in self.stages:
            stage.weights.load()
        for chunk in self.chunks:
            chunk.forward(training)
        return self.given

    def prepare_back(self) -> None:
        """Make room for gradients, when they are first wanted."""
        self.dy = np.empty_like(self.y)
        self.dx = self.site.zeros(*self.site.input_shape())
        for stage in self.stages:
            stage.weights.prepare_back(len(self.chunks))
        for chunk, where in zip(self.chunks, self.slices, strict=True):
            dx = _inside(self.dx)[..., where] if self.wants_gradient else None
            chunk.prepare_back(_inside(self.dy)[..., where], dx)
        self.is_ready_back = True

    def backward(self, dy: Array) -> Array | None:
        if not self.is_ready_back:
            self.prepare_back()
        np.copyto(self.dy, dy.reshape(self.dy.shape))
        for stage in self.stages:
            stage.weights.load_back()
        for chunk in self.chunks:
            chunk.backward()
        for stage in self.stages:
            stage.weights.collect()
        return self.dx if self.wants_gradient else None


class Chunk:
    """All stages on some images, views of the whole batch (H, C, W, n)."""

    def __init__(self, stages: Sequence[Stage], number: int, x: Array, y: Array) -> None:
        self.stages = [StageOf(stage, x.shape[-1], number) for stage in stages]
        first, last = self.stages[0], self.stages[-1]
        self.pairs = first.canvas.views(first.canvas.array, x)
        for stage, following in pairwise(self.stages):
            stage.to(following.canvas.views(following.canvas.array, stage.result))
        last.to([(last.result, y)])

    def forward(self, training: bool) -> None:
        """From the images to the results."""
        for part, place in self.pairs:
            np.copyto(place, part)
        for stage in self.stages:
            stage.forward(training)

    def prepare_back(self, dy: Array, dx: Array | None) -> None:
        """Make room for gradients; that of the images goes to `dx`, unless none is wanted."""
        for stage in self.stages:
            stage.prepare_back(dx is not None or stage is not self.stages[0])
        for stage, following in pairwise(self.stages):
            stage.back_from(following.canvas.views(following.conv.dcanvas, stage.dresult))
        first, last = self.stages[0], self.stages[-1]
        last.back_from([(last.dresult, dy)])
        self.dpairs = [] if dx is None else first.canvas.views(first.conv.dcanvas, dx)

    def backward(self) -> None:
        """From the gradient of the results to those of the weights and of the images."""
        for stage in reversed(self.stages):
            stage.backward()
        for dpart, dplace in self.dpairs:
            np.copyto(dpart, dplace)


def _inside(images: Array) -> Array:
    """Images (N, C, H, W) as they are in a fast path: (H, C, W, N), a view."""
    return images.transpose(2, 1, 3, 0)
