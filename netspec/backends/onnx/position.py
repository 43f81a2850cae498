"""Positions."""

from __future__ import annotations

import numpy as np

from netspec.backends.onnx.code import TYPES, Site, rule
from netspec.layers.position import Position


@rule(Position)
def position(site: Site[Position]) -> None:
    """A table, its first rows where the sequence may be shorter; sines are worked out where its length is not known."""
    steps = site.inputs[0].dims[0]
    if site.operation.kind == "learned":
        table = site.weights["weight"]
        if site.values["weight"].shape[0] != steps:
            start, axis = site.whole("start", 0), site.whole("axis", 0)
            table = site.node("Slice", [table, start, _length(site), axis], "rows")
        site.node("Add", [site.x, table])
        return
    column = np.arange(site.inputs[0].features)
    power = 10000.0 ** -((column - column % 2) / len(column))
    limits = [site.numbers("zero", 0, np.int64), site.node("Squeeze", [_length(site)], "length")]
    count = site.node("Range", [*limits, site.numbers("one", 1, np.int64)], "count")
    kind = TYPES[site.dtype.name]
    rows = site.node(
        "Cast", [site.node("Unsqueeze", [count, site.whole("last", 1)], "tall")], "rows", to=kind
    )
    angle = site.node("Mul", [rows, site.numbers("frequency", power)], "angle")
    waves = [site.node(name, [angle], name.lower()) for name in ("Sin", "Cos")]
    even = site.numbers("even", column % 2 == 0, bool)
    site.node("Add", [site.x, site.node("Where", [even, *waves], "waves")])


def _length(site: Site[Position]) -> str:
    """The number of steps, as a list of one."""
    return site.node("Shape", [site.x], "steps", start=1, end=2)
