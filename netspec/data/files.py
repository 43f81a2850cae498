"""The files behind `data`: where they may lie, and how one is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from netspec.diagnostics import SpecError, did_you_mean, error

MOST_BYTES: Final = 1 << 32
"""Bytes that one data set may take in memory unless the caller allows another number."""

DEFLATE: Final = 1032
"""No deflate stream becomes more than this many times longer (https://zlib.net/zlib_tech.html)."""


def data_folder() -> Path | None:
    """The folder that the environment variable NETSPEC_DATA names, None where it is not set."""
    named = os.environ.get("NETSPEC_DATA")
    return Path(named).expanduser() if named else None


def unreadable(path: Path, problem: str, **details: object) -> SpecError:
    """The refusal of a file that is there: N702 with the file's name and what is wrong, numbers included."""
    return error("N702", f"{path}: {problem}", **details)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a spec may lie: its own folder, then NETSPEC_DATA; elsewhere only if `allow_outside`."""

    folder: Path
    allow_outside: bool = False

    def find(self, written: str) -> Path:
        """The file that a spec calls by this path; raises N701 (none there) or N702 (not to be read)."""
        if not written or "\0" in written:
            raise error("N702", f"{written!r} is not a path")
        if not self.allow_outside and _is_absolute(written):
            raise self._outside(written)
        for root in self._roots():
            path = root / written
            try:
                inside = self.allow_outside or path.resolve().is_relative_to(root.resolve())
                there = inside and path.exists()
            except (OSError, RuntimeError) as problem:  # Python 3.11 has a RuntimeError for a loop of links
                raise unreadable(path, getattr(problem, "strerror", "") or str(problem)) from None
            if not inside:
                raise self._outside(written)
            if there and not path.is_file():
                raise unreadable(path, "it is a folder" if path.is_dir() else "it is not an ordinary file")
            if there:
                return path
        looked = ", ".join(str(root) for root in self._roots())
        near = [
            str(Path(written).with_name(name))
            for name in did_you_mean(Path(written).name, self._beside(written))
        ]
        tries = tuple(f'`"{name}"`' for name in near)
        raise error("N701", f"{written} is not here (looked in {looked})", tries=tries)

    def _roots(self) -> list[Path]:
        shared = data_folder()
        return [self.folder, *([shared] if shared else [])]

    def _beside(self, written: str) -> Iterator[str]:
        """The names of the files in the folders where the file was looked for."""
        for root in self._roots():
            parent = (root / written).parent
            if parent.is_dir():
                yield from sorted(path.name for path in parent.iterdir())

    def _outside(self, written: str) -> SpecError:
        where = " and of NETSPEC_DATA" if data_folder() else ""
        notes = ("a spec reads files in its own folder and in the folder that NETSPEC_DATA names",)
        return error("N702", f"{written} lies outside of the spec's folder{where}", notes=notes)


def _is_absolute(written: str) -> bool:
    return PurePosixPath(written).is_absolute() or bool(PureWindowsPath(written).anchor)


def content(path: Path, most: int) -> bytes:
    """All bytes of a file of at most `most`; raises N702."""
    try:
        with path.open("rb") as stream:
            found = stream.read(most + 1)
    except OSError as problem:
        raise unreadable(path, problem.strerror or str(problem)) from None
    if len(found) > most:
        raise unreadable(path, f"it is {path.stat().st_size:,} bytes long, and {most:,} are the limit")
    if not found:
        raise unreadable(path, "it is empty")
    return found
