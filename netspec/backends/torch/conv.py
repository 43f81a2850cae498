"""Convolutions.  PyTorch pads both sides alike; unequal padding is put around the image first, or cut off after."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, construct, rule, square, unless
from netspec.ir.sizes import Sides
from netspec.layers.conv import Conv, Depthwise, Upconv, Upsample


@rule(Conv)
def conv(site: Site[Conv]) -> Code:
    """`nn.Conv2d`."""
    return _sliding(site, site.operation.channels, site.operation.groups)


@rule(Depthwise)
def depthwise(site: Site[Depthwise]) -> Code:
    """`nn.Conv2d` with a group for each channel."""
    return _sliding(site, site.channels, site.channels)


def _sliding(site: Site[Conv] | Site[Depthwise], channels: int, groups: int) -> Code:
    """`nn.Conv2d`, the padding its own where it is equal on opposite sides."""
    operation = site.operation
    top, bottom, left, right = operation.padding(site.inputs)
    equal = top == bottom and left == right
    module = construct(
        "nn.Conv2d",
        site.channels,
        channels,
        square(operation.kernel),
        **unless(1, stride=square(operation.stride)),
        **unless(0, padding=square((top, left)) if equal else 0),
        **unless(1, dilation=square(operation.dilation), groups=groups),
        **unless(True, bias=operation.bias),
    )
    image = "{x}" if equal else padded("{x}", (top, bottom, left, right))
    return call(f"{{module}}({image})", module)


def padded(image: str, sides: Sides, value: str = "") -> str:
    """An image with rows and columns of a value (0) around it; PyTorch counts sides from the last axis."""
    top, bottom, left, right = sides
    return f"F.pad({image}, ({left}, {right}, {top}, {bottom}){value and f', value={value}'})"


@rule(Upconv)
def upconv(site: Site[Upconv]) -> Code:
    """`nn.ConvTranspose2d`."""
    operation, (image,) = site.operation, site.inputs
    top, _, left, _ = operation.padding(site.inputs)
    cuts, extras, slices = [], [], []
    for axis, before in enumerate((top, left)):
        stride, dilation, reach = (
            operation.stride[axis],
            operation.dilation[axis],
            operation.window.reach[axis],
        )
        full, length = (image.known[axis] - 1) * stride + reach, site.output.known[axis]
        cut, extra, kept = _crop(before, full - before - length, length, max(stride, dilation))
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
        **unless(1, dilation=square(operation.dilation), groups=operation.groups),
        **unless(True, bias=operation.bias),
    )
    crop = "" if slices == [":", ":"] else f"[:, :, {slices[0]}, {slices[1]}]"
    return call(f"{{module}}({{x}}){crop}", module)


def _crop(before: int, after: int, length: int, limit: int) -> tuple[int, int, str]:
    """How `before` and `after` rows are cut off: as `padding`, `output_padding` and a slice of what then is left.

    `padding` cuts both ends alike.  `output_padding`, below a limit, gives rows back at the far end, or adds rows that
    hold the bias alone, where `after` is negative because the kernel is smaller than the stride.
    """
    if after >= before:
        return before, 0, f":{length}" if after > before else ":"
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
