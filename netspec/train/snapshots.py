"""The snapshots of a run: folders in `last/`, each a whole state from which the run goes on.

    last/000007/weights.safetensors   parameters, with the spec: what `eval`, `predict` and `export` read
    last/000007/state.safetensors     the optimiser's numbers, the generators, the weights of the best epoch
    last/000007/manifest.json         where the run stands, with what it was made, SHA-256 of every tensor

Every save makes a new folder and leaves the one before it; the two newest are kept.  The newest that verifies counts:
whatever stops a save, the run is in its new state or in its old one.  A snapshot is data from a disk like any other:
sizes are checked before memory is taken, and there is no code in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open

from netspec.diagnostics import SpecError, error
from netspec.train import durable
from netspec.train.checkpoint import to_bytes
from netspec.train.header import read_header
from netspec.train.position import Moment, Position

Array = np.ndarray[Any, np.dtype[Any]]

SCHEMA: Final = "netspec.snapshot/1"
WEIGHTS: Final = "weights.safetensors"
STATE: Final = "state.safetensors"
MANIFEST: Final = "manifest.json"
MOST_MANIFEST: Final = 1 << 26
"""Bytes of a manifest: a row an epoch and a digest a tensor."""
KEPT: Final = 2
MEMORY: Final = "memory/"
BEST: Final = "best/"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that was found to be whole."""

    folder: Path
    moment: Moment
    notes: Mapping[str, Any]
    """What the run was made with: backend, type, versions, circumstances, data."""

    @property
    def weights(self) -> Path:
        """The file of the parameters."""
        return self.folder / WEIGHTS


class Snapshots:
    """The snapshots in a folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def numbers(self) -> list[int]:
        """The numbers of the snapshots, oldest first; raises OSError."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir())
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())

    def place(self, number: int) -> Path:
        """The folder of a snapshot."""
        return self.folder / f"{number:06}"

    def save(self, moment: Moment, metadata: Mapping[str, str], notes: Mapping[str, Any]) -> Path:
        """Keep a run as it stands; the folder.  The two newest snapshots are left.  Raises OSError."""
        self.folder.mkdir(exist_ok=True)
        at = moment.position
        state = {f"{MEMORY}{name}": array for name, array in moment.memory.items()}
        state |= {f"{BEST}{name}": array for name, array in moment.best.items()}
        place = {"epoch": str(len(at.rows)), "step": str(at.step)}
        arrays = {WEIGHTS: moment.parameters, STATE: state}
        files = {name: to_bytes(each, {**metadata, **place}) for name, each in arrays.items()}
        content = {
            "position": at.to_json(),
            "notes": dict(notes),
            "tensors": {name: digests(each) for name, each in arrays.items()},
        }
        document = {"schema": SCHEMA, "sha256": digest_of(content), "content": content}
        files[MANIFEST] = json.dumps(document, indent=1).encode()
        numbers = self.numbers()
        path = self.place(max(numbers, default=0) + 1)
        durable.make_folder(path, files)
        for number in numbers[: len(numbers) - KEPT + 1]:
            durable.remove_folder(self.place(number))
        return path

    def load(self) -> tuple[Snapshot | None, list[str]]:
        """The newest snapshot that verifies, and what is wrong with those that are newer; raises OSError."""
        problems: list[str] = []
        for number in reversed(self.numbers()):
            try:
                return read(self.place(number)), problems
            except SpecError as refused:
                problems += [each.message for each in refused.diagnostics]
        return None, problems

    def clean(self) -> None:
        """Take away what a killed process left; raises OSError."""
        if self.folder.is_dir():
            durable.clean(self.folder)

    def drop_after(self, kept: Path) -> None:
        """Take away the snapshots that are newer than the one that counts; raises OSError."""
        for number in self.numbers():
            if number > int(kept.name):
                durable.remove_folder(self.place(number))


def read(folder: Path) -> Snapshot:
    """A snapshot, verified; raises `SpecError` N703."""
    content = _manifest(folder / MANIFEST)
    try:
        position = Position.from_json(content["position"])
        notes, tensors = dict(content["notes"]), dict(content["tensors"])
        weights = _arrays(folder / WEIGHTS, tensors[WEIGHTS])
        state = _arrays(folder / STATE, tensors[STATE])
    except (KeyError, TypeError, ValueError) as problem:
        raise _refused(folder / MANIFEST, f"it is no manifest of a snapshot: {problem}") from None
    memory, best = (
        {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
        for prefix in (MEMORY, BEST)
    )
    return Snapshot(folder, Moment(position, weights, memory, best), notes)


def digests(arrays: Mapping[str, Array]) -> dict[str, str]:
    """SHA-256 of every array: of its type, its shape and its bytes (little-endian, the last axis fastest)."""
    found = {}
    for name, array in arrays.items():
        digest = sha256(f"{array.dtype.newbyteorder('<').str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
        found[name] = digest.hexdigest()
    return found


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of a document, whatever the order of its keys."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _manifest(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > MOST_MANIFEST:
            raise _refused(path, f"it is {size:,} bytes long, and {MOST_MANIFEST:,} are the limit")
        document = json.loads(path.read_bytes())
    except OSError as problem:
        raise _refused(path, (problem.strerror or str(problem)).lower()) from None
    except (ValueError, RecursionError):
        raise _refused(path, "it is not JSON") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise _refused(path, f"it is no document of the schema {SCHEMA}")
    content = document.get("content")
    if not isinstance(content, dict) or digest_of(content) != document.get("sha256"):
        raise _refused(path, "its content is not what was written: SHA-256 differs")
    return content


def _arrays(path: Path, wanted: Mapping[str, str]) -> dict[str, Array]:
    """The arrays of a file, each found to be what was written."""
    shapes = read_header(path).shapes
    if set(shapes) != set(wanted):
        raise _refused(path, f"it holds {len(shapes)} arrays, and the manifest names {len(wanted)} others")
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in shapes}
    except (SafetensorError, OSError, ValueError) as problem:
        raise _refused(path, f"it cannot be read: {problem}") from None
    for name, digest in digests(arrays).items():
        if digest != wanted[name]:
            raise _refused(path, f"`{name}` is not what was written: SHA-256 differs")
    return arrays


def _refused(path: Path, problem: str) -> SpecError:
    return error("N703", f"{path}: {problem}")
