"""Positions."""

from __future__ import annotations

from typing import Final

from netspec.backends.torch.code import Code, Site, call, construct, rule
from netspec.layers.position import Position, PositionAt

SINUSOIDS: Final = '''\
class Sinusoids(nn.Module):
    """Adds sines and cosines of a step's number to its features (Vaswani et al. 2017)."""

    def forward(self, x):
        steps, features = x.shape[1:]
        column = torch.arange(features, device=x.device)
        power = (column - column % 2).to(x.dtype) / features
        angle = torch.arange(steps, device=x.device).to(x.dtype)[:, None] / 10000**power
        return x + torch.where(column % 2 == 0, angle.sin(), angle.cos())'''

SINUSOIDS_AT: Final = '''\
class SinusoidsAt(nn.Module):
    """Adds sines and cosines of a step's number, which each example has of its own (Vaswani et al. 2017)."""

    def forward(self, x, number):
        features = x.shape[2]
        column = torch.arange(features, device=x.device)
        power = (column - column % 2).to(x.dtype) / features
        angle = number.to(x.dtype)[:, :, None] / 10000**power
        return x + torch.where(column % 2 == 0, angle.sin(), angle.cos())'''


@rule(Position)
def position(site: Site[Position]) -> Code:
    """A table of its own, `nn.Embedding`, or sines that need none."""
    operation = site.operation
    if operation.kind != "learned":
        return Code(("{y} = {module}({x})",), "Sinusoids()", support=(SINUSOIDS,))
    (weight,) = operation.parameters(site.inputs)
    module = construct("nn.Embedding", *weight.shape)
    if site.inputs[0].dims[0] == weight.shape[0]:
        return call("{x} + {module}.weight", module)
    return call("{x} + {module}.weight[: {x}.shape[1]]", module)


@rule(PositionAt)
def position_at(site: Site[PositionAt]) -> Code:
    """The row of a table, or sines, for a number that each example has of its own."""
    operation = site.operation
    if operation.kind != "learned":
        return Code(("{y} = {module}({xs})",), "SinusoidsAt()", support=(SINUSOIDS_AT,))
    (weight,) = operation.parameters(site.inputs)
    return call("{x} + {module}({x1})", construct("nn.Embedding", *weight.shape))
