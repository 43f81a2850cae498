"""Activations: a node each, where ONNX has one."""

from __future__ import annotations

from typing import Any, Final

from netspec.backends.onnx.code import Site, rule
from netspec.ir.definition import Definition
from netspec.layers.activation import (
    Elu,
    Gelu,
    Hardswish,
    LeakyRelu,
    Prelu,
    Relu,
    Relu6,
    Selu,
    Silu,
    Softplus,
    Tanh,
)

_NODES: Final[dict[type[Definition], tuple[str, dict[str, Any]]]] = {
    Relu: ("Relu", {}),
    Tanh: ("Tanh", {}),
    Elu: ("Elu", {}),
    Selu: ("Selu", {}),
    Softplus: ("Softplus", {}),
    Hardswish: ("HardSwish", {}),
}


@rule(*_NODES)
def function(site: Site[Any]) -> None:
    """The node of the same name, with PyTorch's constants, which are ONNX's."""
    name, attributes = _NODES[type(site.operation)]
    site.node(name, [site.x], **attributes)


@rule(Relu6)
def relu6(site: Site[Relu6]) -> None:
    """`Clip`."""
    site.node("Clip", [site.x, site.numbers("low", 0), site.numbers("high", 6)])


@rule(Gelu)
def gelu(site: Site[Gelu]) -> None:
    """`Gelu`."""
    site.node("Gelu", [site.x], approximate="tanh" if site.operation.approximate else "none")


@rule(Silu)
def silu(site: Site[Silu]) -> None:
    """X times its sigmoid."""
    site.node("Mul", [site.x, site.node("Sigmoid", [site.x], "gate")])


@rule(LeakyRelu)
def leaky_relu(site: Site[LeakyRelu]) -> None:
    """`LeakyRelu`."""
    site.node("LeakyRelu", [site.x], alpha=site.operation.slope)


@rule(Prelu)
def prelu(site: Site[Prelu]) -> None:
    """`PRelu`, its slopes along the channels."""
    after = site.rank - site.channel_axis
    slopes = site.values["weight"].reshape(-1, *(1,) * after)
    site.node("PRelu", [site.x, site.numbers("slope", slopes)])
