"""Layers whose output is drawn at random."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from netspec.ir.asking import agree
from netspec.ir.definition import option, word
from netspec.ir.layer import Example, Operation, Problem, Shapes
from netspec.ir.shape import Shape
from netspec.ir.values import Real, Reference


@word("sample")
class Sample(Operation):
    """Draws from a normal distribution so that gradients pass (the reparameterisation of Kingma and Welling 2013).

    The first half of the input's channels is the mean, the second the logarithm of the variance; with `log_variance=`
    the input is the mean alone.  While training, each example and entry is a draw of its own; at prediction the
    output is the mean.
    """

    log_variance: str | None = option(
        Reference(example="log_variance"), "the layer with the logarithm of the variance", default=None
    )
    scale: float = option(Real(0, example=1), "factor of the deviation", default=1.0)

    random: ClassVar[bool] = True
    formula: ClassVar[str] = (
        "training: y = mean + scale * exp(log variance / 2) * normal; prediction: y = mean"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("6", "sample", "3"),
        Example("5x4", "sample scale=0.5", "5x2"),
        Example("3x2x4", "sample", "3x2x2"),
        Example("3", "sample log_variance=spread", "3", (("spread", "3"),)),
    )

    def result(self, inputs: Shapes) -> Shape:
        mean = inputs[0]
        if self.log_variance is not None:
            spread = inputs[1]
            if len(spread.dims) != len(mean.dims) or not all(map(agree, spread.dims, mean.dims)):
                raise Problem(
                    "N204",
                    f"`sample` reads means {mean} and variances {inputs[1]}, which must have one shape",
                    argument="log_variance",
                    label=f"{inputs[1]}",
                    others={"": f"{mean}"},
                )
            return mean
        channels = mean.features
        if channels % 2:
            raise Problem(
                "N205",
                f"{channels} numbers cannot be divided into means and as many log-variances",
                label=f"{channels} / 2 is not whole",
                others={"": f"gives {mean}"},
            )
        return Shape((*mean.dims[:-1], channels // 2))

    def at_prediction(self) -> Operation:
        return replace(self, scale=0.0)
