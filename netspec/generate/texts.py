"""What is written while tokens are generated: the tokens of every example, those that were asked for among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from netspec.diagnostics import error
from netspec.generate.room import check_room, counted
from netspec.settings.generate import Feed

Array = np.ndarray[Any, np.dtype[Any]]

Free: TypeAlias = Callable[[], int | None]
"""How many bytes can be taken."""

FIRST: Final = 256
"""Tokens that there is room for at first where a text may end early."""
WIDTH: Final = 8
"""Bytes of a token."""
TOLERANCE: Final = 1e-3
"""By how much the probabilities of an output may miss 1 in sum."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was generated of one example."""

    tokens: Array
    """The prompt and what follows it, int64, without `start` and `stop`."""
    stopped: bool
    """It came to `stop`, before there were as many tokens as may be."""
    score: float
    """The mean of the logarithms of the probabilities of what was generated, `stop` included; 0 of nothing."""


class Written:
    """The tokens of texts side by side, (texts, places), as far as they are needed.

    Where texts may end early there is room for some tokens, and for twice as many when these are there.  `made` raises
    `SpecError` N507 where more does not fit into memory.
    """

    def __init__(self, count: int, most: int, may_end: bool, free: Free) -> None:
        self.most, self.free = most, free
        self.tokens = self._made(count, min(most, FIRST) if may_end else most)
        """Of these the ones that were put down count."""

    def put(self, place: int, tokens: Array) -> None:
        """Put down the token of each text at a place."""
        count, room = self.tokens.shape
        if place >= room:
            found = self._made(count, min(self.most, 2 * room))
            found[:, :room] = self.tokens
            self.tokens = found
        self.tokens[:, place] = tokens

    def select(self, rows: Array, end: int) -> None:
        """Go on with these texts, which have tokens up to a place."""
        if not np.array_equal(rows, np.arange(len(rows))):
            self.tokens[:, :end] = self.tokens[rows, :end]

    def _made(self, count: int, room: int) -> Array:
        what = f"{counted(count, 'text')} of {counted(room, 'token')} at a time"
        # what is there is copied as it grows, is put in another order, and is handed on
        check_room(what, 2 * count * room * WIDTH, self.free())
        return np.zeros((count, room), np.int64)


class Prompts:
    """What the texts begin with: tokens that are not chosen, of each example as many as there are."""

    def __init__(
        self, feed: Feed, prompts: Sequence[Sequence[int] | Array] | None, examples: int, tokens: int
    ) -> None:
        given = [[]] * examples if prompts is None else prompts
        self.tokens = [np.asarray(prompt, np.int64).reshape(-1) for prompt in given]
        self.lengths = np.array([len(prompt) for prompt in self.tokens])
        for prompt in self.tokens:
            if feed.start is None and not len(prompt):
                notes = ("`feed x from output start=1` says what everything begins with",)
                raise error("N405", "there is nothing to begin with: no `start`, and no prompt", notes=notes)
            if len(prompt) and not 0 <= prompt.min() <= prompt.max() < tokens:
                wrong = prompt.min() if prompt.min() < 0 else prompt.max()
                raise error("N705", f"the prompt has the token {wrong}, and tokens are 0 to {tokens - 1}")
        self.begins = 0 if feed.start is not None else 1
        """The place of the first token that the network says something about."""
        self.longest = int(self.lengths.max(initial=0))
        self._table = np.zeros((len(self.tokens), max(self.longest, 1)), np.int64)
        for row, prompt in zip(self._table, self.tokens, strict=True):
            row[: len(prompt)] = prompt

    def written(self, feed: Feed, follows: int, free: Free) -> Written:
        """Where the texts of all examples are to be written, so many of each that is followed."""
        return Written(len(self.tokens) * follows, self.longest + feed.max, feed.stop is not None, free)

    def first(self, feed: Feed) -> Array:
        """The token that is fed first, of each example."""
        return self._table[:, 0] if feed.start is None else np.full(len(self.tokens), feed.start, np.int64)

    def at(self, place: int) -> tuple[Array, Array]:
        """Whether the token at a place is given, of each example, and which one it is there."""
        return place < self.lengths, self._table[:, min(place, self._table.shape[1] - 1)]


def checked(probabilities: Array) -> Array:
    """The probabilities of the next token in float64; raises `SpecError` N413 where they are none."""
    found = probabilities.astype(np.float64)
    if not (found.min() >= 0 and abs(found.sum(axis=1) - 1).max() <= TOLERANCE):
        message = "the output that is fed gives no probabilities, and a token is chosen by these"
        raise error("N413", message, notes=("a network for this ends in `softmax`",))
    return found


def logarithms(probabilities: Array) -> Array:
    """Logarithms, minus infinity of 0."""
    with np.errstate(divide="ignore"):
        return np.log(probabilities)
