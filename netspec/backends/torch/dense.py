"""Dense layers."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, rule, submodule, unless
from netspec.layers.dense import Dense


@rule(Dense)
def dense(site: Site[Dense]) -> Code:
    """`nn.Linear`."""
    bias = unless(True, bias=site.operation.bias)
    return submodule("nn.Linear", site.channels, site.operation.units, **bias)
