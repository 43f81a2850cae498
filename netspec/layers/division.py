"""Numbers that have to be divided into equal parts, and how it is told that they cannot be."""

from __future__ import annotations

from typing import Final

from netspec.ir.layer import Change, Problem

_SHOWN: Final = 4096
"""Divisors up to here are looked for."""


def indivisible(number: int, parts: int, what: str, into: str, party: str, prefix: str = "") -> Problem:
    """`number` things (`what`) cannot be divided into `parts`, which the argument `into` says; what could be.

    `party` is the argument that says the number, empty where that is the input; `prefix` is what stands before the
    number of parts, such as `heads=`.
    """
    divisors = [n for n in range(1, min(number, _SHOWN) + 1) if number % n == 0]
    near = sorted(divisors, key=lambda n: abs(n - parts))[:2]
    return Problem(
        "N205",
        f"{number} {what} cannot be divided into {parts} {into}",
        argument=into,
        label=f"{number} / {parts} is not whole",
        because=f"{number} can be divided by " + ", ".join(str(n) for n in divisors[:12]),
        changes=[Change(f"{prefix}{n}", into, f"`{prefix}{n}`") for n in near],
        others={party: f"{number} {what}"},
    )
