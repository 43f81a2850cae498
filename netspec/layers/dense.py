"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import Change, Example, Operation, Param, Problem, ReadBack, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.values import Reference, Whole
from netspec.layers.adapters import to_sequence
from netspec.layers.initial import INIT, SPREAD, spread


@word("dense")
class Dense(Operation):
    """Every output is a weighted sum of all inputs plus a bias: y = W x + b.

    An image is flattened first, channel by channel; on a sequence the same weights apply at every step.
    Weights and bias start evenly spread over +-1/sqrt(inputs), as in PyTorch's `nn.Linear`, the weights with `glorot`
    over +-sqrt(6/(inputs + outputs)) (Glorot and Bengio 2010), with `he` over +-sqrt(6/inputs) (He et al. 2015).  With
    `tied` they are those of another layer: of an `embed` its table, of a dense layer its matrix transposed.
    """

    units: int = argument(Whole(1, example=100), "number of outputs")
    bias: bool = flag("nobias", "leave the bias out", default=True)
    tied: str | None = option(
        Reference(weights=True, example="words"), "the layer whose weights are used", default=None
    )
    init: str = option(INIT, SPREAD, default="pytorch")

    lends: ClassVar[str] = "transposed"
    takes: ClassVar[tuple[str, ...]] = ("vector", "sequence")
    flattens: ClassVar[bool] = True
    formula: ClassVar[str] = "output = (..., units); parameters = inputs * units + units"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("784", "dense 200", "200"),
        Example("7x5", "dense 3 nobias", "7x3"),
        Example("7", "dense 3 glorot", "3"),
        Example("4x3x2", "dense 5", "5"),
        Example("5 of 7", "embed 3 as words; dense 7 tied=words", "5x7"),
        Example("6", "dense 4 as code; dense 6 tied=code", "6"),
        Example("6", "dense 4 as code; dense 6 tied=code nobias", "6"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def result(self, inputs: Shapes) -> Shape:
        if self.tied is not None and self.init != "pytorch":
            message = f"the weights are those of `{self.tied}`, and start where that stands"
            raise Problem("N105", message, argument="init")
        return Shape((*inputs[0].dims[:-1], self.units))

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        shape = (self.units, inputs[0].features)
        weight = (Param("weight", shape, spread(self.init, shape)),) * (self.tied is None)
        return (*weight, Param("bias", (self.units,), spread("pytorch", shape))) if self.bias else weight

    def borrows(self, inputs: Shapes) -> Mapping[str, tuple[str, tuple[int, ...]]]:
        if self.tied is None:
            return {}
        return {"weight": (self.tied, (self.units, inputs[0].features))}

    def multiply_adds(self, inputs: Shapes) -> Dim:
        return inputs[0].size * self.units

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


@word("linear")
class Linear(Operation):
    """A dense layer that is linear on purpose: nothing follows it."""

    units: int = argument(Whole(1, example=100), "number of outputs")
    bias: bool = flag("nobias", "leave the bias out", default=True)
    init: str = option(INIT, SPREAD, default="pytorch")

    takes: ClassVar[tuple[str, ...]] = Dense.takes
    flattens: ClassVar[bool] = True
    formula: ClassVar[str] = Dense.formula
    examples: ClassVar[tuple[Example, ...]] = (Example("30", "linear 10", "10"),)

    def parts(self) -> tuple[Operation, ...]:
        return (Dense(self.units, self.bias, init=self.init),)
