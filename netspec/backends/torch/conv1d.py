"""Convolutions over time; PyTorch wants the features in axis 1 and pads both ends alike."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, construct, rule, unless
from netspec.backends.torch.conv import SAME_PADDING
from netspec.ir.symbolic import Expression
from netspec.layers.conv1d import Conv1d


@rule(Conv1d)
def conv1d(site: Site[Conv1d]) -> Code:
    """`nn.Conv1d`, the padding its own where it is equal at both ends."""
    operation = site.operation
    before, after = operation.ends(site.inputs[0])
    module = construct(
        "nn.Conv1d",
        site.channels,
        operation.features,
        operation.kernel,
        **unless(1, stride=operation.stride),
        **unless(0, padding=before if before == after else 0),
        **unless(1, dilation=operation.dilation, groups=operation.groups),
        **unless(True, bias=operation.bias),
    )
    sequence = "{x}.transpose(1, 2)"
    if isinstance(before, Expression) or isinstance(after, Expression):
        reach, stride = (operation.reach,), (operation.stride,)
        sequence = f"F.pad({sequence}, same_padding({sequence}, {reach}, {stride}))"
        return call(f"{{module}}({sequence}).transpose(1, 2)", module, support=(SAME_PADDING,))
    if before != after:
        sequence = f"F.pad({sequence}, ({before}, {after}))"
    return call(f"{{module}}({sequence}).transpose(1, 2)", module)
