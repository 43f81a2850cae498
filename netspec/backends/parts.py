"""The parts of a batch that are worked on one after the other, so that memory is that of a part (`accumulate`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netspec.backends import Array, Piece
from netspec.ir.training import LEFT_OUT, Training
from netspec.settings.plain import Accumulate, Batch


class Parts:
    """How the batches of a run are cut, by its settings; each in one piece where nothing is set."""

    def __init__(self, training: Training) -> None:
        accumulate, batch = training.get("accumulate"), training.get("batch")
        self.count = accumulate.parts if isinstance(accumulate, Accumulate) else 1
        self.batch = batch.size if isinstance(batch, Batch) else None
        """A smaller one, the last of an epoch, is cut into fewer parts, not into smaller ones."""

    def of(self, examples: int) -> list[slice]:
        """The parts of so many examples: as even as can be, of one example only where all are to be."""
        if self.count == 1 or not examples:
            return [slice(0, examples)]
        size = -(-(self.batch or examples) // self.count)
        count = max(-(-examples // size), 1)
        if size > 1:
            count = min(count, max(examples // 2, 1))
        edges = [examples * part // count for part in range(count + 1)]
        return [slice(*edges[part : part + 2]) for part in range(count)]


def places_of(target: Array) -> int:
    """Over how many places the loss of a target is a mean: those that have a class; examples, where it is numbers."""
    return int(np.count_nonzero(target != LEFT_OUT)) if target.dtype.kind in "iu" else len(target)


class Shares:
    """What the mean losses of a part of a batch count in those of the whole batch, one share for each trained output.

    `targets` are those of the batch, or of the piece of one, that is cut into parts.
    """

    def __init__(self, targets: Sequence[Array], piece: Piece | None) -> None:
        self.targets = targets
        self.whole = piece.places if piece else ()
        self.examples = 0
        """How many examples the shares are told by; 0 where they are told by places."""
        if piece and not piece.places:
            self.examples = piece.whole
        elif not self.whole:
            self.whole = tuple(map(places_of, targets))

    def of(self, part: slice) -> tuple[float, ...]:
        """The shares of a part."""
        if self.examples:
            return ((part.stop - part.start) / self.examples,) * len(self.targets)
        pairs = zip(self.targets, self.whole, strict=True)
        return tuple(places_of(target[part]) / max(whole, 1) for target, whole in pairs)
