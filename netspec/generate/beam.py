"""Beam search: the likeliest text among those that begin in the likeliest ways, of all examples at once.

Texts of different lengths are compared by the mean of the logarithms of their tokens' probabilities, `stop` included
(length normalisation).  Every beginning that is followed may end at each step; so where as many are followed as there
are, the result is that of trying all texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.generate.stepper import Stepper
from netspec.generate.texts import Free, Prompts, Said, checked, logarithms
from netspec.settings.generate import Feed

Array = np.ndarray[Any, np.dtype[Any]]


def search(stepper: Stepper, feed: Feed, texts: Prompts) -> list[Said]:
    """The best text of each example that a stepper has begun with."""
    stepper.select(np.repeat(np.arange(len(texts.tokens)), feed.beam))
    beams = _Beams(feed, texts, stepper.free_memory)
    fed = np.repeat(texts.first(feed), feed.beam)
    for place in range(texts.begins, texts.longest + feed.max):
        parents = beams.step(checked(stepper.step(fed)), place)
        if beams.is_done:
            break
        stepper.select(parents)
        fed = beams.written.tokens[:, place]
    return [Said(*best) for best in beams.best]


class _Beams:
    """The beginnings that are followed; arrays are (examples, beam, ...), and `written` has a row for each."""

    def __init__(self, feed: Feed, texts: Prompts, free: Free) -> None:
        self.feed, self.texts = feed, texts
        self.count, self.beam = len(texts.tokens), feed.beam
        self.written = texts.written(feed, self.beam, free)
        if texts.begins:
            self.written.put(0, np.repeat(texts.first(feed), self.beam))
        self.scores = np.full((self.count, self.beam), -np.inf)
        """The sums of logarithms; at first there is one beginning of each example."""
        self.scores[:, 0] = 0
        self.best = [(prompt, False, -np.inf) for prompt in texts.tokens]
        """The best text so far of each example: its tokens, whether it stopped, its score."""

    @property
    def is_done(self) -> bool:
        """No beginning that is followed can become a better text than the best one."""
        # a sum of logarithms only falls, and the mean of it is highest if it stays until the end
        return all(
            score >= sums.max() / self.feed.max
            for (_, _, score), sums in zip(self.best, self.scores, strict=True)
        )

    def step(self, probabilities: Array, place: int) -> Array:
        """Follow the best beginnings with a token at a place; the row that each of them goes on from."""
        given, forced = self.texts.at(place)
        logs = logarithms(probabilities).reshape(self.count, self.beam, -1)
        parents = np.tile(np.arange(self.beam), (self.count, 1))
        tokens = np.repeat(forced[:, None], self.beam, axis=1)
        for example in map(int, np.flatnonzero(~given)):
            made = place + 1 - int(self.texts.lengths[example])
            if made <= self.feed.max:
                parents[example], tokens[example] = self._chosen(example, logs[example], place, made)
        rows = (parents + self.beam * np.arange(self.count)[:, None]).reshape(-1)
        self.written.select(rows, place)
        self.written.put(place, tokens.reshape(-1))
        for example in map(int, np.flatnonzero(place + 1 - self.texts.lengths == self.feed.max)):
            self._finish(example, place + 1, self.scores[example] / self.feed.max, False)
            self.scores[example] = -np.inf
        return rows

    def _chosen(self, example: int, logs: Array, place: int, made: int) -> tuple[Array, Array]:
        """The beginnings that are followed from here, and with what; those that end are compared with the best."""
        sums = self.scores[example][:, None] + logs
        if self.feed.stop is not None:
            self._finish(example, place, sums[:, self.feed.stop] / made, True)
            sums[:, self.feed.stop] = -np.inf
        flat = sums.reshape(-1)
        likely = np.flatnonzero(flat >= np.partition(flat, -self.beam)[-self.beam])
        # of equal ones the first
        kept = likely[np.argsort(-flat[likely], kind="stable")[: self.beam]]
        self.scores[example] = flat[kept]
        return kept // logs.shape[1], kept % logs.shape[1]

    def _finish(self, example: int, end: int, scores: Array, stopped: bool) -> None:
        """Compare the texts up to a place with the best so far."""
        place = int(scores.argmax())
        if scores[place] > self.best[example][2]:
            text = self.written.tokens[example * self.beam + place, :end]
            self.best[example] = (text.copy(), stopped, float(scores[place]))
