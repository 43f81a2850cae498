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
        # all steps of all examples are the rows of one matrix
        self.y_rows = self.y.reshape(-1, self.y.shape[-1])
        self.dx_rows = self.dx.reshape(-1, self.dx.shape[-1])

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x.reshape(self.dx_rows.shape)
        np.matmul(self.x, self.site.parameters["weight"].T, out=self.y_rows)
        if self.operation.bias:
            self.y += self.site.parameters["bias"]
        return self.y

    def backward(self, dy: Array) -> Array:
        rows = dy.reshape(self.y_rows.shape)
        np.matmul(rows.T, self.x, out=self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(rows, axis=0, out=self.site.gradients["bias"])
        np.matmul(rows, self.site.parameters["weight"], out=self.dx_rows)
        return self.dx
