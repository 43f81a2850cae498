"""Examples that are made when a batch of them is asked for: of a file that is mapped, of bytes, of windows.

`Lazy` is used like the array (n, *dims) that it stands for, as far as batches go. Knows nothing of formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

LAZY_FROM: Final = 1 << 28
"""Bytes from which on examples are not held in the type of the network, unless they come in it."""

_PIECE: Final = 1 << 24
"""Bytes that are looked at in one go."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Lazy:
    """Examples (n, *dims) of type `dtype`, made by `make` of the rows of `source`; `rows` None means all of them.

    An index is a slice, an array of whole numbers or one number, and gives a plain array.
    """

    source: Array
    dims: tuple[int, ...]
    dtype: np.dtype[Any]
    make: Callable[[Array], Array]
    """(k, *) rows of the source to (k, *dims)."""
    rows: Array | None = None

    def __len__(self) -> int:
        return len(self.source) if self.rows is None else len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (len(self), *self.dims)

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """As of an array."""
        return prod(self.shape)

    def __getitem__(self, which: Any) -> Array:
        if isinstance(which, int | np.integer):
            one: Array = self[np.array([which])][0]
            return one
        rows = which if self.rows is None else self.rows[which]
        made = self.make(np.asarray(self.source[rows]))
        return made if made.flags.writeable else made.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All examples in memory."""
        return np.asarray(self[:], dtype)

    def through(self, function: Callable[[Array], Array]) -> Lazy:
        """What a function of a batch makes of the examples, made as late as they are."""
        dims = function(np.empty((0, *self.dims), self.dtype)).shape[1:]
        return replace(self, dims=dims, make=lambda rows: function(self.make(rows)))

    def take(self, which: Array) -> Lazy:
        """The examples of these indices; nothing is copied."""
        return replace(self, rows=which if self.rows is None else self.rows[which])


Examples: TypeAlias = Array | Lazy
"""Examples in memory, or made when they are asked for."""


def take(examples: Examples, which: Array) -> Examples:
    """The examples of these indices."""
    return examples.take(which) if isinstance(examples, Lazy) else examples[which]


def pieces(array: Array, rows: Array | None = None) -> Iterator[tuple[int, Array]]:
    """All rows of an array, or those of these indices, a piece at a time, with the number of each piece's first."""
    count = len(array) if rows is None else len(rows)
    step = max(_PIECE // max(prod(array.shape[1:]) * array.itemsize, 1), 1)
    for start in range(0, count, step):
        part: Any = slice(start, start + step)
        yield start, np.asarray(array[part if rows is None else rows[part]])


def settled(lazy: Lazy, check: Callable[[Array, int], None], *, stays: bool) -> Examples:
    """The examples, each seen by `check` (with the number of a piece's first); in memory unless they stay lazy."""
    whole = None if stays else np.empty(lazy.shape, lazy.dtype)
    for start, piece in pieces(lazy.source, lazy.rows):
        made = lazy.make(piece)
        check(made, start)
        if whole is not None:
            whole[start : start + len(made)] = made
    return lazy if whole is None else whole
