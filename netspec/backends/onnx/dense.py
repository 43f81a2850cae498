"""Dense layers."""

from __future__ import annotations

from netspec.backends.onnx.code import Site, rule
from netspec.layers.dense import Dense


@rule(Dense)
def dense(site: Site[Dense]) -> None:
    """`Gemm` on vectors, `MatMul` and `Add` on the steps of a sequence."""
    bias = [site.weights["bias"]] if site.operation.bias else []
    if site.rank == 1:
        weight, transposed = site.weights["weight"], "weight" in site.transposed
        site.node("Gemm", [site.x, weight, *bias], transB=int(not transposed))
        return
    product([site.x, across(site, "weight")], bias, site, "")


def across(site: Site[Dense], name: str) -> str:
    """A weight as (inputs, outputs)."""
    if name in site.transposed:
        return site.weights[name]
    return site.node("Transpose", [site.weights[name]], f"{name}.turned", perm=[1, 0])


def product(factors: list[str], bias: list[str], site: Site[Dense], part: str) -> str:
    """Rows times a matrix, plus the bias if there is one."""
    if not bias:
        return site.node("MatMul", factors, part)
    made = site.node("MatMul", factors, f"{part}.product" if part else "product")
    return site.node("Add", [made, *bias], part)
