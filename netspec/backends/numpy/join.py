"""Joins: entry by entry, a vector of channels spread over pixels or steps, or side by side."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.layers.join import Add, Concat, Join, Mean, Mul


class EntryKernel(Kernel[Join]):
    """What the joins share that work entry by entry."""

    def prepare(self) -> None:
        site = self.site
        rank = len(site.output.dims)
        channel = rank - 2 if rank > 2 else rank
        spread = tuple(-1 if axis == channel else 1 for axis in range(1, rank + 1))
        self.others = tuple(axis for axis in range(1, rank + 1) if axis != channel)
        """The axes of the output over which a vector spreads."""
        self.forms = [None if shape == site.output else (site.batch, *spread) for shape in site.inputs]

    def spread(self, inputs: tuple[Array, ...]) -> list[Array]:
        """The inputs in forms that NumPy broadcasts to the output's shape."""
        return [x if form is None else x.reshape(form) for x, form in zip(inputs, self.forms, strict=True)]

    def room(self) -> Array:
        """Room for the result: where all but the last inputs spread, those alone do not make its shape."""
        return self.site.empty(*self.site.output_shape())

    def gathered(self, dy: Array, index: int) -> Array:
        """The gradient of an input for that of its spread form."""
        return dy if self.forms[index] is None else np.asarray(dy.sum(axis=self.others))


@rule(Add, Mean)
class AddKernel(EntryKernel):
    """y = (a + b + ...) / n, n = 1 for the sum."""

    def prepare(self) -> None:
        super().prepare()
        self.count = len(self.forms) if isinstance(self.operation, Mean) else 1

    def forward(self, *inputs: Array, training: bool) -> Array:
        first, second, *rest = self.spread(inputs)
        y = np.add(first, second, out=self.room())
        for x in rest:
            y += x
        if self.count > 1:
            y /= self.count
        return y

    def backward(self, dy: Array) -> tuple[Array, ...]:
        share = dy / self.count if self.count > 1 else dy
        return tuple(self.gathered(share, index) for index in range(len(self.forms)))


@rule(Mul)
class MulKernel(EntryKernel):
    """y = a b ...; the gradient of each is that of y times the others."""

    def forward(self, *inputs: Array, training: bool) -> Array:
        self.kept = self.spread(inputs)
        return self._product(self.kept)

    def _product(self, factors: list[Array]) -> Array:
        y = np.multiply(factors[0], factors[1], out=self.room())
        for x in factors[2:]:
            y *= x
        return y

    def backward(self, dy: Array) -> tuple[Array, ...]:
        found = []
        for index in range(len(self.kept)):
            others = [x for number, x in enumerate(self.kept) if number != index]
            found.append(self.gathered(self._product([dy, *others]), index))
        return tuple(found)


@rule(Concat)
class ConcatKernel(Kernel[Concat]):
    """Along the channels."""

    def prepare(self) -> None:
        self.axis = self.site.channel_axis
        sizes = [shape.known[-1] for shape in self.site.inputs]
        self.cuts = [int(cut) for cut in np.cumsum(sizes)[:-1]]

    def forward(self, *inputs: Array, training: bool) -> Array:
        return np.concatenate(inputs, axis=self.axis)

    def backward(self, dy: Array) -> tuple[Array, ...]:
        return tuple(np.ascontiguousarray(part) for part in np.split(dy, self.cuts, axis=self.axis))
