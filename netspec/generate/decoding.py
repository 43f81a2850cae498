"""Decoding: what comes next of what the network says, over arrays of probabilities.

The likeliest token (greedy), one that is drawn, or the likeliest of several beginnings (`beam`); of networks that give
numbers, what they say is fed back as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from netspec.diagnostics import error
from netspec.generate.beam import search
from netspec.generate.room import check_room, counted
from netspec.generate.stepper import NOTHING, Stepper
from netspec.generate.texts import Prompts, Said, checked, logarithms
from netspec.init import generator
from netspec.settings.generate import Feed, Sample

__all__ = ["Said", "continue_rows", "generate"]

Array = np.ndarray[Any, np.dtype[Any]]

Choose: TypeAlias = Callable[[Array, Array], Array]
"""The token of each example for the probabilities (n, tokens) of the next one; (n,) says for which it is wanted."""


def generate(
    stepper: Stepper,
    feed: Feed,
    sample: Sample | None = None,
    *,
    inputs: Mapping[str, Array] = NOTHING,
    prompts: Sequence[Sequence[int] | Array] | None = None,
    examples: int = 1,
    seed: int = 0,
    numbers: Sequence[int] | None = None,
) -> list[Said]:
    """What a network of tokens says of each example.

    `inputs` are those of the network but the fed one by name, as the spec writes them, the example axis first; without
    them there are as many examples as `prompts`, or `examples`.  A prompt is what a text begins with: `feed.max` counts
    the tokens after it, and so does the score.  What is drawn depends on `seed` and on the number of the example
    (`numbers`, from 0 on unless given), and not on the others.

    Raises `SpecError` N405 where there is nothing to begin with, N413 where the output gives no probabilities, N705
    where a prompt has a token that is none, N410 where more steps are needed than a given sequence has, N507 where
    what is to be remembered does not fit into memory.
    """
    tokens = stepper.tokens
    assert tokens is not None, "a network of rows: see `continue_rows`"
    given = next((len(inputs[name]) for name in stepper.division.inputs), examples)
    count = given if prompts is None else len(prompts)
    assert count == given or not stepper.division.inputs, "a prompt for each example"
    texts = Prompts(feed, prompts, count, tokens)
    if count == 0:
        return []
    stepper.begin(inputs, count, feed.beam)
    if feed.beam > 1:
        return search(stepper, feed, texts)
    if sample is None:
        return _follow(stepper, feed, texts, lambda probabilities, _: probabilities.argmax(axis=1))
    chances = [generator(seed, f"generate/{number}") for number in numbers or range(count)]

    def draw(probabilities: Array, wanted: Array) -> Array:
        pairs = zip(chances, wanted, strict=True)
        found = np.array([chance.random() if is_wanted else 0.0 for chance, is_wanted in pairs])
        return drawn(probabilities, sample, found)

    return _follow(stepper, feed, texts, draw)


def _follow(stepper: Stepper, feed: Feed, texts: Prompts, choose: Choose) -> list[Said]:
    """One text of each example, a token after the other."""
    count = len(texts.tokens)
    written = texts.written(feed, 1, stepper.free_memory)
    ends = texts.lengths + feed.max
    """How many tokens each text has in the end."""
    scores, stopped = np.zeros(count), np.zeros(count, bool)
    fed = texts.first(feed)
    if texts.begins:
        written.put(0, fed)
    for place in range(texts.begins, written.most):
        if (ends <= place).all():
            break
        probabilities = stepper.step(fed)
        given, forced = texts.at(place)
        live = ~given & (place < ends)
        if live.any():
            known = checked(probabilities)
            chosen = choose(known, live)
            scores += np.where(live, logarithms(known[np.arange(count), chosen]), 0)
            fed = np.where(given, forced, chosen)
            if feed.stop is not None:
                halts = live & (chosen == feed.stop)
                stopped |= halts
                ends[halts] = place
        else:
            fed = forced
        written.put(place, fed)
    made = ends - texts.lengths + stopped
    return [
        Said(written.tokens[example, : ends[example]].copy(), bool(stopped[example]), float(score))
        for example, score in enumerate(scores / np.maximum(made, 1))
    ]


def drawn(probabilities: Array, sample: Sample, numbers: Array) -> Array:
    """A token of each example by its probability, for numbers from [0, 1)."""
    left = _left(_tempered(probabilities, sample.temperature), sample.top_k, sample.top_p)
    reached = np.cumsum(left, axis=1)
    total = reached[:, -1:]
    # what is rounded up to the total still belongs to the last token that is left
    found = np.minimum((reached <= numbers[:, None] * total).sum(axis=1), (reached < total).sum(axis=1))
    return np.asarray(found)


def _tempered(probabilities: Array, temperature: float) -> Array:
    """Probabilities to the power 1 / temperature, the largest 1."""
    powers = logarithms(probabilities) / temperature
    found: Array = np.exp(powers - powers.max(axis=1, keepdims=True))
    return found


def _left(weights: Array, top_k: int | None, top_p: float | None) -> Array:
    """The weights of the likeliest tokens, 0 for the others; of equal ones those with lower numbers go first."""
    order = np.argsort(-weights, axis=1, kind="stable")
    ordered = np.take_along_axis(weights, order, axis=1)
    if top_k is not None:
        ordered[:, top_k:] = 0
    if top_p is not None:
        before = np.cumsum(ordered, axis=1) - ordered
        ordered[before >= top_p * ordered.sum(axis=1, keepdims=True)] = 0
    found = np.zeros_like(weights)
    np.put_along_axis(found, order, ordered, axis=1)
    return found


def continue_rows(stepper: Stepper, rows: Array, most: int, inputs: Mapping[str, Array] = NOTHING) -> Array:
    """What a network of rows says of each example, each row fed back as it is: `most` rows (n, most, features).

    `rows` (n, 1 or more, features) stand before them, `inputs` are as in `generate`.  Raises `SpecError` N405 where
    there is no row to begin with, N410 and N507 as `generate` does.
    """
    if not rows.shape[1]:
        raise error("N405", "there is nothing to begin with: not one row")
    stepper.begin(inputs, len(rows))
    what = f"{counted(most, 'row')} of each of {counted(len(rows), 'example')}"
    check_room(what, 2 * most * rows[:, 0].size * stepper.dtype.itemsize, stepper.free_memory())
    found = []
    row = rows[:, 0]
    for place in range(1, rows.shape[1] + most):
        row = stepper.step(row)
        if place < rows.shape[1]:
            row = rows[:, place]
        else:
            found.append(row)
    return np.stack(found, axis=1)
