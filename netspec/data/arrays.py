"""`data npz`: arrays in NumPy's own format.  No file makes it run code, or take memory that the size does not allow."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from netspec.data.dataset import Array, Dataset, Loaded, Request, check_finite, fit, fit_targets, split
from netspec.data.files import DEFLATE, unreadable
from netspec.data.mnist import pixels
from netspec.diagnostics import error
from netspec.settings.data import Npz

PARTS: Final = ("x_train", "y_train", "x_test", "y_test")
WHOLE: Final = ("x", "y")
_DEFAULT_TEST: Final = 0.2
_DAMAGED: Final = (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error)
"""What zipfile and NumPy raise on a file that is cut, damaged, encrypted or packed in a way they do not know."""


def load(reader: Npz, request: Request) -> Loaded:
    """The arrays of a file for a network; raises N701, N702 and N404."""
    path = request.place.find(reader.path)
    arrays = read(path, request.most_bytes)
    if set(arrays) == set(PARTS) and reader.test is not None:
        message = f"{path}: it has x_test and y_test of its own, and `test={reader.test:g}` asks for others"
        raise error("N406", message)
    _check_pairs(path, arrays)
    if set(arrays) == set(PARTS):
        train, test = (_dataset(arrays[x], arrays[y], request) for x, y in (PARTS[:2], PARTS[2:]))
    else:
        fraction = _DEFAULT_TEST if reader.test is None else reader.test
        train, test = split(_dataset(arrays["x"], arrays["y"], request), fraction, reader.seed)
    validation = None
    if reader.validation is not None:
        train, validation = split(train, reader.validation, reader.seed)
    return Loaded(train, test, validation)


def _dataset(x: Array, y: Array, request: Request) -> Dataset:
    if x.dtype == np.uint8 and request.input.of is None:
        x = pixels(x)
    return Dataset(fit(x, request.input), fit_targets(y, request.target))


def _check_pairs(path: Path, arrays: dict[str, Array]) -> None:
    names = list(arrays)
    for x, y in zip(names[::2], names[1::2], strict=True):
        if len(arrays[x]) != len(arrays[y]):
            raise unreadable(path, f"{x} holds {len(arrays[x]):,} examples, and {y} {len(arrays[y]):,}")
    for train, test in zip(names[:2], names[2:], strict=False):
        if arrays[train].shape[1:] != arrays[test].shape[1:]:
            shapes = f"{train} is {_shown(arrays[train].shape)}, and {test} {_shown(arrays[test].shape)}"
            raise unreadable(path, f"{shapes}: their examples differ in shape")


def read(path: Path, most_bytes: int) -> dict[str, Array]:
    """The arrays of `PARTS` or of `WHOLE`, in that order; raises N702.

    All headers are checked against the sizes of the members, and these against the limit, before memory is taken.
    """
    try:
        with ZipFile(path) as archive:
            members = [_member(path, archive, info, name) for name, info in _wanted(path, archive).items()]
            total = sum(member.size for member in members)
            if total > most_bytes:
                raise unreadable(path, f"its arrays take {total:,} bytes, and {most_bytes:,} are the limit")
            return {member.name: member.read(archive) for member in members}
    except _DAMAGED as problem:
        raise unreadable(path, f"it is not an .npz file, or damaged: {problem}") from None


def _wanted(path: Path, archive: ZipFile) -> dict[str, ZipInfo]:
    present = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    for names in (PARTS, WHOLE):
        if all(name in present for name in names):
            return {name: present[name] for name in names}
    found = ", ".join(sorted(present)[:12]) or "nothing"
    raise unreadable(path, f"it holds {found}; {', '.join(PARTS)} are needed, or {', '.join(WHOLE)}")


@dataclass(frozen=True, slots=True)
class _Member:
    """One array that the header describes and that has not been read yet."""

    path: Path
    info: ZipInfo
    name: str
    size: int

    def read(self, archive: ZipFile) -> Array:
        """The array itself."""
        with archive.open(self.info) as stream:
            array: Array = npy.read_array(stream, allow_pickle=False)
        if array.dtype == np.bool_:
            array = array.astype(np.uint8)
        check_finite(array, f"{self.path}: {self.name}")
        return array


def _member(path: Path, archive: ZipFile, info: ZipInfo, name: str) -> _Member:
    """The member's header, found to agree with the number of its bytes."""
    if info.file_size > DEFLATE * info.compress_size:
        packed, size = f"{info.compress_size:,} packed bytes", f"{info.file_size:,}"
        raise unreadable(path, f"{name} announces {size} bytes, and {packed} cannot hold them")
    with archive.open(info) as stream:
        shape, dtype, start = _header(stream)
    if dtype.hasobject:
        raise unreadable(path, f"{name} holds Python objects, which could run code; numbers are needed")
    if dtype.kind not in "biuf":
        raise unreadable(path, f"{name} is of type {dtype}; numbers are needed")
    if not shape or prod(shape) == 0:
        raise unreadable(path, f"{name} is of shape {_shown(shape)}: there is no example in it")
    needed = prod(shape) * dtype.itemsize
    if needed != info.file_size - start or min(shape) < 0:
        announced = f"{_shown(shape)} entries of {dtype.itemsize} bytes = {needed:,} bytes"
        raise unreadable(path, f"{name} announces {announced}, and {info.file_size - start:,} follow")
    return _Member(path, info, name, needed)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type and length of an .npy header; raises ValueError on anything else."""
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"the version {version} of its header is not known")
    try:
        shape, _, dtype = readers[version](stream)
    except Exception as problem:  # NumPy lets through whatever Python's tokenizer and parser raise
        raise ValueError(f"its header cannot be read: {problem}") from None
    return shape, dtype, stream.tell()


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "()"
