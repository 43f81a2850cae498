"""The arithmetic of windows that slide over an image: padding and output size, for convolution and pooling alike.

Sources: TensorFlow's `SAME` and `VALID`; Dumoulin and Visin, "A guide to convolution arithmetic for deep learning".
"""

from __future__ import annotations

from typing import TypeAlias

from netspec.frozen import frozen
from netspec.ir.asking import at_least
from netspec.ir.layer import Change, Problem, Step
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Sides
from netspec.ir.symbolic import largest

Pair: TypeAlias = tuple[int, int]
Pads: TypeAlias = tuple[Dim, Dim, Dim, Dim]
Pad: TypeAlias = str | Sides


@frozen
class Window:
    """A window with its stride, dilation and padding as written, over the height and width of an image."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    pad: Pad
    ceil: bool = False

    @property
    def reach(self) -> Pair:
        """Rows and columns from the first to the last that the window touches: dilation * (kernel - 1) + 1."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def step(self) -> Step:
        """Reach and stride in height and in width."""
        (reach_h, reach_w), (stride_h, stride_w) = self.reach, self.stride
        return (reach_h, stride_h, 1), (reach_w, stride_w, 1)

    def padding(self, image: Shape) -> Pads:
        """Rows and columns to add at top, bottom, left and right; of a symbolic size they may depend on it.

        `same` is TensorFlow's rule: enough for ceil(in / stride) outputs, the odd row or column after.
        """
        if not isinstance(self.pad, str):
            return self.pad
        if self.pad == "valid":
            return 0, 0, 0, 0
        sides: list[Dim] = []
        for size, reach, stride in zip(image.dims[-3:-1], self.reach, self.stride, strict=True):
            missing = largest((-(-size // stride) - 1) * stride + reach - size, 0) if reach > 1 else 0
            sides += [missing // 2, missing - missing // 2]
        return sides[0], sides[1], sides[2], sides[3]

    def output(self, image: Shape) -> tuple[Dim, Dim]:
        """Height and width of the result; raises `Problem` N203 where the window does not fit."""
        sizes: list[Dim] = []
        for axis, stride in enumerate(self.stride):
            size, reach = image.dims[axis - 3], self.reach[axis]
            if isinstance(self.pad, str) and self.pad == "same":
                sizes.append(-(-size // stride))
                continue
            before, after = self._written(axis)
            room = size + before + after - reach
            if not at_least(room, 0):
                raise self._too_large(image)
            if self.ceil:
                # what the last window may reach beyond; it must start inside the image or its leading padding
                room += min(stride - 1, reach - 1 - after)
            sizes.append(room // stride + 1)
        return sizes[0], sizes[1]

    def _written(self, axis: int) -> Pair:
        """The padding before and after along an axis, where it is written in numbers."""
        sides = (0, 0, 0, 0) if isinstance(self.pad, str) else self.pad
        return sides[2 * axis], sides[2 * axis + 1]

    def because(self, image: Shape) -> str:
        """The size formula of the axis at fault with its numbers."""
        for axis, name in enumerate(("height", "width")):
            before, after = self._written(axis)
            size, reach, stride = image.dims[axis - 3], self.reach[axis], self.stride[axis]
            room = size + before + after - reach
            if not at_least(room, 0):
                pads = f"{before + after}" if before == after else f"{before} + {after}"
                return f"{name} = floor(({size} + {pads} - {reach}) / {stride}) + 1 = {room // stride + 1}"
        return ""

    def explain(self, image: Shape) -> str:
        """The size formula of both axes with their numbers."""
        texts = []
        for axis, (name, result) in enumerate(zip(("height", "width"), self.output(image), strict=True)):
            size, stride = image.dims[axis - 3], self.stride[axis]
            pads, reach = sum(self._written(axis)), self.reach[axis]
            if self.pad == "same":
                texts.append(f"{name} = ceil({size} / {stride}) = {result}")
            else:
                rounding = "ceil" if self.ceil else "floor"
                texts.append(f"{name} = {rounding}(({size} + {pads} - {reach}) / {stride}) + 1 = {result}")
        return ", ".join(texts)

    def _too_large(self, image: Shape) -> Problem:
        height, width = image.dims[-3:-1]
        spread = (
            "" if self.dilation == (1, 1) else f", spread to {self.reach[0]}x{self.reach[1]} by its dilation,"
        )
        changes = [Change("same", "pad", "`same`")] if self.pad != "same" else []
        return Problem(
            "N203",
            "the kernel is larger than its input",
            argument="kernel",
            label=f"{self.kernel[0]}x{self.kernel[1]}{spread} does not fit in {height}x{width}",
            because=self.because(image),
            changes=changes,
            shrinks=True,
        )
