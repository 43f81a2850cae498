"""Embeddings."""

from __future__ import annotations

from typing import Any

from netspec.backends.onnx.code import Site, rule
from netspec.ir.shape import Shape
from netspec.layers.embedding import Embed


@rule(Embed)
def embed(site: Site[Embed]) -> None:
    """`Gather`; the vectors of a grid of integers become its channels."""
    operation, rank = site.operation, site.rank
    before = [*Shape(tuple(range(rank))).channels_first, rank]
    after = Shape(tuple(range(rank + 1))).channels_first
    order = [0, *(before.index(axis) + 1 for axis in after)]
    steps: list[tuple[str, list[str], dict[str, Any]]] = [("Gather", [site.x], {"axis": 0})]
    if order != list(range(rank + 2)):
        steps.append(("Transpose", [], {"perm": order}))
    if operation.scaled:
        steps.append(("Mul", [], {}))
    made = ""
    for number, (operator, inputs, attributes) in enumerate(steps):
        given = [site.weights["weight"], *inputs] if operator == "Gather" else [made]
        if operator == "Mul":
            given.append(site.numbers("factor", operation.features**0.5))
        made = site.node(operator, given, "" if number == len(steps) - 1 else f"part{number}", **attributes)
