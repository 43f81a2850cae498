"""What is written while tokens are generated: the tokens of every example, those that were asked for among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from netspec.diagnostics import error
from netspec.settings.generate import Feed

Array = np.ndarray[Any, np.dtype[Any]]

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
