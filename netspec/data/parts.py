"""How examples are divided: a part to learn from, one to test on, one to watch while learning.

Shares are of classes in proportion where the targets are classes, else drawn, or the last in time; rows are named by
their numbers. Knows targets, and nothing of where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import NamedTuple

import numpy as np

from netspec.data.lazy import Array, Examples, take
from netspec.diagnostics import error
from netspec.settings.values import Held, Split


@dataclass(frozen=True, slots=True)
class Division:
    """What a `data` line says of its parts: `test`, `validation`, `seed` and `split` of the readers."""

    test: Held
    validation: Held | None = None
    seed: int = 0
    split: Split | None = None


class Parts(NamedTuple):
    """Indices of the examples of each part, ascending; of `test` none where other files hold it."""

    train: Array
    validation: Array | None
    test: Array


def divide(targets: Examples, part: Held, seed: int = 0, split: Split | None = None) -> tuple[Array, Array]:
    """Indices of the examples that are kept and of those held out, both ascending.

    A share is of round(share * n) examples, at least one on either side. Classes (and yes and no) are held out in
    proportion; `random` disregards them, `time` holds out the last examples. Raises N404 for fewer than two examples,
    for rows that are not there, and where `stratified` is asked for without classes.
    """
    count = len(targets)
    if isinstance(part, tuple):
        return _rows(count, part)
    if count < 2:
        raise error("N404", f"{count} example cannot be divided in two parts; 2 or more are needed")
    size = min(max(floor(part * count + 0.5), 1), count - 1)
    if split == "time":
        return np.arange(count - size), np.arange(count - size, count)
    labels = None if split == "random" else _labels(targets)
    if split == "stratified" and labels is None:
        raise error("N404", "`stratified` keeps the proportion of classes, and the targets are no classes")
    order = np.random.default_rng(seed).permutation(count)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    # evenly spaced through the examples sorted by class, so that each class gives its share
    chosen = np.zeros(count, bool)
    chosen[order[(2 * np.arange(size) + 1) * count // (2 * size)]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _rows(count: int, part: tuple[int, int]) -> tuple[Array, Array]:
    first, end = part
    if end > count:
        raise error(
            "N404", f"rows {first:,} to {end - 1:,} are held out, and there are {count:,} (from 0 on)"
        )
    if end - first == count:
        raise error("N404", f"rows {first:,} to {end - 1:,} are held out, and these are all")
    held = np.arange(first, end)
    return np.delete(np.arange(count), held), held


def _labels(targets: Examples) -> Array | None:
    """(n,) classes, or yes and no; None where the targets are neither."""
    if targets.size != len(targets):
        return None
    labels = np.asarray(targets).reshape(-1)
    return labels if labels.dtype.kind in "iub" or bool(np.isin(labels, (0, 1)).all()) else None


def parts(targets: Examples, division: Division, *, tested: bool = False) -> Parts:
    """The parts of examples with these targets; `tested` says that other files hold the test part.

    Rows count in the file, a share of the validation part is one of what the test part leaves. Raises N404 as `divide`
    does, and N406 where the two parts overlap.
    """
    if tested:
        train, test = np.arange(len(targets)), np.arange(0)
    else:
        train, test = divide(targets, division.test, division.seed, division.split)
    asked = division.validation
    if asked is None:
        return Parts(train, None, test)
    if not isinstance(asked, tuple):
        kept, held = divide(take(targets, train), asked, division.seed, division.split)
        return Parts(train[kept], train[held], test)
    _, held = divide(targets, asked)
    if len(both := np.intersect1d(held, test)):
        message = (
            f"`test` and `validation` hold out {len(both):,} rows both, the first of them row {both[0]:,}"
        )
        raise error("N406", message)
    train = np.setdiff1d(train, held)
    if not len(train):
        raise error(
            "N404", f"`test` and `validation` leave none of the {len(targets):,} examples to learn from"
        )
    return Parts(train, held, test)


def parts_with_files(
    targets: Examples,
    division: Division,
    files: tuple[int, int],
) -> Parts:
    """The parts of examples of which the last ones come from files that hold one part alone.

    `files` are the numbers of those of validation and of test, 0 where a part is to be divided off the others, for
    which `division` says how. Raises N404 and N406 as `parts` does.
    """
    held, tested = files
    count = len(targets) - held - tested
    asked = replace(division, validation=None) if held else division
    found = parts(take(targets, np.arange(count)), asked, tested=bool(tested))
    return Parts(
        found.train,
        np.arange(count, count + held) if held else found.validation,
        np.arange(count + held, len(targets)) if tested else found.test,
    )


def runs(rows: Array) -> list[tuple[int, int]]:
    """The stretches of ascending row numbers without a gap, each as its first and the one after its last."""
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    starts: Sequence[int] = [0, *map(int, breaks)]
    ends: Sequence[int] = [*map(int, breaks), len(rows)]
    return [(int(rows[start]), int(rows[end - 1]) + 1) for start, end in zip(starts, ends, strict=True)]


def windows(rows: Array, length: int, stride: int) -> Array:
    """The first rows of all windows of `length` rows, `stride` apart, that lie in these rows without a gap."""
    found = [np.arange(start, end - length + 1, stride) for start, end in runs(rows)]
    return np.concatenate(found) if found else np.arange(0)
