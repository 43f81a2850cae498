"""The average of the weights over the steps, beside the weights that are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from netspec.backends.numpy.kernel import Array
from netspec.settings.plain import Average

COUNTS: Final = ("steps", "count")


class Averaged:
    """Means of arrays by name: the parameters end to end, and the states; `before` steps are left out first."""

    def __init__(self, average: Average, arrays: Mapping[str, Array], before: int) -> None:
        self.average, self.arrays, self.before = average, arrays, before
        self.means = {name: np.zeros_like(array) for name, array in arrays.items()}
        self.steps = self.count = 0
        """Steps that were done, and those of them that are averaged."""
        self.is_used = False

    def step(self) -> None:
        """Take in what a step has made."""
        assert not self.is_used, "the averaged weights are in the place of those that are trained"
        self.steps += 1
        if self.steps <= self.before:
            return
        kept = self.average.kept(self.count)
        for name, mean in self.means.items():
            if self.count:
                mean += (1 - kept) * (self.arrays[name] - mean)
            else:
                np.copyto(mean, self.arrays[name])
        self.count += 1

    def use(self, on: bool) -> None:
        """Put the means in the place of the arrays, and back."""
        if on == self.is_used or not self.count:
            return
        self.is_used = on
        for name, mean in self.means.items():
            array = self.arrays[name]
            kept = array.copy()
            array[...], mean[...] = mean, kept

    def memory(self) -> dict[str, Array]:
        """Copies of the means, and the counts."""
        assert not self.is_used, "the averaged weights are in the place of those that are trained"
        counts = {name: np.array(getattr(self, name)) for name in COUNTS}
        return {**counts, **{name: mean.copy() for name, mean in self.means.items()}}

    def recall(self, memory: Mapping[str, Array]) -> None:
        """Go on from such a memory."""
        self.steps, self.count = (int(memory[name]) for name in COUNTS)
        for name, mean in self.means.items():
            mean[...] = memory[name]
