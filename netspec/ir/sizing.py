"""What has to hold of expressions, and what that means for one symbol by itself: from which size on, in which steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from math import gcd, inf, lcm
from typing import Final

from netspec.frozen import frozen
from netspec.ir.asking import AT_LEAST, DIVISIBLE, EQUAL
from netspec.ir.growth import period, rises, slope
from netspec.ir.symbolic import Dim, Expression, Monomial, Symbol, Terms, from_terms

_MOST_STEPS: Final = 4096
"""Residues that are tried one by one up to here."""
_LARGEST: Final = 1 << 100


@frozen
class Constraint:
    """One thing that has to hold: `value` is 0 or more, is 0, or can be divided by a number."""

    kind: str
    value: Expression
    divisor: int = 1
    told: str = ""

    def test(self, value: int) -> bool:
        """It holds where `value` has come out as this number."""
        if self.kind == AT_LEAST:
            return value >= 0
        return value == 0 if self.kind == EQUAL else value % self.divisor == 0

    def holds(self, bindings: Mapping[str, int]) -> bool:
        """It holds for sizes of all its symbols."""
        return self.test(self.value.evaluate(bindings))

    def __str__(self) -> str:
        if self.told:
            return self.told
        if self.kind == DIVISIBLE:
            return f"{self.value} divisible by {self.divisor}"
        terms = self.value.terms()
        left = from_terms({part: number for part, number in terms.items() if number > 0 and part})
        right = from_terms({part: -number for part, number in terms.items() if number < 0 and part})
        constant = terms.get((), 0)
        if left == 0:  # 10-T >= 0
            return f"{right} {'<=' if self.kind == AT_LEAST else '='} {constant}"
        sign = ">=" if self.kind == AT_LEAST else "="
        return f"{left + max(constant, 0)} {sign} {right + max(-constant, 0)}"


def reduced(constraint: Constraint) -> Constraint | bool:
    """The constraint in smaller numbers, or whether it holds, where that is seen from them."""
    terms = constraint.value.terms()
    divisor = constraint.divisor
    if constraint.kind == DIVISIBLE:
        terms = {part: number % divisor for part, number in terms.items() if number % divisor}
    constant = terms.pop((), 0)
    if not terms:
        return constraint.test(constant)
    common = gcd(*terms.values(), divisor if constraint.kind == DIVISIBLE else 0)
    if constraint.kind != AT_LEAST and constant % common:
        return False
    smaller: Terms = {part: number // common for part, number in terms.items()}
    value = from_terms(smaller | {(): constant // common})
    if constraint.kind == DIVISIBLE:
        divisor //= common
    if isinstance(value, int) or (constraint.kind == DIVISIBLE and divisor == 1):
        return True
    return Constraint(constraint.kind, value, divisor)


def isolated(value: Expression) -> tuple[str, Dim] | None:
    """The symbol for which `value` = 0 can be solved, and what it is; of two the one that is taken away."""
    terms = value.terms()
    for wanted in (-1, 1):
        for part, number in terms.items():
            match part:
                case (Symbol(name=name),) if number == wanted and not _elsewhere(name, part, terms):
                    return name, from_terms({each: -n * wanted for each, n in terms.items() if each != part})
    return None


def _elsewhere(name: str, part: Monomial, terms: Terms) -> bool:
    return any(name in atom.symbols() for each in terms if each != part for atom in each)


@frozen
class Sizing:
    """The sizes that one symbol may have: from `low` to `high`, and in a period of `steps` only the `right` ones."""

    low: int = 1
    high: float = inf
    steps: int = 1
    right: frozenset[int] = frozenset((0,))
    asked: tuple[Constraint, ...] = ()
    """What was asked of its steps."""

    def sizes(self, least: int = 1) -> Iterator[int]:
        """The allowed sizes from `least` on."""
        size = max(self.low, least)
        while size <= self.high and self.right:
            if size % self.steps in self.right:
                yield size
            size += 1

    def first(self) -> int | None:
        """The smallest allowed size, None where there is none."""
        return next(self.sizes(), None)

    def some(self, wanted: int, number: int) -> list[int]:
        """A few allowed sizes, from the one wanted on where there are such."""
        return list(islice(self.sizes(wanted), number)) or list(islice(self.sizes(), number))

    def narrowed(self, constraint: Constraint) -> Sizing | None:
        """With a constraint on this symbol alone, perhaps without any size left; None where it cannot be put so."""
        value = constraint.value
        (name,) = value.symbols()

        def number(size: int) -> int:
            return value.evaluate({name: size})

        growth = slope(value)
        if growth is not None and (growth[0] == 0 or constraint.kind == DIVISIBLE):
            return self._in_steps(period(value) * constraint.divisor, constraint, number)
        up, down = rises(value), rises(-value)  # type: ignore[arg-type]
        if constraint.kind == DIVISIBLE or not (up or down):
            return None
        least = (
            self._from(lambda size: number(size) >= 0) if up else self._up_to(lambda size: number(size) >= 0)
        )
        if constraint.kind == AT_LEAST:
            return least
        return (
            least._up_to(lambda size: number(size) <= 0)
            if up
            else least._from(lambda size: number(size) <= 0)
        )

    def _from(self, fits: Callable[[int], bool]) -> Sizing:
        """The sizes from the first on that fits; all after it do."""
        first = _first(fits)
        return replace(self, high=0) if first is None else replace(self, low=max(self.low, first))

    def _up_to(self, fits: Callable[[int], bool]) -> Sizing:
        """The sizes up to the last that fits; all before it do."""
        beyond = _first(lambda size: not fits(size))
        return self if beyond is None else replace(self, high=min(self.high, beyond - 1))

    def _in_steps(self, steps: int, constraint: Constraint, number: Callable[[int], int]) -> Sizing | None:
        """The sizes that meet a constraint which looks the same after so many steps."""
        both = lcm(steps, self.steps)
        if both > _MOST_STEPS:
            return None
        fitting = {size % steps for size in range(1, steps + 1) if constraint.test(number(size))}
        right = {size for size in range(both) if size % self.steps in self.right and size % steps in fitting}
        fewer = next(each for each in range(1, both + 1) if both % each == 0 and _repeats(right, both, each))
        within = frozenset(size % fewer for size in right)
        return replace(self, steps=fewer, right=within, asked=(*self.asked, constraint))

    def told(self, symbol: Symbol) -> Iterator[Constraint]:
        """The same as constraints, as few as will do."""
        first = self.first()
        if self.low > 1 and first is not None:
            yield Constraint(AT_LEAST, symbol - first)  # type: ignore[arg-type]
        if self.high < inf:
            yield Constraint(AT_LEAST, int(self.high) - symbol)  # type: ignore[arg-type]
        if self.steps > 1 and len(self.right) == 1:
            (rest,) = self.right
            moved = symbol - rest if 2 * rest <= self.steps else symbol + (self.steps - rest)
            yield Constraint(DIVISIBLE, moved, self.steps)  # type: ignore[arg-type]
        elif self.steps > 1:
            yield from self.asked


def _first(fits: Callable[[int], bool]) -> int | None:
    """The first size that fits, where all after one that fits do; None where there is none."""
    high = 1
    while not fits(high):
        high *= 2
        if high > _LARGEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def _repeats(sizes: set[int], steps: int, fewer: int) -> bool:
    return all((size + fewer) % steps in sizes for size in sizes)
