"""Data whose examples differ in length: batches cut to their longest example, and made of examples that are alike.

The network that is trained on them is `passes.ragged`'s, which reads the lengths as well; whoever shows or saves a
network means the one that the user wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from netspec.data import Dataset, Loaded, every
from netspec.diagnostics import error
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Dim, Symbol, substituted, symbols_of
from netspec.ir.training import Aim, Training
from netspec.passes.ragged import ragged, steps_of, symbols

Array = np.ndarray[Any, np.dtype[Any]]

STRETCH: Final = 50
"""Batches that are filled together: their examples are sorted by length, so that those of a batch are alike."""


def network_for(net: Net, training: Training, loaded: Loaded) -> Net:
    """The network that works on data: the one that is told lengths where the examples of some part differ in them.

    Raises `SpecError` N409 where that cannot be.
    """
    parts = (loaded.train, loaded.validation, loaded.test)
    differing = {name for part in parts if part is not None for name in part.lengths}
    if not differing.intersection(symbols(net)):
        return net
    return replace(ragged(replace(net, training=training)), training=net.training)


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """Where the examples of a data set end."""

    lengths: Mapping[str, Array]
    """Of each symbol that may differ, in the order in which the network reads them: the length of each example."""
    inputs: tuple[Dim | None, ...]
    """The number of steps of each input, None where it has none that differ."""
    targets: tuple[Dim | None, ...]
    """The same of each target."""

    @classmethod
    def of(cls, dataset: Dataset, net: Net, made: Net, aims: Sequence[Aim]) -> Ends | None:
        """The ends of data for a network as it is written, and as `network_for` made it; None where these are the same.

        Raises `SpecError` N404 for an example that the network cannot read.
        """
        if len(made.inputs) == len(net.inputs):
            return None
        names, targets = symbols(net), every(dataset.targets)
        lengths = dict(dataset.lengths)
        for layer, array in zip(net.inputs, every(dataset.inputs), strict=True):
            match steps_of(layer.shape):
                case Symbol(name=name):  # where nothing else is said, all are as long as each other
                    lengths.setdefault(name, np.full(len(dataset), array.shape[1], np.int64))
        inputs = (_differing(layer.shape, names) for layer in net.inputs)
        wanted = (_differing(aim.output.shape, names) for aim in (aims[-1:] if len(targets) == 1 else aims))
        found = cls({name: lengths[name] for name in names}, tuple(inputs), tuple(wanted))
        found.check(net)
        return found

    def check(self, net: Net) -> None:
        """Raise N404 for the first example of no steps, or of a number that the network cannot read."""
        rows = np.stack(list(self.lengths.values()), axis=1)
        for row, first in zip(*np.unique(rows, axis=0, return_index=True), strict=True):
            sizes = dict(zip(self.lengths, map(int, row), strict=True))
            told = ", ".join(f"{name} = {size}" for name, size in sizes.items())
            broken = net.constraints.check(sizes)
            if min(sizes.values()) < 1 or broken:
                needs = ", ".join(broken) or "a step or more"
                message = f"example {int(first)} of the data has {told}, and the network needs {needs}"
                raise error("N404", message)

    def cut(
        self, which: Array | slice, inputs: Iterable[Array], targets: Iterable[Array]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Examples as the network reads them, the inputs with their lengths behind them, and their targets."""
        some = {name: each[which] for name, each in self.lengths.items()}
        longest = {
            name: int((each if len(each) else self.lengths[name]).max()) for name, each in some.items()
        }

        def cut(array: Array, steps: Dim | None) -> Array:
            if steps is None:
                return array
            return np.ascontiguousarray(array[:, : substituted(steps, longest)])

        read = map(cut, inputs, self.inputs)
        return (*read, *some.values()), tuple(map(cut, targets, self.targets))

    def sorted(self, which: Array) -> Array:
        """Examples by length, those of one length in the order in which they are given."""
        keys = [self.lengths[name][which] for name in reversed([*self.lengths])]
        return which[np.lexsort(keys)]

    def alike(
        self, order: Array, bounds: Sequence[tuple[int, int]], random: np.random.Generator
    ) -> tuple[Array, list[tuple[int, int]]]:
        """An epoch's order with similar examples in each batch, and its batches in an order of chance."""
        order = order.copy()
        for first in range(0, len(bounds), STRETCH):
            some = bounds[first : first + STRETCH]
            part = slice(some[0][0], some[-1][1])
            order[part] = self.sorted(order[part])
        return order, [bounds[number] for number in random.permutation(len(bounds))]


def _differing(shape: Shape, names: Sequence[str]) -> Dim | None:
    """The number of steps, None where all examples have as many."""
    steps = steps_of(shape)
    return steps if steps is not None and set(symbols_of(steps)).intersection(names) else None
