"""What tells a network which step of a sequence it sees."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.asking import at_least
from netspec.ir.definition import argument, option, word
from netspec.ir.layer import AlongTime, Change, Example, Normal, Operation, Param, Problem, Shapes
from netspec.ir.shape import Shape
from netspec.ir.stepping import Stepping
from netspec.ir.values import Choice, Whole
from netspec.layers.adapters import to_sequence


@word("position")
class Position(Operation):
    """Adds to each step a vector that depends on the step's place alone.

    `sinusoidal` (Vaswani et al. 2017): feature 2i of step t gets sin(t / 10000^(2i / N)), feature 2i + 1 the cosine
    of the same, t from 0.  `learned`: a parameter, which starts normal with deviation 0.02; a number says for how many
    steps there is one (`position learned 512`), and must be given where the length is a symbol.
    """

    kind: str = option(Choice(("sinusoidal", "learned")), "how the vectors are made", default="sinusoidal")
    max: int | None = argument(Whole(1, example=512), "learned: the longest sequence", default=None)

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    formula: ClassVar[str] = "output = input + vector of the step; parameters = steps * features if learned"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("5x4", "position", "5x4"),
        Example("5x3", "position sinusoidal", "5x3"),
        Example("5x4", "position learned", "5x4"),
        Example("5x3", "position learned 8", "5x3"),
    )

    def along_time(self) -> AlongTime:
        return "past"

    def stepped(self, step: Stepping) -> str:
        rows = None
        for weight in self.parameters(step.inputs):
            rows, _ = weight.shape
            step.hold(rows)
        return step.layer(PositionAt(self.kind, rows), step.now(0), step.count())

    def result(self, inputs: Shapes) -> Shape:
        steps = inputs[0].dims[0]
        if self.kind != "learned" and self.max is not None:
            raise Problem(
                "N105",
                "a number belongs to `position learned`: sines have no longest sequence",
                argument="max",
                label="of no use here",
            )
        if self.kind == "learned" and self.max is None and not isinstance(steps, int):
            raise Problem(
                "N103",
                f"`position learned` needs a number of steps where the length {steps} is a symbol",
                argument="kind",
                label="one vector a step, and nobody says how many",
                changes=[Change("512", "max", "`512`")],
            )
        if self.max is not None and not at_least(self.max, steps):
            raise Problem(
                "N204",
                f"the sequence has {steps} steps, and `position` learns {self.max}",
                argument="max",
                label=f"{self.max} steps",
                others={"": f"{steps} steps"},
                changes=[Change(f"{steps}", "max", f"`{steps}`")],
            )
        return inputs[0]

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        if self.kind != "learned":
            return ()
        steps = self.max or Shape(inputs[0].dims[:1]).features
        return (Param("weight", (steps, inputs[0].features), Normal(0.02)),)

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


@word("position_at")
class PositionAt(Position):
    """Adds the vector of the step whose number, counted from 0, is the second input: networks of one step use it."""

    joins: ClassVar[bool] = True
    formula: ClassVar[str] = "output = input + vector of the step; parameters = max * features if learned"
    examples: ClassVar[tuple[Example, ...]] = ()

    def along_time(self) -> AlongTime:
        return "whole"

    def result(self, inputs: Shapes) -> Shape:
        return inputs[0]
