"""Embeddings: rows of a table."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.embedding import Embed


@rule(Embed)
class EmbedKernel(Kernel[Embed]):
    """weight[x]; the gradients of a word that occurs often add up."""

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        return self.site.parameters["weight"][x]

    def backward(self, dy: Array) -> Array:
        gradient = self.site.gradients["weight"]
        gradient.fill(0)
        np.add.at(gradient, self.x, dy)
        return np.zeros(self.x.shape, dy.dtype)  # integers have no gradient
