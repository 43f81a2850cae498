"""Convolution, pooling and resizing.

Images of one axis are images one pixel high here; those of three have no layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .cases import Array, Node
from .layers import Unsaid, layer, number

Outputs = list[Array | None]
MODES: Final[dict[str, str]] = {"nearest": "nearest", "linear": "bilinear"}
"""The words for ONNX's ways to make new pixels."""


def _flat(x: Array) -> Array:
    """An array of images (N, C, H, W), made of one of rows (N, C, W)."""
    if x.ndim == 5:
        raise Unsaid("images of three axes")
    return x[:, :, None] if x.ndim == 3 else x


def _pair(node: Node, attribute: str, before: int = 1) -> tuple[int, int]:
    """A number for height and width; of rows, `before` for the height."""
    given = node.get(attribute) or [1] * 2
    return (before, *given)[-2], given[-1]


def _by(pair: tuple[int, int]) -> str:
    return "{}x{}".format(*pair)


def _written(sides: list[int]) -> str:
    """Padding as ONNX has it (top, left, bottom, right; of rows left, right) as it is written."""
    top, left, bottom, right = sides if len(sides) == 4 else (0, sides[0], 0, sides[1])
    return f" pad={top},{bottom},{left},{right}"


def _padding(node: Node, x: Array, reach: tuple[int, int], stride: tuple[int, int]) -> str:
    """The padding of a window that slides over an image; what `SAME_LOWER` means is written in numbers."""
    named, sides = node.get("auto_pad"), node.get("pads")
    if named == "SAME_UPPER":
        return " same"
    if named == "SAME_LOWER":
        sizes = zip(x.shape[2:], reach, stride, strict=True)
        missing = [max((-(-size // step) - 1) * step + far - size, 0) for size, far, step in sizes]
        return _written([*(-(-each // 2) for each in missing), *(each // 2 for each in missing)])
    return _written(sides) if sides else " valid"


def _reach(kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    first, second = (far * (size - 1) + 1 for size, far in zip(kernel, dilation, strict=True))
    return first, second


def _weights(node: Node, weight: Array) -> tuple[dict[str, Array], str]:
    """The weights of a convolution, and the word for a bias that is not there."""
    bias = node.given("B")
    return ({"weight": weight}, " nobias") if bias is None else ({"weight": weight, "bias": bias}, "")


def conv(node: Node) -> Outputs:
    x, weight = _flat(node["X"]), _flat(node["W"])
    node.skip("kernel_shape")
    weights, bias = _weights(node, weight)
    kernel = weight.shape[2], weight.shape[3]
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    pad = _padding(node, x, _reach(kernel, dilation), stride)
    options = f"stride={_by(stride)} dilation={_by(dilation)} groups={node.get('group')}{pad}{bias}"
    return [_like(node["X"], layer(f"conv {len(weight)} {_by(kernel)} {options}", x, weights=weights))]


def conv_transpose(node: Node) -> Outputs:
    x, weight = _flat(node["X"]), _flat(node["W"])
    node.skip("kernel_shape")
    weights, bias = _weights(node, weight)
    kernel, group = (weight.shape[2], weight.shape[3]), node.get("group")
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    more, shape = node.get("output_padding"), node.get("output_shape")
    if node.get("auto_pad") == "SAME_UPPER":
        pad = " same"
    else:
        sides = list(node.get("pads") or (0, 0, 0, 0))
        if shape:  # ONNX shares out what is to be cut off, the odd row or column at the end
            full = [
                (size - 1) * step + far
                for size, step, far in zip(x.shape[2:], stride, _reach(kernel, dilation), strict=True)
            ]
            cut = [whole - wanted for whole, wanted in zip(full, shape, strict=True)]
            sides = [*(each // 2 for each in cut), *(each - each // 2 for each in cut)]
        elif more:
            sides[2:] = (side - added for side, added in zip(sides[2:], more, strict=True))
        if min(sides) < 0:
            raise Unsaid("a transposed convolution whose result gets more rows than its kernels reach")
        pad = _written(sides)
    options = f"stride={_by(stride)} dilation={_by(dilation)} groups={group}{pad}{bias}"
    line = f"upconv {weight.shape[1] * group} {_by(kernel)} {options}"
    return [_like(node["X"], layer(line, x, weights=weights))]


def _like(given: Array, y: Array) -> Array:
    """The result as rows, where rows were given."""
    return y[:, :, 0] if given.ndim == 3 else y


def pool(kind: str) -> Callable[[Node], Outputs]:
    """The adapter of `max` or `avg`."""

    def adapter(node: Node) -> Outputs:
        x = _flat(node["X"])
        node.skip("storage_order")
        kernel, stride = _pair(node, "kernel_shape"), _pair(node, "strides")
        dilation = _pair(node, "dilations")
        if dilation != (1, 1):
            raise Unsaid("a pool with dilation")
        pad = _padding(node, x, kernel, stride)
        flags = " ceil" * bool(node.get("ceil_mode")) + " counted" * bool(node.get("count_include_pad"))
        y = layer(f"pool {kind} {_by(kernel)} stride={_by(stride)}{pad}{flags}", x)
        return [_like(node["X"], y), *([None] if "Indices" in node.outputs else [])]

    return adapter


def global_pool(kind: str) -> Callable[[Node], Outputs]:
    """The adapter of `max` or `avg`, which gives a number a channel without the axes of images."""
    return lambda node: [layer(f"global {kind}", node["X"])[:, :, None, None]]


def pad(node: Node) -> Outputs:
    x, pads = node["data"], node["pads"]
    axes, value = node.given("axes"), node.given("constant_value")
    sides = np.zeros((2, x.ndim), int)
    sides[:, range(x.ndim) if axes is None else axes] = pads.reshape(2, -1)
    if sides[:, :-2].any():
        raise Unsaid("padding of the channels or the batch")
    (top, left), (bottom, right) = sides[:, -2:].tolist()
    mode = {"constant": "", "reflect": " reflect", "edge": " replicate", "wrap": " circular"}[
        node.get("mode")
    ]
    line = f"pad 0 top={top} bottom={bottom} left={left} right={right}{mode}"
    return [layer(line if value is None else f"{line} value={number(float(value))}", x)]


def upsample(node: Node) -> Outputs:
    return [layer(f"upsample {_factor(node['scales'])} {MODES[node.get('mode')]}", node["X"])]


def resize(node: Node) -> Outputs:
    x, mode = node["X"], node.get("mode")
    options = {
        "coordinate_transformation_mode": "half_pixel",
        "antialias": 0,
        "keep_aspect_ratio_policy": "stretch",
    }
    if mode == "cubic":
        raise Unsaid("cubic interpolation")
    for name, wanted in options.items():
        if node.get(name) != wanted:
            raise Unsaid(f"resizing with {name.replace('_', ' ')} {node.get(name)}")
    if mode == "nearest" and node.get("nearest_mode") != "round_prefer_floor":
        raise Unsaid(f"resizing that rounds by {node.get('nearest_mode')}")
    axes, scales, sizes = node.get("axes") or range(x.ndim), node.given("scales"), node.given("sizes")
    factors = np.ones(x.ndim)
    for place, axis in enumerate(axes):
        factors[axis] = scales[place] if scales is not None else sizes[place] / x.shape[axis]
    return [layer(f"upsample {_factor(factors)} {MODES[mode]}", x)]


def _factor(factors: Array) -> str:
    """What rows and columns are multiplied by."""
    *others, rows, columns = (float(factor) for factor in factors)
    if any(factor != 1 for factor in others) or rows % 1 or columns % 1 or min(rows, columns) < 1:
        raise Unsaid("resizing by no whole factor")
    return _by((int(rows), int(columns)))
