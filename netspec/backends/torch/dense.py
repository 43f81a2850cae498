"""Dense layers."""

from __future__ import annotations

from netspec.backends.torch.code import STARTS, Code, Site, call, construct, rule, unless
from netspec.layers.dense import Dense


@rule(Dense)
def dense(site: Site[Dense]) -> Code:
    """`nn.Linear`, or with another layer's weights transposed `F.linear`.

    PyTorch makes one product of all steps or pixels, and gives a view of it.
    """
    operation, alone = site.operation, site.rank == 1
    module = construct("nn.Linear", site.channels, operation.units, **unless(True, bias=operation.bias))
    if site.borrowed.get("weight") is None:
        return call("{module}({x})", module, setup=STARTS[operation.init], overwritable=alone)
    if not site.borrowed["weight"]:
        setup = ("{module}.weight = {weight}",)
        return Code(("{y} = {module}({x})",), module, setup=setup, overwritable=alone)
    if not operation.bias:
        return call("F.linear({x}, {weight}.t())", follows=True, overwritable=alone)
    bias = f'nn.ParameterDict({{"bias": torch.zeros({operation.units})}})'
    return call('F.linear({x}, {weight}.t(), {module}["bias"])', bias, overwritable=alone)
