"""Dense layers: one GEMM."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.dense import Dense


@rule(Dense)
class DenseKernel(Kernel[Dense]):
    """y = x W' + b over the last axis."""

    def prepare(self) -> None:
        self.y = self.site.empty(*self.site.output_shape())
        self.dx = self.site.empty(*self.site.input_shape())

    def forward(self, x: Array, training: bool) -> Array:
        weight = self.site.parameters["weight"]
        self.x = x
        np.matmul(x, weight.T, out=self.y)
        if self.operation.bias:
            self.y += self.site.parameters["bias"]
        return self.y

    def backward(self, dy: Array) -> Array:
        weight, gradients = self.site.parameters["weight"], self.site.gradients
        rows = dy.reshape(-1, dy.shape[-1])
        np.matmul(rows.T, self.x.reshape(len(rows), -1), out=gradients["weight"])
        if self.operation.bias:
            np.sum(rows, axis=0, out=gradients["bias"])
        return np.matmul(dy, weight, out=self.dx)
