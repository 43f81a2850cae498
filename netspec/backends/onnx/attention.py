"""Attention."""

from __future__ import annotations

from netspec.backends.onnx.code import Site, rule
from netspec.layers.attention import Attention


@rule(Attention)
def attention(site: Site[Attention]) -> None:
    """Three products, `Attention` on their results side by side, and the last product."""
    operation, memory = site.operation, site.xs[-1]
    parts = [_product(site, x, name) for name, x in (("query", site.x), ("key", memory), ("value", memory))]
    heads = operation.heads
    mixed = site.node(
        "Attention",
        parts,
        "mixed",
        q_num_heads=heads,
        kv_num_heads=heads,
        is_causal=int(operation.causal),
    )
    _product(site, mixed, "out", "")


def _product(site: Site[Attention], x: str, name: str, part: str | None = None) -> str:
    part = name if part is None else part
    weight = site.node("Transpose", [site.weights[f"{name}.weight"]], f"{name}.turned", perm=[1, 0])
    if not site.operation.bias:
        return site.node("MatMul", [x, weight], part)
    made = site.node("MatMul", [x, weight], f"{name}.product")
    return site.node("Add", [made, site.weights[f"{name}.bias"]], part)
