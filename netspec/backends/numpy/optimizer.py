"""Optimisers on the flat buffer of all parameters, in PyTorch's formulas and order of operations.

What PyTorch holds in float32 whatever the type of the parameters (eta, the product of mu) is float32 here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import ClassVar, Generic, TypeVar

import numpy as np

from netspec.backends.numpy.kernel import Array, rule
from netspec.ir.training import Optimizer
from netspec.settings.optimizer import (
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    Adamw,
    Asgd,
    Momentum,
    Nadam,
    Nesterov,
    Radam,
    Rmsprop,
    Rprop,
    Sgd,
)

P = TypeVar("P", bound=Optimizer)
Shapes = Sequence[tuple[int, ...]]


class OptimizerRule(Generic[P]):
    """An optimiser with its state; `values` are the parameters end to end, `shapes` theirs in that order."""

    buffers: ClassVar[tuple[str, ...]] = ()
    """Names of the state that is as large as the parameters, and zero at first."""

    def __init__(self, optimizer: P, values: Array, shapes: Shapes) -> None:
        self.optimizer = optimizer
        self.shapes = shapes
        self.count = 0
        """Steps that were done, the present one included."""
        self.state = self.start(values)

    def start(self, values: Array) -> dict[str, Array]:
        """The state by name before the first step."""
        return {name: np.zeros_like(values) for name in self.buffers}

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        """One step with the given step size, which changes the values in place."""
        self.count += 1
        self.update(values, gradients, rate)

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        """What a step does to values and state."""
        raise NotImplementedError

    def memory(self) -> dict[str, Array]:
        """Copies of the state by name."""
        return {"count": np.array(self.count), **{name: array.copy() for name, array in self.state.items()}}

    def recall(self, memory: Mapping[str, Array]) -> None:
        """Take a state over."""
        self.count = int(memory["count"])
        for name, array in self.state.items():
            array[...] = memory[name]


def decay(mean: Array, memory: float, gradients: Array) -> Array:
    """The decaying mean, in place, with one gradient more."""
    mean += (1 - memory) * (gradients - mean)
    return mean


def decay_squares(mean: Array, memory: float, gradients: Array) -> Array:
    """The decaying mean of squares, in place, with one gradient more."""
    mean *= memory
    mean += (1 - memory) * gradients * gradients
    return mean


@rule(Sgd)
class SgdRule(OptimizerRule[Sgd]):
    """It remembers nothing."""

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        values -= rate * gradients


@rule(Momentum)
class MomentumRule(OptimizerRule[Momentum]):
    """It remembers the velocity."""

    buffers = ("velocity",)

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        velocity = self.state["velocity"]
        velocity *= self.optimizer.momentum
        velocity += gradients
        values -= rate * velocity


@rule(Nesterov)
class NesterovRule(OptimizerRule[Nesterov]):
    """It remembers the velocity, and looks ahead."""

    buffers = ("velocity",)

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        velocity = self.state["velocity"]
        velocity *= self.optimizer.momentum
        velocity += gradients
        values -= rate * (gradients + self.optimizer.momentum * velocity)


@rule(Adagrad)
class AdagradRule(OptimizerRule[Adagrad]):
    """It remembers the sum of the squares."""

    buffers = ("sum",)

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        total = self.state["sum"]
        total += gradients * gradients
        values -= rate * gradients / (np.sqrt(total) + self.optimizer.eps)


@rule(Rmsprop)
class RmspropRule(OptimizerRule[Rmsprop]):
    """It remembers the mean of squares, and what `centered` and `momentum` need."""

    def start(self, values: Array) -> dict[str, Array]:
        wanted = {
            "square": True,
            "mean": self.optimizer.centered,
            "velocity": self.optimizer.momentum > 0,
        }
        return {name: np.zeros_like(values) for name, is_wanted in wanted.items() if is_wanted}

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer = self.optimizer
        square = decay_squares(self.state["square"], optimizer.decay, gradients)
        if optimizer.centered:
            mean = decay(self.state["mean"], optimizer.decay, gradients)
            square = square - mean * mean
        root = np.sqrt(square)
        root += optimizer.eps
        if not optimizer.momentum:
            values -= rate * gradients / root
            return
        velocity = self.state["velocity"]
        velocity *= optimizer.momentum
        velocity += gradients / root
        values -= rate * velocity


@rule(Adadelta)
class AdadeltaRule(OptimizerRule[Adadelta]):
    """It remembers the mean of the squared gradients, and that of the squared steps."""

    buffers = ("square", "steps")

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        rho, eps = self.optimizer.rho, self.optimizer.eps
        square = decay_squares(self.state["square"], rho, gradients)
        step = np.sqrt(self.state["steps"] + eps)
        step /= np.sqrt(square + eps)
        step *= gradients
        decay_squares(self.state["steps"], rho, step)
        values -= rate * step


@rule(Adam, Adamw)
class AdamRule(OptimizerRule[Adam | Adamw]):
    """It remembers the means of gradients and of squares, and the largest of the latter where that is wanted."""

    def start(self, values: Array) -> dict[str, Array]:
        names = ("mean", "square", "largest") if self.optimizer.amsgrad else ("mean", "square")
        return {name: np.zeros_like(values) for name in names}

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer = self.optimizer
        if isinstance(optimizer, Adamw):
            values *= 1 - rate * optimizer.decay
        mean = decay(self.state["mean"], optimizer.beta1, gradients)
        square = decay_squares(self.state["square"], optimizer.beta2, gradients)
        if optimizer.amsgrad:
            square = np.maximum(self.state["largest"], square, out=self.state["largest"])
        root = np.sqrt(square)
        root /= (1 - optimizer.beta2**self.count) ** 0.5
        root += optimizer.eps
        values -= rate / (1 - optimizer.beta1**self.count) * mean / root


@rule(Adamax)
class AdamaxRule(OptimizerRule[Adamax]):
    """It remembers the mean of the gradients, and the decaying largest."""

    buffers = ("mean", "largest")

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer, largest = self.optimizer, self.state["largest"]
        mean = decay(self.state["mean"], optimizer.beta1, gradients)
        largest *= optimizer.beta2
        np.maximum(largest, np.abs(gradients) + optimizer.eps, out=largest)
        values -= rate / (1 - optimizer.beta1**self.count) * mean / largest


@rule(Nadam)
class NadamRule(OptimizerRule[Nadam]):
    """It remembers the means of gradients and of squares, and the product of all mu so far."""

    buffers = ("mean", "square")

    def start(self, values: Array) -> dict[str, Array]:
        return {**super().start(values), "product": np.ones((), np.float32)}

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer, product = self.optimizer, self.state["product"]
        mu, following = self.mu(self.count), self.mu(self.count + 1)
        product *= mu
        mean = decay(self.state["mean"], optimizer.beta1, gradients)
        square = decay_squares(self.state["square"], optimizer.beta2, gradients)
        root = np.sqrt(square / (1 - optimizer.beta2**self.count))
        root += optimizer.eps
        so_far = float(product)
        values -= rate * (1 - mu) / (1 - so_far) * gradients / root
        values -= rate * following / (1 - so_far * following) * mean / root

    def mu(self, step: int) -> float:
        """The momentum of a step."""
        optimizer = self.optimizer
        return float(optimizer.beta1 * (1 - 0.5 * 0.96 ** (step * optimizer.momentum_decay)))


@rule(Radam)
class RadamRule(OptimizerRule[Radam]):
    """It remembers the means of gradients and of squares."""

    buffers = ("mean", "square")

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer, t = self.optimizer, self.count
        mean = decay(self.state["mean"], optimizer.beta1, gradients)
        square = decay_squares(self.state["square"], optimizer.beta2, gradients)
        step = mean / (1 - optimizer.beta1**t) * rate
        left = optimizer.beta2**t
        longest = 2 / (1 - optimizer.beta2) - 1
        length = longest - 2 * t * left / (1 - left)
        if length > 5:
            step *= (1 - left) ** 0.5 / (np.sqrt(square) + optimizer.eps)
            rest = (longest - 4) * (longest - 2) * length
            step *= ((length - 4) * (length - 2) * longest / rest) ** 0.5
        values -= step


@rule(Asgd)
class AsgdRule(OptimizerRule[Asgd]):
    """It remembers the step size of the next step."""

    def start(self, values: Array) -> dict[str, Array]:
        return {"eta": np.zeros((), np.float32)}

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer, held = self.optimizer, self.state["eta"]
        if self.count == 1:
            held[...] = rate
        eta = float(held)
        values *= 1 - optimizer.lambd * eta
        values -= eta * gradients
        held[...] = rate / (1 + optimizer.lambd * rate * self.count) ** optimizer.alpha


@rule(Rprop)
class RpropRule(OptimizerRule[Rprop]):
    """It remembers the last gradients, 0 where they were not followed, and the steps."""

    buffers = ("last", "steps")

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer, last, steps = self.optimizer, self.state["last"], self.state["steps"]
        if self.count == 1:
            steps.fill(rate)
        sign = gradients * last
        steps[sign > 0] *= optimizer.grow
        steps[sign < 0] *= optimizer.shrink
        np.clip(steps, optimizer.least, optimizer.most, out=steps)
        np.copyto(last, gradients)
        last[sign < 0] = 0
        values -= np.sign(last) * steps


@rule(Adafactor)
class AdafactorRule(OptimizerRule[Adafactor]):
    """It remembers means of squares: of each vector those of its entries, of others those of rows and columns."""

    def start(self, values: Array) -> dict[str, Array]:
        state: dict[str, Array] = {}
        for place, shape in enumerate(self.shapes):
            if len(shape) > 1:
                state[f"rows.{place}"] = np.zeros((*shape[:-1], 1), values.dtype)
                state[f"columns.{place}"] = np.zeros((*shape[:-2], 1, shape[-1]), values.dtype)
            else:
                state[f"square.{place}"] = np.zeros(shape, values.dtype)
        return state

    def update(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer, t = self.optimizer, self.count
        eps1 = float(np.finfo(values.dtype).eps) if optimizer.eps1 is None else optimizer.eps1
        pairs = zip(self.views(values), self.views(gradients), strict=True)
        for place, (value, gradient) in enumerate(pairs):
            size = max(optimizer.eps2, rms(value)) * min(rate, 1 / t**0.5)
            step = self.variance(place, gradient, t**optimizer.beta2_decay, eps1)
            np.maximum(step, eps1 * eps1, out=step)
            np.divide(gradient, np.sqrt(step), out=step)
            value -= size / max(1.0, rms(step) / optimizer.d) * step

    def views(self, flat: Array) -> Iterator[Array]:
        """The stretches of a flat buffer in their shapes."""
        start = 0
        for shape in self.shapes:
            end = start + prod(shape)
            yield flat[start:end].reshape(shape)
            start = end

    def variance(self, place: int, gradient: Array, weight: float, eps1: float) -> Array:
        """The means of squares with those of a gradient taken in, as an array of its own."""
        squares = gradient * gradient
        if gradient.ndim < 2:
            return decay(self.state[f"square.{place}"], 1 - weight, squares).copy()
        rows = decay(self.state[f"rows.{place}"], 1 - weight, squares.mean(axis=-1, keepdims=True))
        columns = decay(self.state[f"columns.{place}"], 1 - weight, squares.mean(axis=-2, keepdims=True))
        variance: Array = rows @ columns
        variance /= np.maximum(rows.mean(axis=-2, keepdims=True), eps1)
        return variance


def rms(array: Array) -> float:
    """The root of the mean of the squares; not a number for an array without entries."""
    return float(np.sqrt(np.vdot(array, array) / array.size))
