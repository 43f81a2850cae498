"""Layers that change the shape and nothing else."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.ir.constraints import agree, at_least
from netspec.ir.definition import argument, word
from netspec.ir.layer import Change, Example, Operation, Problem, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Dims


@word("flatten")
class Flatten(Operation):
    """Makes a vector of everything, images channel by channel (C, H, W), as PyTorch, Caffe and ONNX do."""

    formula: ClassVar[str] = "output = product of the dimensions"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "flatten", "24"),
        Example("5x3", "flatten", "15"),
    )

    def result(self, inputs: Shapes) -> Shape:
        return Shape((inputs[0].size,))


@word("reshape")
class Reshape(Operation):
    """Gives the same numbers another shape; images are read and written channel by channel (C, H, W)."""

    dims: tuple[Dim, ...] = argument(Dims(), "the new shape")

    formula: ClassVar[str] = "output = the shape as written; its product must be the input's"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("24", "reshape 4x3x2", "4x3x2"),
        Example("4x4x2", "reshape 4x8", "4x8"),
    )

    def result(self, inputs: Shapes) -> Shape:
        shape = Shape(self.dims)
        have, want = inputs[0].size, shape.size
        if not (agree(have, want) and all(at_least(dim, 1) for dim in self.dims)):
            written = " * ".join(str(dim) for dim in inputs[0].dims)
            wanted = " * ".join(str(dim) for dim in self.dims)
            changes = []
            rest = prod(self.dims[:-1])
            if isinstance(rest, int) and have % rest == 0:
                text = Dims().write((*self.dims[:-1], have // rest))
                changes.append(Change(text, "dims", f"`reshape {text}`"))
            raise Problem(
                "N204",
                f"{inputs[0]} holds {have} numbers and {shape} holds {want}",
                argument="dims",
                label=f"{want} numbers",
                others={"": f"{have} numbers"},
                because=f"{written} = {have}, {wanted} = {want}",
                changes=changes,
            )
        return shape


@word("identity")
class Identity(Operation):
    """Hands its input on."""

    examples: ClassVar[tuple[Example, ...]] = (Example("5", "identity", "5"),)
