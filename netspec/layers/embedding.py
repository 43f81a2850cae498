"""Embeddings: integers to vectors."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, flag, word
from netspec.ir.layer import Example, Normal, Operation, Param, Shapes
from netspec.ir.shape import Shape
from netspec.ir.values import Whole


@word("embed")
class Embed(Operation):
    """Looks up a learned vector for each integer; the vectors start normal with deviation 1, as in PyTorch."""

    features: int = argument(Whole(1, example=32), "length of a vector")
    scaled: bool = flag(
        "scaled", "vectors times the square root of their length, as in Vaswani et al. (2017)"
    )

    lends: ClassVar[str] = "as is"
    takes: ClassVar[tuple[str, ...]] = ("integers",)
    formula: ClassVar[str] = "output = (..., features); parameters = integers * features"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("7 of 10", "embed 4", "7x4"),
        Example("5 of 6", "embed 3 scaled", "5x3"),
    )

    def result(self, inputs: Shapes) -> Shape:
        return Shape((*inputs[0].dims, self.features))

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        assert inputs[0].of is not None
        return (Param("weight", (inputs[0].of, self.features), Normal(1.0)),)
