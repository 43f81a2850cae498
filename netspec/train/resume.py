"""Going on with a run that was interrupted: its folder found, its newest snapshot read, what has changed since told.

All that a run needs stands in its snapshot: the spec with what it imports, the settings, the numbers.  No path that it
names is opened: data are looked for beside the spec that the user names, else beside the run and in the current folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from netspec.data import Dataset, Loaded, every
from netspec.diagnostics import error
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.train.checkpoint import restore
from netspec.train.environment import versions
from netspec.train.learner import Learner
from netspec.train.options import Options, resolve
from netspec.train.record import LAST, RUN, safe_name
from netspec.train.snapshots import Snapshot, Snapshots

SAMPLE: Final = 64
"""Examples by which data are recognised."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run that is to be gone on with."""

    folder: Path
    net: Net
    options: Options
    snapshot: Snapshot
    notes: tuple[str, ...]
    """What is to be said aloud."""

    @property
    def backend(self) -> str:
        """The backend that the run was begun with."""
        return str(self.snapshot.notes["backend"])

    @property
    def dtype(self) -> str:
        """The type of its numbers."""
        return str(self.snapshot.notes["dtype"])


def newest(out: Path, name: str) -> Path:
    """The newest run of a spec in a folder of runs; raises N706."""
    pattern = re.compile(rf"{re.escape(safe_name(name))}-{RUN}")
    found = [path for path in out.iterdir() if pattern.fullmatch(path.name)] if out.is_dir() else []
    if not found:
        raise error("N706", f"there is no run of `{name}` in {out}")
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]))


def reopen(
    folder: Path, changes: Sequence[str] = (), spec: Net | None = None, limits: Limits = DEFAULT
) -> Resumed:
    """A run as it was left, with some settings changed; raises `SpecError` N706 where it cannot be gone on with.

    `spec` is the network as it stands in its file now, if the user names one.
    """
    try:
        snapshot, problems = Snapshots(folder / LAST).load()
    except OSError as problem:
        raise error("N706", f"{folder}: {(problem.strerror or str(problem)).lower()}") from None
    if snapshot is None:
        reason = "; ".join(problems) or f"there is no snapshot in {folder / LAST}"
        raise error("N706", f"{folder} cannot be resumed: {reason}")
    notes = [f"{problem}: going on from {snapshot.folder}, the one before" for problem in problems]
    restored = restore(snapshot.weights, limits)
    if spec is not None and spec != restored.net:
        tries = (f"`netspec diff {snapshot.weights} {spec.name}.net` shows what is different",)
        message = f"the spec has changed since {folder} was begun, so that the run cannot be resumed"
        raise error("N706", message, tries=tries)
    _check_notes(folder, snapshot.notes)
    options = resolve(restored.net, [*restored.overrides, *changes])
    before = resolve(restored.net, restored.overrides)
    changed = [
        f"{name} {_shown(before, name)} -> {_shown(options, name)}"
        for name in sorted({*options.training.settings, *before.training.settings})
        if options.training.get(name) != before.training.get(name)
    ]
    if changed:
        notes.append(f"other settings from here on: {', '.join(changed)}; not the run that was interrupted")
    return Resumed(folder, restored.net, options, snapshot, tuple(notes))


def _shown(options: Options, name: str) -> str:
    use = options.training.get(name)
    return "none" if use is None else f"`{use.written()}`"


def _check_notes(folder: Path, notes: Mapping[str, Any]) -> None:
    """Raise N706 where the notes of a snapshot are not what `notes_of` makes."""
    texts = all(isinstance(notes.get(name), str) for name in ("backend", "dtype"))
    tables = all(isinstance(notes.get(name), dict) for name in ("versions", "circumstances", "data"))
    if not texts or not tables:
        raise error("N706", f"{folder} cannot be resumed: its manifest does not say how the run was made")


def notes_of(backend: str, dtype: str, program: Learner, loaded: Loaded) -> dict[str, Any]:
    """What a run is made with, as its snapshots keep it."""
    return {
        "backend": backend,
        "dtype": dtype,
        "versions": versions(),
        "circumstances": {**program.circumstances(), "processes": str(program.group.size)},
        "data": {"used": loaded.used, "examples": len(loaded.train), "sample": sample(loaded.train)},
    }


def sample(dataset: Dataset) -> str:
    """SHA-256 of some examples, spread evenly, with their targets."""
    chosen = np.unique(np.linspace(0, len(dataset) - 1, SAMPLE).astype(int))
    digest = sha256()
    arrays = (*every(dataset.inputs), *every(dataset.targets), *dataset.lengths.values())
    for array in (each[chosen] for each in arrays):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def compare(resumed: Resumed, now: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    """Refuse other data (N706), and say aloud what keeps the run from being the unbroken one to the last bit."""
    then = resumed.snapshot.notes
    if then["data"] != now["data"]:
        have, want = (
            f"{found.get('examples'):,} examples of {found.get('used')}"
            for found in (now["data"], then["data"])
        )
        same = "others with the same name" if have == want else have
        raise error("N706", f"the run was begun on {want}, and these are {same}: it cannot be resumed")
    for note in resumed.notes:
        tell(f"warning: {note}")
    changed = [
        f"{name} {then[kind].get(name, 'none')} -> {now[kind].get(name, 'none')}"
        for kind in ("versions", "circumstances")
        for name in sorted({*then[kind], *now[kind]})
        if then[kind].get(name) != now[kind].get(name)
    ]
    if then["dtype"] != now["dtype"]:
        changed.append(f"dtype {then['dtype']} -> {now['dtype']}")
    if changed:
        tell(
            f"warning: changed since the run was interrupted: {', '.join(changed)}; "
            "it goes on, but not to the last bit as if it had never stopped"
        )
