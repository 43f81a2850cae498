"""The softmax of one vector: maximum and sum are single numbers, which NumPy joins with an array in less time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array, Site
from netspec.backends.numpy.output import SoftmaxKernel
from netspec.layers.output import Softmax


class OneSoftmax(SoftmaxKernel):
    """The plain rule with another way forward."""

    def __init__(self, sites: Sequence[Site[Any]], wants_gradient: bool) -> None:
        super().__init__(sites[0])
        self.y = self.site.empty(*self.site.output_shape())
        self.numbers, self.one = self.y.reshape(-1), np.zeros((), self.y.dtype)
        self.ones = np.ones_like(self.numbers)

    @classmethod
    def length(cls, sites: Sequence[Site[Any]]) -> int:
        """A softmax of one example that is a vector."""
        site = sites[0]
        return int(isinstance(site.operation, Softmax) and site.batch == 1 and len(site.output_shape()) == 2)

    def forward(self, x: Array, training: bool) -> Array:
        numbers, one = self.numbers, self.one
        np.subtract(x.reshape(-1), np.maximum.reduce(x, axis=None, out=one), out=numbers)
        np.exp(numbers, out=numbers)
        np.divide(numbers, np.dot(numbers, self.ones, out=one), out=numbers)
        self.kept = self.y
        return self.y
