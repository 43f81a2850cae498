"""The input of a network."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.asking import at_least
from netspec.ir.definition import argument, option, word
from netspec.ir.layer import Change, Example, Operation, Problem, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Dims
from netspec.ir.values import Whole


@word("input")
class Input(Operation):
    """What the network reads: the shape of one example, H x W x C, the example axis left out.

    `of N` says that the entries are integers from 0 up to, not including, N; by itself, that there is one of them.
    """

    dims: tuple[Dim, ...] = argument(Dims(), "shape of one example; left out, one number `of`", default=())
    of: int | None = option(Whole(2), "number of different integers", default=None)

    reads_nothing: ClassVar[bool] = True
    names_itself: ClassVar[bool] = True
    formula: ClassVar[str] = "output = the shape as written"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("28x28x1", "input 28x28x1", "28x28x1"),
        Example("7 of 10", "input 7 of 10", "7 of 10"),
        Example("of 10", "input of 10", "of 10"),
    )

    def result(self, inputs: Shapes) -> Shape:
        if not self.dims and self.of is None:
            message = "`input` needs a shape, or `of` for one whole number"
            raise Problem("N103", message, label="no shape", changes=[Change("28x28x1", "dims")])
        for dim in self.dims:
            if not at_least(dim, 1):
                raise Problem("N204", f"a dimension is 1 or more, and {dim} never is", argument="dims")
        return Shape(self.dims, self.of)

    def written(self) -> str:
        return f"input {Shape(self.dims, self.of)}"
