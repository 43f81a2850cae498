"""Layers that only change the shape."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.layers.reshape import Flatten, Identity, RepeatVector, Reshape


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
