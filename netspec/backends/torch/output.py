"""Softmax and sigmoid as layers; training uses their fused forms."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.layers.output import Sigmoid, Softmax


@rule(Softmax)
def softmax(site: Site[Softmax]) -> Code:
    """Over the channel axis."""
    return call(f"torch.softmax({{x}}, dim={site.channel_axis})", follows=True)


@rule(Sigmoid)
def sigmoid(site: Site[Sigmoid]) -> Code:
    """`torch.sigmoid`."""
    return call("torch.sigmoid({x})", follows=True)
