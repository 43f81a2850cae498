"""The folders that runs left, read for people: what was trained how, how far it came, what is wrong with its record.

Everything in such a folder may come from anyone: sizes are checked before a file is read, documents are validated, and
whatever does not fit becomes a sentence in `Run.problems`.  Knows no backend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final, TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from netspec.diagnostics import did_you_mean, error
from netspec.ir.catalog import is_higher_better
from netspec.train.documents import Environment, Model, Result, Settings, row, what_is_wrong
from netspec.train.record import LOCK

MOST_DOCUMENT: Final = 1 << 22
"""Bytes of a document that are read."""
MOST_ROWS: Final = 1 << 26
"""Bytes of a table of epochs that are read."""
MOST_RUNS: Final = 10_000
"""Runs that are listed."""
RUNS: Final = Path("runs")
FILES: Final = ("settings.json", "environment.json", "metrics.jsonl", "result.json")
RUNNING: Final = "running"
"""How it stands with a run whose folder a process keeps for itself."""
UNFINISHED: Final = "unfinished"
"""How a run ended that has no result, and that nobody goes on with."""
PARTS: Final = ("train", "val", "test")
"""What the names of figures begin with."""
Document = TypeVar("Document", bound=Model)
_NUMBERED: Final = re.compile(r".+-\d{3,6}")


@dataclass(frozen=True, slots=True)
class Epoch:
    """A row of `metrics.jsonl`: the epoch's number, its figures by name (`val.loss`), its rate, its seconds.

    A figure that is not finite is not there.
    """

    number: int
    figures: Mapping[str, float]
    rate: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it; None and empty where the folder does not say."""

    folder: Path
    net: str = ""
    backend: str = ""
    device: str = ""
    dtype: str = ""
    parameters: int | None = None
    seed: int | None = None
    data: str = ""
    """The data that were used."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The values of the spec's parameters."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """The numbers in place of the spec's symbols."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The settings as a spec says them, by name and without it: that of `optimizer` is `adam 0.002`."""
    overrides: tuple[str, ...] = ()
    planned: int | None = None
    """Epochs that were wanted, where the run is measured in epochs."""
    epochs: int = 0
    """Epochs that were finished."""
    best_epoch: int | None = None
    """The epoch whose weights count, where a validation part decides."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The figures of the weights that count."""
    seconds: float | None = None
    started: str = ""
    ended: str = UNFINISHED
    """`done`, `patience`, `interrupted`, `failed`, `running` or `unfinished`."""
    failure: str = ""
    """Why it failed, where it did."""
    changed: float = 0.0
    """When one of its files was last written, in seconds since 1970."""
    problems: tuple[str, ...] = ()
    """What is wrong with the folder, a sentence each."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    def to_json(self) -> dict[str, Any]:
        """One object with stable keys."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            **{key: getattr(self, key) for key in _PLAIN},
            **{key: dict(getattr(self, key)) for key in ("values", "sizes", "settings", "figures")},
            "overrides": list(self.overrides),
            "failure": self.failure or None,
            "problems": list(self.problems),
        }


_PLAIN: Final = (
    *("net", "backend", "device", "dtype", "parameters", "seed", "data", "planned", "epochs"),
    *("best_epoch", "seconds", "started", "ended"),
)


# --- which folders


def is_run(path: Path) -> bool:
    """A run left this folder, or began to."""
    return path.is_dir() and any((path / name).exists() for name in FILES)


def place_of(text: str) -> Path:
    """The folder that a user means: a path, or the name of a run in `runs/`; raises N008."""
    path = Path(text)
    if path.is_dir():
        return path
    if path.name == text and (RUNS / text).is_dir():
        return RUNS / text
    what = "it is no folder" if path.exists() else "there is no such folder"
    names = [each.name for each in RUNS.iterdir()] if RUNS.is_dir() else []
    near = did_you_mean(path.name, names)
    note = f"did you mean `{near[0]}`?" if near else "`netspec train` leaves a folder in `runs/`"
    raise error("N008", f"{text}: {what}", notes=(note,))


def find(texts: Sequence[str]) -> list[Path]:
    """The folders of runs that a user means, each folder of runs replaced by those in it; raises N008."""
    found: dict[Path, None] = {}
    for place in map(place_of, texts or [str(RUNS)]):
        if is_run(place):
            found[place] = None
            continue
        inside = [path for path in place.iterdir() if not path.name.startswith(".") and path.is_dir()]
        runs = [path for path in inside if is_run(path) or _NUMBERED.fullmatch(path.name)]
        found.update(dict.fromkeys(sorted(runs, key=_order)))
    if len(found) > MOST_RUNS:
        raise error("N008", f"there are {len(found):,} runs, and {MOST_RUNS:,} are listed at most")
    return list(found)


def chosen(texts: Sequence[str]) -> tuple[list[Path], bool]:
    """The folders of runs that a user means, and whether these are to be compared: two runs or more, each named."""
    folders = find(texts)
    return folders, len(folders) > 1 and all(is_run(place_of(text)) for text in texts) and bool(texts)


def _order(path: Path) -> tuple[str, int]:
    """By name and number, so that the thousandth does not stand before the second."""
    name, _, number = path.name.rpartition("-")
    return (name, int(number)) if _NUMBERED.fullmatch(path.name) else (path.name, 0)


