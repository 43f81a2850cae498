"""Reach: the receptive field, how many pixels of the input one number of a result depends on.

Source of the recurrence: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (2019):
field += (reach - 1) * jump, jump *= stride, the largest where paths join.
"""

from __future__ import annotations

from fractions import Fraction

from netspec.frozen import frozen
from netspec.ir.net import Net


@frozen
class Field:
    """Pixels seen in height and width, and pixels of the input between neighbours; `whole` is all of the input."""

    size: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))
    jump: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))
    whole: bool = False

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width, rounded up."""
        return -int(-self.size[0] // 1), -int(-self.size[1] // 1)


def receptive_fields(net: Net) -> dict[str, Field]:
    """The receptive field of every layer's result."""
    fields: dict[str, Field] = {}
    for layer in net.layers:
        fields[layer.name] = _field(
            [fields[name.partition(".")[0]] for name in layer.inputs], net, layer.name
        )
    return fields


def _field(inputs: list[Field], net: Net, name: str) -> Field:
    layer = net.by_name[name]
    if not inputs:
        return Field()
    if any(each.whole for each in inputs):
        return Field(whole=True)
    size = (max(each.size[0] for each in inputs), max(each.size[1] for each in inputs))
    jump = (max(each.jump[0] for each in inputs), max(each.jump[1] for each in inputs))
    step = layer.operation.step(net.shapes_into(layer))
    if step is None:
        return Field(whole=True)
    (reach_h, stride_h, grows_h), (reach_w, stride_w, grows_w) = step
    return Field(
        (size[0] + (reach_h - 1) * jump[0], size[1] + (reach_w - 1) * jump[1]),
        (jump[0] * stride_h / grows_h, jump[1] * stride_w / grows_w),
    )


def receptive_field(net: Net) -> int | None:
    """The longer side of what the last result with pixels of its own sees; None where it sees everything."""
    seen = [each for each in receptive_fields(net).values() if not each.whole]
    return max((max(each.pixels) for each in seen), default=None)
