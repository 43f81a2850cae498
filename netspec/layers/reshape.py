"""Layers that change the shape, or nothing at all."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from netspec.ir.asking import agree, at_least
from netspec.ir.definition import argument, word
from netspec.ir.layer import AlongTime, Change, Example, Operation, Problem, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Dims, Pair
from netspec.ir.values import Whole
from netspec.layers.adapters import to_image


@word("flatten")
class Flatten(Operation):
    """Makes a vector of everything, images channel by channel (C, H, W), as PyTorch, Caffe and ONNX do."""

    formula: ClassVar[str] = "output = product of the dimensions"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "flatten", "24"),
        Example("5x3", "flatten", "15"),
    )

    def along_time(self) -> AlongTime:
        return "whole"

    def step(self, inputs: Shapes) -> None:
        return None

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

    def along_time(self) -> AlongTime:
        return "whole"

    def step(self, inputs: Shapes) -> None:
        return None

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


@word("crop")
class Crop(Operation):
    """Keeps the middle of an image; where the border is odd, the extra row or column goes after."""

    size: tuple[int, int] = argument(Pair(example="24x24"), "height and width that are kept")

    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = "output = size x channels; first row kept = floor((height - size) / 2)"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("7x6x2", "crop 4x4", "4x4x2"),
        Example("5x5x1", "crop 5x2", "5x2x1"),
    )

    def start(self, image: Shape) -> tuple[Dim, Dim]:
        """The first row and the first column that are kept."""
        height, width, _ = image.dims
        return (height - self.size[0]) // 2, (width - self.size[1]) // 2

    def result(self, inputs: Shapes) -> Shape:
        for name, have, want in zip(("high", "wide"), inputs[0].dims, self.size, strict=False):
            if not at_least(have, want):
                height, width, _ = inputs[0].dims
                raise Problem(
                    "N203",
                    "what is to be kept is larger than the image",
                    argument="size",
                    label=f"{want} {name}, and the image is {height}x{width}",
                    shrinks=True,
                )
        return Shape((*self.size, inputs[0].dims[-1]))

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)


@word("repeat_vector")
class RepeatVector(Operation):
    """Makes a sequence of a vector: the same at every step."""

    steps: int = argument(Whole(1, example=10), "number of steps")

    takes: ClassVar[tuple[str, ...]] = ("vector",)
    formula: ClassVar[str] = "output = steps x input"
    examples: ClassVar[tuple[Example, ...]] = (Example("4", "repeat_vector 3", "3x4"),)

    def result(self, inputs: Shapes) -> Shape:
        return Shape((self.steps, *inputs[0].dims))


@word("identity")
class Identity(Operation):
    """Hands its input on."""

    examples: ClassVar[tuple[Example, ...]] = (Example("5", "identity", "5"),)


@word("detach")
class Detach(Operation):
    """Hands its input on, and no gradient back: what stands before it is not trained through it."""

    passes_gradient: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (Example("5", "detach", "5"),)
