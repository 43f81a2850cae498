"""Layers whose output is drawn at random."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.layers.sample import Sample


@rule(Sample)
def sample(site: Site[Sample]) -> Code:
    """`torch.randn_like`, scaled and shifted."""
    scale = site.operation.scale
    factor = "" if scale == 1 else f"{scale!r} * "
    draw = f"{{0}} + {factor}torch.exp({{1}} / 2) * torch.randn_like({{0}}) if self.training else {{0}}"
    if len(site.inputs) > 1:
        return call(draw.format("{x}", "{x1}"))
    halves = f"mean, variance = {{x}}.chunk(2, dim={site.channel_axis})"
    return Code((halves, "{y} = " + draw.format("mean", "variance")))
