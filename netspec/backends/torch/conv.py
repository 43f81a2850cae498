"""Convolutions.  PyTorch pads both sides alike; unequal padding is put around the image first, or cut off after."""

from __future__ import annotations

from typing import Final

from netspec.backends.torch.code import STARTS, Code, Site, call, construct, rule, square, unless
from netspec.ir.shape import Dim, Shape
from netspec.ir.symbolic import Expression
from netspec.layers.conv import Conv, Depthwise, Upconv, Upsample
from netspec.layers.window import Pads, Window


@rule(Conv)
def conv(site: Site[Conv]) -> Code:
    """`nn.Conv2d`."""
    return _sliding(site, site.operation.channels, site.operation.groups)


@rule(Depthwise)
def depthwise(site: Site[Depthwise]) -> Code:
    """`nn.Conv2d` with a group for each channel."""
    return _sliding(site, site.channels, site.channels)


def _sliding(site: Site[Conv] | Site[Depthwise], channels: int, groups: int) -> Code:
    """`nn.Conv2d`, the padding its own where it is equal on opposite sides, for all that it is used for."""
    operation = site.operation
    sides = operation.padding(site.inputs)
    differs = len(site.uses) > 1 and operation.pad == "same" and operation.stride != (1, 1)
    equal = not differs and sides[0] == sides[1] and sides[2] == sides[3]
    module = construct(
        "nn.Conv2d",
        site.channels,
        channels,
        square(operation.kernel),
        **unless(1, stride=square(operation.stride)),
        **unless(0, padding=square((sides[0], sides[2])) if equal else 0),
        **unless(1, dilation=square(spread(operation.kernel, operation.dilation)), groups=groups),
        **unless(True, bias=operation.bias),
    )
    if equal:
        return call("{module}({x})", module, setup=STARTS[operation.init], overwritable=True)
    window = Window(operation.kernel, operation.stride, operation.dilation, operation.pad)
    image, support = padded("{x}", sides, window)
    setup = STARTS[operation.init]
    return call(f"{{module}}({image})", module, setup=setup, support=support, overwritable=True)


def spread(kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """The dilation where there is something to spread: of one entry oneDNN reads beyond its memory."""
    high, wide = (1 if size == 1 else step for size, step in zip(kernel, dilation, strict=True))
    return high, wide


SAME_PADDING: Final = '''\
def same_padding(x, reach, stride):
    """Zeros left, right, above and below, so that a window stepping over x stops ceil(size / stride) times."""
    sides = []
    for size, length, step in zip(x.shape[:-3:-1], reach, stride):
        missing = max((-(-size // step) - 1) * step + length - size, 0)
        sides += [missing // 2, missing - missing // 2]
    return sides
'''
"""For sizes that are known when the module runs; `reach` and `stride` are width first, as `F.pad` counts."""


def padded(image: str, sides: Pads, window: Window, value: str = "") -> tuple[str, tuple[str, ...]]:
    """An image with rows and columns of a value (0) around it, and the support for that.

    PyTorch counts sides from the last axis.
    """
    value = value and f", value={value}"
    if any(isinstance(side, Expression) for side in sides):
        rows = f"same_padding({image}, {window.reach[::-1]}, {window.stride[::-1]})"
        return f"F.pad({image}, {rows}{value})", (SAME_PADDING,)
    top, bottom, left, right = sides
    return f"F.pad({image}, ({left}, {right}, {top}, {bottom}){value})", ()


@rule(Upconv)
def upconv(site: Site[Upconv]) -> Code:
    """`nn.ConvTranspose2d`."""
    operation, (image,) = site.operation, site.inputs
    top, _, left, _ = operation.padding(site.inputs)
    dilations = spread(operation.kernel, operation.dilation)
    cuts, extras, slices, more = [], [], [], []
    for axis, before in enumerate((top, left)):
        stride, dilation, reach = (
            operation.stride[axis],
            dilations[axis],
            operation.window.reach[axis],
        )
        full, length = (image.dims[axis] - 1) * stride + reach, site.output.dims[axis]
        # symbols cancel: the padding is written in numbers, or does not depend on the size
        first, after = Shape((before, full - before - length)).known
        # rows that no window reaches hold the bias alone: one of zeros after the image makes them, as
        # `output_padding` would, with which oneDNN's backward pass writes beyond its memory there
        more.append(int(after < 0))
        after += stride * more[-1]
        cut, extra, kept = _crop(first, after, length, max(stride, dilation))
        cuts.append(cut)
        extras.append(extra)
        slices.append(kept)
    module = construct(
        "nn.ConvTranspose2d",
        site.channels,
        operation.channels,
        square(operation.kernel),
        **unless(1, stride=square(operation.stride)),
        **unless(0, padding=square((cuts[0], cuts[1])), output_padding=square((extras[0], extras[1]))),
        **unless(1, dilation=square(dilations), groups=operation.groups),
        **unless(True, bias=operation.bias),
    )
    crop = "" if slices == [":", ":"] else f"[:, :, {slices[0]}, {slices[1]}]"
    larger = f"F.pad({{x}}, (0, {more[1]}, 0, {more[0]}))" if any(more) else "{x}"
    setup = STARTS[operation.init]
    return call(f"{{module}}({larger}){crop}", module, setup=setup, overwritable=not crop)


def _crop(before: int, after: int, length: Dim, limit: int) -> tuple[int, int, str]:
    """How `before` and `after` rows are cut off: as `padding`, `output_padding` and a slice of what then is left.

    `padding` cuts both ends alike.  `output_padding`, below a limit, gives rows back at the far end.
    """
    if after >= before:
        end = length if isinstance(length, int) else before - after
        return before, 0, f":{end}" if after > before else ":"
    if before - after < limit:
        return before, before - after, ":"
    return after, 0, f"{before - after}:"


@rule(Upsample)
def upsample(site: Site[Upsample]) -> Code:
    """`F.interpolate`."""
    factor = square(site.operation.factor)
    if site.operation.mode == "bilinear":
        return call(f'F.interpolate({{x}}, scale_factor={factor}, mode="bilinear", align_corners=False)')
    return call(f'F.interpolate({{x}}, scale_factor={factor}, mode="nearest")')
