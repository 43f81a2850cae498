"""Layers that only change the shape."""

from __future__ import annotations

from typing import Final

from netspec.backends.onnx.code import Site, rule
from netspec.diagnostics import error
from netspec.ir.layer import Operation
from netspec.layers.reshape import Crop, Detach, Flatten, Identity, Pad, RepeatVector, Reshape

_MODES: Final = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""ONNX's words for what is in the rows and columns around an image."""


@rule(Flatten)
def flatten(site: Site[Flatten]) -> None:
    """`Flatten`, channel by channel, as the arrays lie."""
    site.node("Flatten", [site.x], axis=1)


@rule(Reshape)
def reshape(site: Site[Reshape]) -> None:
    """`Reshape` of channels-first arrays; of the sizes that are known when the graph runs there may be one."""
    dims = site.output.channels_first
    symbolic = [dim for dim in dims if not isinstance(dim, int)]
    if len(symbolic) > 1:
        message = f"ONNX cannot say `{site.operation.written()}` for any size; --bind gives it numbers"
        raise error("N601", message)
    sizes = [dim if isinstance(dim, int) else -1 for dim in dims]
    site.node("Reshape", [site.x, site.whole("shape", 0 if symbolic else -1, *sizes)])


@rule(RepeatVector)
def repeat_vector(site: Site[RepeatVector]) -> None:
    """`Expand` along an axis that `Unsqueeze` puts in."""
    wide = site.node("Unsqueeze", [site.x, site.whole("axis", 1)], "wide")
    site.node("Expand", [wide, site.whole("shape", 1, site.operation.steps, 1)])


@rule(Identity, Detach)
def identity(site: Site[Operation]) -> None:
    """`Identity`."""
    site.node("Identity", [site.x])


@rule(Crop)
def crop(site: Site[Crop]) -> None:
    """`Slice` of height and width; of an image of any size, where it begins is worked out."""
    top, left = site.operation.start(site.inputs[0])
    height, width = site.operation.size
    if isinstance(top, int) and isinstance(left, int):
        start, end = site.whole("start", top, left), site.whole("end", top + height, left + width)
    else:
        sizes = site.node("Shape", [site.x], "sizes", start=2, end=4)
        size = site.whole("size", height, width)
        border = site.node("Sub", [sizes, size], "border")
        start = site.node("Div", [border, site.whole("two", 2)], "start")
        end = site.node("Add", [start, size], "end")
    site.node("Slice", [site.x, start, end, site.whole("axes", 2, 3)])


@rule(Pad)
def pad(site: Site[Pad]) -> None:
    """`Pad`, all that is before the image first."""
    top, bottom, left, right = site.operation.sides
    sides = site.whole("sides", 0, 0, top, left, 0, 0, bottom, right)
    value = site.numbers("value", site.operation.value)
    site.node("Pad", [site.x, sides, value], mode=_MODES[site.operation.mode])
