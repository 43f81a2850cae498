"""Positions: a table of vectors, learned or of sines, added to the steps."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.position import Position, PositionAt


def sinusoids(steps: int, features: int) -> Array:
    """sin(t / 10000^(2i / N)) in column 2i, the cosine in column 2i + 1, for each step t."""
    column = np.arange(features)
    angle = np.arange(steps)[:, None] / 10000 ** ((column - column % 2) / features)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))


@rule(Position)
class PositionKernel(Kernel[Position]):
    """y = x + table."""

    def prepare(self) -> None:
        _, self.steps, features = self.site.input_shape()
        self.learned = self.operation.kind == "learned"
        if not self.learned:
            self.table = sinusoids(self.steps, features).astype(self.site.dtype)

    def forward(self, x: Array, training: bool) -> Array:
        table = self.site.parameters["weight"][: self.steps] if self.learned else self.table
        return np.add(x, table, out=self.site.result(*x.shape))

    def backward(self, dy: Array) -> Array:
        if self.learned:
            gradient = self.site.gradients["weight"]
            np.sum(dy, axis=0, out=gradient[: self.steps])
            gradient[self.steps :] = 0
        return dy


@rule(PositionAt)
class PositionAtKernel(Kernel[PositionAt]):
    """y = x + table[i], i the number of the step."""

    def prepare(self) -> None:
        site = self.site
        self.learned = self.operation.kind == "learned"
        if not self.learned:
            most = site.inputs[1].of
            assert most is not None
            self.table = sinusoids(most, site.inputs[0].features).astype(site.dtype)

    def forward(self, x: Array, index: Array, *, training: bool) -> Array:
        self.kept = index
        return np.add(x, (self.site.parameters["weight"] if self.learned else self.table)[index])

    def backward(self, dy: Array) -> tuple[Array, Array]:
        if self.learned:
            gradient = self.site.gradients["weight"]
            gradient.fill(0)
            np.add.at(gradient, self.kept, dy)
        return dy, self.site.zeros(*self.site.input_shape(1))  # integers have no gradient
