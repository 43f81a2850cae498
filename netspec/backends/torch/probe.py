"""Probes."""

from __future__ import annotations

from typing import Final

from netspec.backends.torch.code import Code, Site, construct, rule
from netspec.layers.probe import Probe

PROBE: Final = '''\
class Probe(nn.Module):
    """Adds a number of its own to each of an example's."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return x + self.weight'''


@rule(Probe)
def probe(site: Site[Probe]) -> Code:
    """A submodule."""
    (weight,) = site.operation.parameters(site.inputs)
    return Code(("{y} = {module}({x})",), construct("Probe", *weight.shape), support=(PROBE,))
