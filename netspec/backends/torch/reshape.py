"""Layers that only change the shape."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.layers.reshape import Crop, Flatten, Identity, RepeatVector, Reshape


@rule(Flatten)
def flatten(site: Site[Flatten]) -> Code:
    """Channel by channel, as the arrays lie."""
    return call("{x}.flatten(1)")


@rule(Reshape)
def reshape(site: Site[Reshape]) -> Code:
    """Of channels-first arrays."""
    dims = ", ".join(str(dim) for dim in site.output.channels_first)
    return call(f"{{x}}.reshape(-1, {dims})")


@rule(RepeatVector)
def repeat_vector(site: Site[RepeatVector]) -> Code:
    """Without copying."""
    return call(f"{{x}}[:, None].expand(-1, {site.operation.steps}, -1)")


@rule(Identity)
def identity(site: Site[Identity]) -> Code:
    """The input itself."""
    return call("{x}")


@rule(Crop)
def crop(site: Site[Crop]) -> Code:
    """A slice of height and width."""
    top, left = site.operation.start(site.inputs[0])
    height, width = site.operation.size
    return call(f"{{x}}[..., {top}:{top + height}, {left}:{left + width}]")
