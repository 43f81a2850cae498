"""The largest of windows that lie side by side, of images (H, C, W, n): all windows at once, an entry at a time."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.fast.shared import Shared
from netspec.backends.numpy.kernel import Array


class Pooled:
    """The largest of each window of an image (H, C, W, n), and back to the first of them."""

    def __init__(self, x: Array, window: tuple[int, int]) -> None:
        self.window = window
        self.parts = self.cut(x)
        self.y = np.empty(self.parts[0].shape, x.dtype)

    def cut(self, x: Array) -> list[Array]:
        """A view for each entry of the window."""
        (high, wide), (height, _, width, _) = self.window, x.shape
        rows, columns = height // high * high, width // wide * wide
        return [x[i:rows:high, :, j:columns:wide] for i in range(high) for j in range(wide)]

    def forward(self) -> None:
        largest, *others = self.parts
        for part in others or self.parts:
            largest = np.maximum(largest, part, out=self.y)

    def prepare_back(self, dx: Array, shared: Shared) -> None:
        self.dparts = self.cut(dx)
        self.dy = shared.array("dpooled", *self.y.shape)
        self.hit, self.open = (shared.mask(name, *self.y.shape) for name in ("hit", "open"))

    def backward(self) -> None:
        self.open.fill(True)
        for part, dpart in zip(self.parts, self.dparts, strict=True):
            np.equal(part, self.y, out=self.hit)
            self.hit &= self.open
            self.open ^= self.hit
            np.multiply(self.dy, self.hit, out=dpart)
