"""Schedules: the step size as a function of the step, `t` counted from 0, `T` steps in all."""

from __future__ import annotations

from math import cos, exp, pi

from netspec.ir.definition import argument, option, word
from netspec.ir.training import Schedule
from netspec.ir.values import Real, Whole


@word("constant")
class Constant(Schedule):
    """The same step size throughout."""

    def rate(self, base: float, step: int, steps: int) -> float:
        return base


@word("exponential")
class Exponential(Schedule):
    """Decays towards `to`: rate(t) = to + (rate - to) * exp(-t / over)."""

    to: float = argument(Real(0), "the step size at the end", default=0.0001)
    over: int = option(Whole(1), "steps in which the distance to it falls to 1/e", default=2000)

    def rate(self, base: float, step: int, steps: int) -> float:
        return self.to + (base - self.to) * exp(-step / self.over)


@word("inverse")
class Inverse(Schedule):
    """Robbins and Monro (1951): rate(t) = rate / (1 + decay * t)."""

    decay: float = argument(Real(0, open_low=True), "how fast the step size falls", default=0.001)

    def rate(self, base: float, step: int, steps: int) -> float:
        return base / (1 + self.decay * step)


@word("step")
class Step(Schedule):
    """Multiplied by `by` at the end of every `every` steps: rate(t) = rate * by^floor(t / every)."""

    every: int = argument(Whole(1, example=1000), "steps between two changes")
    by: float = option(Real(0, 1, open_low=True), "factor of a change", default=0.1)

    def rate(self, base: float, step: int, steps: int) -> float:
        return base * float(self.by ** (step // self.every))


@word("cosine")
class Cosine(Schedule):
    """Half a cosine wave down to `to` (Loshchilov and Hutter 2016): to + (rate - to) * (1 + cos(pi t / T)) / 2."""

    to: float = argument(Real(0), "the step size at the end", default=0.0)

    def rate(self, base: float, step: int, steps: int) -> float:
        return self.to + (base - self.to) * (1 + cos(pi * min(step / max(steps, 1), 1))) / 2
