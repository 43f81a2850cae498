"""Schedules: the step size as a function of the step, `t` counted from 0, `T` steps in all."""

from __future__ import annotations

from math import cos, exp, inf, pi
from typing import Any, ClassVar

from netspec.ir.catalog import is_higher_better
from netspec.ir.definition import argument, flag, option, word
from netspec.ir.training import Schedule
from netspec.ir.values import Real, Whole, Word

END = Real(0)


class Warmed(Schedule):
    """What the schedules with a `warmup` share: the rate rises in a line, then they have the steps that are left."""

    warmup: int

    def rate(self, base: float, step: int, steps: int, history: tuple[float, ...] = ()) -> float:
        if step < self.warmup:
            return base * step / self.warmup
        return self.after(base, step - self.warmup, max(steps - self.warmup, 1), history)

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        """The rate at a step of `steps`, both counted after the warm-up."""
        raise NotImplementedError

    def formulas(self) -> tuple[str, ...]:
        if not self.warmup:
            return super().formulas()
        return (
            "rate(t) = rate * t / warmup while t < warmup, then with t - warmup for t:",
            *super().formulas(),
        )

    def with_numbers(self, base: float, steps: int | None) -> tuple[str, ...]:
        return super().with_numbers(base, None if steps is None else max(steps - self.warmup, 1))


def warm_up() -> Any:
    """The option that all of them have."""
    return option(Whole(0, example=500), "steps in which the rate rises from 0, before the rest", default=0)


@word("constant")
class Constant(Warmed):
    """The same step size throughout."""

    formula: ClassVar[str] = "rate(t) = rate"

    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        return base


@word("exponential")
class Exponential(Warmed):
    """Decays towards `to`."""

    formula: ClassVar[str] = "rate(t) = to + (rate - to) * exp(-t / over)"

    to: float = argument(END, "the step size at the end", default=0.0001)
    over: int = option(Whole(1), "steps in which the distance to it falls to 1/e", default=2000)
    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        return self.to + (base - self.to) * exp(-step / self.over)


@word("inverse")
class Inverse(Warmed):
    """Falls as one over the number of steps, as Robbins and Monro (1951) ask of a step size."""

    formula: ClassVar[str] = "rate(t) = rate / (1 + decay * t)"

    decay: float = argument(Real(0, open_low=True), "how fast the step size falls", default=0.001)
    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        return base / (1 + self.decay * step)


