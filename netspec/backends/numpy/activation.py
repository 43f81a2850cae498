"""Activations: a function and its derivative, entry by entry.

Each is a pair: y from x, and dy/dx from x and y.  They return new arrays; relu, which is everywhere, has buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.normal import normal_distribution
from netspec.backends.numpy.output import sigmoid
from netspec.layers import activation as layers
from netspec.layers.activation import Activation, LeakyRelu, Relu

SELU_SCALE: Final = 1.0507009873554804934193349852946
SELU_ALPHA: Final = 1.6732632423543772848170429916717
"""Klambauer et al. 2017, as PyTorch has them."""
DENSITY: Final = 0.3989422804014326779399460599343
"""1 / sqrt(2 pi)."""


def _logistic(x: Array) -> Array:
    return sigmoid(x, np.empty_like(x))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _elu_slope(x: Array, y: Array) -> Array:
    return np.where(x > 0, 1, y + 1)


def _silu_slope(x: Array, y: Array) -> Array:
    s = _logistic(x)
    return s + y * (1 - s)


def _selu(x: Array) -> Array:
    return np.multiply(SELU_SCALE, np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))))


def _selu_slope(x: Array, y: Array) -> Array:
    return np.where(x > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


def _gelu_slope(x: Array, y: Array) -> Array:
    return normal_distribution(x) + x * (DENSITY * np.exp(-0.5 * np.square(x)))


def _hardswish_slope(x: Array, y: Array) -> Array:
    return np.where(x < -3, 0, np.where(x > 3, 1, (2 * x + 3) / 6))


Function = Callable[[Array], Array]
Slope = Callable[[Array, Array], Array]
TABLE: Final[dict[type[Activation], tuple[Function, Slope]]] = {
    layers.Tanh: (np.tanh, lambda x, y: 1 - np.square(y)),
    layers.Gelu: (lambda x: x * normal_distribution(x), _gelu_slope),
    layers.Silu: (lambda x: x * _logistic(x), _silu_slope),
    layers.Elu: (_elu, _elu_slope),
    layers.Selu: (_selu, _selu_slope),
    layers.Softplus: (lambda x: np.logaddexp(x, x.dtype.type(0)), lambda x, y: _logistic(x)),
    layers.Hardswish: (lambda x: x * np.clip(x + 3, 0, 6) / 6, _hardswish_slope),
}


@rule(*TABLE)
class FunctionKernel(Kernel[Activation]):
    """An activation of the table."""

    def prepare(self) -> None:
        self.function, self.slope = TABLE[type(self.operation)]

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        self.y = self.function(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return dy * self.slope(self.x, self.y)


@rule(LeakyRelu)
class LeakyReluKernel(Kernel[LeakyRelu]):
    """x where positive, else slope * x."""

    def prepare(self) -> None:
        self.slope = self.site.dtype.type(self.operation.slope)

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dy: Array) -> Array:
        return np.where(self.x > 0, dy, self.slope * dy)


@rule(Relu)
class ReluKernel(Kernel[Relu]):
    """max(x, 0)."""

    def prepare(self) -> None:
        self.y = self.site.empty(*self.site.output_shape())
        self.positive = np.empty(self.y.shape, bool)
        self.dx = self.site.empty(*self.y.shape)

    def forward(self, x: Array, training: bool) -> Array:
        return np.maximum(x, 0, out=self.y)

    def backward(self, dy: Array) -> Array:
        np.greater(self.y, 0, out=self.positive)
        return np.multiply(dy, self.positive, out=self.dx)
