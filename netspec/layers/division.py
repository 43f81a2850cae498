"""Numbers that have to be divided into equal parts, and how it is told that they cannot be."""

from __future__ import annotations

from typing import Final

from netspec.ir.layer import Change, Problem

_SHOWN: Final = 4096
"""Divisors up to here are looked for."""


def indivisible(number: int, parts: int, what: str, into: str, argument: str) -> Problem:
    """`number` things (`what`) cannot be divided into `parts` (`into`), which an argument says; what could be."""
    divisors = [n for n in range(1, min(number, _SHOWN) + 1) if number % n == 0]
    near = sorted(divisors, key=lambda n: abs(n - parts))[:2]
    return Problem(
        "N205",
        f"{number} {what} cannot be divided into {parts} {into}",
        argument=argument,
        label=f"{number} / {parts} is not whole",
        because=f"{number} can be divided by " + ", ".join(str(n) for n in divisors[:12]),
        changes=[Change(f"{argument}={n}", argument, f"`{argument}={n}`") for n in near],
        others={"": f"{number} {what}"},
    )
