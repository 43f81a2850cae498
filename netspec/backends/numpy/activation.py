"""Activations: a function and its derivative, entry by entry.

Each is a pair of functions that fill their last argument: y from x, and dy/dx from x and y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.normal import normal_distribution
from netspec.backends.numpy.output import sigmoid
from netspec.layers import activation as layers
from netspec.layers.activation import Activation, Celu, Elu, Gelu, LeakyRelu, Prelu, Relu, Rescale

SELU_SCALE: Final = 1.0507009873554804934193349852946
SELU_ALPHA: Final = 1.6732632423543772848170429916717
"""Klambauer et al. 2017, as PyTorch has them."""
DENSITY: Final = 0.3989422804014326779399460599343
"""1 / sqrt(2 pi), half of sqrt(2 / pi)."""
CUBIC: Final = 0.044715


def _tanh(x: Array, y: Array) -> None:
    np.tanh(x, out=y)


def _tanh_slope(x: Array, y: Array, out: Array) -> None:
    np.square(y, out=out)
    np.subtract(1, out, out=out)


def _gelu(x: Array, y: Array) -> None:
    np.multiply(x, normal_distribution(x), out=y)


def _gelu_slope(x: Array, y: Array, out: Array) -> None:
    density = np.square(x)
    density *= -0.5
    np.exp(density, out=density)
    density *= DENSITY
    density *= x
    # the distribution function itself is y / x, and 1/2 at 0
    out.fill(0.5)
    np.divide(y, x, out=out, where=x != 0)
    out += density


def _relu6(x: Array, y: Array) -> None:
    np.maximum(x, 0, out=y)
    np.minimum(y, 6, out=y)


def _relu6_slope(x: Array, y: Array, out: Array) -> None:
    np.multiply(x > 0, x < 6, out=out, casting="unsafe")


def _inner(x: Array) -> Array:
    """The argument of the tanh that stands for the normal distribution function."""
    inner = np.square(x)
    inner *= CUBIC
    inner += 1
    inner *= x
    inner *= 2 * DENSITY
    return inner


def _gelu_tanh(x: Array, y: Array) -> None:
    np.tanh(_inner(x), out=y)
    y += 1
    y *= x
    y *= 0.5


def _gelu_tanh_slope(x: Array, y: Array, out: Array) -> None:
    # t = tanh(u): dy/dx = (1 + t + x (1 - t^2) u') / 2
    t = np.tanh(_inner(x))
    np.square(t, out=out)
    np.subtract(1, out, out=out)
    slope = np.square(x)
    slope *= 3 * CUBIC
    slope += 1
    slope *= 2 * DENSITY
    out *= slope
    out *= x
    out += t
    out += 1
    out *= 0.5


def _silu(x: Array, y: Array) -> None:
    sigmoid(x, y)
    y *= x


def _silu_slope(x: Array, y: Array, out: Array) -> None:
    sigmoid(x, out)  # s + y (1 - s)
    out *= 1 - y
    out += y


def _selu(x: Array, y: Array) -> None:
    np.minimum(x, 0, out=y)
    np.expm1(y, out=y)
    y *= SELU_ALPHA
    y += np.maximum(x, 0)
    y *= SELU_SCALE


def _selu_slope(x: Array, y: Array, out: Array) -> None:
    np.minimum(y, 0, out=out)
    out += SELU_SCALE * SELU_ALPHA
    out -= np.multiply(x > 0, x.dtype.type(SELU_SCALE * (SELU_ALPHA - 1)))


def _softplus(x: Array, y: Array) -> None:
    # max(x, 0) + log(1 + exp(-|x|)) for every x; PyTorch puts x itself above 20, which differs by less than 2.1e-9
    np.abs(x, out=y)
    np.negative(y, out=y)
    np.exp(y, out=y)
    np.log1p(y, out=y)
    y += np.maximum(x, 0)


def _softplus_slope(x: Array, y: Array, out: Array) -> None:
    sigmoid(x, out)


def _softsign(x: Array, y: Array) -> None:
    np.abs(x, out=y)
    y += 1
    np.divide(x, y, out=y)


def _softsign_slope(x: Array, y: Array, out: Array) -> None:
    np.abs(x, out=out)
    out += 1
    np.reciprocal(out, out=out)
    np.square(out, out=out)


def _mish(x: Array, y: Array) -> None:
    _softplus(x, y)
    np.tanh(y, out=y)
    y *= x


def _mish_slope(x: Array, y: Array, out: Array) -> None:
    # t = tanh(softplus(x)): dy/dx = t + x (1 - t^2) sigmoid(x)
    t = np.empty_like(out)
    _softplus(x, t)
    np.tanh(t, out=t)
    sigmoid(x, out)
    out *= 1 - np.square(t)
    out *= x
    out += t


def _hard_sigmoid(x: Array, out: Array) -> None:
    np.add(x, 3, out=out)
    np.maximum(out, 0, out=out)
    np.minimum(out, 6, out=out)
    out /= 6


def _hard_sigmoid_slope(x: Array, y: Array, out: Array) -> None:
    np.less(np.abs(x), 3, out=out, casting="unsafe")
    out /= 6


def _hardswish(x: Array, y: Array) -> None:
    _hard_sigmoid(x, y)
    y *= x


def _hardswish_slope(x: Array, y: Array, out: Array) -> None:
    _hard_sigmoid(x, out)
    out += np.multiply(np.abs(x) < 3, x) / 6


Function: TypeAlias = Callable[[Array, Array], None]
Slope: TypeAlias = Callable[[Array, Array, Array], None]
TABLE: Final[dict[type[Activation], tuple[Function, Slope]]] = {
    layers.Relu6: (_relu6, _relu6_slope),
    layers.Tanh: (_tanh, _tanh_slope),
    layers.Silu: (_silu, _silu_slope),
    layers.Selu: (_selu, _selu_slope),
    layers.Softplus: (_softplus, _softplus_slope),
    layers.Softsign: (_softsign, _softsign_slope),
    layers.Mish: (_mish, _mish_slope),
    layers.Hardsigmoid: (_hard_sigmoid, _hard_sigmoid_slope),
    layers.Hardswish: (_hardswish, _hardswish_slope),
}


@rule(*TABLE)
class FunctionKernel(Kernel[Activation]):
    """An activation of the table."""

    def prepare(self) -> None:
        self.function, self.slope = self.functions()

    def functions(self) -> tuple[Function, Slope]:
        """The function and its derivative."""
        return TABLE[type(self.operation)]

    def forward(self, x: Array, training: bool) -> Array:
        y = self.site.empty(*x.shape)
        self.function(x, y)
        # what the derivative does not look at need not live
        read = self.operation.reads_back()
        self.kept = x if "input" in read else y, y if "output" in read else x
        return y

    def backward(self, dy: Array) -> Array:
        (x, y), dx = self.kept, self.site.empty(*dy.shape)
        self.slope(x, y, dx)
        dx *= dy
        return dx


@rule(Gelu)
class GeluKernel(FunctionKernel):
    """The exact function or its approximation."""

    operation: Gelu

    def functions(self) -> tuple[Function, Slope]:
        return (_gelu_tanh, _gelu_tanh_slope) if self.operation.approximate else (_gelu, _gelu_slope)


@rule(Elu, Celu)
class EluKernel(FunctionKernel):
    """x where positive, else alpha * (exp(x / width) - 1), with alpha for the width of a celu."""

    operation: Elu | Celu

    def functions(self) -> tuple[Function, Slope]:
        alpha = self.operation.alpha
        width = alpha if isinstance(self.operation, Celu) else 1.0

        def function(x: Array, y: Array) -> None:
            np.minimum(x, 0, out=y)
            y /= width
            np.expm1(y, out=y)
            y *= alpha
            y += np.maximum(x, 0)

        def slope(x: Array, y: Array, out: Array) -> None:
            np.add(y, alpha, out=out)
            out /= width
            np.copyto(out, 1, where=x > 0)

        return function, slope


@rule(Prelu)
class PreluKernel(Kernel[Prelu]):
    """x where positive, else weight * x."""

    def forward(self, x: Array, training: bool) -> Array:
        self.kept = x
        y: Array = np.minimum(x, 0)
        y *= self.site.parameters["weight"].reshape(self.site.broadcast)
        y += np.maximum(x, 0)
        return y

    def backward(self, dy: Array) -> Array:
        x, weight = self.kept, self.site.gradients["weight"]
        slope = self.site.parameters["weight"].reshape(self.site.broadcast)
        axes = None if self.operation.shared else self.site.other_axes
        dx: Array = np.minimum(x, 0)
        dx *= dy
        np.copyto(weight, np.sum(dx, axis=axes))
        return np.multiply(dy, np.where(x > 0, dx.dtype.type(1), slope), out=dx)


@rule(LeakyRelu)
class LeakyReluKernel(Kernel[LeakyRelu]):
    """x where positive, else slope * x."""

    def prepare(self) -> None:
        self.slope = self.operation.slope
        self.outer = np.maximum if self.slope <= 1 else np.minimum

    def forward(self, x: Array, training: bool) -> Array:
        self.kept = x
        y: Array = np.multiply(x, self.slope)
        return self.outer(x, y, out=y)

    def backward(self, dy: Array) -> Array:
        dx: Array = np.multiply(self.kept > 0, self.site.dtype.type(1 - self.slope))
        dx += self.slope
        dx *= dy
        return dx


@rule(Relu)
class ReluKernel(Kernel[Relu]):
    """max(x, 0)."""

    def forward(self, x: Array, training: bool) -> Array:
        y: Array = np.maximum(x, 0)
        self.kept = y
        return y

    def backward(self, dy: Array) -> Array:
        return np.multiply(dy, self.kept > 0)


@rule(Rescale)
class RescaleKernel(Kernel[Rescale]):
    """factor * x + shift."""

    def forward(self, x: Array, training: bool) -> Array:
        y: Array = np.multiply(x, self.operation.factor)
        if self.operation.shift:
            y += self.operation.shift
        return y

    def backward(self, dy: Array) -> Array:
        return np.multiply(dy, self.operation.factor)
