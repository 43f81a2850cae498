"""Embeddings."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, construct, rule
from netspec.ir.shape import Shape
from netspec.layers.embedding import Embed


@rule(Embed)
def embed(site: Site[Embed]) -> Code:
    """`nn.Embedding`; the vectors of a grid of integers become its channels."""
    operation, features = site.operation, site.operation.features
    module = construct("nn.Embedding", site.inputs[0].of, features)
    # `nn.Embedding` starts with deviation 1 by itself
    start = (f"nn.init.normal_({{module}}.weight, std={operation.deviation})",)
    setup = start if operation.deviation != 1 else ()
    # the axes of an example as PyTorch holds them, before and after; `Embedding` puts the features last
    before = [*Shape(tuple(range(site.rank))).channels_first, site.rank]
    after = Shape(tuple(range(site.rank + 1))).channels_first
    factor = f" * {features}**0.5" if operation.scaled else ""
    if before == [*after]:
        return Code(("{y} = {module}({x})" + factor,), module, setup=setup)
    axes = ", ".join(str(before.index(axis) + 1) for axis in after)
    return Code((f"{{y}} = {{module}}({{x}}).permute(0, {axes})" + factor,), module, setup=setup)
