"""Embeddings."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, construct, rule
from netspec.ir.shape import Shape
from netspec.layers.embedding import Embed


@rule(Embed)
def embed(site: Site[Embed]) -> Code:
    """`nn.Embedding`; the vectors of a grid of integers become its channels."""
    features = site.operation.features
    module = construct("nn.Embedding", site.inputs[0].of, features)
    # the axes of an example as PyTorch holds them, before and after; `Embedding` puts the features last
    before = [*Shape(tuple(range(site.rank))).channels_first, site.rank]
    after = Shape(tuple(range(site.rank + 1))).channels_first
    factor = f" * {features}**0.5" if site.operation.scaled else ""
    if before == [*after]:
        return call("{module}({x})" + factor, module)
    axes = ", ".join(str(before.index(axis) + 1) for axis in after)
    return call(f"{{module}}({{x}}).permute(0, {axes})" + factor, module)
