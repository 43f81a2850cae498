"""Noise, as numbers: which follow from the seed, the purpose and the place in the text, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from netspec.backends import Array
from netspec.init import generator
from netspec.ir.updates import Noise, Noisy


@dataclass(frozen=True, slots=True)
class Draws:
    """Noise for one purpose, such as a step: the same from the same seed, on every backend and in every update."""

    seed: int
    purpose: str

    def of(self, noise: Noise, examples: int) -> Array:
        """Numbers for so many examples, of its shape as the spec writes it."""
        random = generator(self.seed, f"noise/{noise.place}/{self.purpose}")
        return _DRAW[noise.kind](random, (examples, *noise.shape.known))


def _categorical(random: np.random.Generator, size: tuple[int, ...]) -> Array:
    """A 1 among zeros along the last axis, at any place alike."""
    found = np.zeros(size)
    np.put_along_axis(found, random.integers(size[-1], size=(*size[:-1], 1)), 1, axis=-1)
    return found


_DRAW: Final[Mapping[Noisy, Callable[[np.random.Generator, tuple[int, ...]], Array]]] = {
    "normal": lambda random, size: random.standard_normal(size),
    "uniform": lambda random, size: random.uniform(-1, 1, size),
    "categorical": _categorical,
}
