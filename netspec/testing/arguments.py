"""How the arguments of a word are drawn: each by its kind alone, so that a new layer or option is drawn by itself.

What is drawn is text, as a person writes it.  A kind that is not known here, a plug-in's own, is written as its sample.
Knows no word of the language; whether a use fits what it reads, the compiler says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

from netspec.ir.definition import Argument, Definition
from netspec.ir.shape import Shape
from netspec.ir.sizes import Dims, Ends, Formula, Padding, Pair
from netspec.ir.symbolic import Dim
from netspec.ir.values import Choice, Flag, Kind, Real, Reference, Whole

MOST: Final = 4
"""Largest number drawn beyond the smallest that fits."""
OPTIONAL: Final = 0.3
"""How often an argument with a default is written."""


@dataclass(frozen=True)
class Setting:
    """What a use is drawn for: the shape that it reads, the names that it may refer to."""

    random: Random
    given: Shape
    names: Sequence[str] = ()
    numbers: Sequence[int] = ()
    """Features and classes of other results: what refers to one of them often has to have as many."""

    @property
    def features(self) -> int | None:
        """The last dimension of what is read, where it is a number."""
        last = self.given.dims[-1] if self.given.dims else None
        return last if isinstance(last, int) else None


def _whole(kind: Whole, setting: Setting) -> str:
    """A small number, or one that goes with the channels, as many or a divisor of them, or with other results."""
    high = kind.low + MOST if kind.high is None else min(kind.high, kind.low + MOST)
    likely = [setting.random.randint(kind.low, high), *setting.numbers]
    if setting.features is not None:
        likely += [setting.features, *(n for n in range(2, setting.features) if setting.features % n == 0)]
    return str(setting.random.choice([n for n in likely if kind.low <= n <= (kind.high or n)]))


def _real(kind: Real, setting: Setting) -> str:
    """A share of the range, its ends included where they belong to it."""
    low = 0.0 if kind.low is None else kind.low
    width = 1.0 if kind.high is None else kind.high - low
    likely = [float(f"{low + share * width:g}") for share in (0, 0.001, 0.1, 0.25, 0.5, 0.9, 1)]
    return kind.write(setting.random.choice([number for number in likely if kind.fits(number)]))


def _pair(kind: Pair, setting: Setting) -> str:
    return kind.write((setting.random.randint(kind.low, kind.low + 2), setting.random.randint(kind.low, 3)))


def _choice(kind: Choice, setting: Setting) -> str:
    return setting.random.choice(kind.names)


def _flag(kind: Flag, setting: Setting) -> str:
    return kind.word


def _padding(kind: Padding, setting: Setting) -> str:
    sides = ",".join(str(setting.random.randint(0, 2)) for _ in range(4))
    return setting.random.choice(("same", "valid", str(setting.random.randint(0, 2)), sides))


def _ends(kind: Ends, setting: Setting) -> str:
    return setting.random.choice((*kind.words, "0", "1", "2,0", "0,1"))


def _dims(kind: Dims, setting: Setting) -> str:
    """A shape that holds as many numbers as the input."""
    return kind.write(setting.random.choice(_fitting(setting.given)))


def _fitting(given: Shape) -> list[tuple[Dim, ...]]:
    """The shapes of as many numbers: all of them, or where there are symbols, dimensions taken apart or together."""
    if not given.is_known:
        *outer, last = given.dims
        fitting: list[tuple[Dim, ...]] = [given.dims]
        if isinstance(last, int):
            fitting += [(*outer, each, last // each) for each in range(1, last + 1) if last % each == 0]
        if len(outer) > 1:
            fitting.append((outer[0] * outer[1], *outer[2:], last))
        return fitting
    size = given.size
    assert isinstance(size, int)
    divisors = [each for each in range(1, size + 1) if size % each == 0]
    pairs: list[tuple[Dim, ...]] = [(size,), *((each, size // each) for each in divisors)]
    return pairs + [(a, b, size // a // b) for a in divisors for b in divisors if size % (a * b) == 0]


def _formula(kind: Formula, setting: Setting) -> str:
    number = setting.random.randint(1, 3)
    return setting.random.choice((f"(T-{number})", f"((T-1)//{number}+1)", f"(-(-T//{number}))"))


def _reference(kind: Reference, setting: Setting) -> str:
    """A name, or of a kind that takes many, a few."""
    number = setting.random.choice((1, 1, 2, 3)) if kind.many else 1
    return " ".join(setting.random.choice(setting.names) for _ in range(number))


Maker: TypeAlias = Callable[[Any, Setting], str]

KINDS: Final[dict[type[Kind], Maker]] = {
    Whole: _whole,
    Real: _real,
    Pair: _pair,
    Choice: _choice,
    Flag: _flag,
    Padding: _padding,
    Ends: _ends,
    Dims: _dims,
    Formula: _formula,
    Reference: _reference,
}


def value(argument: Argument, setting: Setting) -> str:
    """A value of an argument, as text."""
    makers = [KINDS[base] for base in type(argument.kind).__mro__ if base in KINDS]
    return makers[0](argument.kind, setting) if makers else argument.kind.sample


def use(definition: type[Definition], setting: Setting) -> str:
    """A use of a word: its required arguments and some of the others, at times by position where that is possible."""
    parts, in_order = [definition.word], True
    for each in definition.arguments():
        lacking = each.kind.names_layers and not setting.names
        if not each.required and (lacking or setting.random.random() >= OPTIONAL):
            in_order = in_order and not each.positional
            continue
        text = value(each, setting)
        bare = text in each.kind.words or (each.positional and in_order)
        parts.append(text if bare else f"{each.name}{' ' if each.spoken else '='}{text}")
    return " ".join(parts)


def is_wordy(definition: type[Definition]) -> bool:
    """A use may be the bare word, as followers are written."""
    return not any(each.required for each in definition.arguments())
