"""Sequences of different lengths: where an example ends, and lengths worked out from others.

Arrays are (N, T, ...), lengths (N,) or (N, 1) whole numbers.
"""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.lengths import Lengths


def ends_of(lengths: Array, steps: int) -> Array:
    """How many of `steps` steps are there of each example, (N,): 1 or more."""
    return np.clip(lengths.reshape(-1), 1, steps)


def there(ends: Array, steps: int) -> Array:
    """Which steps are there, (N, T)."""
    found: Array = np.arange(steps) < ends[:, None]
    return found


def spread(mask: Array, rank: int) -> Array:
    """A mask (N, T) in the shape in which it joins an array of so many axes."""
    return mask.reshape(*mask.shape, *(1,) * (rank - 2))


def masked(x: Array, mask: Array) -> Array:
    """The steps of a mask (N, T), the others 0, whatever they hold."""
    return np.where(spread(mask, x.ndim), x, x.dtype.type(0))


def turned(x: Array, ends: Array) -> Array:
    """Each example's steps in the reverse order; what stands beyond its end stays there."""
    step = np.arange(x.shape[1])
    order = np.where(step < ends[:, None], ends[:, None] - 1 - step, step)
    return x[np.arange(len(x))[:, None], order]


@rule(Lengths)
class LengthsKernel(Kernel[Lengths]):
    """The arithmetic, a number at a time, and 0 at least."""

    def prepare(self) -> None:
        self.dx = self.site.zeros(*self.site.input_shape())  # whole numbers have no gradient

    def forward(self, x: Array, training: bool) -> Array:
        expression, symbol = self.operation.expression, self.operation.symbol
        numbers = [max(expression.evaluate({symbol: int(each)}), 0) for each in x.ravel()]
        return np.array(numbers, x.dtype).reshape(x.shape)

    def backward(self, dy: Array) -> Array:
        return self.dx
