"""Pooling: windows reduced to one number, channel by channel."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import AlongTime, Change, Example, Operation, Problem, ReadBack, Shapes, Step
from netspec.ir.shape import Shape
from netspec.ir.sizes import Padding, Pair, Sides
from netspec.ir.values import Choice
from netspec.layers.adapters import to_image
from netspec.layers.lengths import LENGTHS, MEANING, NUMBERED, check_lengths
from netspec.layers.window import Pads, Window

MAX_OR_AVG = Choice(("max", "avg"))


@word("pool")
class Pool(Operation):
    """Makes an image smaller: the largest (`max`) or the mean (`avg`) of each window, channel by channel.

    The stride is the window's size unless written.  Padding never wins a maximum and is not counted in a mean.
    With `counted`, which is PyTorch's default, it counts as zeros; what a last window reaches beyond it does not.
    """

    kernel: tuple[int, int] = argument(Pair(), "height and width of the window")
    kind: str = option(MAX_OR_AVG, "what is kept of a window", default="max")
    stride: tuple[int, int] | None = option(
        Pair(), "step of the window; the window's size by default", default=None
    )
    pad: str | Sides = option(Padding(), "rows and columns around the image", default="valid")
    ceil: bool = flag("ceil", "keep a last window that is only partly filled", default=False)
    counted: bool = flag("counted", "padding counts in a mean, as zeros", default=False)

    takes: ClassVar[tuple[str, ...]] = ("image",)
    may_be_dropped: ClassVar[bool] = True
    formula: ClassVar[str] = "output = floor((size + padding - kernel) / stride) + 1; ceil rounds up"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("6x6x2", "pool 2", "3x3x2"),
        Example("7x7x2", "pool avg 3x3 stride2 same", "4x4x2"),
        Example("7x6x2", "pool max 3 stride2 ceil", "3x3x2"),
        Example("5x5x1", "pool avg 2 ceil", "3x3x1"),
        Example("5x6x2", "pool max 3x2 stride=2x1 pad=1,0,1,1", "2x7x2"),
        Example("6x7x2", "pool avg 3 stride2 same counted", "3x4x2"),
        Example("5x5x2", "pool avg 3 stride2 pad=1,0,0,1 ceil counted", "3x3x2"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input", "output") if self.kind == "max" else ()

    @property
    def window(self) -> Window:
        """The window with its stride and padding."""
        return Window(self.kernel, self.stride or self.kernel, (1, 1), self.pad, self.ceil)

    def step(self, inputs: Shapes) -> Step:
        return self.window.step

    def result(self, inputs: Shapes) -> Shape:
        if self.counted and self.kind != "avg":
            raise Problem(
                "N105",
                f"`counted` is of a mean, and `pool {self.kind}` takes none",
                argument="counted",
                label="of no use here",
                changes=[Change("avg", "kind", "`avg`")],
            )
        height, width = self.window.output(inputs[0])
        top, bottom, left, right = (0, 0, 0, 0) if isinstance(self.pad, str) else self.pad
        rows, columns = max(top, bottom), max(left, right)
        if rows >= self.kernel[0] or columns >= self.kernel[1]:
            raise Problem(
                "N204",
                "with so much padding there are windows that see no pixel",
                argument="pad",
                label=f"up to {rows} rows and {columns} columns",
                because=f"the window is {self.kernel[0]}x{self.kernel[1]}; padding has to be smaller",
                changes=[Change("same", "pad", "`same`")],
            )
        return Shape((height, width, inputs[0].dims[-1]))

    def padding(self, inputs: Shapes) -> Pads:
        return self.window.padding(inputs[0])

    def explain(self, inputs: Shapes) -> str:
        return self.window.explain(inputs[0])

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)


@word("global")
class Global(Operation):
    """The largest or the mean of all pixels, a number a channel; of a sequence, over its steps.

    With `lengths`, over the steps that are there.
    """

    kind: str = argument(MAX_OR_AVG, "what is kept", default="avg")
    lengths: str | None = option(LENGTHS, MEANING, default=None)

    takes: ClassVar[tuple[str, ...]] = ("image", "sequence")
    formula: ClassVar[str] = "output = channels"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("5x4x3", "global avg", "3"),
        Example("5x4x3", "global max", "3"),
        Example("5x4", "global", "4"),
        Example("5x4", "global lengths=counts", "4", NUMBERED),
        Example("5x4", "global max lengths=counts", "4", NUMBERED),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input", "output") if self.kind == "max" else ()

    def along_time(self) -> AlongTime:
        return "whole"

    def step(self, inputs: Shapes) -> None:
        return None

    def result(self, inputs: Shapes) -> Shape:
        check_lengths(self, self.lengths, inputs)
        return Shape(inputs[0].dims[-1:])

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)
