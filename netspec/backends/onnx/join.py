"""Joins."""

from __future__ import annotations

from typing import Any, Final

from netspec.backends.onnx.code import Site, rule
from netspec.layers.join import Add, Concat, Mean, Mul

_SPREAD: Final = {2: (1,), 3: (2, 3), 4: (1, 3, 4)}
"""The axes that a vector of channels lacks beside an example of so many."""


def _terms(site: Site[Any]) -> list[str]:
    """The inputs, vectors spread where the others are not."""
    rank, terms = len(site.output.dims), []
    for number, (x, shape) in enumerate(zip(site.xs, site.inputs, strict=True)):
        if len(shape.dims) == rank:
            terms.append(x)
        else:
            axes = site.whole(f"axes{number}", *_SPREAD[rank])
            terms.append(site.node("Unsqueeze", [x, axes], f"spread{number}"))
    return terms


@rule(Add)
def add(site: Site[Add]) -> None:
    """`Add`, of more than two `Sum`."""
    terms = _terms(site)
    site.node("Add" if len(terms) == 2 else "Sum", terms)


@rule(Mul)
def mul(site: Site[Mul]) -> None:
    """`Mul`, one after the other."""
    first, *others = _terms(site)
    for number, other in enumerate(others, 1):
        first = site.node("Mul", [first, other], "" if number == len(others) else f"product{number}")


@rule(Mean)
def mean(site: Site[Mean]) -> None:
    """`Mean`."""
    site.node("Mean", _terms(site))


@rule(Concat)
def concat(site: Site[Concat]) -> None:
    """`Concat` along the channels."""
    site.node("Concat", site.xs, axis=site.channel_axis)
