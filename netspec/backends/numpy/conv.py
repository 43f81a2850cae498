"""Convolutions: the windows copied to columns, then one GEMM an image and group (a single batched call)."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.windows import scatter_add, windows
from netspec.layers.conv import Conv


@rule(Conv)
class ConvKernel(Kernel[Conv]):
    """y = W * columns(x) + b; columns (N, G, C/G * kh * kw, OH * OW) of the padded image."""

    def prepare(self) -> None:
        site, operation = self.site, self.operation
        n, c, h, w = site.input_shape()
        _, o, oh, ow = site.output_shape()
        top, bottom, left, right = operation.padding(site.inputs)
        self.padded = site.zeros(n, c, h + top + bottom, w + left + right)
        self.dpadded = site.empty(*self.padded.shape)
        self.inside = (..., slice(top, top + h), slice(left, left + w))
        self.slide = (operation.kernel, operation.stride, operation.dilation)
        self.view = windows(self.padded, *self.slide, (oh, ow))
        groups = operation.groups
        rows = c // groups * operation.kernel[0] * operation.kernel[1]
        self.columns = site.empty(*self.view.shape)
        self.matrix = self.columns.reshape(n, groups, rows, oh * ow)
        self.y = site.empty(n, o, oh, ow)
        self.products = self.y.reshape(n, groups, o // groups, oh * ow)
        self.dcolumns = site.empty(*self.view.shape)
        self.dmatrix = self.dcolumns.reshape(self.matrix.shape)
        self.dweights = site.empty(n, groups, o // groups, rows)
        self.weight = site.parameters["weight"].reshape(groups, o // groups, rows)

    def forward(self, x: Array, training: bool) -> Array:
        self.padded[self.inside] = x
        np.copyto(self.columns, self.view)
        np.matmul(self.weight, self.matrix, out=self.products)
        if self.operation.bias:
            self.y += self.site.parameters["bias"][:, None, None]
        return self.y

    def backward(self, dy: Array) -> Array:
        gradients = self.site.gradients
        products = dy.reshape(self.products.shape)
        np.matmul(products, self.matrix.swapaxes(2, 3), out=self.dweights)
        np.sum(self.dweights, axis=0, out=gradients["weight"].reshape(self.weight.shape))
        if self.operation.bias:
            np.sum(dy, axis=(0, 2, 3), out=gradients["bias"])
        np.matmul(self.weight.swapaxes(1, 2), products, out=self.dmatrix)
        self.dpadded.fill(0)
        scatter_add(self.dpadded, self.dcolumns, self.operation.stride, self.operation.dilation)
        return self.dpadded[self.inside]
