"""Activations: all of them functions, written around the layer that they follow."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, construct, rule, unless
from netspec.ir.layer import Operation
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


@rule(Hardswish, Mish, Relu6, Selu, Silu, Softplus, Softsign)
def function(site: Site[Operation]) -> Code:
    """The function of `torch.nn.functional` with the word's own name and PyTorch's defaults."""
    return call(f"F.{site.operation.word}({{x}})", follows=True)


@rule(Relu)
def relu(site: Site[Relu]) -> Code:
    """`F.relu`, over its input where nothing else needs that: its gradient is made from the result."""
    return Code(("{y} = F.relu({x})",), follows=True, overwriting=("{y} = F.relu({x}, inplace=True)",))


@rule(Hardsigmoid)
def hardsigmoid(site: Site[Hardsigmoid]) -> Code:
    """Its formula, as the gradient of `F.hardsigmoid` has the 1/6 of float32 whatever the numbers are."""
    return call("F.relu6({x} + 3) / 6", follows=True)


@rule(Elu)
def elu(site: Site[Elu]) -> Code:
    """`F.elu`, alpha where it is not PyTorch's default."""
    alpha = "" if site.operation.alpha == 1 else f", {site.operation.alpha!r}"
    return call(f"F.elu({{x}}{alpha})", follows=True)


@rule(Celu)
def celu(site: Site[Celu]) -> Code:
    """`F.celu`; with another alpha than 1 by `F.elu`, as its own gradient has the 1 / alpha of float32 (2.13)."""
    alpha = site.operation.alpha
    if alpha == 1:
        return call("F.celu({x})", follows=True)
    return call(f"{alpha!r} * F.elu({{x}} / {alpha!r})")


@rule(Gelu)
def gelu(site: Site[Gelu]) -> Code:
    """`F.gelu`."""
    approximate = ', approximate="tanh"' if site.operation.approximate else ""
    return call(f"F.gelu({{x}}{approximate})", follows=True)


@rule(Prelu)
def prelu(site: Site[Prelu]) -> Code:
    """`nn.PReLU`, the channels moved to axis 1, where PyTorch wants them."""
    number = () if site.operation.shared else (site.channels,)
    module = construct("nn.PReLU", *number, **unless(0.25, init=site.operation.slope))
    if site.operation.shared or site.rank in (1, 3):
        return call("{module}({x})", module, follows=True)
    return call("{module}({x}.transpose(1, 2)).transpose(1, 2)", module)


@rule(Tanh)
def tanh(site: Site[Tanh]) -> Code:
    """`torch.tanh`."""
    return call("torch.tanh({x})", follows=True)


@rule(LeakyRelu)
def leaky_relu(site: Site[LeakyRelu]) -> Code:
    """`F.leaky_relu`, its slope where it is not PyTorch's default."""
    slope = site.operation.slope
    return call("F.leaky_relu({x})" if slope == 0.01 else f"F.leaky_relu({{x}}, {slope!r})", follows=True)


@rule(Rescale)
def rescale(site: Site[Rescale]) -> Code:
    """The formula."""
    factor, shift = site.operation.factor, site.operation.shift
    added = f" {'+' if shift > 0 else '-'} {abs(shift)!r}" if shift else ""
    return call(f"{{x}} * {factor!r}{added}")
