"""Softmax and sigmoid."""

from __future__ import annotations

from netspec.backends.onnx.code import Site, rule
from netspec.layers.output import Sigmoid, Softmax


@rule(Softmax)
def softmax(site: Site[Softmax]) -> None:
    """Over the channel axis."""
    site.node("Softmax", [site.x], axis=site.channel_axis)


@rule(Sigmoid)
def sigmoid(site: Site[Sigmoid]) -> None:
    """`Sigmoid`."""
    site.node("Sigmoid", [site.x])
