"""Buffers that chunks of a batch use one after another, so that what one of them wrote is still in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.backends.numpy.kernel import Array


class Shared:
    """Arrays by name and shape, zeros at first; what a chunk leaves in one is gone when the next has its turn."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.arrays: dict[tuple[str, tuple[int, ...]], Array] = {}

    def array(self, name: str, *shape: int) -> Array:
        """The array of this name and shape."""
        return self._of(name, shape, self.dtype)

    def mask(self, name: str, *shape: int) -> Array:
        """One of yes and no."""
        return self._of(name, shape, np.dtype(bool))

    def _of(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        if (name, shape) not in self.arrays:
            self.arrays[name, shape] = np.zeros(shape, dtype)
        return self.arrays[name, shape]
