"""Dense layers."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, rule, submodule
from netspec.layers.dense import Dense


@rule(Dense)
def dense(site: Site[Dense]) -> Code:
    """`nn.Linear`."""
    options = {} if site.operation.bias else {"bias": False}
    return submodule("nn.Linear", site.channels, site.operation.units, **options)
