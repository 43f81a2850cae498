"""The files behind `data`: where they may lie, what they hold as bytes or text, and how one is refused."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from netspec.diagnostics import SpecError, did_you_mean, error
from netspec.settings.values import Encoding

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
        path = self.find_any(written)
        if not path.is_file():
            raise unreadable(path, "it is a folder" if path.is_dir() else "it is not an ordinary file")
        return path

    def find_folder(self, written: str) -> Path:
        """The folder that a spec calls by this path; raises N701 (none there) or N702 (not to be read)."""
        path = self.find_any(written)
        if not path.is_dir():
            raise unreadable(path, "it is a file, and a folder is needed")
        return path

    def find_any(self, written: str) -> Path:
        """What a spec calls by this path, a file or a folder; raises N701 (none there) or N702 (not to be read)."""
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


def unpacked(path: Path, raw: bytes, most: int) -> bytes:
    """The bytes of a file, unpacked where they are packed by gzip: at most `most`; raises N702."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        with gzip.open(BytesIO(raw)) as stream:
            found = stream.read(most + 1)
    except EOFError:
        raise unreadable(path, "it is packed and cut short") from None
    except (OSError, zlib.error) as problem:
        raise unreadable(path, f"it is packed and damaged: {problem}") from None
    if len(found) > most:
        raise unreadable(path, f"its {len(raw):,} bytes unpack to more than {most:,}, which are the limit")
    if not found:
        raise unreadable(path, "it is empty")
    return found


def entries(folder: Path, within: Path, most: int, *, allow_outside: bool = False) -> list[Path]:
    """What lies in a folder, sorted by name, without names that begin with a dot.

    Raises N702 for more than `most` entries, and for a link that leads out of the folder `within`.
    """
    found: list[Path] = []
    try:
        with os.scandir(folder) as there:
            for each in there:
                if each.name.startswith("."):
                    continue
                if len(found) == most:
                    raise unreadable(folder, f"there are more than {most:,} files in it, which are the limit")
                found.append(folder / each.name)
        outside = [
            path
            for path in found
            if path.is_symlink() and not allow_outside and not path.resolve().is_relative_to(within.resolve())
        ]
    except (OSError, RuntimeError) as problem:  # Python 3.11 has a RuntimeError for a loop of links
        raise unreadable(folder, getattr(problem, "strerror", "") or str(problem)) from None
    if outside:
        raise unreadable(min(outside), f"it is a link that leads out of {within}")
    return sorted(found)


def text_of(path: Path, most: int, encoding: Encoding = "utf8") -> str:
    """The text in a file of at most `most` bytes, which may be packed by gzip.

    Raises N702 with the line, and the byte that is none of a text.
    """
    return decoded(path, unpacked(path, content(path, most), most), encoding)


def decoded(path: Path, raw: bytes, encoding: Encoding = "utf8") -> str:
    """Bytes of a file as text, without the mark of UTF-8; raises N702 with the line and the offset."""
    if b"\0" in raw:
        raise unreadable(path, f"it is not text: line {raw[: raw.index(0)].count(10) + 1} holds a zero byte")
    if encoding == "latin1":
        return raw.decode("latin-1")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = problem.object[: problem.start].count(b"\n") + 1
        raise unreadable(
            path, f"line {line} is not UTF-8: byte {raw[problem.start]:#x} at offset {problem.start:,}"
        ) from None
