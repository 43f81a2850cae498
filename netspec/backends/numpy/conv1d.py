"""Convolutions over time: those of an image one pixel high."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.conv import Correlation
from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.ir.shape import Shape
from netspec.layers.conv1d import Conv1d


@rule(Conv1d)
class Conv1dKernel(Kernel[Conv1d]):
    """y = W * x + b; arrays are (N, T, F) outside and (N, F, 1, T) inside."""

    def prepare(self) -> None:
        site, operation = self.site, self.operation
        (n, steps, features), (_, results, kernels) = site.input_shape(), site.output_shape()
        before, after = Shape(operation.ends(site.inputs[0])).known
        window = (1, operation.kernel), (1, operation.stride), (1, operation.dilation)
        self.y = site.empty(n, kernels, 1, results)
        self.dy = site.empty(*self.y.shape)
        self.correlation = Correlation(
            (n, features, 1, steps),
            self.y.shape,
            window,
            (0, 0, before, after),
            operation.groups,
            site.dtype,
        )

    def forward(self, x: Array, training: bool) -> Array:
        self.correlation.load(x.swapaxes(1, 2)[:, :, None])
        self.correlation.forward(self.site.parameters["weight"], self.y)
        if self.operation.bias:
            self.y += self.site.parameters["bias"][:, None, None]
        return self.y[:, :, 0].swapaxes(1, 2)

    def backward(self, dy: Array) -> Array:
        self.dy[:, :, 0] = dy.swapaxes(1, 2)
        self.correlation.to_weight(self.dy, self.site.gradients["weight"])
        if self.operation.bias:
            np.sum(dy, axis=(0, 1), out=self.site.gradients["bias"])
        dx = self.correlation.to_image(self.dy, self.site.parameters["weight"])
        return dx[:, :, 0].swapaxes(1, 2)
