"""Texts of different lengths as arrays: filled up, with a start and a stop, and how long each is.

A reader of which one field is a text that is to be said, such as the caption of an image, has `goes_on` and `marks` and
makes this field of a `Side` (`marked`): `Side.numbers`, then `said`.  Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netspec.data.lazy import Array
from netspec.data.spelling import Spelling
from netspec.data.vocabulary import Tokens
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Symbol
from netspec.ir.training import LEFT_OUT
from netspec.settings.text import START, STOP


class Filled(NamedTuple):
    """Texts as numbers (n, steps) int64, and the length of each (n,)."""

    array: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Side:
    """One text of each example for an input `T of V`: what holds the texts in a message, and where one stands."""

    name: str
    texts: Sequence[str]
    place: Callable[[int], str]
    shape: Shape
    marked: bool = False
    """It begins with a start, and what is to be said of it ends with a stop."""
    beside_marked: bool = False
    """The other text is marked, and this one has a vocabulary of the same kind: 1 and 2 are no words."""

    @property
    def steps(self) -> int | None:
        """The steps of the input, None where a symbol stands for them."""
        known = self.shape.dims[0]
        return known if isinstance(known, int) else None

    @property
    def symbol(self) -> str:
        """The symbol of the steps, empty where they are a number."""
        steps = self.shape.dims[0]
        return steps.name if isinstance(steps, Symbol) else ""

    @property
    def vocabulary(self) -> int:
        """The number of integers that the input tells apart; raises N404 where it reads no tokens."""
        if self.shape.of is None or len(self.shape.dims) != 1 or not (self.steps or self.symbol):
            message = f"{self.name} gives integers (`T of V`), and the input is {self.shape}"
            raise error("N404", message, tries=("`input T of 100`",))
        return self.shape.of

    def window(self, asked: int | None) -> int | None:
        """The most tokens of a text, None where there is no end; raises N404 where the input has not as many steps."""
        steps = self.steps
        if steps is None:
            return asked
        room = steps - self.marked
        if room < 1 or (asked is not None and asked > room):
            what = (
                f"`window={asked}` makes examples of {asked} tokens"
                if asked
                else "a text has a token or more"
            )
            message = f"{what}{' and a start' * self.marked}, and the input is {self.shape}"
            raise error("N404", message, tries=(f"`input {(asked or 1) + self.marked} of {self.shape.of}`",))
        return asked or room

    def fitted(self, spelling: Spelling, rows: Array, known: Tokens | None) -> Tokens:
        """What makes numbers of the texts: what was fitted before, or is fitted to these rows; raises N404."""
        size = self.vocabulary
        window, marks = self.window(spelling.window), self.marked or self.beside_marked
        if known is None:
            texts = [self.texts[row] for row in rows]
            return spelling.fitted(texts, size, window, marked=marks, begins=self.marked)
        if not known.padded or (marks and not known.marked) or known.begins != self.marked:
            message = f"the network was trained on texts of another kind than those of {self.name}"
            raise error("N404", message)
        if known.size > size:
            message = (
                f"the network was trained on {known.size:,} tokens, and the input is integers below {size:,}"
            )
            raise error("N404", message)
        return known

    def numbers(self, prepared: Tokens, spelling: Spelling, most_bytes: int) -> list[list[int]]:
        """The numbers of the tokens of each text, no more than are read; raises N702 where they take too much."""
        window = self.window(spelling.window)
        numbers = [each[:window] for each in prepared.numbers_of(self.texts)]
        longest = max(range(len(numbers)), key=lambda row: len(numbers[row]))
        steps = self.steps or len(numbers[longest]) + self.marked
        arrays = 2 if self.marked else 1
        if (needed := arrays * len(numbers) * steps * 8) > most_bytes:
            of = f"{self.place(longest)} has {len(numbers[longest]):,} tokens, and " if self.symbol else ""
            message = f"{self.name}: {of}{len(numbers):,} texts of {steps:,} tokens take {needed:,} bytes"
            notes = ("`window=100` reads the first 100 tokens of each",)
            raise error("N702", f"{message}; {most_bytes:,} are the limit", notes=notes)
        return numbers

    def lengths_of(self, texts: Filled) -> dict[str, Array]:
        """The lengths by the symbol that stands for them, none where it is a number."""
        return {self.symbol: texts.lengths} if self.symbol else {}


def filled(numbers: Sequence[Sequence[int]], steps: int | None, filling: int = 0) -> Filled:
    """Texts side by side, filled up to `steps` tokens or to the longest of them."""
    lengths = np.array([len(each) for each in numbers], np.int64)
    array = np.full((len(numbers), steps or int(lengths.max(initial=1))), filling, np.int64)
    for row, each in zip(array, numbers, strict=True):
        row[: len(each)] = each
    return Filled(array, lengths)


def said(numbers: Sequence[Sequence[int]], steps: int | None) -> tuple[Filled, Filled]:
    """What a network reads of texts that it is to say, a start and the text, and what it is to say: text and stop."""
    read = filled([[START, *each] for each in numbers], steps)
    return read, filled([[*each, STOP] for each in numbers], steps, LEFT_OUT)


def check_said(name: str, shape: Shape, wanted: Shape | None) -> None:
    """Raises N404 where the output does not say a token at each step of what an input reads."""
    if wanted is None:
        return
    if wanted.of is None or wanted.dims != shape.dims:
        places = f" at {Shape(wanted.dims)}" if wanted.dims else ""
        found = f"{wanted.of} classes{places}" if wanted.of else str(wanted)
        message = (
            f"the target of {name} is a token at each of {shape.dims[0]} steps, and the output is {found}"
        )
        raise error("N404", message, tries=(f"`softmax {shape.of}`",))
    if wanted.of != shape.of:
        message = f"{name}: the input tells {shape.of} tokens apart, and the output {wanted.of}"
        raise error("N404", message, tries=(f"`softmax {shape.of}`",))
