"""Pooling.  Padding never wins a maximum and rarely counts in a mean, which is what decides how it is spelt."""

from __future__ import annotations

from contextlib import suppress

from netspec.backends.torch.code import Code, Site, call, rule, square, unless
from netspec.backends.torch.conv import padded
from netspec.backends.torch.lengths import ENDS, MASKED, THERE
from netspec.ir.layer import Problem
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Expression
from netspec.layers.pool import Global, Pool
from netspec.layers.window import Pads, Window


@rule(Pool)
def pool(site: Site[Pool]) -> Code:
    """`F.max_pool2d` or `F.avg_pool2d`, on an image padded before where their own padding does not fit."""
    maximum = site.operation.kind == "max"
    options = _options(site)
    if options is not None:
        if not (maximum or site.operation.counted) and "padding" in options:
            options["count_include_pad"] = False
        return call(_pool(site, "{x}", options))
    sides, window = _sides(site), site.operation.window
    if maximum:
        image, support = padded("{x}", sides, window, "-torch.inf")
        return call(_pool(site, image, {}), support=support)
    image, support = padded("{x}", sides, window)
    mean, counted = _pool(site, image, {}), site.operation.padding(site.inputs)
    if site.operation.counted and counted == sides:
        return call(mean, support=support)
    ones, why = "{x}[:1, :1]", "padding does not count"
    if site.operation.counted:
        ones, _ = padded(ones, counted, window)
        sides, why = _beyond(sides, counted), "what is beyond the padding does not count"
    ones, _ = padded(f"torch.ones_like({ones})", sides, window)
    share = _pool(site, ones, {})
    return Code((f"# {why}:", f"share = {share}", f"{{y}} = {mean} / share"), support=support)


def _beyond(sides: Pads, counted: Pads) -> Pads:
    """What `ceil` adds to the padding as written."""
    top, bottom, left, right = (each - own for each, own in zip(sides, counted, strict=True))
    return top, bottom, left, right


def _pool(site: Site[Pool], image: str, options: dict[str, object]) -> str:
    """The text of the call."""
    kernel, stride = site.operation.kernel, site.operation.window.stride
    options = unless(square(kernel), stride=square(stride)) | options
    texts = [image, repr(square(kernel)), *(f"{name}={value!r}" for name, value in options.items())]
    return f"F.{site.operation.kind}_pool2d({', '.join(texts)})"


def _options(site: Site[Pool]) -> dict[str, object] | None:
    """PyTorch's options, which pad both sides alike and at most half a kernel; None where they do not fit.

    Windows start where the padding before the image starts.  Where padding does not count, that after it matters only
    in so far as it makes room for windows, and `ceil_mode` may make the same room.
    """
    operation, (image,) = site.operation, site.inputs
    kernel, stride = operation.kernel, operation.window.stride
    sides = operation.padding(site.inputs)
    if any(isinstance(side, Expression) for side in sides):
        return None
    top, bottom, left, right = Shape(sides).known
    if 2 * top > kernel[0] or 2 * left > kernel[1]:
        return None
    padding = unless(0, padding=square((top, left)))
    if (top, left) == (bottom, right):
        return padding | unless(False, ceil_mode=operation.ceil)
    for ceil in (False, True) if image.is_known and not operation.counted else ():
        window = Window(kernel, stride, (1, 1), (top, top, left, left), ceil)
        with suppress(Problem):  # it may fit only where the image is padded after
            if window.output(image) == site.output.dims[:2]:
                return padding | unless(False, ceil_mode=ceil)
    return None


def _sides(site: Site[Pool]) -> Pads:
    """The padding to put around the image, with `ceil` as much as windows may reach, which does no harm."""
    operation = site.operation
    top, bottom, left, right = operation.padding(site.inputs)
    if not operation.ceil or isinstance(operation.pad, str):
        return top, bottom, left, right
    (sh, sw), (kh, kw) = operation.window.stride, operation.kernel
    bottom, right = (
        min(after + stride, kernel) - 1
        for after, stride, kernel in ((operation.pad[1], sh, kh), (operation.pad[3], sw, kw))
    )
    return top, bottom, left, right


@rule(Global)
def global_(site: Site[Global]) -> Code:
    """Over height and width, or over the steps."""
    if site.operation.lengths is not None:
        largest = "masked({x}, {x1}, -torch.inf).amax(1)"
        mean = "masked({x}, {x1}).sum(1) / ends({x}, {x1})"
        return call(largest if site.operation.kind == "max" else mean, support=(ENDS, THERE, MASKED))
    function = "amax" if site.operation.kind == "max" else "mean"
    return call(f"{{x}}.{function}({'(2, 3)' if site.rank == 3 else 1})")
