"""What a run leaves behind: a folder of its own, never one that was there before.

The spec as read, the settings, the environment, a row an epoch, the curves, the weights.  Files are written beside
their place and renamed, rows are appended and flushed: an interrupted run leaves whole files.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, Final

from netspec.backends import Program
from netspec.diagnostics import error
from netspec.ir.net import Net
from netspec.passes.library import SHIPPED
from netspec.train import checkpoint, curves
from netspec.train.events import Observer, Result, Row, finite

BEST: Final = "best.safetensors"
LAST: Final = "last/weights.safetensors"
_MOST_RUNS: Final = 10**6


def new_folder(out: Path, name: str) -> Path:
    """Make `out/name-001`, or the next number that is free; raises N704 where that cannot be done."""
    safe = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._-")[:100] or "net"
    pattern = re.compile(rf"{re.escape(safe)}-(\d{{3,6}})")
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
    written when the run ends.  `last/` holds the last epoch, or the last step of a run that was interrupted.
    """

    def __init__(self, folder: Path, program: Program, metadata: Mapping[str, str]) -> None:
        self.folder, self.program, self.metadata = folder, program, metadata
        self.rows: list[Row] = []
        self.last: Path | None = None
        """The weights of the last epoch, None where there are none yet."""
        (folder / "last").mkdir()

    @property
    def net(self) -> Net:
        """The network that is trained."""
        return self.program.net

    def write_spec(self) -> None:
        """The spec as it was read, and beside it what it imports."""
        checkpoint.write(self.folder / f"{self.net.name}.net", self.net.text or self.net.to_text())
        for path, text in self.net.files.items():
            if not path.startswith(SHIPPED):
                place = self.folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                checkpoint.write(place, text)

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """A document of the run, indented for people."""
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        checkpoint.write(self.folder / name, text + "\n")

    def finished_epoch(self, row: Row) -> None:
        """A row in `metrics.csv` and `metrics.jsonl`, and the weights."""
        values = row.to_json()
        self._append("metrics.jsonl", json.dumps(finite(values), allow_nan=False) + "\n")
        if not self.rows:
            self._append("metrics.csv", _csv(list(values)))
        self._append("metrics.csv", _csv(list(values.values())))
        self.rows.append(row)
        self.last = self.save(LAST, epoch=row.epoch, step=row.step)
        if row.best:
            self.save(BEST, epoch=row.epoch, step=row.step)

    def _append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8", newline="") as file:
            file.write(text)

    def save(self, file: str, **place: int) -> Path:
        """The program's weights as they are now."""
        path = self.folder / file
        checkpoint.save(
            path,
            self.program.parameters(),
            {**self.metadata, **{name: str(value) for name, value in place.items()}},
        )
        return path

    def finish(self, result: Result) -> Path:
        """The weights that count, and what came out; the path of the weights."""
        if result.ended == "interrupted":
            path = self.save(LAST, epoch=len(result.rows), step=result.steps)
        elif result.part == "val":
            path = self.folder / BEST
        else:
            path = self.save(BEST, epoch=result.best_epoch, step=result.steps)
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
        self.write_json("result.json", document)
        return path

    def draw(self, complain: Callable[[str], None]) -> None:
        """`curves.svg` of the rows so far; says what is missing where it cannot be drawn."""
        if not self.rows:
            return
        if not curves.can_draw():
            complain(curves.MISSING)
            return
        checkpoint.write(self.folder / "curves.svg", curves.svg(self.rows, self.net.name))


def _csv(cells: list[Any]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
