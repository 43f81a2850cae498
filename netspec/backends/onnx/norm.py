"""Normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.backends.onnx.code import TYPES, Site, rule
from netspec.diagnostics import error
from netspec.layers.norm import Batchnorm, Groupnorm, Layernorm, Lrn, Rmsnorm


def _channels(site: Site[Any]) -> int:
    """Channels or features, for a scale that changes nothing."""
    channels = site.inputs[0].dims[-1]
    if not isinstance(channels, int):
        message = (
            f"ONNX cannot say `{site.operation.written()}` of any number of features; --bind gives it one"
        )
        raise error("N601", message)
    return channels


def _scale_and_shift(site: Site[Any]) -> list[str]:
    """The learned ones, or those that change nothing."""
    if site.operation.affine:
        return [site.weights["weight"], site.weights["bias"]]
    channels = _channels(site)
    return [site.numbers("scale", np.ones(channels)), site.numbers("shift", np.zeros(channels))]


def _around(site: Site[Any], axis: int) -> tuple[str, list[int]]:
    """The input with its channels on another axis, and the order that puts them back."""
    rank, own = site.rank + 1, site.channel_axis
    order = [each for each in range(rank) if each != own]
    order.insert(axis if axis >= 0 else rank + axis, own)
    if order == list(range(rank)):
        return site.x, []
    return site.moved(site.x, order, "turned"), [order.index(each) for each in range(rank)]


def _put_back(site: Site[Any], operator: str, inputs: list[str], back: list[int], **attributes: Any) -> None:
    if back:
        site.moved(site.node(operator, inputs, "normal", **attributes), back)
    else:
        site.node(operator, inputs, **attributes)


def _precisely(site: Site[Any]) -> dict[str, Any]:
    """What is added to the variance, and that this is worked out in the model's own type where it is not float32."""
    own = {} if site.dtype == np.float32 else {"stash_type": TYPES[site.dtype.name]}
    return {"epsilon": site.operation.eps, **own}


@rule(Batchnorm)
def batchnorm(site: Site[Batchnorm]) -> None:
    """`BatchNormalization` with the running statistics."""
    x, back = _around(site, 1)
    states = [site.weights["running_mean"], site.weights["running_var"]]
    inputs = [x, *_scale_and_shift(site), *states]
    _put_back(site, "BatchNormalization", inputs, back, epsilon=site.operation.eps)


@rule(Layernorm)
def layernorm(site: Site[Layernorm]) -> None:
    """`LayerNormalization` over the channels."""
    x, back = _around(site, -1)
    inputs = [x, *_scale_and_shift(site)]
    _put_back(site, "LayerNormalization", inputs, back, axis=-1, **_precisely(site))


@rule(Rmsnorm)
def rmsnorm(site: Site[Rmsnorm]) -> None:
    """`RMSNormalization` over the channels."""
    x, back = _around(site, -1)
    scale = _scale(site)
    _put_back(site, "RMSNormalization", [x, scale], back, axis=-1, **_precisely(site))


def _scale(site: Site[Rmsnorm]) -> str:
    if site.operation.affine:
        return site.weights["weight"]
    return site.numbers("scale", np.ones(_channels(site)))


@rule(Groupnorm)
def groupnorm(site: Site[Groupnorm]) -> None:
    """`GroupNormalization`; a vector gets an axis for the pixels that it does not have."""
    x, back = _around(site, 1)
    options = {"num_groups": site.operation.groups, **_precisely(site)}
    if site.rank > 1:
        _put_back(site, "GroupNormalization", [x, *_scale_and_shift(site)], back, **options)
        return
    axis = site.whole("axis", 2)
    wide = site.node("Unsqueeze", [x, axis], "wide")
    normal = site.node("GroupNormalization", [wide, *_scale_and_shift(site)], "normal", **options)
    site.node("Squeeze", [normal, axis])


@rule(Lrn)
def lrn(site: Site[Lrn]) -> None:
    """`LRN`, written out where the window is even, which begins one channel later there.

    So it is for a factor or a power of 0, which onnxruntime refuses in a node.
    """
    operation = site.operation
    if operation.size % 2 and operation.alpha and operation.beta:
        site.node(
            "LRN",
            [site.x],
            size=operation.size,
            alpha=operation.alpha,
            beta=operation.beta,
            bias=operation.k,
        )
        return
    before = operation.size // 2
    square = site.node("Mul", [site.x, site.x], "square")
    pads = site.whole("pads", 0, before, 0, 0, 0, operation.size - 1 - before, 0, 0)
    padded = site.node("Pad", [square, pads], "padded")
    channels = site.inputs[0].features
    ends = (site.whole(f"end{number}", number + channels) for number in range(operation.size))
    axis = site.whole("axis", 1)
    shifted = [
        site.node("Slice", [padded, site.whole(f"start{number}", number), end, axis], f"shifted{number}")
        for number, end in enumerate(ends)
    ]
    total = site.node("Sum", shifted, "total")
    share = site.node("Mul", [total, site.numbers("alpha", operation.alpha / operation.size)], "share")
    base = site.node("Add", [share, site.numbers("k", operation.k)], "base")
    site.node("Div", [site.x, site.node("Pow", [base, site.numbers("beta", operation.beta)], "power")])
