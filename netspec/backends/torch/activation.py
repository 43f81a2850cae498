"""Activations."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.layers.activation import Relu


@rule(Relu)
def relu(site: Site[Relu]) -> Code:
    """`F.relu`."""
    return call("F.relu({x})")
