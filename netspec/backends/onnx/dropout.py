"""Layers that do nothing at prediction, which is what is exported."""

from __future__ import annotations

from typing import Any

from netspec.backends.onnx.code import Site, rule
from netspec.layers.dropout import Dropout, Noise


@rule(Dropout)
def dropout(site: Site[Dropout]) -> None:
    """`Dropout`, which hands its input on unless it is told to train."""
    site.node("Dropout", [site.x, site.numbers("ratio", site.operation.probability, "float32")])


@rule(Noise)
def noise(site: Site[Any]) -> None:
    """`Identity`."""
    site.node("Identity", [site.x])
