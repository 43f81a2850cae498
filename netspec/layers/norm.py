"""Normalisation."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import AlongTime, Constant, Example, Operation, Param, ReadBack, Shapes
from netspec.ir.shape import Shape
from netspec.ir.values import Real, Whole
from netspec.layers.division import indivisible
from netspec.layers.lengths import LENGTHS, MEANING, NUMBERED, check_lengths


def _scale_and_shift(shape: tuple[int, ...]) -> tuple[Param, ...]:
    return Param("weight", shape, Constant(1.0)), Param("bias", shape, Constant(0.0))


@word("batchnorm")
class Batchnorm(Operation):
    """Gives each channel mean 0 and variance 1 over the batch, then a learned scale and shift (Ioffe, Szegedy 2015).

    While training, mean and (biased) variance are the batch's own, over all pixels and steps; running means of them
    (of the unbiased variance, as in PyTorch) take over at prediction.  With `lengths`, over the steps that are there;
    the others become 0.
    """

    eps: float = option(Real(0, open_low=True), "added to the variance", default=1e-5)
    momentum: float = option(Real(0, 1), "share of a batch in the running means", default=0.1)
    affine: bool = flag("noaffine", "leave scale and shift out", default=True)
    lengths: str | None = option(LENGTHS, MEANING, default=None)

    formula: ClassVar[str] = "y = weight * (x - mean) / sqrt(variance + eps) + bias, a channel at a time"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "batchnorm", "4x3x2"),
        Example("6", "batchnorm eps=0.001 momentum=0.2", "6"),
        Example("5x3", "batchnorm noaffine", "5x3"),
        Example("5x3", "batchnorm lengths=counts", "5x3", NUMBERED),
        Example("5x2x3x2", "batchnorm momentum=0.3 noaffine lengths=counts", "5x2x3x2", NUMBERED),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def result(self, inputs: Shapes) -> Shape:
        check_lengths(self, self.lengths, inputs)
        return inputs[0]

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        channels = (inputs[0].features,)
        state = (
            Param("running_mean", channels, Constant(0.0), trainable=False),
            Param("running_var", channels, Constant(1.0), trainable=False),
        )
        return (*_scale_and_shift(channels), *state) if self.affine else state


@word("layernorm")
class Layernorm(Operation):
    """Gives each example mean 0 and variance 1 over its features, then a learned scale and shift (Ba et al. 2016).

    Of a vector or a step of a sequence, over its numbers; of an image, over the channels of each pixel.
    """

    eps: float = option(Real(0, open_low=True), "added to the variance", default=1e-5)
    affine: bool = flag("noaffine", "leave scale and shift out", default=True)

    formula: ClassVar[str] = "y = weight * (x - mean) / sqrt(variance + eps) + bias, over the last axis"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("6", "layernorm", "6"),
        Example("5x4", "layernorm eps=0.001", "5x4"),
        Example("3x2x4", "layernorm", "3x2x4"),
        Example("5x4", "layernorm noaffine", "5x4"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return _scale_and_shift((inputs[0].features,)) if self.affine else ()


@word("groupnorm")
class Groupnorm(Operation):
    """Gives each group of channels of an example mean 0 and variance 1, then a learned scale and shift a channel.

    The group's mean and variance are over its channels and all pixels or steps (Wu and He 2018).
    """

    groups: int = argument(Whole(1, example=2), "number of groups, of channels that lie side by side")
    eps: float = option(Real(0, open_low=True), "added to the variance", default=1e-5)
    affine: bool = flag("noaffine", "leave scale and shift out", default=True)

    formula: ClassVar[str] = "y = weight * (x - mean) / sqrt(variance + eps) + bias, a group at a time"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x6", "groupnorm 2", "4x3x6"),
        Example("5x4", "groupnorm 2 eps=0.001", "5x4"),
        Example("6", "groupnorm 3 noaffine", "6"),
        Example("2x3x4x6", "groupnorm 3", "2x3x4x6"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def along_time(self) -> AlongTime:
        return "whole"

    def result(self, inputs: Shapes) -> Shape:
        channels = inputs[0].features
        if channels % self.groups:
            raise indivisible(channels, self.groups, "channels", "groups", "")
        return inputs[0]

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return _scale_and_shift((inputs[0].features,)) if self.affine else ()


@word("rmsnorm")
class Rmsnorm(Operation):
    """Divides each example by the root of its mean square over its features, then scales (Zhang and Sennrich 2019).

    Of a vector or a step of a sequence, over its numbers; of an image, over the channels of each pixel.
    """

    eps: float = option(Real(0, open_low=True), "added to the mean square", default=1e-6)
    affine: bool = flag("noaffine", "leave the scale out", default=True)

    formula: ClassVar[str] = "y = weight * x / sqrt(mean(x^2) + eps), over the last axis"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("6", "rmsnorm", "6"),
        Example("5x4", "rmsnorm eps=0.001", "5x4"),
        Example("3x2x4", "rmsnorm", "3x2x4"),
        Example("5x4", "rmsnorm noaffine", "5x4"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return _scale_and_shift((inputs[0].features,))[:1] if self.affine else ()


@word("lrn")
class Lrn(Operation):
    """Divides each number by a power of the squares in the channels around it (Krizhevsky et al. 2012).

    As in PyTorch and Caffe, `alpha` is divided by `size`; the window begins floor(size / 2) channels before its own and
    channels that do not exist count as 0.  AlexNet multiplies the sum itself by 1e-4: `lrn 5 alpha=5e-4 k=2`.
    """

    size: int = argument(Whole(1, example=5), "number of channels in the window", default=5)
    alpha: float = option(Real(0, example=0.0001), "factor of the mean square", default=0.0001)
    beta: float = option(Real(0, example=0.75), "the power", default=0.75)
    k: float = option(Real(0, open_low=True, example=1), "added to the mean square", default=1.0)

    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = "y = x / (k + alpha / size * sum of x^2 over size channels)^beta"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x6", "lrn 5", "4x3x6"),
        Example("3x3x4", "lrn 4 alpha=0.5 beta=0.6 k=2", "3x3x4"),
        Example("3x3x2", "lrn 7 alpha=0.5", "3x3x2"),
    )
