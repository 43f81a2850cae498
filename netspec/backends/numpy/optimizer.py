"""Optimisers on the flat buffer of all parameters, in PyTorch's formulas and order of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import numpy as np

from netspec.backends.numpy.kernel import Array, rule
from netspec.ir.training import Optimizer
from netspec.settings.optimizer import Adagrad, Adam, Adamw, Momentum, Nesterov, Rmsprop, Sgd

P = TypeVar("P", bound=Optimizer)


class OptimizerRule(Generic[P]):
    """An optimiser with its state; `step` changes the values in place."""

    def __init__(self, optimizer: P, values: Array) -> None:
        self.optimizer = optimizer
        self.count = 0
        self.first = np.zeros_like(values)
        self.second = np.zeros_like(values)

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        """One step with the given step size."""
        raise NotImplementedError

    def memory(self) -> dict[str, Array]:
        """Copies of the state by name."""
        return {"count": np.array(self.count), "first": self.first.copy(), "second": self.second.copy()}

    def recall(self, memory: Mapping[str, Array]) -> None:
        """Take a state over."""
        self.count = int(memory["count"])
        self.first[...], self.second[...] = memory["first"], memory["second"]


@rule(Sgd)
class SgdRule(OptimizerRule[Sgd]):
    """w -= rate * g."""

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        values -= rate * gradients


@rule(Momentum)
class MomentumRule(OptimizerRule[Momentum]):
    """`first` is the velocity."""

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        self.first *= self.optimizer.momentum
        self.first += gradients
        values -= rate * self.first


@rule(Nesterov)
class NesterovRule(OptimizerRule[Nesterov]):
    """`first` is the velocity, looked ahead."""

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        self.first *= self.optimizer.momentum
        self.first += gradients
        values -= rate * (gradients + self.optimizer.momentum * self.first)


@rule(Adagrad)
class AdagradRule(OptimizerRule[Adagrad]):
    """`second` sums the squares."""

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        self.second += gradients * gradients
        values -= rate * gradients / (np.sqrt(self.second) + self.optimizer.eps)


@rule(Rmsprop)
class RmspropRule(OptimizerRule[Rmsprop]):
    """`second` is the decaying mean of the squares."""

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        decay = self.optimizer.decay
        self.second *= decay
        self.second += (1 - decay) * gradients * gradients
        values -= rate * gradients / (np.sqrt(self.second) + self.optimizer.eps)


@rule(Adam, Adamw)
class AdamRule(OptimizerRule[Adam | Adamw]):
    """`first` and `second` are the decaying means, corrected for their start."""

    def step(self, values: Array, gradients: Array, rate: float) -> None:
        optimizer = self.optimizer
        if isinstance(optimizer, Adamw):
            values *= 1 - rate * optimizer.decay
        self.count += 1
        self.first *= optimizer.beta1
        self.first += (1 - optimizer.beta1) * gradients
        self.second *= optimizer.beta2
        self.second += (1 - optimizer.beta2) * gradients * gradients
        root = np.sqrt(self.second)
        root /= (1 - optimizer.beta2**self.count) ** 0.5
        root += optimizer.eps
        values -= rate / (1 - optimizer.beta1**self.count) * self.first / root
