"""The parts of a batch that are worked on one after the other, so that memory is that of a part (`accumulate`)."""

from __future__ import annotations

from netspec.ir.training import Training
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
