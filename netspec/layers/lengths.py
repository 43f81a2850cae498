"""Sequences of different lengths in one batch: the option `lengths`, and lengths worked out from others.

Such a batch is filled up to its longest example.  What an operation with the option gives for an example is what it
would give for that example by itself; what stands beyond its end is nobody's business.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from netspec.ir.definition import argument, word
from netspec.ir.layer import Example, Operation, Problem, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Formula
from netspec.ir.symbolic import Expression
from netspec.ir.values import Reference

LENGTHS: Final = Reference(example="counts")
"""The kind of the option."""
MEANING: Final = "a whole number for each example, how many of its steps are there; the rest fills up"
"""What the option says."""
NUMBERED: Final = (("counts", "of 6"),)
"""The further input of an example with the option."""
SEQUENCES: Final = ("sequence", "sequence of images")


def check_lengths(operation: Operation, lengths: str | None, inputs: Shapes) -> None:
    """Raise `Problem` where the option `lengths`, the last reference of an operation, does not fit."""
    if lengths is None:
        return
    given = inputs[-1]
    if inputs[0].kind not in SEQUENCES:
        raise Problem(
            "N105",
            f"`lengths` is of sequences, and this `{operation.word}` reads {inputs[0].described}",
            argument="lengths",
            label="of no use here",
        )
    if given.of is None or given.size != 1:
        raise Problem(
            "N206",
            f"`lengths` is one whole number for each example, not {given.described}",
            argument="lengths",
            label=f"gives {given.described}",
            notes=["such a number comes from  input counts of 100"],
        )


@word("lengths")
class Lengths(Operation):
    """Works out the lengths of a result from those of what it was made of: `lengths ((T-3)//2+1) from counts`.

    The symbol stands for the number that is read; less than 0 becomes 0.  The compiler puts this layer in where
    examples have different lengths and a layer makes sequences shorter.
    """

    steps: tuple[Dim, ...] = argument(Formula(), "the length, by the symbol for the one that is read")

    takes: ClassVar[tuple[str, ...]] = ("integers",)
    formula: ClassVar[str] = "output = the arithmetic with the input for the symbol"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("of 12", "lengths ((T-3)//2+1)", "of 12"),
        Example("of 12", "lengths (-(-T//3))", "of 12"),
    )

    @property
    def expression(self) -> Expression:
        """The arithmetic."""
        (found,) = self.steps
        assert isinstance(found, Expression)
        return found

    @property
    def symbol(self) -> str:
        """The name of what is read."""
        return self.expression.symbols()[0]

    def result(self, inputs: Shapes) -> Shape:
        found: Any = self.steps[0] if len(self.steps) == 1 else 0
        if not isinstance(found, Expression) or len(found.symbols()) != 1:
            raise Problem(
                "N105",
                "`lengths` is arithmetic with one symbol, which stands for the number that is read",
                argument="steps",
                label="has another number of symbols",
            )
        if inputs[0].size != 1:
            raise Problem(
                "N206",
                f"`lengths` reads one whole number for each example, not {inputs[0].described}",
                label="reads one number",
            )
        return inputs[0]
