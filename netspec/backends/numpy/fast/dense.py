"""A dense layer with the relu that follows it: one buffer for both; nothing goes back to where nothing is trained.

That buffer is held from batch to batch, as new room would take as long as what fills it; those of the way back are held
where a plan learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array, Site
from netspec.layers.activation import Relu
from netspec.layers.dense import Dense


class DenseRelu:
    """y = x W' + b, or what of it is positive."""

    kept: Any = None
    """What it read, as rows."""

    def __init__(self, sites: Sequence[Site[Any]], wants_gradient: bool) -> None:
        site = sites[0]
        self.wants_gradient, self.relu = wants_gradient, len(sites) > 1
        self.weight, self.dweight = site.parameters["weight"], site.gradients["weight"]
        self.bias, self.dbias = (each.get("bias") for each in (site.parameters, site.gradients))
        # in the shape of one result: an addition without an axis more takes less
        self.row = None if self.bias is None else self.bias[None]
        self.turned = self.weight.T
        self.y = site.empty(*site.output_shape())
        # all steps of all examples are the rows of one matrix
        self.y_rows = self.y.reshape(-1, self.y.shape[-1])
        self.read = (len(self.y_rows), self.weight.shape[1])
        if site.learns:
            self.positive, self.dy = np.empty(self.y_rows.shape, bool), np.empty_like(self.y_rows)
        if site.learns and wants_gradient:
            self.dx = site.empty(*site.input_shape())
            self.dx_rows = self.dx.reshape(self.read)
        # one row is compared with a row: less than with one number
        self.zero = np.zeros(self.y_rows.shape if len(self.y_rows) == 1 else (), site.dtype)
        # one row: BLAS has a routine for it, which `matmul` does not call
        self.product = np.dot if len(self.y_rows) == 1 else np.matmul
        self.outer = self.product if self.dweight.flags.c_contiguous else np.matmul

    @classmethod
    def length(cls, sites: Sequence[Site[Any]]) -> int:
        """Any dense layer, and the relu after it."""
        if not isinstance(sites[0].operation, Dense):
            return 0
        return 2 if len(sites) > 1 and isinstance(sites[1].operation, Relu) else 1

    def forward(self, x: Array, training: bool) -> Array:
        x = self.kept = x.reshape(self.read)
        self.product(x, self.turned, out=self.y_rows)
        if self.row is not None:
            np.add(self.y_rows, self.row, out=self.y_rows)
        if self.relu:
            np.maximum(self.y_rows, self.zero, out=self.y_rows)
        return self.y

    def backward(self, dy: Array) -> Array | None:
        dy = dy.reshape(self.y_rows.shape)
        if self.relu:
            np.greater(self.y_rows, 0, out=self.positive)
            dy = np.multiply(dy, self.positive, out=self.dy)
        self.outer(dy.T, self.kept, out=self.dweight)
        if self.dbias is not None:
            np.add.reduce(dy, axis=0, out=self.dbias)
        if not self.wants_gradient:
            return None
        np.matmul(dy, self.weight, out=self.dx_rows)
        return self.dx
