"""Outputs that are probabilities: with a number of units they are a dense layer and the function in one word."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, shared, word
from netspec.ir.layer import Example, Operation, ReadBack
from netspec.ir.values import Whole
from netspec.layers.dense import Dense


@shared
class Probability(Operation):
    """An output that trains on the numbers before the function (fused, so stable) and predicts probabilities."""

    units: int | None = argument(Whole(1), "number of outputs of the dense layer before it", default=None)

    flattens: ClassVar[bool] = False

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("output",)

    def parts(self) -> tuple[Operation, ...]:
        return (self,) if self.units is None else (Dense(self.units), type(self)(None))


@word("softmax")
class Softmax(Probability):
    """Probabilities of classes that exclude one another: `softmax 10` is `dense 10` and the softmax over the units.

    As an output it is trained on its logits, with the loss fused in.
    """

    units: int | None = argument(
        Whole(2, example=10), "number of classes, the outputs of the dense layer before it", default=None
    )

    implies_loss: ClassVar[str] = "crossentropy"
    formula: ClassVar[str] = "y_i = exp(x_i) / sum_j exp(x_j), over the last axis"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("84", "softmax 10", "10"),
        Example("5x4", "softmax", "5x4"),
    )


@word("sigmoid")
class Sigmoid(Probability):
    """The logistic function, from 0 to 1; `sigmoid 1` is `dense 1` and the function: the probability of yes.

    As an output it is trained on its logits, with the loss fused in.
    """

    units: int | None = argument(Whole(1), "number of outputs of the dense layer before it", default=None)

    implies_loss: ClassVar[str] = "bce"
    formula: ClassVar[str] = "y = 1 / (1 + exp(-x))"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("30", "sigmoid 1", "1"),
        Example("5x4", "sigmoid", "5x4"),
    )
