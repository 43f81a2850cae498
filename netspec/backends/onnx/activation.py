"""Activations: a node each, where ONNX has one."""

from __future__ import annotations

from typing import Any, Final

from netspec.backends.onnx.code import Site, rule
from netspec.ir.definition import Definition
from netspec.layers.activation import (
    Celu,
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    LeakyRelu,
    Mish,
    Prelu,
    Relu,
    Relu6,
    Rescale,
    Selu,
    Silu,
    Softplus,
    Softsign,
    Tanh,
)

_NODES: Final[dict[type[Definition], tuple[str, dict[str, Any]]]] = {
    Relu: ("Relu", {}),
    Tanh: ("Tanh", {}),
    Selu: ("Selu", {}),
    Softplus: ("Softplus", {}),
    Softsign: ("Softsign", {}),
    Mish: ("Mish", {}),
    Hardsigmoid: ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
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


@rule(Elu)
def elu(site: Site[Elu]) -> None:
    """`Elu`."""
    site.node("Elu", [site.x], alpha=site.operation.alpha)


@rule(Celu)
def celu(site: Site[Celu]) -> None:
    """`Elu` of x / alpha, times alpha: ONNX's `Celu` is of float32 alone."""
    alpha = site.numbers("alpha", site.operation.alpha)
    narrow = site.node("Div", [site.x, alpha], "narrow")
    site.node("Mul", [site.node("Elu", [narrow], "unit"), alpha])


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
    """`PRelu`, its slopes along the channels, whose axis ONNX takes to be the last one."""
    slopes, after = site.weights["weight"], range(1, site.rank - site.channel_axis + 1)
    if after:
        slopes = site.node("Unsqueeze", [slopes, site.whole("axes", *after)], "slopes")
    site.node("PRelu", [site.x, slopes])


@rule(Rescale)
def rescale(site: Site[Rescale]) -> None:
    """`Mul`, and `Add` where something is added."""
    times = [site.x, site.numbers("factor", site.operation.factor)]
    if not site.operation.shift:
        site.node("Mul", times)
        return
    site.node("Add", [site.node("Mul", times, "times"), site.numbers("shift", site.operation.shift)])
