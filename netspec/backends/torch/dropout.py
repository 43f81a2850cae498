"""Layers that disturb training and do nothing at prediction."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, rule, submodule
from netspec.layers.dropout import Dropout, Noise


@rule(Dropout)
def dropout(site: Site[Dropout]) -> Code:
    """`nn.Dropout`."""
    return submodule("nn.Dropout", site.operation.probability)


@rule(Noise)
def noise(site: Site[Noise]) -> Code:
    """`torch.randn_like`."""
    return call(f"{{x}} + {site.operation.deviation!r} * torch.randn_like({{x}}) if self.training else {{x}}")