@word("step")
class Step(Warmed):
    """Multiplied by `by` at the end of every `every` steps."""

    formula: ClassVar[str] = "rate(t) = rate * by^floor(t / every)"

    every: int = argument(Whole(1, example=1000), "steps between two changes")
    by: float = option(Real(0, 1, open_low=True), "factor of a change", default=0.1)
    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        return base * float(self.by ** (step // self.every))


@word("linear")
class Linear(Warmed):
    """A straight line down to `to`."""

    formula: ClassVar[str] = "rate(t) = rate + (to - rate) * t / T"

    to: float = argument(END, "the step size at the end", default=0.0)
    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        return base + (self.to - base) * min(step / steps, 1)


@word("polynomial")
class Polynomial(Warmed):
    """A power of the share of the steps that is left, down to `to`."""

    formula: ClassVar[str] = "rate(t) = to + (rate - to) * (1 - t / T)^power"

    power: float = argument(Real(0, open_low=True, example=2), "the power", default=2.0)
    to: float = option(END, "the step size at the end", default=0.0)
    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        return self.to + (base - self.to) * float(max(1 - step / steps, 0) ** self.power)


@word("cosine")
class Cosine(Warmed):
    """Half a cosine wave down to `to`, once or in several cycles of one length (Loshchilov and Hutter 2016)."""

    formula: ClassVar[str] = "rate(t) = to + (rate - to) * (1 + cos(pi * t / T)) / 2"

    to: float = argument(END, "the step size at the end", default=0.0)
    cycles: int = option(Whole(1), "how often it starts at the top", default=1)
    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        share = step * self.cycles % steps / steps if step < steps else 1.0
        return self.to + (base - self.to) * (1 + cos(pi * share)) / 2

    def formulas(self) -> tuple[str, ...]:
        *before, own = super().formulas()
        return (*before, own if self.cycles == 1 else own.replace("t / T", "(cycles * t / T mod 1)"))


@word("warmup")
class Warmup(Schedule):
    """Rises in a line from 0, and is constant from then on; `warmup=` does the same before any other schedule."""

    formula: ClassVar[str] = "rate(t) = rate * min(t / over, 1)"

    over: int = argument(Whole(1, example=500), "steps in which it rises")

    def rate(self, base: float, step: int, steps: int, history: tuple[float, ...] = ()) -> float:
        return base * min(step / self.over, 1)


@word("onecycle")
class Onecycle(Warmed):
    """One rise to the optimiser's rate and a longer fall far below where it began (Smith 2018, PyTorch's form)."""

    formula: ClassVar[str] = (
        "rate(t) = low + (rate - low) * w(t / m) while t <= m = rise * T - 1, "
        "then rate + (end - rate) * w((t - m) / (T - 1 - m)), "
        "low = rate / start, end = low / final, w(x) = (1 - cos(pi * x)) / 2"
    )

    rise: float = option(Real(0, 1, True, True, example=0.3), "share of the steps that rise", default=0.3)
    start: float = option(Real(1, example=25), "what the rate is divided by at the start", default=25.0)
    final: float = option(Real(1), "what that is divided by at the end", default=1e4)
    linear: bool = flag("linear", "straight lines instead of waves: w(x) = x", default=False)
    warmup: int = warm_up()

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        low = base / self.start
        middle, last = self.rise * steps - 1, steps - 1
        step = min(step, last)
        if middle > 0 and step <= middle:
            return self.between(low, base, step / middle)
        return self.between(base, low / self.final, (step - middle) / (last - middle))

    def between(self, first: float, last: float, share: float) -> float:
        """The way from one rate to another."""
        wave = share if self.linear else (1 - cos(pi * share)) / 2
        return first + (last - first) * wave

    def formulas(self) -> tuple[str, ...]:
        *before, own = super().formulas()
        head, _, _ = own.rpartition("w(x) = ")
        return (*before, f"{head}w(x) = x" if self.linear else own)


@word("plateau")
class Plateau(Warmed):
    """Multiplied by `by` whenever a figure has not become better for more than `patience` epochs, down to `to`.

    A figure is better where it beats the best so far by a share of `threshold`, as in PyTorch.  `val` figures are taken
    on a part of the training data that is held out, as with `stop`, whose share counts where both are set.
    """

    formula: ClassVar[str] = (
        "rate(t) = max(to, rate * by^n), n counts the times that more than patience epochs were no better"
    )

    by: float = option(Real(0, 1, True, True, example=0.1), "factor of a change", default=0.1)
    patience: int = option(Whole(0, example=3), "epochs without improvement that are let pass", default=10)
    on: str = option(Word("a figure such as val.loss or val.accuracy"), "the figure", default="val.loss")
    to: float = option(END, "the smallest step size", default=0.0)
    threshold: float = option(Real(0, 1), "share by which a better figure is better", default=1e-4)
    validation: float = option(Real(0, 1, True, True), "share of the training data held out", default=0.1)
    warmup: int = warm_up()

    @property
    def watches(self) -> str:
        return self.on

    @property
    def holds_out(self) -> float | None:
        return self.validation if self.on.startswith("val.") else None

    def after(self, base: float, step: int, steps: int, history: tuple[float, ...]) -> float:
        higher = is_higher_better(self.on)
        best, bad, rate = -inf if higher else inf, 0, base
        for figure in history:
            if figure > best * (1 + self.threshold) if higher else figure < best * (1 - self.threshold):
                best, bad = figure, 0
            else:
                bad += 1
            if bad > self.patience:
                rate, bad = max(rate * self.by, min(self.to, rate)), 0
        return rate
