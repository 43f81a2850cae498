"""The settings of `train:` that stand by themselves."""

from __future__ import annotations

from math import floor
from typing import ClassVar

from netspec.ir.definition import argument, option, word
from netspec.ir.training import Plain
from netspec.ir.values import Real, Whole, Word
from netspec.settings.values import FieldNames


@word("batch")
class Batch(Plain):
    """Examples in one step."""

    size: int = argument(Whole(1, example=100), "number of examples")


@word("accumulate")
class Accumulate(Plain):
    """Works on the batch of a step in parts, one after the other, and adds the gradients up.

    Memory is that of a part, and the step that of the whole batch: the loss is the mean over all its examples.  Batch
    normalisation alone sees no more than a part at a time.
    """

    parts: int = argument(Whole(1, example=4), "number of parts")


@word("inputs")
class Inputs(Plain):
    """The fields of the data that feed the inputs, in the order of the inputs; those before the last one unless set."""

    names: tuple[str, ...] = argument(FieldNames(), "a field for each input")


@word("target")
class Target(Plain):
    """The field of the data that is to be predicted, the last one unless set: `target image` for an autoencoder."""

    name: str = argument(Word("the name of a field of the data"), "the field")


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


@word("average")
class Average(Plain):
    """Averages the weights over the steps, running statistics included; the average is what is measured and kept.

    With `ema` the average decays: after each step w_avg <- d * w_avg + (1 - d) * w, from the weights after the first
    step on, where d = min(ema, (1 + t) / (10 + t)) after t averaged steps lets the first ones be forgotten sooner.
    With `last` it is the plain mean over that share of the steps (Polyak and Juditsky 1992, Izmailov et al. 2018).
    """

    any_of: ClassVar[tuple[str, ...]] = ("ema", "last")
    only_one: ClassVar[bool] = True

    ema: float | None = option(
        Real(0, 1, open_high=True, example=0.999), "how much of the average is kept in a step", default=None
    )
    last: float | None = option(
        Real(0, 1, open_low=True, example=0.25), "share of the steps, the last ones", default=None
    )

    def before(self, steps: int) -> int:
        """How many of `steps` are left out before averaging begins."""
        return 0 if self.last is None else floor((1 - self.last) * steps)

    def kept(self, count: int) -> float:
        """The share of the average that one more step leaves of it, after `count` averaged steps."""
        return count / (count + 1) if self.ema is None else min(self.ema, (1 + count) / (10 + count))


@word("stop")
class Stop(Plain):
    """Early stopping: ends when a figure has not improved for `patience` epochs, and keeps the best weights.

    `val` figures are taken on a part of the training data that is held out; the test data are not looked at.
    """

    patience: int = option(Whole(1, example=5), "epochs without improvement")
    on: str = option(Word("a figure such as val.loss or val.accuracy"), "the figure", default="val.loss")
    validation: float = option(Real(0, 1, True, True), "share of the training data held out", default=0.1)
