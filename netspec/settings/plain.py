"""The settings of `train:` that stand by themselves."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, option, word
from netspec.ir.training import Plain
from netspec.ir.values import Real, Whole, Word


@word("batch")
class Batch(Plain):
    """Examples in one step."""

    size: int = argument(Whole(1, example=100), "number of examples")


@word("epochs")
class Epochs(Plain):
    """Passes over the training data."""

    count: int = argument(Whole(1, example=10), "number of passes")


@word("steps")
class Steps(Plain):
    """Steps of the optimiser, instead of `epochs`."""

    count: int = argument(Whole(1, example=1000), "number of steps")


@word("seed")
class Seed(Plain):
    """The number from which everything random follows: initial weights, order of examples, dropout."""

    value: int = argument(Whole(0, 2**63 - 1), "the seed")


@word("regularize")
class Regularize(Plain):
    """Adds to the loss l2 / 2 * sum w^2 + l1 * sum |w| over the weights; biases and normalisation are left alone.

    `decay` is decoupled from the loss (Loshchilov and Hutter 2017): w <- w - rate * decay * w before each step, of the
    same weights, with any optimiser and the rate of that step.
    """

    l2: float = option(Real(0), "weight of the squares", default=0.0)
    l1: float = option(Real(0), "weight of the absolute values", default=0.0)
    decay: float = option(Real(0), "share of the weights taken away, times the rate", default=0.0)


@word("clip")
class Clip(Plain):
    """Makes the gradient smaller where it is large: first each of its entries, then its norm over all parameters.

    `value` cuts entries off at -value and value, `norm` scales all of them down where their norm is larger.
    """

    any_of: ClassVar[tuple[str, ...]] = ("norm", "value")

    norm: float | None = option(Real(0, open_low=True, example=1), "largest norm", default=None)
    value: float | None = option(Real(0, open_low=True), "largest absolute value of an entry", default=None)


@word("stop")
class Stop(Plain):
    """Early stopping: ends when a figure has not improved for `patience` epochs, and keeps the best weights.

    `val` figures are taken on a part of the training data that is held out; the test data are not looked at.
    """

    patience: int = option(Whole(1, example=5), "epochs without improvement")
    on: str = option(Word("a figure such as val.loss or val.accuracy"), "the figure", default="val.loss")
    validation: float = option(Real(0, 1, True, True), "share of the training data held out", default=0.1)
