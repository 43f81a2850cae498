"""What a sweep leaves in its folder beside the runs: `sweep.json`, the plan and the trials, and a picture.

The file may come from anyone: its size is checked and it is validated before anything in it is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import zip_longest
from math import sqrt
from pathlib import Path, PurePath
from statistics import fmean
from typing import Any, Final, Literal, NamedTuple

from filelock import FileLock, Timeout
from pydantic import ConfigDict, Field, ValidationError

from netspec.diagnostics import error, short
from netspec.ir.catalog import is_higher_better
from netspec.train.documents import Count, Model, what_is_wrong
from netspec.train.durable import replace_file
from netspec.train.record import LOCK
from netspec.train.sampling import Sets

SCHEMA: Final = "netspec.sweep/1"
FILE: Final = "sweep.json"
SEED: Final = "train.seed"
"""The setting whose values are repetitions of a trial."""
MOST_BYTES: Final = 1 << 26
"""Bytes of a `sweep.json` that are read."""

Method = Literal["grid", "optuna"]


class _Model(Model):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Plan(_Model):
    """What a sweep tries; two sweeps with equal plans are the same."""

    net: str
    text: str
    """The text of the spec."""
    files: dict[str, str]
    """The texts that it imports, by path."""
    sets: dict[str, tuple[str, ...]]
    """What is tried, by name."""
    method: Method
    trials: Count
    figure: str
    values: dict[str, str]
    sizes: dict[str, Count]
    changes: tuple[str, ...]
    backend: str
    dtype: str
    seed: Count
    held_out: bool
    """The spec has no `stop`, so that each trial holds out a validation part."""


class Trial(_Model):
    """One run of a sweep; `started` says that it was not finished, and is to be repeated."""

    number: Count
    values: dict[str, str]
    state: Literal["started", "done", "failed"] = "started"
    folder: str | None = None
    parameters: Count | None = None
    figure: float | None = None
    epochs: Count | None = None
    best_epoch: Count | None = None
    seconds: float = 0.0
    failure: str | None = None

    @property
    def is_over(self) -> bool:
        """Nothing is left to do for it."""
        return self.state != "started"

    def told(self) -> str:
        """Its values in one line."""
        return ", ".join(f"{plain(name)} {value}" for name, value in self.values.items())


class _Document(_Model):
    schema_: Literal["netspec.sweep/1"] = Field(SCHEMA, alias="schema")
    plan: Plan
    trials: tuple[Trial, ...]


class Outcome(NamedTuple):
    """What came of the trials that differ in nothing but their seed."""

    values: Mapping[str, str]
    """Without the seed, where that is varied."""
    trials: tuple[Trial, ...]
    figure: float | None
    """The mean over the trials that did not fail, None where all did."""
    deviation: float | None
    """The standard deviation over these, n - 1 in its denominator; None of fewer than two."""

    @property
    def parameters(self) -> int | None:
        """Trainable parameters of the network, None where it could not be made."""
        return self.trials[0].parameters

    @property
    def seconds(self) -> float:
        """Seconds of all its trials."""
        return sum(trial.seconds for trial in self.trials)


def plain(name: str) -> str:
    """The name of a parameter or setting as tables show it: `optimizer.rate`."""
    return name.removeprefix("train.")


class SweepRecord:
    """The folder of a sweep."""

    def __init__(self, folder: Path, plan: Plan, trials: Mapping[int, Trial]) -> None:
        self.folder, self.plan = folder, plan
        self._trials = dict(trials)

    @classmethod
    @contextmanager
    def open(cls, folder: Path, plan: Plan) -> Iterator[SweepRecord]:
        """The sweep of a folder, begun or to be gone on with; other processes are kept out of it meanwhile.

        Raises N707 where the folder holds another sweep, a damaged one or something else, or is not ours.
        """
        _make(folder)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise error("N707", f"another process is at the sweep in {folder}") from None
        except OSError as problem:
            raise error("N707", f"{folder}: {(problem.strerror or str(problem)).lower()}") from None
        try:
            yield cls(folder, plan, _known(folder, plan))
        finally:
            with suppress(OSError):
                (folder / LOCK).unlink(missing_ok=True)
            lock.release()

    @property
    def trials(self) -> list[Trial]:
        """The trials that were begun, by number."""
        return [self._trials[number] for number in sorted(self._trials)]

    def trial(self, number: int) -> Trial | None:
        """The trial of a number, None where it was not begun."""
        return self._trials.get(number)

    def folders(self) -> set[str]:
        """The names of what lies in the folder."""
        return {path.name for path in self.folder.iterdir() if path.is_dir()}

    def enter(self, trial: Trial) -> None:
        """Put a trial into `sweep.json`; raises N704 where that cannot be written."""
        self._trials[trial.number] = trial
        document = _Document(schema=SCHEMA, plan=self.plan, trials=tuple(self.trials))
        try:
            replace_file(self.folder / FILE, document.model_dump_json(indent=2, by_alias=True) + "\n")
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            raise error(
                "N704", f"{problem.filename or self.folder}: the sweep cannot be written: {reason}"
            ) from None

    @property
    def axes(self) -> Sets:
        """What is tried, without the seeds, unless there is nothing else."""
        sets = {name: values for name, values in self.plan.sets.items() if name != SEED}
        return sets or self.plan.sets

    def outcomes(self) -> list[Outcome]:
        """What came of the trials that are over, the best first, those that failed last."""
        groups: dict[tuple[str, ...], list[Trial]] = {}
        for trial in self.trials:
            if trial.is_over:
                groups.setdefault(tuple(trial.values[name] for name in self.axes), []).append(trial)
        found = [self._outcome(trials) for trials in groups.values()]
        sign = -1 if is_higher_better(self.plan.figure) else 1
        return sorted(found, key=lambda one: (one.figure is None, sign * (one.figure or 0.0)))

    def _outcome(self, trials: list[Trial]) -> Outcome:
        figures = [trial.figure for trial in trials if trial.figure is not None]
        mean = fmean(figures) if figures else None
        deviation = None
        if mean is not None and len(figures) > 1:
            deviation = sqrt(sum((figure - mean) ** 2 for figure in figures) / (len(figures) - 1))
        values = {name: trials[0].values[name] for name in self.axes}
        return Outcome(values, tuple(trials), mean, deviation)


# --- a folder that was there before


def _make(folder: Path) -> None:
    """Make the folder of a sweep where it is not there; raises N707 where something else is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        inside = {path.name for path in folder.iterdir()} - {LOCK}
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise error(
            "N707", f"{problem.filename or folder}: the sweep's folder cannot be made: {reason}"
        ) from None
    if inside and FILE not in inside:
        raise error("N707", f"{folder} holds `{min(inside)}` and no {FILE}: it is not the folder of a sweep")


