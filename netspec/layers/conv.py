"""Convolutions and their transposes."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.asking import at_least
from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import Change, Example, Operation, Param, Problem, ReadBack, Shapes, Step
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Padding, Pair, Sides
from netspec.ir.values import Choice, Whole
from netspec.layers.adapters import to_image
from netspec.layers.initial import INIT, SPREAD, spread
from netspec.layers.window import Pads, Window

SLIDING = (
    "output = floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1; same: ceil(size / stride)"
)

_SHOWN = 4096
"""Divisors up to here are looked for."""


def _divides(groups: int, channels: int, what: str, party: str) -> None:
    """Raise where a number of channels cannot be divided into groups; `party` is the argument that gave it."""
    if channels % groups:
        divisors = [n for n in range(1, min(channels, _SHOWN) + 1) if channels % n == 0]
        smaller = [n for n in divisors if n < groups]
        raise Problem(
            "N205",
            f"{channels} {what} cannot be divided into {groups} groups",
            argument="groups",
            label=f"{channels} / {groups} is not whole",
            because=f"{channels} can be divided by " + ", ".join(str(n) for n in divisors[:12]),
            changes=[
                Change(f"groups={n}", "groups", f"`groups={n}`")
                for n in sorted({*smaller[:1], *smaller[-1:]}, reverse=True)
            ],
            others={party: f"{channels} {what}"},
        )


@word("conv")
class Conv(Operation):
    """Slides kernels over an image; each kernel sees all channels of its group and makes one channel of the result.

    Weights and bias start evenly spread over +-1/sqrt(inputs of one kernel), as in PyTorch's `nn.Conv2d`, the weights
    with `glorot` over +-sqrt(6/(inputs + outputs)) (Glorot and Bengio 2010), with `he` over +-sqrt(6/inputs) (He et al.
    2015).
    """

    channels: int = argument(Whole(1, example=8), "number of kernels, so the channels of the result")
    kernel: tuple[int, int] = argument(Pair(example="3x3"), "height and width of a kernel")
    stride: tuple[int, int] = option(Pair(), "step of the kernel", default=(1, 1))
    dilation: tuple[int, int] = option(Pair(), "distance between the kernel's entries", default=(1, 1))
    groups: int = option(Whole(1), "groups of channels that do not see one another", default=1)
    pad: str | Sides = option(Padding(), "rows and columns of zeros around the image", default="same")
    bias: bool = flag("nobias", "leave the bias out", default=True)
    init: str = option(INIT, SPREAD, default="pytorch")

    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = SLIDING
    examples: ClassVar[tuple[Example, ...]] = (
        Example("28x28x1", "conv 4 5x5", "28x28x4"),
        Example("7x6x2", "conv 3 4x3 stride2", "4x3x3"),
        Example("9x8x2", "conv 4 3x2 dilation2 valid", "5x6x4"),
        Example("5x4x2", "conv 4 3x2 init=he", "5x4x4"),
        Example("6x5x4", "conv 6 3x3 groups=2 nobias", "6x5x6"),
        Example("5x5x2", "conv 3 3x3 stride=2x1 pad=1,2,0,1", "3x4x3"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    @property
    def window(self) -> Window:
        """The kernel as a window."""
        return Window(self.kernel, self.stride, self.dilation, self.pad)

    def step(self, inputs: Shapes) -> Step:
        return self.window.step

    def result(self, inputs: Shapes) -> Shape:
        (image,) = inputs
        _divides(self.groups, image.features, "input channels", "")
        _divides(self.groups, self.channels, "kernels", "channels")
        return Shape((*self.window.output(image), self.channels))

    def padding(self, inputs: Shapes) -> Pads:
        return self.window.padding(inputs[0])

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        per_group = inputs[0].features // self.groups
        shape = (self.channels, per_group, *self.kernel)
        weight = Param("weight", shape, spread(self.init, shape))
        bias = Param("bias", (self.channels,), spread("pytorch", shape))
        return (weight, bias) if self.bias else (weight,)

    def multiply_adds(self, inputs: Shapes) -> Dim:
        weight = self.parameters(inputs)[0]
        height, width, _ = self.result(inputs).dims
        return height * width * weight.size

    def explain(self, inputs: Shapes) -> str:
        return self.window.explain(inputs[0])

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)


@word("depthwise")
class Depthwise(Operation):
    """A convolution with one kernel for each channel of the input; channels are not mixed."""

    kernel: tuple[int, int] = argument(Pair(example="3x3"), "height and width of a kernel")
    stride: tuple[int, int] = option(Pair(), "step of the kernel", default=(1, 1))
    dilation: tuple[int, int] = option(Pair(), "distance between the kernel's entries", default=(1, 1))
    pad: str | Sides = option(Padding(), "rows and columns of zeros around the image", default="same")
    bias: bool = flag("nobias", "leave the bias out", default=True)
    init: str = option(INIT, SPREAD, default="pytorch")

    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = SLIDING
    examples: ClassVar[tuple[Example, ...]] = (
        Example("6x6x3", "depthwise 3x3", "6x6x3"),
        Example("6x6x2", "depthwise 3x3 glorot", "6x6x2"),
        Example("7x7x2", "depthwise 3 stride2 nobias", "4x4x2"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def _conv(self, inputs: Shapes) -> Conv:
        channels = inputs[0].features
        return Conv(
            channels, self.kernel, self.stride, self.dilation, channels, self.pad, self.bias, self.init
        )

    def step(self, inputs: Shapes) -> Step:
        return self._conv(inputs).step(inputs)

    def result(self, inputs: Shapes) -> Shape:
        return self._conv(inputs).result(inputs)

    def padding(self, inputs: Shapes) -> Pads:
        return self._conv(inputs).padding(inputs)

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return self._conv(inputs).parameters(inputs)

    def multiply_adds(self, inputs: Shapes) -> Dim:
        return self._conv(inputs).multiply_adds(inputs)

    def explain(self, inputs: Shapes) -> str:
        return self._conv(inputs).explain(inputs)

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)


@word("upconv")
class Upconv(Operation):
    """A transposed convolution: what the backward pass of `conv` does to an image, used to make it larger.

    The padding is cut off the result.  `same` makes size * stride, cutting the padding that a `conv` with the same
    kernel and stride would add to an image of that size.
    """

    channels: int = argument(Whole(1, example=8), "channels of the result")
    kernel: tuple[int, int] = argument(Pair(example="3x3"), "height and width of a kernel")
    stride: tuple[int, int] = option(Pair(), "factor by which the image grows", default=(1, 1))
    dilation: tuple[int, int] = option(Pair(), "distance between the kernel's entries", default=(1, 1))
    groups: int = option(Whole(1), "groups of channels that do not see one another", default=1)
    pad: str | Sides = option(Padding(), "rows and columns cut off the result", default="same")
    bias: bool = flag("nobias", "leave the bias out", default=True)
    init: str = option(INIT, SPREAD, default="pytorch")

    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = (
        "output = (size - 1) * stride + dilation * (kernel - 1) + 1 - padding; same: size * stride"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("7x7x3", "upconv 2 4x4 stride2", "14x14x2"),
        Example("4x4x3", "upconv 2 4x4 stride2 glorot", "8x8x2"),
        Example("3x4x2", "upconv 3 3x2 stride2 valid", "7x8x3"),
        Example("4x4x4", "upconv 6 3x3 stride2 groups=2 pad=1,0,0,1 nobias", "8x8x6"),
        Example("3x3x1", "upconv 2 1x1 stride2", "6x6x2"),
        Example("4x4x2", "upconv 2 3x3 dilation2", "4x4x2"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    @property
    def window(self) -> Window:
        """The kernel as a window over the result."""
        return Window(self.kernel, self.stride, self.dilation, self.pad)

    def _full(self, image: Shape) -> tuple[Dim, Dim]:
        """Height and width before the padding is cut off."""
        height, width = image.dims[-3:-1]
        (rh, rw), (sh, sw) = self.window.reach, self.stride
        return (height - 1) * sh + rh, (width - 1) * sw + rw

    def _output(self, image: Shape) -> tuple[Dim, Dim]:
        height, width = image.dims[-3:-1]
        if self.pad == "same":
            return height * self.stride[0], width * self.stride[1]
        (full_h, full_w), (top, bottom, left, right) = self._full(image), self.padding([image])
        return full_h - top - bottom, full_w - left - right

    def padding(self, inputs: Shapes) -> Pads:
        (image,) = inputs
        if self.pad != "same":
            return self.window.padding(image)
        height, width = self._output(image)
        return self.window.padding(Shape((height, width, 1)))

    def step(self, inputs: Shapes) -> Step:
        (reach_h, stride_h, _), (reach_w, stride_w, _) = self.window.step
        return (-(-reach_h // stride_h), 1, stride_h), (-(-reach_w // stride_w), 1, stride_w)

    def result(self, inputs: Shapes) -> Shape:
        (image,) = inputs
        _divides(self.groups, image.features, "input channels", "")
        _divides(self.groups, self.channels, "output channels", "channels")
        height, width = self._output(image)
        if not (at_least(height, 1) and at_least(width, 1)):
            full_h, full_w = self._full(image)
            raise Problem(
                "N203",
                "the padding cuts the whole result away",
                argument="pad",
                label=f"leaves {height}x{width} of {full_h}x{full_w}",
                because=f"height = {full_h} - {full_h - height} = {height}, "
                f"width = {full_w} - {full_w - width} = {width}",
                changes=[Change("same", "pad", "`same`")],
            )
        return Shape((height, width, self.channels))

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        channels_in, per_group = inputs[0].features, self.channels // self.groups
        shape = (channels_in, per_group, *self.kernel)
        weight = Param("weight", shape, spread(self.init, shape))
        bias = Param("bias", (self.channels,), spread("pytorch", shape))
        return (weight, bias) if self.bias else (weight,)

    def multiply_adds(self, inputs: Shapes) -> Dim:
        weight = self.parameters(inputs)[0]
        height, width = inputs[0].dims[-3:-1]
        return height * width * weight.size

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)


@word("upsample")
class Upsample(Operation):
    """Makes an image larger by a whole factor, repeating pixels or interpolating between them (half-pixel centres)."""

    factor: tuple[int, int] = argument(Pair(), "factor for height and width")
    mode: str = option(Choice(("nearest", "bilinear")), "how new pixels are made", default="nearest")

    takes: ClassVar[tuple[str, ...]] = ("image",)
    formula: ClassVar[str] = "output = size * factor"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("3x4x2", "upsample 2", "6x8x2"),
        Example("3x2x2", "upsample 2x3 bilinear", "6x6x2"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

    def step(self, inputs: Shapes) -> Step:
        return (1, 1, self.factor[0]), (1, 1, self.factor[1])

    def result(self, inputs: Shapes) -> Shape:
        height, width, channels = inputs[0].dims
        return Shape((height * self.factor[0], width * self.factor[1], channels))

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_image(given)
