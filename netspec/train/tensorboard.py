"""A run for TensorBoard: event files beside the record, written by the `tensorboard` package; torch is not needed.

Losses stand at their steps; an epoch's figures, its rate and its gradients at its last step.  Names are those of
`metrics.csv`, with `/` for the first dot, by which TensorBoard groups: `val/accuracy`, `gradient/conv1`.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any, Final

from netspec.train.events import Observer, Row, Start, Step
from netspec.train.extras import require

MOST_LOSSES: Final = 10_000
"""Losses of steps that are written; of a longer run each is the mean over as many steps as are needed for that."""
STEP_LOSS: Final = "step/loss"
_PLACE: Final = ("epoch", "step")


def check() -> None:
    """Raise N604 where the package is not installed."""
    require("tensorboard.summary", "log", "--log tensorboard")


class TensorBoard(Observer):
    """Writes into a folder, which is made when the run starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer: Any = None
        self.losses: list[float] = []
        """The losses since the last one that was written."""

    def started(self, start: Start) -> None:
        from tensorboard.summary import Writer

        self.every = ceil(start.steps / MOST_LOSSES)
        self.writer = Writer(str(self.folder))

    def stepped(self, step: Step) -> None:
        self.losses.append(step.loss)
        if len(self.losses) == self.every:
            self.writer.add_scalar(STEP_LOSS, sum(self.losses) / self.every, step.number)
            self.losses.clear()

    def finished_epoch(self, row: Row) -> None:
        for name, value in row.to_json().items():
            if name not in _PLACE:
                self.writer.add_scalar(name.replace(".", "/", 1), value, row.step)
        self.writer.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
