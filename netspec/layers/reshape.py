"""Layers that change the shape, or nothing at all."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Final

from netspec.ir.asking import agree, at_least
from netspec.ir.definition import argument, option, word
from netspec.ir.layer import AlongTime, Change, Example, Operation, Problem, ReadBack, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Dims, Pair, Sides
from netspec.ir.values import Choice, Real, Whole
from netspec.layers.adapters import to_image


@word("flatten")
class Flatten(Operation):
    """Makes a vector of everything, images channel by channel (C, H, W), as PyTorch, Caffe and ONNX do."""

    is_view: ClassVar[bool] = True
    formula: ClassVar[str] = "output = product of the dimensions"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "flatten", "24"),
        Example("5x3", "flatten", "15"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

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

    is_view: ClassVar[bool] = True
    formula: ClassVar[str] = "output = the shape as written; its product must be the input's"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("24", "reshape 4x3x2", "4x3x2"),
        Example("4x4x2", "reshape 4x8", "4x8"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

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

    is_view: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = "output = size x channels; first row kept = floor((height - size) / 2)"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("7x6x2", "crop 4x4", "4x4x2"),
        Example("5x5x1", "crop 5x2", "5x2x1"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

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


_BORDER: Final = Whole(0, example=1)


@word("pad")
class Pad(Operation):
    """Puts rows and columns around an image, of one number or of the image's own pixels, as PyTorch's `F.pad` does.

    `reflect` mirrors the image at its outermost pixels, `replicate` repeats these, and with `circular` the other side
    comes next.
    """

    around: int = argument(_BORDER, "rows and columns on each side that has no number of its own")
    top: int | None = option(_BORDER, "rows above", default=None)
    bottom: int | None = option(_BORDER, "rows below", default=None)
    left: int | None = option(_BORDER, "columns before", default=None)
    right: int | None = option(_BORDER, "columns after", default=None)
    mode: str = option(
        Choice(("constant", "reflect", "replicate", "circular")), "what is in them", default="constant"
    )
    value: float = option(Real(), "the number, with `constant`", default=0.0)

    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = "output = size + what is added"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "pad 1", "6x5x2"),
        Example("4x3x2", "pad 0 top=1 left=2 right=3 value=-0.5", "5x8x2"),
        Example("4x5x2", "pad 2 top=3 left=4 reflect", "9x11x2"),
        Example("4x3x2", "pad 1 top=5 bottom=0 right=4 replicate", "9x8x2"),
        Example("4x3x2", "pad 1 top=4 left=0 right=3 circular", "9x6x2"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

    @property
    def sides(self) -> Sides:
        """Rows and columns at top, bottom, left and right."""
        top, bottom, left, right = (
            self.around if side is None else side for side in (self.top, self.bottom, self.left, self.right)
        )
        return top, bottom, left, right

    def result(self, inputs: Shapes) -> Shape:
        height, width, channels = inputs[0].dims
        top, bottom, left, right = self.sides
        if self.mode != "constant" and self.value:
            raise Problem(
                "N105",
                f"`value` belongs to `constant`: `{self.mode}` takes pixels of the image",
                argument="value",
                label="of no use here",
            )
        # the outermost pixel is not mirrored; the other side has no more pixels than there are
        needs = {"reflect": 1, "circular": 0}.get(self.mode)
        for name, have, most in (("high", height, max(top, bottom)), ("wide", width, max(left, right))):
            if needs is not None and not at_least(have, most + needs):
                raise Problem(
                    "N203",
                    f"there are not so many pixels to {'mirror' if needs else 'go on with'}",
                    label=f"{most} need an image {most + needs} {name}, and it is {height}x{width}",
                    shrinks=True,
                )
        return Shape((height + top + bottom, width + left + right, channels))

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)


@word("repeat_vector")
class RepeatVector(Operation):
    """Makes a sequence of a vector: the same at every step."""

    steps: int = argument(Whole(1, example=10), "number of steps")

    takes: ClassVar[tuple[str, ...]] = ("vector",)
    formula: ClassVar[str] = "output = steps x input"
    examples: ClassVar[tuple[Example, ...]] = (Example("4", "repeat_vector 3", "3x4"),)

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

    def result(self, inputs: Shapes) -> Shape:
        return Shape((self.steps, *inputs[0].dims))


@word("identity")
class Identity(Operation):
    """Hands its input on."""

    is_view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (Example("5", "identity", "5"),)

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()


@word("detach")
class Detach(Operation):
    """Hands its input on, and no gradient back: what stands before it is not trained through it."""

    is_view: ClassVar[bool] = True
    passes_gradient: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (Example("5", "detach", "5"),)

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()
