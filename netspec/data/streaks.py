"""Rain over a photograph: streaks drawn from random numbers, and how they hide what is behind them.

Streaks are drops that fall while the shutter is open (Garg and Nayar 2007, Vision and rain); they are laid over a
photograph by the screen blend of Luo, Xu and Ji (2015, Removing rain from a single image via discriminative sparse
coding). Knows nothing of files.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from netspec.data.lazy import Array

BESIDE: Final = 3.0
"""Degrees by which a streak may fall beside the angle of its picture's rain."""


@dataclass(frozen=True, slots=True)
class Streaks:
    """What rain looks like: see the arguments of `rain`, whose names these are."""

    length: float
    angle: float
    density: float
    strength: float

    def over(self, clean: Array, random: np.random.Generator) -> Array:
        """A picture (H, W, C) of bytes in the rain, 1 - (1 - B) (1 - R) in numbers from 0 to 1."""
        rain = self.drawn(clean.shape[0], clean.shape[1], random)[..., None]
        rainy: Array = np.rint(255 - (255.0 - clean) * (1 - rain)).astype(np.uint8)
        return rainy

    def drawn(self, height: int, width: int, random: np.random.Generator) -> Array:
        """The brightness of rain (H, W), from 0 to 1."""
        reach = ceil(self.length)
        tall, wide = height + 2 * reach, width + 2 * reach
        count = round(self.density * tall * wide / 1000)
        slant = random.uniform(-self.angle, self.angle) + random.uniform(-BESIDE, BESIDE, (count, 1))
        lengths = random.uniform(self.length / 2, self.length, (count, 1))
        bright = random.uniform(self.strength / 2, self.strength, (count, 1))
        thick = random.uniform(1, 2, (count, 1))
        top, left = random.uniform(-reach, [height, width], (count, 2)).T[..., None]
        share = (np.arange(reach) + 0.5) / reach
        down, aside = np.cos(np.radians(slant)), np.sin(np.radians(slant))
        rows, columns = top + lengths * share * down, left + lengths * share * aside
        fading = 1 - (2 * share - 1) ** 4
        # two lines side by side are one of twice the width, and one upon the other a single one
        weights = bright * fading * (lengths / reach) * thick / 2
        apart = (thick - 1) / 2
        lines = [_splat(rows, columns + side * apart, weights, height, width) for side in (-1, 1)]
        rain: Array = np.minimum(lines[0] + lines[1], 1)
        return rain


def _splat(rows: Array, columns: Array, weights: Array, height: int, width: int) -> Array:
    """(height, width): each point shared out among the four pixels around it, by how near they are."""
    total = np.zeros(height * width)
    first, before = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    below, right = rows - first, columns - before
    for row, over in ((first, 1 - below), (first + 1, below)):
        for column, beside in ((before, 1 - right), (before + 1, right)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            places = (row * width + column)[inside]
            total += np.bincount(places, (weights * over * beside)[inside], len(total))
    return total.reshape(height, width)
