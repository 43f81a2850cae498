"""How an expression grows with its symbol: by how much, whether steadily, when it repeats itself."""

from __future__ import annotations

from math import lcm

from netspec.ir.bounds import without_floors
from netspec.ir.symbolic import Atom, Dim, Expression, Positive, Quotient, Symbol, terms_of


def slope(value: Expression) -> tuple[int, int] | None:
    """By how much it grows with its symbol on average, as a fraction; None where that is not a constant."""
    if len(value.symbols()) != 1:
        return None
    relaxed, scale, _, _ = without_floors(value.terms())
    if any(len(part) > 1 or not isinstance(part[0], Symbol) for part, n in relaxed.items() if part and n):
        return None
    return sum(number for part, number in relaxed.items() if part), scale


def period(value: Dim) -> int:
    """A number of steps of its symbol after which its floors repeat themselves, for what has a slope."""
    steps = 1
    for part in terms_of(value):
        for atom in part:
            if isinstance(atom, Quotient) and isinstance(atom.divisor, int):
                steps = lcm(steps, period(atom.dividend) * atom.divisor)
    return steps


def rises(value: Expression) -> bool:
    """It is seen not to become smaller where a symbol becomes larger."""
    return all(
        not part or (number > 0 and all(_atom_rises(atom, alone=len(part) == 1) for atom in part))
        for part, number in value.terms().items()
    )


def _atom_rises(atom: Atom, *, alone: bool) -> bool:
    if not alone and atom.bounds()[0] < 0:
        return False
    match atom:
        case Symbol():
            return True
        case Quotient(dividend=inner, divisor=int()) | Positive(value=inner):
            return rises(inner)
    return False
