"""Writing that survives: a file or a folder is there whole, or as it was before, whenever the machine stops.

What is new is written beside its place, brought to the disk, and renamed; then the folder is brought to the disk, so
that the rename is too (POSIX rename and fsync; https://lwn.net/Articles/457667/).  An `OSError` bears the name that was
asked for, whatever is written beside it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

BESIDE: Final = re.compile(r"\..+\.[0-9a-f]{8}")
"""Names of what is written beside its place: `.best.safetensors.1f00beef`."""


def replace_file(path: Path, content: bytes | str) -> None:
    """Write a file, or leave the old one; its permissions are kept, and a link to it is.  Raises OSError."""
    raw = content.encode() if isinstance(content, str) else content
    with _named(path):
        place = path.resolve()
        beside = _beside(place)
        try:
            _write(beside, raw)
            if place.exists():
                shutil.copymode(place, beside)
            beside.replace(place)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
        sync_folder(place.parent)


def make_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder with files in it, or nothing; raises OSError."""
    beside = _beside(path)
    with _named(path):
        try:
            beside.mkdir()
            for name, content in files.items():
                _write(beside / name, content)
            sync_folder(beside)
            beside.replace(path)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Take a folder away; none with its name is ever there in part.  Raises OSError."""
    gone = _beside(path)
    path.rename(gone)
    shutil.rmtree(gone)


def clean(folder: Path) -> None:
    """Take away what was left beside its place by a process that was killed while it wrote; raises OSError."""
    for path in folder.iterdir():
        if BESIDE.fullmatch(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; raises OSError."""
    if os.name == "nt":  # where a folder cannot be opened, and renames are written through
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have what fails in here bear the name of this file or folder."""
    try:
        yield
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror or str(problem), str(path)) from problem


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}")


def _write(path: Path, content: bytes) -> None:
    """A new file with this content, on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
