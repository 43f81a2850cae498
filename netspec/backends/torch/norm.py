"""Normalisation."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, construct, rule, unless
from netspec.layers.norm import Batchnorm, Layernorm


@rule(Batchnorm)
def batchnorm(site: Site[Batchnorm]) -> Code:
    """`nn.BatchNorm1d`, `2d` or `3d`, the channels moved to axis 1, where PyTorch wants them."""
    operation = site.operation
    module = construct(
        f"nn.BatchNorm{max(site.rank - 1, 1)}d",
        site.channels,
        **unless(1e-5, eps=operation.eps),
        **unless(0.1, momentum=operation.momentum),
        **unless(True, affine=operation.affine),
    )
    if site.rank in (1, 3):
        return call("{module}({x})", module, follows=True)
    return call("{module}({x}.transpose(1, 2)).transpose(1, 2)", module)


@rule(Layernorm)
def layernorm(site: Site[Layernorm]) -> Code:
    """`nn.LayerNorm`, the channels of an image moved to the last axis, where PyTorch wants them."""
    operation = site.operation
    module = construct(
        "nn.LayerNorm",
        site.channels,
        **unless(1e-5, eps=operation.eps),
        **unless(True, elementwise_affine=operation.affine),
    )
    axis = site.channel_axis
    if axis == -1:
        return call("{module}({x})", module, follows=True)
    return call(f"{{module}}({{x}}.movedim({axis}, -1)).movedim(-1, {axis})", module)
