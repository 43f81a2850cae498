"""Pooling: padding never wins a maximum and counts in a mean only where that is asked for, in ONNX as here."""

from __future__ import annotations

from typing import Any

from netspec.backends.onnx.code import Site, rule
from netspec.diagnostics import error
from netspec.ir.shape import Dim, Shape
from netspec.layers.pool import Global, Pool


@rule(Pool)
def pool(site: Site[Pool]) -> None:
    """`MaxPool` or `AveragePool`; with `ceil` the padding after is as much as the last window needs."""
    operation = site.operation
    options: dict[str, Any] = {
        "kernel_shape": list(operation.kernel),
        "strides": list(operation.window.stride),
        **_pads(site),
    }
    if operation.kind == "max":
        site.node("MaxPool", [site.x], **options)
    elif operation.counted and any(beyond := _beyond(site, options)):
        top, bottom, left, right = Shape(operation.padding(site.inputs)).known
        image = site.node("Pad", [site.x, site.whole("sides", 0, 0, top, left, 0, 0, bottom, right)], "image")
        options |= {"pads": [0, 0, *beyond], "count_include_pad": 0}
        site.node("AveragePool", [image], **options)
    else:
        site.node("AveragePool", [site.x], count_include_pad=int(operation.counted), **options)


def _beyond(site: Site[Pool], options: dict[str, Any]) -> list[int]:
    """How far windows reach beyond the padding after the image that is written, which counts where they do not."""
    if "pads" not in options:
        return []
    *_, bottom, right = options["pads"]
    _, below, _, after = Shape(site.operation.padding(site.inputs)).known
    return [max(bottom - below, 0), max(right - after, 0)]


def _pads(site: Site[Pool]) -> dict[str, Any]:
    operation, (image,) = site.operation, site.inputs
    if image.is_known:
        top, _, left, _ = operation.padding(site.inputs)
        after = [_after(site, axis, before) for axis, before in enumerate((top, left))]
        return {"pads": [top, left, *after]}
    sides = operation.padding(site.inputs)
    depends = not all(isinstance(side, int) for side in sides)
    # onnxruntime takes for negative padding what windows leave out between them
    apart = any(size < step for size, step in zip(operation.kernel, operation.window.stride, strict=True))
    if (depends and apart) or (operation.ceil and operation.pad != "same"):
        message = (
            f"ONNX programs do not agree on `{operation.written()}` for any size; --bind gives it numbers"
        )
        raise error("N601", message)
    if depends:
        return {"auto_pad": "SAME_UPPER"}
    top, bottom, left, right = sides
    return {"pads": [top, left, bottom, right]}


def _after(site: Site[Pool], axis: int, before: Dim) -> int:
    """Padding after, such that rounding down gives as many windows as there are."""
    operation, size, length = site.operation, site.inputs[0].dims[axis], site.output.dims[axis]
    assert isinstance(size, int) and isinstance(length, int) and isinstance(before, int)
    return max((length - 1) * operation.window.stride[axis] + operation.kernel[axis] - size - before, 0)


@rule(Global)
def global_(site: Site[Global]) -> None:
    """`ReduceMax` or `ReduceMean` over height and width, or over the steps."""
    axes = site.whole("axes", *((2, 3) if site.rank == 3 else (1,)))
    site.node("ReduceMax" if site.operation.kind == "max" else "ReduceMean", [site.x, axes], keepdims=0)
