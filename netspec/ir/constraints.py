"""What a network needs its symbolic sizes to be: found by the shape rules, told with the shapes, checked with numbers.

Rules ask by `ir.asking`.  What is true for all sizes, or for none, is answered so.  Anything else depends on the
sizes: the answer is yes, and the `Constraints` that are open write down what that takes, unless it contradicts what
they hold, which makes the answer no.  Where none are open the answer is yes alone: whoever asks then has asked before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final

from netspec.ir.asking import AT_LEAST, DIVISIBLE, EQUAL, Opened
from netspec.ir.sizing import Constraint, Sizing, isolated, reduced
from netspec.ir.symbolic import Dim, Expression, Symbol, substituted, symbols_of

_CANDIDATES: Final = 8
_MOST_TRIED: Final = 4096
"""Combinations of sizes that are tried where symbols depend on one another."""


class Constraints(Opened):
    """What sizes have to meet.  `with Constraints() as found:` collects what the rules inside ask for.

    Constraints of one symbol are solved: `sizings` says which sizes it may have.  A symbol that follows from others is
    in `values`.  What ties several symbols together otherwise is kept as it is, and only looked at two at a time: such
    constraints may contradict each other unseen until there are numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Dim] = {}
        self.sizings: dict[str, Sizing] = {}
        self.others: tuple[Constraint, ...] = ()
        self._asked: tuple[Constraint, ...] = ()

    def answer(self, kind: str, value: Expression, divisor: int) -> bool:
        """See `Opened.answer`."""
        return self.ask(Constraint(kind, value, divisor))

    def ask(self, constraint: Constraint) -> bool:
        """It holds, or can: then it is kept.  False where it cannot, alone or together with the others."""
        before = dict(self.values), dict(self.sizings), self.others, self._asked
        if self._take(constraint):
            return True
        self.values, self.sizings, self.others, self._asked = before
        return False

    def _take(self, constraint: Constraint) -> bool:
        value = substituted(constraint.value, self.values)
        if isinstance(value, int):
            return constraint.test(value)
        now = reduced(Constraint(constraint.kind, value, constraint.divisor))
        if isinstance(now, bool):
            return now
        low, high = now.value.bounds(self._ranges())
        if now.kind == AT_LEAST and (low >= 0 or high < 0):
            return low >= 0
        if now.kind == EQUAL and (low > 0 or high < 0):
            return False
        self._asked = (*self._asked, now)
        names = now.value.symbols()
        if now.kind == EQUAL and (found := isolated(now.value)) is not None:
            return self._settle(*found)
        if len(names) == 1:
            narrowed = self.sizings.get(names[0], Sizing()).narrowed(now)
            if narrowed is not None:
                return self._narrow(names[0], narrowed)
        if now in self.others:
            return True
        self.others = (*self.others, now)
        return not any(self._contradict(now, other) for other in self.others[:-1])

    def _narrow(self, name: str, sizing: Sizing) -> bool:
        sizes = list(islice(sizing.sizes(), 2))
        self.sizings[name] = sizing
        return self._settle(name, sizes[0]) if len(sizes) == 1 else bool(sizes)

    def _settle(self, name: str, value: Dim) -> bool:
        """A symbol is known: everything else is asked anew without it."""
        sizing = self.sizings.get(name, Sizing())
        if isinstance(value, int) and value not in sizing.some(value, 1):
            return False
        asked, self._asked = self._asked, ()
        self.values = {each: substituted(found, {name: value}) for each, found in self.values.items()}
        self.values[name] = value
        self.sizings, self.others = {}, ()
        whole = all(self._at_least_one(each) for each in self.values.values())
        return whole and all(self._take(each) for each in asked)

    def _at_least_one(self, value: Dim) -> bool:
        room = value - 1
        return room >= 0 if isinstance(room, int) else self._take(Constraint(AT_LEAST, room))

    def _ranges(self) -> dict[str, tuple[float, float]]:
        return {name: (sizing.first() or sizing.low, sizing.high) for name, sizing in self.sizings.items()}

    def _contradict(self, one: Constraint, other: Constraint) -> bool:
        """Two sums that cannot both be 0 or more."""
        if DIVISIBLE in (one.kind, other.kind):
            return False
        total = one.value + other.value
        return (total if isinstance(total, int) else total.bounds(self._ranges())[1]) < 0

    # --- telling

    def __iter__(self) -> Iterator[Constraint]:
        """The constraints, as few as say it all, those of one symbol together."""
        for name, sizing in self.sizings.items():
            yield from sizing.told(Symbol(name))
        for name, value in self.values.items():
            yield Constraint(EQUAL, Symbol(name) - value, told=f"{name} = {value}")  # type: ignore[arg-type]
        yield from self.others

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def texts(self) -> list[str]:
        """The constraints in words: `H >= 32`, `H divisible by 32`, `S = T`."""
        return [str(each) for each in self]

    def __str__(self) -> str:
        return ", ".join(self.texts())

    def check(self, bindings: Mapping[str, int]) -> list[str]:
        """Those that sizes break, with the sizes: `H divisible by 32 (H = 30)`.  What is not bound is not looked at."""
        broken = []
        for each in self:
            names = each.value.symbols()
            if all(name in bindings for name in names) and not each.holds(bindings):
                broken.append(f"{each} ({', '.join(f'{name} = {bindings[name]}' for name in names)})")
        return broken

    def with_sizes(self, sizes: Mapping[str, int]) -> Constraints | None:
        """What is left with sizes given, those that follow from them among its `values`; None where they do not fit."""
        left = Constraints()
        left.values, left.sizings = dict(self.values), dict(self.sizings)
        left.others, left._asked = self.others, self._asked
        asked = (Constraint(EQUAL, Symbol(name) - size) for name, size in sizes.items())  # type: ignore[arg-type]
        return left if all(left.ask(each) for each in asked) else None

    def following(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The sizes of the symbols in `values` that follow from others."""
        found = {name: substituted(value, sizes) for name, value in self.values.items()}
        return {name: size for name, size in found.items() if isinstance(size, int)}

    def sizes(self, symbols: Sequence[str], wanted: Sequence[int] = (1,)) -> dict[str, int] | None:
        """Sizes that meet all constraints, each from the wanted one on where that can be; None if none was found."""
        names = [*symbols, *(name for value in self.values.values() for name in symbols_of(value))]
        free = [name for name in dict.fromkeys(names) if name not in self.values]
        for least in (wanted, (1,)):
            choices = [
                self.sizings.get(name, Sizing()).some(least[index % len(least)], _CANDIDATES)
                for index, name in enumerate(free)
            ]
            for sizes in islice(product(*choices), _MOST_TRIED):
                found = dict(zip(free, sizes, strict=True))
                found |= self.following(found)
                if min(found.values(), default=1) >= 1 and not self.check(found):
                    return {name: found[name] for name in symbols}
        return None