def _known(folder: Path, plan: Plan) -> dict[int, Trial]:
    """The trials of a folder by number, found to be those of a plan."""
    path = folder / FILE
    if not path.exists():
        return {}
    document = _read(path)
    _check_same(folder, document.plan, plan)
    _check_trials(path, document)
    return {trial.number: trial for trial in document.trials}


def _read(path: Path) -> _Document:
    """The document of a sweep; raises N707."""
    try:
        size = path.stat().st_size
        if not path.is_file() or size > MOST_BYTES:
            what = (
                "it is no file" if not path.is_file() else f"{size:,} bytes, and {MOST_BYTES:,} are the limit"
            )
            raise error("N707", f"{path}: {what}")
        return _Document.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise error("N707", f"{path}: {(problem.strerror or str(problem)).lower()}") from None
    except ValidationError as problem:
        raise error("N707", f"{path}: {what_is_wrong(problem)}") from None


def _check_same(folder: Path, before: Plan, after: Plan) -> None:
    """Raise N707 with what is different between the plan in a folder and the one that is wanted."""
    found = [
        f"{name}: {told}"
        for name in Plan.model_fields
        if (told := _difference(name, getattr(before, name), getattr(after, name)))
    ]
    if found:
        notes = (*found, f"--out another folder begins a new sweep; {folder} stays as it is")
        raise error("N707", f"{folder} holds another sweep", notes=notes)


def _difference(name: str, before: Any, after: Any) -> str:
    """What is different between two values of a plan; empty where nothing is."""
    if before == after:
        return ""
    if name == "text":
        lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
        pairs = ((number, *pair) for number, pair in enumerate(lines, 1))
        number, old, new = next((each for each in pairs if each[1] != each[2]), (1, "", "other line ends"))
        return f"line {number}: `{short(old.strip(), 60)}` -> `{short(new.strip(), 60)}`"
    if name == "files":
        other = [path for path in {**before, **after} if before.get(path) != after.get(path)]
        return ", ".join(other)
    return f"{short(_said(before), 120)} -> {short(_said(after), 120)}"


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_said(each)}" for key, each in value.items()) or "none"
    if isinstance(value, tuple):
        return "{" + ", ".join(value) + "}"
    return str(value)


def _check_trials(path: Path, document: _Document) -> None:
    """Raise N707 where the trials in a document are not of its plan."""
    plan, numbers = document.plan, [trial.number for trial in document.trials]
    if len(set(numbers)) < len(numbers) or any(not 1 <= number <= plan.trials for number in numbers):
        raise error("N707", f"{path}: the numbers of its trials are not 1 to {plan.trials}, each once")
    for trial in document.trials:
        wrong = [name for name in {**plan.sets, **trial.values} if not _fits(plan, trial, name)]
        if wrong:
            raise error(
                "N707", f"{path}: trial {trial.number} has a value of `{wrong[0]}` that is not in its set"
            )
        if trial.folder is not None and PurePath(trial.folder).name != trial.folder:
            raise error("N707", f"{path}: trial {trial.number} names a folder that is not beside it")
        if (trial.state == "done") != (trial.figure is not None):
            raise error(
                "N707", f"{path}: trial {trial.number} is {trial.state}, and its figure {trial.figure}"
            )


def _fits(plan: Plan, trial: Trial, name: str) -> bool:
    return trial.values.get(name) in plan.sets.get(name, ())
