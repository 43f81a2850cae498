"""Dense layers: one GEMM."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.dense import Dense


@rule(Dense)
class DenseKernel(Kernel[Dense]):
    """y = x W' + b over the last axis."""

    def prepare(self) -> None:
        self.inputs, self.outputs = self.site.input_shape(), self.site.output_shape()

    def forward(self, x: Array, training: bool) -> Array:
        # all steps of all examples are the rows of one matrix
        rows = self.kept = x.reshape(-1, self.inputs[-1])
        y = np.matmul(rows, self.site.parameters["weight"].T)
        if self.operation.bias:
            y += self.site.parameters["bias"]
        return y.reshape(self.outputs)

    def backward(self, dy: Array) -> Array:
        rows = dy.reshape(-1, self.outputs[-1])
        np.matmul(rows.T, self.kept, out=self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(rows, axis=0, out=self.site.gradients["bias"])
        return np.matmul(rows, self.site.parameters["weight"]).reshape(self.inputs)
