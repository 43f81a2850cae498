"""Convolutions and upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.backends.onnx.code import Site, rule
from netspec.diagnostics import error
from netspec.ir.shape import Dim, Shape
from netspec.ir.symbolic import Expression
from netspec.layers.conv import Conv, Depthwise, Upconv, Upsample


def pads(sides: tuple[Dim, ...], said: str, windows: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
    """The attribute for padding in numbers (top, bottom, left, right); of symbolic sizes, ONNX's own `same`.

    `windows` are kernel, stride and dilation of each axis.  onnxruntime refuses ONNX's `same` of a kernel with gaps,
    and takes for negative padding what windows leave out between them.
    """
    symbolic = any(isinstance(side, Expression) for side in sides)
    if symbolic and all(dilation == 1 and stride <= kernel for kernel, stride, dilation in windows):
        return {"auto_pad": "SAME_UPPER"}
    if not all(isinstance(side, int) for side in sides):
        raise error("N601", f"ONNX cannot say the padding of `{said}` for any size; --bind gives it numbers")
    numbers = Shape(sides).known
    return {"pads": [*numbers[::2], *numbers[1::2]]}


@rule(Conv, Depthwise)
def conv(site: Site[Any]) -> None:
    """`Conv`."""
    operation = site.operation
    groups = site.inputs[0].features if isinstance(operation, Depthwise) else operation.groups
    spread = zip(operation.kernel, operation.dilation, strict=True)
    dilations = [step if size > 1 else 1 for size, step in spread]
    site.node(
        "Conv",
        [site.x, site.weight("weight"), *([site.weight("bias")] if operation.bias else [])],
        kernel_shape=list(operation.kernel),
        strides=list(operation.stride),
        dilations=dilations,
        group=groups,
        **pads(
            operation.padding(site.inputs),
            operation.written(),
            list(zip(operation.kernel, operation.stride, dilations, strict=True)),
        ),
    )


@rule(Upconv)
def upconv(site: Site[Upconv]) -> None:
    """`ConvTranspose`; rows and columns beyond what windows reach hold the bias alone."""
    operation, (image,) = site.operation, site.inputs
    top, _, left, _ = operation.padding(site.inputs)
    begin, end, more = [], [], []
    for axis, before in enumerate((top, left)):
        full = (image.dims[axis] - 1) * operation.stride[axis] + operation.window.reach[axis]
        first, after = Shape((before, full - before - site.output.dims[axis])).known
        begin.append(first)
        end.append(max(after, 0))
        more.append(max(-after, 0))
    output_padding: dict[str, Any] = {"output_padding": more} if any(more) else {}
    site.node(
        "ConvTranspose",
        [site.x, site.weight("weight"), *([site.weight("bias")] if operation.bias else [])],
        kernel_shape=list(operation.kernel),
        strides=list(operation.stride),
        dilations=list(operation.dilation),
        group=operation.groups,
        pads=[*begin, *end],
        **output_padding,
    )


@rule(Upsample)
def upsample(site: Site[Upsample]) -> None:
    """`Resize`, with half-pixel centres or to the nearest pixel before."""
    scales = site.numbers("scales", (1, 1, *site.operation.factor), "float32")
    ways: dict[str, dict[str, Any]] = {
        "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
        "nearest": {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        },
    }
    site.node("Resize", [site.x, "", scales], **ways[site.operation.mode])
