"""Faster paths: kernels that take layers in a row, or a layer of a certain shape, in the place of their plain rules.

The plain rule of each layer is what it means, and stays.  A path is a class with `length`, which says how many of the
layers in a row it takes from the first on (0: none), by their shapes alone, so that the same network and batch always
take the same path and a run goes on to the last bit; and it is a kernel for these.  `choose` asks them in the order of
`PATHS` when a plan is made.  A plan without paths is the plain one: what `Manner.reference` asks for, and what float64
always is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from netspec.backends.numpy.fast.dense import DenseRelu
from netspec.backends.numpy.fast.images import Images
from netspec.backends.numpy.fast.loss import ClassCrossentropy
from netspec.backends.numpy.fast.recurrent import LstmSteps
from netspec.backends.numpy.fast.softmax import OneSoftmax
from netspec.backends.numpy.kernel import Site
from netspec.backends.numpy.loss import CrossentropyRule, LossRule


class Path(Protocol):
    """A class of kernels that takes several sites; see `Kernel` for what these do."""

    def __call__(self, sites: Sequence[Site[Any]], wants_gradient: bool) -> Any:
        """The kernel for these layers; its `backward` gives None where no gradient of the input is wanted."""

    def length(self, sites: Sequence[Site[Any]]) -> int:
        """How many of these layers, each of which is read by the next alone, it takes from the first on."""


PATHS: Final[tuple[Path, ...]] = (Images, DenseRelu, LstmSteps, OneSoftmax)
LOSSES: Final[dict[type[LossRule[Any]], type[LossRule[Any]]]] = {CrossentropyRule: ClassCrossentropy}
"""Faster rules of losses, by the plain ones."""
LONGEST: Final = 64
"""Layers in a row that a path is asked about."""


def choose(sites: Sequence[Site[Any]], paths: Sequence[Path]) -> tuple[Path | None, int]:
    """The first path that takes these layers and how many; none, and one layer, where no path does."""
    for path in paths:
        if count := path.length(sites):
            return path, count
    return None, 1


def loss_rule(plain: type[LossRule[Any]], paths: Sequence[Path]) -> type[LossRule[Any]]:
    """What computes a loss whose plain rule is this one: a faster one only beside faster paths."""
    return LOSSES.get(plain, plain) if paths else plain
