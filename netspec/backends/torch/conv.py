"""Convolutions.  PyTorch pads both sides alike; unequal padding is put around the image first."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, construct, rule, square
from netspec.layers.conv import Conv


@rule(Conv)
def conv(site: Site[Conv]) -> Code:
    """`nn.Conv2d`."""
    operation = site.operation
    top, bottom, left, right = operation.padding(site.inputs)
    options: dict[str, object] = {}
    if operation.stride != (1, 1):
        options["stride"] = square(operation.stride)
    equal = top == bottom and left == right
    if equal and (top, left) != (0, 0):
        options["padding"] = square((top, left))
    if operation.dilation != (1, 1):
        options["dilation"] = square(operation.dilation)
    if operation.groups != 1:
        options["groups"] = operation.groups
    if not operation.bias:
        options["bias"] = False
    module = construct("nn.Conv2d", site.channels, operation.channels, square(operation.kernel), **options)
    image = "{x}" if equal else f"F.pad({{x}}, ({left}, {right}, {top}, {bottom}))"
    return call(f"{{module}}({image})", module)
