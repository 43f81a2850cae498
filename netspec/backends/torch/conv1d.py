"""Convolutions over time; PyTorch wants the features in axis 1 and pads both ends alike."""

from __future__ import annotations

from netspec.backends.torch.code import STARTS, Code, Site, call, construct, rule, unless
from netspec.backends.torch.conv import SAME_PADDING
from netspec.backends.torch.lengths import ENDS, MASKED, OWN_PADDING, THERE
from netspec.ir.symbolic import Expression
from netspec.layers.conv1d import Conv1d, Slide


@rule(Conv1d)
def conv1d(site: Site[Conv1d]) -> Code:
    """`nn.Conv1d`, the padding its own where it is equal at both ends, for all that it is used for.

    Where examples have different lengths, zeros take the place of what stands beyond their ends; where the padding
    depends on the length as well, it is that of each.
    """
    operation = site.operation
    before, after = operation.ends(site.inputs[0])
    own = before == after and not (len(site.uses) > 1 and operation.pad == "same" and operation.stride > 1)
    sequence = "{x}"
    support: tuple[str, ...] = ()
    if operation.lengths is not None:
        sequence, support = "masked({x}, {x1})", (ENDS, THERE, MASKED)
    if operation.lengths is not None and operation.pad == "same" and operation.stride > 1:
        sequence = f"own_padding({{x}}, {{x1}}, {operation.reach}, {operation.stride})"
        before, after, own, support = 0, 0, True, (ENDS, OWN_PADDING)
    module = construct(
        "nn.Conv1d",
        site.channels,
        operation.features,
        operation.kernel,
        **unless(1, stride=operation.stride),
        **unless(0, padding=before if own else 0),
        **unless(1, dilation=operation.dilation if operation.kernel > 1 else 1, groups=operation.groups),
        **unless(True, bias=operation.bias),
    )
    sequence, setup = sequence + ".transpose(1, 2)", STARTS[operation.init]
    if isinstance(before, Expression) or isinstance(after, Expression):
        reach, stride = (operation.reach,), (operation.stride,)
        sequence = f"F.pad({sequence}, same_padding({sequence}, {reach}, {stride}))"
        support = (*support, SAME_PADDING)
        return call(f"{{module}}({sequence}).transpose(1, 2)", module, setup=setup, support=support)
    if not own:
        sequence = f"F.pad({sequence}, ({before}, {after}))"
    return call(f"{{module}}({sequence}).transpose(1, 2)", module, setup=setup, support=support)


@rule(Slide)
def slide(site: Site[Slide]) -> Code:
    """`torch.cat` of the rows from the second on and one more."""
    return call("torch.cat(({x}[:, 1:], {x1}), dim=1)")
