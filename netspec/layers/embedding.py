"""Embeddings: integers to vectors."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import Example, Normal, Operation, Param, ReadBack, Shapes
from netspec.ir.shape import Shape
from netspec.ir.values import Real, Whole


@word("embed")
class Embed(Operation):
    """Looks up a learned vector for each integer; the vectors start normal, with deviation 1 as in PyTorch unless set.

    With few examples of most words a smaller deviation learns sooner: what a word has not been seen to mean is then
    near 0 rather than a large vector of chance.  GPT-2 starts with 0.02 (Radford et al. 2019), Kim (2014) with 0.14.
    """

    features: int = argument(Whole(1, example=32), "length of a vector")
    scaled: bool = flag(
        "scaled", "vectors times the square root of their length, as in Vaswani et al. (2017)"
    )
    deviation: float = option(
        Real(0, open_low=True, example=0.1), "that with which the vectors start", default=1.0
    )

    lends: ClassVar[str] = "as is"
    takes: ClassVar[tuple[str, ...]] = ("integers",)
    formula: ClassVar[str] = "output = (..., features); parameters = integers * features"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("7 of 10", "embed 4", "7x4"),
        Example("5 of 6", "embed 3 scaled", "5x3"),
        Example("5 of 6", "embed 3 deviation=0.02", "5x3"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def result(self, inputs: Shapes) -> Shape:
        return Shape((*inputs[0].dims, self.features))

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        assert inputs[0].of is not None
        return (Param("weight", (inputs[0].of, self.features), Normal(self.deviation)),)
