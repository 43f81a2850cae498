"""What the readers of generated examples share: where their random numbers come from, and what may be taken.

Every part of the data has a generator of its own, so that more examples to train on leave those to test on alone.
"""

from __future__ import annotations

import numpy as np

from netspec.data.dataset import Request
from netspec.data.fitting import inputs_of
from netspec.data.lazy import Array, Examples
from netspec.data.preprocessing import Numbers
from netspec.diagnostics import error
from netspec.init import generator
from netspec.ir.shape import Dim, Shape


def random_of(word: str, part: str, seed: int) -> np.random.Generator:
    """The random numbers of one part of the data of a reader."""
    return generator(seed, f"{word}/{part}")


def check_room(written: str, count: int, one: int, request: Request) -> None:
    """Raises N404 where so many examples, of `one` byte or more each, take more memory than there may be."""
    needed = count * one
    if needed > request.most_bytes:
        message = f"{count:,} examples of `{written}` take {needed:,} bytes, and {request.most_bytes:,} are the limit"
        raise error("N404", message, tries=(f"`count={max(request.most_bytes // (2 * one), 1)}`",))


def pixels(array: Array, dims: tuple[int, ...], name: str) -> Examples:
    """Bytes (n, *) as float32 (n, *dims) from 0 to 1; they stay bytes where they are many."""
    return inputs_of(array.reshape(len(array), *dims), Numbers(), Shape(dims), name=name)


def agree(dims: tuple[Dim, ...], sizes: tuple[int, ...]) -> bool:
    """Dimensions, of which symbols fit any size, are of these sizes."""
    return len(dims) == len(sizes) and all(
        dim == size for dim, size in zip(dims, sizes, strict=True) if isinstance(dim, int)
    )
