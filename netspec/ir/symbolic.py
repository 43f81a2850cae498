"""Exact arithmetic with dimensions that are not known yet: `(T-3)//2+1` stays what it is until T is a number.

A symbol stands for a whole number of 1 or more.  An expression is a polynomial with whole coefficients over atoms:
symbols, floors `e // d`, and `max(e, 0)`.  Remainders are written out, e % n = e - n * (e // n), so that equal things
mostly compare equal; whatever comes out as a number is an int.  Knows nothing of shapes or of what a network needs
(see `constraints`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import gcd, inf
from typing import Final, TypeAlias, cast

from netspec.frozen import frozen
from netspec.ir.bounds import Ranges, floored, polynomial_bounds

Monomial: TypeAlias = tuple["Atom", ...]
"""Atoms multiplied with one another, in order, each as often as its power."""
Terms: TypeAlias = dict[Monomial, int]
MOST_TERMS: Final = 200
MOST_FACTORS: Final = 10


class Unbound(Exception):
    """A number is needed where there is an expression; its symbols have to be bound first."""

    def __init__(self, expression: Expression) -> None:
        super().__init__(f"a number is needed, and {expression} depends on {', '.join(expression.symbols())}")
        self.expression = expression


class Expression:
    """A whole number that depends on symbols.

    Arithmetic gives ints and expressions.  `==` compares the form.  A comparison that holds for all sizes, or for
    none, is a bool; any other raises `Unbound`: rules of layers ask `constraints.at_least` and the like instead.
    """

    def terms(self) -> Terms:
        """The coefficient of each product of atoms; the constant is that of the empty product."""
        raise NotImplementedError

    def symbols(self) -> tuple[str, ...]:
        """The names of its symbols, in the order in which they first stand in it."""
        found = dict.fromkeys(name for part in self.terms() for atom in part for name in atom.symbols())
        return tuple(found)

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        """The expression with symbols replaced."""
        total: Dim = 0
        for part, coefficient in self.terms().items():
            value: Dim = coefficient
            for atom in part:
                value = value * atom.substitute(values)
            total = total + value
        return total

    def evaluate(self, bindings: Mapping[str, int]) -> int:
        """The number for sizes of its symbols; raises `Unbound` where one is missing."""
        value = self.substitute(bindings)
        if isinstance(value, Expression):
            raise Unbound(value)
        return value

    def bounds(self, ranges: Ranges | None = None) -> tuple[float, float]:
        """Limits between which it lies for all sizes, infinite where there is none; they may be wider than need be."""
        return polynomial_bounds(self.terms(), ranges or {})

    def __add__(self, other: Dim) -> Dim:
        return _added(self, other, 1)

    def __sub__(self, other: Dim) -> Dim:
        return _added(self, other, -1)

    def __rsub__(self, other: int) -> Dim:
        return _added(other, self, -1)

    def __mul__(self, other: Dim) -> Dim:
        found: Terms = {}
        for (left, one), (right, two) in product(self.terms().items(), terms_of(other).items()):
            part = tuple(sorted(left + right, key=_key))
            found[part] = found.get(part, 0) + one * two
        return from_terms(found)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Dim:
        return _added(0, self, -1)

    def __floordiv__(self, other: Dim) -> Dim:
        return _divided(self, other)

    def __rfloordiv__(self, other: int) -> Dim:
        return _divided(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return self - (self // other) * other

    def __rmod__(self, other: int) -> Dim:
        return other - (other // self) * self

    def __lt__(self, other: Dim) -> bool:
        return not self >= other

    def __le__(self, other: Dim) -> bool:
        return not self > other

    def __gt__(self, other: Dim) -> bool:
        return self >= other + 1

    def __ge__(self, other: Dim) -> bool:
        room = self - other
        low, high = (room, room) if isinstance(room, int) else room.bounds()
        if low < 0 <= high:
            raise Unbound(cast(Expression, room))
        return low >= 0

    def __bool__(self) -> bool:
        low, high = self.bounds()
        if low <= 0 <= high:
            raise Unbound(self)
        return True

    def __index__(self) -> int:
        raise Unbound(self)

    def __pow__(self, _exponent: float) -> float:
        raise Unbound(self)

    __int__ = __float__ = __index__
    __truediv__ = __rtruediv__ = __rpow__ = __pow__

    def __format__(self, _spec: str) -> str:
        return str(self)

    def __str__(self) -> str:
        terms = _as_written(self.terms())
        parts = sorted(((part, n) for part, n in terms.items() if part), key=lambda term: term[1] < 0)
        constant = terms.get((), 0)
        if constant:
            parts.insert(0 if constant > 0 > parts[0][1] else len(parts), ((), constant))
        texts = ["-" * (number < 0) + _product_text(part, abs(number)) for part, number in parts]
        if parts[0][1] == -1 and isinstance(parts[0][0][0], Quotient):
            texts[0] = f"-({texts[0][1:]})" if len(parts[0][0]) == 1 else texts[0]
        return "+".join(texts).replace("+-", "-")


Dim: TypeAlias = int | Expression


class Atom(Expression):
    """What polynomials are made of."""

    def terms(self) -> Terms:
        return {(self,): 1}

    def limits(self, ranges: Ranges) -> tuple[float, float]:
        """What `bounds` says of the atom by itself."""
        raise NotImplementedError

    @property
    def floor(self) -> tuple[Expression, int] | None:
        """Dividend and divisor of a floor by a number, None of other atoms."""
        return None


@frozen
class Symbol(Atom):
    """A dimension known by name only."""

    name: str

    def symbols(self) -> tuple[str, ...]:
        return (self.name,)

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        return values.get(self.name, self)

    def limits(self, ranges: Ranges) -> tuple[float, float]:
        return ranges.get(self.name, (1, inf))

    def __str__(self) -> str:
        return self.name


@frozen
class Quotient(Atom):
    """`dividend // divisor`, in lowest terms."""

    dividend: Expression
    divisor: Dim

    def symbols(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.dividend.symbols(), *symbols_of(self.divisor))))

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        return self.dividend.substitute(values) // substituted(self.divisor, values)

    def limits(self, ranges: Ranges) -> tuple[float, float]:
        low, high = self.dividend.bounds(ranges)
        if isinstance(self.divisor, int):
            return floored(low, self.divisor), floored(high, self.divisor)
        return (0, high) if low >= 0 and self.divisor.bounds(ranges)[0] >= 1 else (-inf, inf)

    @property
    def floor(self) -> tuple[Expression, int] | None:
        return (self.dividend, self.divisor) if isinstance(self.divisor, int) else None

    def __str__(self) -> str:
        return f"{grouped(self.dividend)}//{grouped(self.divisor)}"


@frozen
class Positive(Atom):
    """`max(value, 0)`."""

    value: Expression

    def symbols(self) -> tuple[str, ...]:
        return self.value.symbols()

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        return largest(self.value.substitute(values), 0)

    def limits(self, ranges: Ranges) -> tuple[float, float]:
        low, high = self.value.bounds(ranges)
        return max(low, 0), max(high, 0)

    def __str__(self) -> str:
        return f"max({self.value}, 0)"


@frozen
class Sum(Expression):
    """Anything but one atom by itself; made by arithmetic, which keeps the terms in order and none of them 0."""

    parts: tuple[tuple[Monomial, int], ...]

    def terms(self) -> Terms:
        return dict(self.parts)


def terms_of(dim: Dim) -> Terms:
    """The terms of an expression or a number."""
    if isinstance(dim, Expression):
        return dim.terms()
    return {(): int(dim)} if dim else {}


def symbols_of(dim: Dim) -> tuple[str, ...]:
    """The names of the symbols of an expression; none of a number."""
    return dim.symbols() if isinstance(dim, Expression) else ()


def substituted(dim: Dim, values: Mapping[str, Dim]) -> Dim:
    """A dimension with symbols replaced."""
    return dim.substitute(values) if isinstance(dim, Expression) else dim


def grouped(dim: Dim) -> str:
    """A dimension as it stands among others: `((T-3)//2+1)` in parentheses, `T` and `12` without."""
    return f"({dim})" if isinstance(dim, Expression) and not isinstance(dim, Symbol) else str(dim)


def largest(one: Dim, other: Dim) -> Dim:
    """The larger of two."""
    more = one - other
    if isinstance(more, int):
        return other + max(more, 0)
    low, high = more.bounds()
    if low >= 0 or high <= 0:
        return one if low >= 0 else other
    return other + Positive(more)


# --- the canonical form


def _key(atom: Atom) -> str:
    return str(atom)


def _order(term: tuple[Monomial, int]) -> tuple[bool, int, list[str]]:
    """Larger products first, the constant last, alike ones by their text."""
    return not term[0], -len(term[0]), [str(atom) for atom in term[0]]


def from_terms(terms: Terms) -> Dim:
    """The expression of some terms: a number or an atom where it is no more than that."""
    kept = {part: number for part, number in terms.items() if number}
    if not any(kept):
        return kept.get((), 0)
    if len(kept) > MOST_TERMS or max(map(len, kept)) > MOST_FACTORS:
        raise OverflowError("the expression is too long")
    if len(kept) == 1:
        ((part, number),) = kept.items()
        if number == 1 and len(part) == 1:
            return part[0]
    return Sum(tuple(sorted(kept.items(), key=_order)))


def _added(left: Dim, right: Dim, sign: int) -> Dim:
    terms = terms_of(left)
    for part, number in terms_of(right).items():
        terms[part] = terms.get(part, 0) + sign * number
    return from_terms(terms)


def _divided(value: Dim, divisor: Dim) -> Dim:
    """`value // divisor`."""
    if isinstance(divisor, Expression):
        return _divided_by_expression(value, divisor)
    if isinstance(value, int) or divisor in (1, -1):
        return value // divisor if isinstance(value, int) else value * divisor
    if divisor == 0:
        raise ZeroDivisionError
    if divisor < 0:
        return _divided(-value, -divisor)
    # (e + c * k) // c = e // c + k, each coefficient towards zero, the constant downwards
    terms = value.terms()
    whole = {part: n // divisor if n > 0 or not part else -(-n // divisor) for part, n in terms.items()}
    rest = {part: n - divisor * whole[part] for part, n in terms.items()}
    return from_terms(whole) + _floor(from_terms(rest), divisor)


def _floor(rest: Dim, divisor: int) -> Dim:
    """`rest // divisor`, where no coefficient reaches the divisor."""
    if isinstance(rest, int):
        return rest // divisor
    terms = rest.terms()
    constant = terms.pop((), 0)
    if next(iter(terms.values())) < 0:  # floor(-e / n) = -floor((e + n - 1) / n)
        return -_divided(-rest + (divisor - 1), divisor)
    common = gcd(divisor, *terms.values())
    if common > 1:
        smaller = {part: number // common for part, number in terms.items()} | {(): constant // common}
        return _divided(from_terms(smaller), divisor // common)
    floors = [part for part in terms if any(isinstance(atom, Quotient) for atom in part)]
    match floors:
        case [(Quotient(divisor=int(inner)) as quotient,)] if terms[floors[0]] == 1:
            return _divided((rest - quotient) * inner + quotient.dividend, divisor * inner)
    low, high = rest.bounds()
    if abs(low) < inf and low // divisor == high // divisor:
        return int(low // divisor)
    return Quotient(rest, divisor)


def _divided_by_expression(value: Dim, divisor: Expression) -> Dim:
    """By another expression: exact where the divisor is one product and stands in every term."""
    if value == divisor:
        return 1
    if value == 0:
        return 0
    match list(divisor.terms().items()):
        case [(factors, coefficient)]:
            found: Terms = {}
            for part, number in terms_of(value).items():
                left = list(part)
                if number % coefficient or any(part.count(each) < factors.count(each) for each in factors):
                    break
                for each in factors:
                    left.remove(each)
                found[tuple(left)] = number // coefficient
            else:
                return from_terms(found)
    if isinstance(value, int):
        raise Unbound(divisor)
    return Quotient(value, divisor)


def _as_written(terms: Terms) -> Terms:
    """The terms as people write a sliding window: (T-3)//2+1, not (T+1)//2-1."""
    constant = terms.get((), 0)
    for part, number in terms.items() if constant < 0 else ():
        match part:
            case (Quotient(dividend=dividend, divisor=int(divisor)) as floor,) if number == 1:
                moved = dividend + (constant - 1) * divisor
                if dividend.terms().get((), 0) and isinstance(moved, Expression):
                    others = {part: number for part, number in terms.items() if part and part != (floor,)}
                    return {(Quotient(moved, divisor),): 1, **others, (): 1}
    return terms


def _product_text(part: Monomial, number: int) -> str:
    texts = [str(number)] * (number != 1 or not part)
    single = not texts and len(part) == 1
    texts += [str(atom) if single or isinstance(atom, Symbol | Positive) else f"({atom})" for atom in part]
    return "*".join(texts)
