"""What a run leaves behind: a folder of its own, never one that was there before.

The spec as read, the settings, the environment, a row an epoch, the curves, the weights, the snapshots to go on from.
Files are written beside their place and renamed; rows are appended, and put right when the run goes on: an interrupted
run leaves whole files.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from netspec.diagnostics import SpecError, error
from netspec.ir.net import Net
from netspec.passes.library import SHIPPED
from netspec.train import checkpoint, curves, durable
from netspec.train.events import Observer, Result, Row, finite
from netspec.train.learner import Learner
from netspec.train.position import Moment
from netspec.train.snapshots import WEIGHTS, Snapshot, Snapshots

BEST: Final = "best.safetensors"
LAST: Final = "last"
RESULT: Final = "result.json"
LOCK: Final = ".lock"
RUN: Final = r"(\d{3,6})"
"""The number of a run in the name of its folder, as a pattern."""
_MOST_RUNS: Final = 10**6


def safe_name(name: str) -> str:
    """The name of a network as folders bear it."""
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._-")[:100] or "net"


def new_folder(out: Path, name: str) -> Path:
    """Make `out/name-001`, or the next number that is free; raises N704 where that cannot be done."""
    safe = safe_name(name)
    pattern = re.compile(rf"{re.escape(safe)}-{RUN}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        taken = [int(match[1]) for path in out.iterdir() if (match := pattern.fullmatch(path.name))]
        for number in range(max(taken, default=0) + 1, _MOST_RUNS):
            folder = out / f"{safe}-{number:03}"
            with suppress(FileExistsError):  # another run was faster
                folder.mkdir()
                return folder
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise error("N704", f"{problem.filename or out}: the run's folder cannot be made: {reason}") from None
    raise error("N704", f"{out}: there are more than {_MOST_RUNS:,} runs of {safe}")


class Record(Observer):
    """The folder of one run.

    With a validation part `best.safetensors` holds the best epoch so far; without one nothing may choose, and it is
    written when the run ends.  `last/` holds the newest snapshots, from which the run can be gone on with.  One process
    at a time writes into the folder: while entered, a record keeps others out.  `net` is the network as it is written.
    """

    def __init__(
        self,
        folder: Path,
        net: Net,
        program: Learner,
        metadata: Mapping[str, str],
        notes: Mapping[str, Any],
    ) -> None:
        self.folder, self.net, self.program = folder, net, program
        self.metadata, self.notes = metadata, notes
        self.snapshots = Snapshots(folder / LAST)
        self.rows: list[Row] = []
        self.last: Path | None = None
        """The weights of the newest snapshot, None where there is none yet."""
        self.lock = FileLock(folder / LOCK, timeout=0)

    def __enter__(self) -> Record:
        try:
            self.lock.acquire()
        except Timeout:
            raise error("N706", f"another process is training in {self.folder}") from None
        return self

    def __exit__(self, *_failure: object) -> None:
        with suppress(OSError):
            (self.folder / LOCK).unlink(missing_ok=True)
        self.lock.release()

    def go_on(self, snapshot: Snapshot) -> None:
        """Put the folder back to where the run stood at a snapshot, and take away what a killed process left."""
        durable.clean(self.folder)
        self.snapshots.clean()
        self.snapshots.drop_after(snapshot.folder)
        (self.folder / RESULT).unlink(missing_ok=True)
        self.rows, self.last = list(snapshot.moment.position.rows), snapshot.weights
        for name, text in _tables(self.rows).items():
            durable.replace_file(self.folder / name, text)
        if snapshot.moment.best:
            self.save_best(snapshot.moment.best, snapshot.moment.position.best_epoch)

    def write_spec(self) -> None:
        """The spec as it was read, and beside it what it imports."""
        durable.replace_file(self.folder / f"{self.net.name}.net", self.net.text or self.net.to_text())
        for path, text in self.net.files.items():
            if not path.startswith(SHIPPED):
                place = self.folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                durable.replace_file(place, text)

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """A document of the run, indented for people."""
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        durable.replace_file(self.folder / name, text + "\n")

    def finished_epoch(self, row: Row) -> None:
        """A row in `metrics.csv` and `metrics.jsonl`, and the weights where they are the best."""
        for name, text in _tables([row], header=not self.rows).items():
            self._append(name, text)
        self.rows.append(row)
        if row.best:
            self.save_best(self.program.parameters(), row.epoch)

    def _append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8", newline="") as file:
            file.write(text)

    def save(self, moment: Moment) -> None:
        """Keep the run as it stands."""
        self.last = self.snapshots.save(moment, self.metadata, self.notes) / WEIGHTS

    def save_best(self, parameters: Mapping[str, Any], epoch: int) -> Path:
        """The weights that count."""
        step = self.rows[epoch - 1].step
        path = self.folder / BEST
        checkpoint.save(path, parameters, {**self.metadata, "epoch": str(epoch), "step": str(step)})
        return path

    def finish(self, result: Result) -> Path:
        """The weights that count, and what came out; the path of the weights."""
        if result.ended == "interrupted":
            assert self.last is not None
            path = self.last
        elif result.part == "val":
            path = self.folder / BEST
        else:
            path = self.save_best(self.program.parameters(), result.best_epoch)
        document = {
            "schema": "netspec.result/1",
            "ended": result.ended,
            "epochs": len(result.rows),
            "steps": result.steps,
            "seconds": round(result.seconds, 3),
            "best_epoch": result.best_epoch,
            "chosen_on": "validation" if result.part == "val" else "nothing: the last weights",
            "test": finite(result.test.to_json()) if result.test else None,
        }
        self.write_json(RESULT, document)
        return path

    def fail(self, failure: SpecError) -> None:
        """What a run came to that could not go on."""
        found = failure.diagnostics[0]
        document = {
            "schema": "netspec.result/1",
            "ended": "failed",
            "epochs": len(self.rows),
            "error": {"code": found.code, "message": found.message, "because": found.because or None},
        }
        self.write_json(RESULT, document)

    def draw(self, complain: Callable[[str], None]) -> None:
        """`curves.svg` of the rows so far; says what is missing where it cannot be drawn."""
        if not self.rows:
            return
        if not curves.can_draw():
            complain(curves.MISSING)
            return
        durable.replace_file(self.folder / "curves.svg", curves.svg(self.rows, self.net.name))


def _tables(rows: Sequence[Row], *, header: bool = True) -> dict[str, str]:
    """Rows as they stand in both tables."""
    values = [row.to_json() for row in rows]
    lines: list[list[Any]] = [list(values[0])] if header and values else []
    lines += [list(each.values()) for each in values]
    objects = (json.dumps(finite(each), allow_nan=False) + "\n" for each in values)
    return {"metrics.csv": "".join(map(_csv, lines)), "metrics.jsonl": "".join(objects)}


def _csv(cells: list[Any]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
