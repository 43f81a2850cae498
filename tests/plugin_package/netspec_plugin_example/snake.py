"""The definition of `snake`: every fact and number of the layer, and nothing about how a backend computes it."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, word
from netspec.ir.layer import Constant, Example, Operation, Param, Shapes
from netspec.ir.values import Real


@word("snake")
class Snake(Operation):
    """An activation for what repeats (Ziyin, Hartwig and Ueda 2020), with a learned frequency for each channel."""

    frequency: float = argument(Real(0, open_low=True), "frequency to start with", default=1.0)

    formula: ClassVar[str] = "y = x + sin(a x)^2 / a, a channel at a time"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("6", "snake", "6"),
        Example("5x3", "snake 2", "5x3"),
        Example("4x3x2", "snake 0.5", "4x3x2"),
    )

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return (Param("weight", (inputs[0].features,), Constant(self.frequency)),)
