"""Who sees a run beside its record: what shows it, the picture that is drawn while it runs, other logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Final

from netspec.train import tensorboard
from netspec.train.events import Observer, Row, Start, Step
from netspec.train.record import Record

LOGS: Final[dict[str, Callable[[Path], Observer]]] = {"tensorboard": tensorboard.TensorBoard}
"""What `--log` knows: each writes into the folder of its name inside the run's folder."""
CHECKS: Final[dict[str, Callable[[], None]]] = {"tensorboard": tensorboard.check}
SHARE: Final = 0.02
"""The share of a run's time that drawing may take."""
FIRST_SECONDS: Final = 0.2
"""What a drawing is taken to cost until one was made."""


def check_log(log: str | None) -> None:
    """Raise N604 where what a log needs is not installed."""
    if log:
        CHECKS[log]()


def watched(shown: Observer, record: Record, log: str | None) -> Observer:
    """`shown`, the drawing of the record's curves, and the log of that name where there is one, as one observer."""
    logs = [LOGS[log](record.folder / log)] if log else []
    return Several([shown, Drawing(record), *logs])


class Several(Observer):
    """Observers that see a run one after the other."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers

    def started(self, start: Start) -> None:
        for observer in self.observers:
            observer.started(start)

    def stepped(self, step: Step) -> None:
        for observer in self.observers:
            observer.stepped(step)

    def finished_epoch(self, row: Row) -> None:
        for observer in self.observers:
            observer.finished_epoch(row)

    def close(self) -> None:
        for observer in self.observers:
            observer.close()


class Drawing(Observer):
    """`curves.svg`, drawn anew after an epoch if that costs no more than `SHARE` of the time since the last drawing.

    Stands after the record among the observers, whose rows it draws.
    """

    def __init__(self, record: Record, clock: Callable[[], float] = perf_counter) -> None:
        self.record, self.clock = record, clock
        self.drawn = clock()
        self.cost = FIRST_SECONDS

    def started(self, start: Start) -> None:
        self.drawn = self.clock()

    def finished_epoch(self, row: Row) -> None:
        began = self.clock()
        if self.cost > SHARE * (began - self.drawn):
            return
        with suppress(OSError):  # a picture that cannot be written now is no reason to stop; the last one is
            self.record.draw(_quiet)
        self.drawn = self.clock()
        self.cost = self.drawn - began


def _quiet(_line: str) -> None:
    """What is missing for a picture is said once, when the run ends."""
