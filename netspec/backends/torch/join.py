"""Joins: operators between tensors, and `torch.cat`."""

from __future__ import annotations

from typing import Any, Final

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.layers.join import Add, Concat, Mean, Mul

_SPREAD: Final = {2: "[:, None]", 3: "[:, :, None, None]", 4: "[:, None, :, None, None]"}
"""How a vector of channels is spread over an example of so many axes."""


def _terms(site: Site[Any]) -> list[str]:
    """The inputs, vectors spread where the others are not."""
    rank, terms = len(site.output.dims), []
    for number, shape in enumerate(site.inputs):
        spread = "" if len(shape.dims) == rank else _SPREAD[rank]
        terms.append(f"{{x{number}}}{spread}")
    return terms


@rule(Add)
def add(site: Site[Add]) -> Code:
    """`+`."""
    return call(" + ".join(_terms(site)), overwritable=True)


@rule(Mul)
def mul(site: Site[Mul]) -> Code:
    """`*`."""
    return call(" * ".join(_terms(site)))


@rule(Mean)
def mean(site: Site[Mean]) -> Code:
    """The sum over the number."""
    return call(f"({' + '.join(_terms(site))}) / {len(site.inputs)}")


@rule(Concat)
def concat(site: Site[Concat]) -> Code:
    """`torch.cat` along the channels."""
    return call(f"torch.cat(({{xs}}), dim={site.channel_axis})")
