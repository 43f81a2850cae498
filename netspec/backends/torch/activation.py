"""Activations: all of them functions, written around the layer that they follow."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.ir.layer import Operation
from netspec.layers.activation import Elu, Gelu, Hardswish, LeakyRelu, Relu, Relu6, Selu, Silu, Softplus, Tanh


@rule(Elu, Gelu, Hardswish, Relu, Relu6, Selu, Silu, Softplus)
def function(site: Site[Operation]) -> Code:
    """The function of `torch.nn.functional` with the word's own name and PyTorch's defaults."""
    return call(f"F.{site.operation.word}({{x}})", follows=True)


@rule(Tanh)
def tanh(site: Site[Tanh]) -> Code:
    """`torch.tanh`."""
    return call("torch.tanh({x})", follows=True)


@rule(LeakyRelu)
def leaky_relu(site: Site[LeakyRelu]) -> Code:
    """`F.leaky_relu`, its slope where it is not PyTorch's default."""
    slope = site.operation.slope
    return call("F.leaky_relu({x})" if slope == 0.01 else f"F.leaky_relu({{x}}, {slope!r})", follows=True)
