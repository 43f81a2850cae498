"""Augmentation on the device: the draws of `netspec.backends.augmentation` applied to a batch at once.

Bilinear resampling is written out, not `F.grid_sample`: that wants places between -1 and 1, and the rounding of these
moves an image that should stay.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from netspec.backends import Array
from netspec.backends.augmentation import Draws, centred, spline
from netspec.backends.torch.code import rule
from netspec.settings.augment import Augment

EDGE = 2
"""Rows and columns of zeros around an image: whatever is looked for outside is found there."""


@rule(Augment)
class AugmentRule:
    """See `augmentation.AugmentRule`."""

    def __init__(self, augment: Augment) -> None:
        self.augment = augment
        self.bases: dict[tuple[object, ...], tuple[Tensor, ...]] = {}

    def own(self, draws: Draws[Array]) -> Draws[Tensor]:
        """See `augmentation.AugmentRule.own`."""
        return draws.each(torch.from_numpy)

    def changed(self, x: Tensor, draws: Draws[Tensor]) -> Tensor:
        """See `augmentation.AugmentRule.changed`."""
        if draws.moves is not None:
            x = resampled(x, self.displacements(draws.moves, draws.elastic, x))
        if draws.noise is not None:
            x = x + like(draws.noise, x)
        if draws.corners is not None:
            x = x.masked_fill(self.holes(draws.corners, x), 0)
        return x if draws.shares is None else self.mixed(x, draws.shares)

    def probabilities(self, targets: Tensor, classes: int, axis: int, like: Tensor) -> Tensor:
        """See `augmentation.AugmentRule.probabilities`."""
        if targets.is_floating_point():
            return targets
        # `F.one_hot` looks at the largest class first, which no graph can
        zeros = like.new_zeros((*targets.shape, classes))
        return zeros.scatter_(-1, targets.unsqueeze(-1), 1).movedim(-1, axis)

    def mixed(self, x: Tensor, shares: Tensor) -> Tensor:
        """See `augmentation.AugmentRule.mixed`."""
        even = len(x) // 2 * 2
        pairs = x[:even].reshape(-1, 2, *x.shape[1:]).flip(1).flatten(0, 1)
        neighbours = torch.cat([pairs, x[even:]])
        others = like(1 - shares, x).reshape(-1, *(1,) * (x.ndim - 1))
        return x + others * (neighbours - x)

    def base(self, x: Tensor) -> tuple[Tensor, ...]:
        """The places of rows and columns, and the elastic grid's shares in them, kept on the device."""
        size = tuple(x.shape[-2:])
        key = (size, x.device, x.dtype)
        if key not in self.bases:
            places = [centred(side) for side in size]
            shares = [spline(side, self.augment.spacing) for side in size] if self.augment.elastic else []
            self.bases[key] = tuple(like(torch.tensor(array), x) for array in (*places, *shares))
        return self.bases[key]

    def displacements(self, moves: Tensor, elastic: Tensor | None, x: Tensor) -> Tensor:
        """(n, 2, H, W): where each pixel looks for its value, down and to the right of itself."""
        rows, columns, *shares = self.base(x)
        down, right, constant = like(moves, x)[..., None, None].unbind(2)
        found = right * columns + (down * rows[:, None] + constant)
        if elastic is not None:
            vertical, horizontal = shares
            found += vertical @ (like(elastic, x) @ horizontal.T)
        return found

    def holes(self, corners: Tensor, x: Tensor) -> Tensor:
        """Where the squares are, (n, 1, ..., H, W)."""
        first = corners.to(x.device)[:, :, None]
        inside = []
        for axis, side in enumerate(x.shape[-2:]):
            places = torch.arange(side, device=x.device)
            inside.append((places >= first[:, axis]) & (places < first[:, axis] + self.augment.cutout))
        found = inside[0][:, :, None] & inside[1][:, None, :]
        return found.reshape(len(x), *(1,) * (x.ndim - 3), *x.shape[-2:])


def like(tensor: Tensor, x: Tensor) -> Tensor:
    """A tensor on the device of another one and in its type."""
    return tensor.to(x.device, x.dtype)


def resampled(x: Tensor, displacements: Tensor) -> Tensor:
    """Each pixel takes the value at its displacement, bilinearly between the four pixels there, 0 outside."""
    n, (height, width) = len(x), x.shape[-2:]
    padded = F.pad(x.reshape(n, -1, height, width), (EDGE, EDGE, EDGE, EDGE))
    channels, stride = padded.shape[1], padded.shape[3]
    lower = displacements.floor()
    down, right = (displacements - lower).reshape(n, 2, 1, height * width).unbind(1)
    row = lower[:, 0] + torch.arange(EDGE, height + EDGE, device=x.device)[:, None]
    column = lower[:, 1] + torch.arange(EDGE, width + EDGE, device=x.device)
    row, column = row.clamp(0, height + EDGE).long(), column.clamp(0, width + EDGE).long()
    corner = (row * stride + column).reshape(n, 1, -1).expand(n, channels, -1)
    flat = padded.flatten(2)

    def across(offset: int) -> Tensor:
        left, beside = (flat[..., start:].gather(2, corner) for start in (offset, offset + 1))
        return left.lerp_(beside, right)

    upper = across(0)
    return upper.lerp_(across(stride), down).reshape(x.shape)
