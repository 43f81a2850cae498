"""The processes of one run: started here, or joined where somebody else started this one.  Knows no backend.

Every process reads the spec and the data, and learns from its share of every batch.  The first writes the run's folder
and speaks; a failure is told once, by the one that has it.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from netspec.backends import Alone, Group, load_backend
from netspec.backends.manner import PLAIN, check_manner
from netspec.backends.processes import RUN, TOLD, is_started, read_word
from netspec.diagnostics import Diagnostic, SpecError
from netspec.train.events import Observer, Result, Row
from netspec.train.interrupt import SIGNALS
from netspec.train.learner import Learner
from netspec.train.record import LAST
from netspec.train.snapshots import WEIGHTS, Snapshots


class Launched(NamedTuple):
    """How several processes ended: the exit code, and what one of them had to say that could not say it itself."""

    code: int
    out: str = ""
    err: str = ""


def join(backend: str, device: str) -> Group:
    """The group that this process was started for; alone where it was not.  Raises `SpecError` N602 and N704."""
    if not is_started():
        return Alone()
    group: Group = _module(backend).join(device)
    return group


def leave(backend: str) -> None:
    """End this process's part in the group that it has joined."""
    if is_started():
        _module(backend).leave()


def start(words: Sequence[str], count: int, backend: str, device: str) -> Launched:
    """Run `netspec` with these words in so many processes; raises `SpecError` N602, and N704 where one is killed."""
    module = _module(backend)
    module.check_devices(device, count)
    with TemporaryDirectory(prefix="netspec-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        ended: Any = module.launch(words, count, folder)
        if isinstance(ended, int):
            return Launched(128 + ended if ended else 0)
        told, run = read_word(folder, TOLD), read_word(folder, RUN)
    failures = {each.rank: each for each in ended}
    # those that the launcher asked to end did not fail first
    begun = [each for each in ended if each.code != -signal.SIGTERM] or ended
    killed = [each for each in begun if each.signal]
    if killed:
        raise SpecError(_killed(killed[0], run))
    first = failures.get(int(told or 0), begun[0])
    if told or first.code in [128 + number for number in SIGNALS]:
        return Launched(first.code, first.out, first.err)
    message = f"worker {first.rank} ended with exit code {first.code}"
    raise SpecError(Diagnostic("N704", message, because=_last_line(first.err), notes=_notes(run)))


def _module(backend: str) -> Any:
    """The module of a backend whose programs learn together."""
    module = load_backend(backend)
    check_manner(backend, module, PLAIN, together=True)
    return module


def _killed(failed: Any, run: str) -> Diagnostic:
    """What is said of a process that was killed."""
    message = f"worker {failed.rank} was killed by {failed.signal} (signal {-failed.code})"
    because = ""
    if failed.code == -signal.SIGKILL:
        because = "somebody did, or the system, as it does where memory runs out"
    return Diagnostic("N704", message, because=because, notes=_notes(run))


def _notes(run: str) -> tuple[str, ...]:
    """Where a run can be gone on with."""
    if not run:
        return ("nothing was saved yet",)
    last = Snapshots(Path(run) / LAST)
    numbers = last.numbers()
    if not numbers:
        return (f"nothing was saved in {run} yet",)
    weights = last.place(numbers[-1]) / WEIGHTS
    return f"the last good weights: {weights}", going_on(run)


def going_on(folder: str | Path) -> str:
    """How a run is gone on with."""
    return f"`netspec train {folder} --resume` goes on from there"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


class Bystander(Observer):
    """What stands where the first process has its record: it writes nothing.

    Where the record asks the program for its weights, it does so too: they may have to be gathered from all processes.
    """

    def __init__(self, program: Learner) -> None:
        self.program = program

    def finished_epoch(self, row: Row) -> None:
        if row.best:
            self.program.parameters()

    def finish(self, result: Result) -> None:
        """When the record takes the weights at the end."""
        if result.ended != "interrupted" and result.part != "val":
            self.program.parameters()
