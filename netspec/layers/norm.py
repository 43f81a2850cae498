"""Normalisation."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import flag, option, word
from netspec.ir.layer import Constant, Example, Operation, Param, Shapes
from netspec.ir.values import Real


def _scale_and_shift(shape: tuple[int, ...]) -> tuple[Param, ...]:
    return Param("weight", shape, Constant(1.0)), Param("bias", shape, Constant(0.0))


@word("batchnorm")
class Batchnorm(Operation):
    """Gives each channel mean 0 and variance 1 over the batch, then a learned scale and shift (Ioffe, Szegedy 2015).

    While training, mean and (biased) variance are the batch's own, over all pixels and steps; running means of them
    (of the unbiased variance, as in PyTorch) take over at prediction.
    """

    eps: float = option(Real(0, open_low=True), "added to the variance", default=1e-5)
    momentum: float = option(Real(0, 1), "share of a batch in the running means", default=0.1)
    affine: bool = flag("noaffine", "leave scale and shift out", default=True)

    formula: ClassVar[str] = "y = weight * (x - mean) / sqrt(variance + eps) + bias, a channel at a time"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "batchnorm", "4x3x2"),
        Example("6", "batchnorm eps=0.001 momentum=0.2", "6"),
        Example("5x3", "batchnorm noaffine", "5x3"),
    )

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

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return _scale_and_shift((inputs[0].features,)) if self.affine else ()
