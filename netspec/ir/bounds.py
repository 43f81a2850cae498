"""Limits between which a polynomial over atoms lies; atoms (see `symbolic`) tell their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import gcd, inf
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from netspec.ir.symbolic import Atom, Expression, Monomial, Terms

Ranges: TypeAlias = Mapping[str, tuple[float, float]]
"""The smallest and the largest size of symbols, where more is known than that they are 1 or more."""


def polynomial_bounds(terms: Terms, ranges: Ranges) -> tuple[float, float]:
    """The limits as they follow from the terms, and from the terms without floors, the narrower of both."""
    low, high = _range(terms, ranges)
    relaxed, scale, down, up = without_floors(terms)
    if scale > 1 or down or up:
        lower, upper = _range(relaxed, ranges)
        low = max(low, floored(lower - down + scale - 1, scale))
        high = min(high, floored(upper + up, scale))
    return low, high


def _range(terms: Terms, ranges: Ranges) -> tuple[float, float]:
    """The limits of a polynomial, each atom moved by its smallest value so that what is left of it is 0 or more."""
    limits = {atom: atom.limits(ranges) for part in terms for atom in part}
    moved: Terms = {}
    for part, number in terms.items():
        for left_out in product(*([(True, False)] * len(part))):
            value, kept = number, []
            for atom, out in zip(part, left_out, strict=True):
                least = limits[atom][0]
                if least == -inf:
                    return -inf, inf
                value *= int(least) if out else 1
                kept += [] if out else [atom]
            key = tuple(kept)
            moved[key] = moved.get(key, 0) + value
    low: float = moved.pop((), 0)
    high = low
    for part, number in moved.items():
        width = _width(part, limits)
        reach = number * width if number and width else 0
        low, high = low + min(reach, 0), high + max(reach, 0)
    return low, high


def _width(part: Monomial, limits: Mapping[Atom, tuple[float, float]]) -> float:
    """The largest value of a product of atoms that start at 0."""
    width: float = 1
    for atom in part:
        low, high = limits[atom]
        if high == low:
            return 0
        width *= high - low
    return width


def floored(value: float, divisor: int) -> float:
    """`value // divisor`, of infinities too."""
    return value if abs(value) == inf else value // divisor


def without_floors(terms: Terms) -> tuple[Terms, int, int, int]:
    """Terms times a scale with d // n replaced by d / n, and by how much the floors may make that smaller or larger."""
    terms, scale, down, up = dict(terms), 1, 0, 0
    while (found := next(_lone_floors(terms), None)) is not None:
        part, (dividend, divisor) = found
        number = terms.pop(part)
        common = gcd(number, divisor)
        by, share = divisor // common, number // common
        # number * by * (d // n) = share * (d - r), the remainder r being 0 to n - 1
        terms = {each: value * by for each, value in terms.items()}
        scale, down, up = scale * by, down * by, up * by
        for each, value in dividend.terms().items():
            terms[each] = terms.get(each, 0) + share * value
        slack = abs(share) * (divisor - 1)
        down, up = (down + slack, up) if share > 0 else (down, up + slack)
    return terms, scale, down, up


def _lone_floors(terms: Terms) -> Iterator[tuple[Monomial, tuple[Expression, int]]]:
    for part in terms:
        if len(part) == 1 and part[0].floor is not None:
            yield part, part[0].floor
