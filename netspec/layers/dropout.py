"""Layers that disturb training and do nothing at prediction."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, word
from netspec.ir.layer import Example, Operation, ReadBack, Shapes
from netspec.ir.shape import Dim
from netspec.ir.values import Real


@word("dropout")
class Dropout(Operation):
    """While training, makes each number 0 with a probability and scales the rest up (Srivastava et al. 2014)."""

    probability: float = argument(Real(0, 1, open_high=True), "probability that a number is dropped")

    random: ClassVar[bool] = True
    formula: ClassVar[str] = "training: y = x / (1 - p) with probability 1 - p, else 0; prediction: y = x"
    examples: ClassVar[tuple[Example, ...]] = (Example("6x4", "dropout 0.5", "6x4"),)

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

    def keeps(self, inputs: Shapes) -> Dim:
        return inputs[0].size


@word("noise")
class Noise(Operation):
    """While training, adds independent normal noise to each number."""

    deviation: float = argument(Real(0, example=0.1), "standard deviation of the noise")

    hands_back: ClassVar[bool] = True
    random: ClassVar[bool] = True
    formula: ClassVar[str] = "training: y = x + deviation * normal; prediction: y = x"
    examples: ClassVar[tuple[Example, ...]] = (Example("6x4", "noise 0.1", "6x4"),)

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()