# --- one folder


def read(folder: Path) -> Run:
    """What a folder tells of its run."""
    return _Reader(folder).run()


def epochs(folder: Path) -> list[Epoch]:
    """The rows of a run; raises N008 where there is none that can be read."""
    reader = _Reader(folder)
    found = list(reader.epochs())
    if not found:
        why = "; ".join(reader.problems) or "no epoch was finished"
        raise error("N008", f"{folder}: there are no curves: {why}")
    return found


class _Reader:
    """Reads the files of one folder and notes what does not fit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

    def run(self) -> Run:
        settings = self.document("settings.json", Settings, needed=True)
        environment = self.document("environment.json", Environment, needed=True)
        result = self.document("result.json", Result)
        told: dict[str, Any] = {}
        if settings:
            told = {
                key: getattr(settings, key) for key in ("net", "backend", "device", "dtype", "parameters")
            }
            told |= {"seed": settings.settings.seed.value, "data": settings.data.used}
            told |= {
                "values": settings.values,
                "sizes": settings.sizes,
                "settings": settings.settings.lines(),
            }
            told |= {"overrides": settings.overrides}
            told |= {"planned": settings.settings.epochs.count if settings.settings.epochs else None}
        told |= self.progress(settings.watched if settings else None, result)
        if result:
            told |= {"ended": result.ended, "failure": result.error.message if result.error else ""}
        elif self.is_kept():
            told["ended"] = RUNNING
        started = environment.started if environment else ""
        return Run(
            self.folder, **told, started=started, changed=self.changed(), problems=tuple(self.problems)
        )

    def progress(self, watched: str | None, result: Result | None) -> dict[str, Any]:
        """How far it came, and the figures of the weights that count."""
        best: Epoch | None = None
        last: Epoch | None = None
        count, seconds, higher = 0, 0.0, is_higher_better(watched or "")
        wanted = result.best_epoch if result and watched else None
        for epoch in self.epochs():
            count, last, seconds = count + 1, epoch, seconds + epoch.seconds
            value = epoch.figures.get(watched or "")
            if wanted is not None:
                best = epoch if epoch.number == wanted else best
            elif value is not None:
                known = best.figures[watched or ""] if best else None
                better = known is None or (value > known if higher else value < known)
                best = epoch if better else best
        chosen = best if watched else last
        test = (result.test if result else None) or {}
        tested = {f"test.{name}": value for name, value in test.items() if name != "examples"}
        return {
            "epochs": count,
            "best_epoch": best.number if best else None,
            "figures": {
                **(chosen.figures if chosen else {}),
                **{name: value for name, value in tested.items() if value is not None},
            },
            "seconds": result.seconds if result and result.seconds is not None else round(seconds, 3),
        }

    def is_kept(self) -> bool:
        """A process trains in the folder; what cannot be asked is not kept."""
        lock = self.folder / LOCK
        try:
            if not S_ISREG(lock.lstat().st_mode):
                return False
            with FileLock(lock, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False

    def changed(self) -> float:
        """When one of the files was last written."""
        try:
            times = [path.stat().st_mtime for name in FILES if (path := self.folder / name).exists()]
            return max(times, default=self.folder.stat().st_mtime)
        except OSError:
            return 0.0

    def document(self, name: str, model: type[Document], *, needed: bool = False) -> Document | None:
        """A document that is as `train` writes it, else None and a problem; one that is not `needed` may be missing."""
        text = self.text(name, MOST_DOCUMENT, needed=needed)
        if text is None:
            return None
        try:
            return model.model_validate_json(text)
        except ValidationError as problem:
            self.problems.append(f"{name}: {what_is_wrong(problem)}")
            return None

    def epochs(self) -> Iterator[Epoch]:
        """The rows up to the first that is not as `train` writes it."""
        name = "metrics.jsonl"
        text = self.text(name, MOST_ROWS) or b""
        for number, line in enumerate(text.splitlines(), 1):
            try:
                found = row().validate_json(line)
            except ValidationError as problem:
                self.problems.append(f"{name}, row {number}: {what_is_wrong(problem)}")
                return
            epoch = found.get("epoch")
            if epoch is None or epoch < 1 or epoch != int(epoch):
                self.problems.append(f"{name}, row {number}: `epoch` is no number of an epoch")
                return
            figures = {
                key: value
                for key, value in found.items()
                if value is not None and key.partition(".")[0] in PARTS and "." in key
            }
            yield Epoch(int(epoch), figures, found.get("rate"), max(found.get("seconds") or 0.0, 0.0))

    def text(self, name: str, most: int, *, needed: bool = False) -> bytes | None:
        """The bytes of a file; None and a problem where it is too large or no file."""
        try:
            found = (self.folder / name).stat()
            if not S_ISREG(found.st_mode):
                self.problems.append(f"{name} is no file")
            elif found.st_size > most:
                self.problems.append(f"{name} has {found.st_size:,} bytes, and {most:,} are read at most")
            else:
                return (self.folder / name).read_bytes()
        except FileNotFoundError:
            if needed:
                self.problems.append(f"{name} is missing")
        except OSError as problem:
            self.problems.append(f"{name}: {(problem.strerror or 'it cannot be read').lower()}")
        return None
