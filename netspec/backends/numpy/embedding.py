"""Embeddings: rows of a table."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.ir.shape import Shape
from netspec.layers.embedding import Embed


@rule(Embed)
class EmbedKernel(Kernel[Embed]):
    """weight[x]; the gradients of a word that occurs often add up."""

    def prepare(self) -> None:
        site = self.site
        rank = len(site.inputs[0].dims)
        # the axes of an example as arrays hold them; looked up, features are last, but channels stand elsewhere
        found = [*Shape(tuple(range(rank))).channels_first, rank]
        wanted = Shape(tuple(range(rank + 1))).channels_first
        self.order = (0, *(found.index(axis) + 1 for axis in wanted))

    def forward(self, x: Array, training: bool) -> Array:
        self.kept = x
        y: Array = np.take(self.site.parameters["weight"], x, axis=0)
        if self.operation.scaled:
            y *= self.operation.features**0.5
        return y.transpose(self.order)

    def backward(self, dy: Array) -> Array:
        gradient = self.site.gradients["weight"]
        rows = dy.transpose(np.argsort(self.order)).reshape(-1, gradient.shape[1])
        # sorted by word and summed in runs, which is several times faster than np.add.at
        words = self.kept.reshape(-1)
        order = np.argsort(words, kind="stable")
        words = words[order]
        starts = np.flatnonzero(np.diff(words, prepend=-1))
        gradient.fill(0)
        gradient[words[starts]] = np.add.reduceat(rows[order], starts, axis=0)
        if self.operation.scaled:
            gradient *= self.operation.features**0.5
        return self.site.zeros(*self.kept.shape)  # integers have no gradient
