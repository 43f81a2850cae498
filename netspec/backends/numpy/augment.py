"""Augmentation on NumPy arrays: the draws of `netspec.backends.augmentation` applied to a batch at once."""

from __future__ import annotations

import numpy as np

from netspec.backends.augmentation import Draws, centred, spline
from netspec.backends.numpy.kernel import Array, rule
from netspec.settings.augment import Augment

EDGE = 2
"""Rows and columns of zeros around an image: whatever is looked for outside is found there."""


@rule(Augment)
class AugmentRule:
    """See `augmentation.AugmentRule`."""

    def __init__(self, augment: Augment) -> None:
        self.augment = augment

    def own(self, draws: Draws[Array]) -> Draws[Array]:
        """See `augmentation.AugmentRule.own`."""
        return draws

    def changed(self, x: Array, draws: Draws[Array]) -> Array:
        """See `augmentation.AugmentRule.changed`."""
        if draws.moves is not None:
            x = resampled(x, self.displacements(draws.moves, draws.elastic, x))
        if draws.noise is not None:
            x = x + draws.noise.astype(x.dtype, copy=False)
        if draws.corners is not None:
            x = np.where(self.holes(draws.corners, x), x.dtype.type(0), x)
        return x if draws.shares is None else self.mixed(x, draws.shares)

    def probabilities(self, targets: Array, classes: int, axis: int, like: Array) -> Array:
        """See `augmentation.AugmentRule.probabilities`."""
        if targets.dtype.kind == "f":
            return targets
        return np.moveaxis(np.eye(classes, dtype=like.dtype)[targets], -1, axis)

    def mixed(self, x: Array, shares: Array) -> Array:
        """See `augmentation.AugmentRule.mixed`."""
        even = len(x) // 2 * 2
        neighbours = x.copy()
        neighbours[:even:2], neighbours[1:even:2] = x[1:even:2], x[:even:2]
        others = (1 - shares).astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
        return x + others * (neighbours - x)

    def displacements(self, moves: Array, elastic: Array | None, x: Array) -> Array:
        """(n, 2, H, W): where each pixel looks for its value, down and to the right of itself."""
        rows, columns = (centred(side).astype(x.dtype) for side in x.shape[-2:])
        down, right, constant = np.moveaxis(moves.astype(x.dtype)[..., None, None], 2, 0)
        found = right * columns + (down * rows[:, None] + constant)
        if elastic is not None:
            spacing = self.augment.spacing
            vertical, horizontal = (spline(side, spacing).astype(x.dtype) for side in x.shape[-2:])
            found += vertical @ (elastic.astype(x.dtype) @ horizontal.T)
        return found

    def holes(self, corners: Array, x: Array) -> Array:
        """Where the squares are, (n, 1, ..., H, W)."""
        inside = []
        for axis, side in enumerate(x.shape[-2:]):
            first = corners[:, axis, None]
            places = np.arange(side)
            inside.append((places >= first) & (places < first + self.augment.cutout))
        found = inside[0][:, :, None] & inside[1][:, None, :]
        return found.reshape(len(x), *(1,) * (x.ndim - 3), *x.shape[-2:])


def resampled(x: Array, displacements: Array) -> Array:
    """Each pixel takes the value at its displacement, bilinearly between the four pixels there, 0 outside."""
    n, (height, width) = len(x), x.shape[-2:]
    padded = np.pad(x.reshape(n, -1, height, width), ((0, 0), (0, 0), (EDGE, EDGE), (EDGE, EDGE)))
    channels, stride = padded.shape[1], padded.shape[3]
    lower = np.floor(displacements)
    down, right = np.moveaxis(displacements - lower, 1, 0).reshape(2, n, 1, height * width)
    row = np.clip(lower[:, 0] + np.arange(EDGE, height + EDGE)[:, None], 0, height + EDGE).astype(np.int64)
    column = np.clip(lower[:, 1] + np.arange(EDGE, width + EDGE), 0, width + EDGE).astype(np.int64)
    images = np.arange(n * channels).reshape(n, channels, 1) * (padded.size // (n * channels))
    corner = (row * stride + column).reshape(n, 1, -1) + images
    flat = padded.reshape(-1)

    def across(offset: int) -> Array:
        left, beside = (flat[start:].take(corner) for start in (offset, offset + 1))
        beside -= left
        beside *= right
        beside += left
        return beside

    upper, found = across(0), across(stride)
    found -= upper
    found *= down
    found += upper
    return found.reshape(x.shape)
