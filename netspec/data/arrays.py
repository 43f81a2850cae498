"""`data npz`: arrays in NumPy's own formats.  No file makes it run code; sizes are checked before memory is taken."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from struct import unpack
from typing import IO, Any, Final
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from netspec.data.dataset import Loaded, Request
from netspec.data.files import DEFLATE, unreadable
from netspec.data.fitting import check_finite
from netspec.data.lazy import LAZY_FROM, Array, pieces
from netspec.data.numeric import Rows, Treatment, assemble
from netspec.diagnostics import error
from netspec.settings.data import Npz
from netspec.settings.values import PART

LABEL: Final = "y"
"""The field that is to be predicted unless the network says otherwise."""
_DAMAGED: Final = (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error)
"""What zipfile and NumPy raise on a file that is cut, damaged, encrypted or packed in a way they do not know."""
_LOCAL: Final = 30
"""Bytes of a zip member's own header before its name (APPNOTE.TXT 4.3.7)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One array that a header describes and that has not been read yet."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    start: int | None
    """Where its entries lie in the file; None where they are packed."""
    info: ZipInfo | None = None

    @property
    def size(self) -> int:
        """Bytes of its entries."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def said(self) -> str:
        """Its name in a message."""
        return str(self.path) if self.info is None else f"{self.path}: {self.name}"

    def stays(self, asked: bool) -> bool:
        """It is mapped instead of read: it is large and not packed, or asked for; raises N702 where that cannot be."""
        if asked and self.start is None:
            how = "np.savez and np.save write arrays that can"
            raise unreadable(self.path, f"{self.name} is packed and cannot be mapped; {how}")
        return self.start is not None and (asked or self.size > LAZY_FROM)

    def array(self, *, mapped: bool = False) -> Array:
        """The array itself, every entry finite; raises N702, and what `_DAMAGED` lists."""
        found = self._mapped() if mapped else self._read()
        if found.dtype == np.bool_:
            found = found.view(np.int8)
        check_finite(found, self.said)
        return found

    def _read(self) -> Array:
        if self.info is None:
            with self.path.open("rb") as stream:
                return np.asarray(npy.read_array(stream, allow_pickle=False))
        with ZipFile(self.path) as archive, archive.open(self.info) as stream:
            return np.asarray(npy.read_array(stream, allow_pickle=False))

    def _mapped(self) -> Array:
        assert self.start is not None
        order: Any = "F" if self.fortran else "C"
        found = np.memmap(self.path, self.dtype, "r", self.start, self.shape, order)
        if self.info is not None:
            self._check_sum()
        return found

    def _check_sum(self) -> None:
        """What zipfile checks while it reads."""
        assert self.info is not None and self.start is not None
        end = self.start + self.size
        checksum = 0
        for _, piece in pieces(
            np.memmap(self.path, "u1", "r", end - self.info.file_size, (self.info.file_size,))
        ):
            checksum = zlib.crc32(piece.data, checksum)
        if checksum != self.info.CRC:
            raise unreadable(self.path, f"{self.name} is damaged: its checksum is not the one written down")


def load(reader: Npz, request: Request) -> Loaded:
    """The arrays of one or more files for a network; raises N701, N702, N404 and N406."""
    fields = tuple(dict.fromkeys((*request.roles.inputs, request.roles.target)))
    single = reader.path.lower().endswith(".npy")
    members = _single(reader, fields, request) if single else _archive(reader, fields, request)
    staying = [member.stays(reader.mapped) for member in members]
    total = sum(member.size for member, stays in zip(members, staying, strict=True) if not stays)
    path = members[0].path
    if total > request.most_bytes:
        raise unreadable(path, f"its arrays take {total:,} bytes, and {request.most_bytes:,} are the limit")
    _check_parts(members, len(fields))
    try:
        arrays = [member.array(mapped=stays) for member, stays in zip(members, staying, strict=True)]
    except _DAMAGED as problem:
        raise unreadable(path, f"it is not an .npz or .npy file, or damaged: {problem}") from None
    parts = []
    for start in range(0, len(arrays), len(fields)):
        some = slice(start, start + len(fields))
        said = [member.said for member in members[some]]
        parts.append(Rows(dict(zip(fields, arrays[some], strict=True)), dict(zip(fields, said, strict=True))))
    return assemble(parts[0], request, Treatment.of(reader), *parts[1:], label=LABEL)


def _archive(reader: Npz, fields: Sequence[str], request: Request) -> list[Member]:
    """The arrays of an .npz file: those of each field, or, where they have no such names, `x1`, `x2`, ..."""
    path = request.place.find(reader.path)
    for option in ("targets", "test_inputs", "test_targets"):
        if getattr(reader, option) is not None:
            message = f"{path}: `{option}` goes with an .npy file, and an .npz file holds all arrays itself"
            raise error("N406", message)
    numbered = fields
    if len(request.inputs) > 1:
        others = [name for name in request.roles.fields if name != LABEL]
        places = {name: f"x{number}" for number, name in enumerate(others, 1)}
        numbered = [places.get(name, name) for name in fields]
    choices = [
        tuple(f"{name}{part}" for part in parts for name in names)
        for names in (fields, numbered)
        for parts in (("_train", "_test"), ("",))
    ]
    members = members_of(path, *dict.fromkeys(choices))
    if len(members) > len(fields) and reader.test is not None:
        asked = f"`test={PART.write(reader.test)}`"
        names = " and ".join(member.name for member in members[len(fields) :])
        raise error("N406", f"{path}: it has {names} of its own, and {asked} asks for others")
    return members


def _single(reader: Npz, fields: Sequence[str], request: Request) -> list[Member]:
    """The arrays of .npy files, one each."""
    if len(request.inputs) > 1:
        message = (
            f"{reader.path} is an .npy file and holds one array, and the network reads {len(request.inputs)}"
        )
        raise error("N404", message, notes=("an .npz file holds an array for each input, by its name",))
    files = {"x": reader.path, "y": reader.targets}
    test_files = {"x": reader.test_inputs, "y": reader.test_targets}
    options = {"x": ("path", "test_inputs"), "y": ("targets", "test_targets")}
    lacking = [options[name][0] for name in fields if files[name] is None]
    if any(test_files.values()):
        lacking += [options[name][1] for name in fields if test_files[name] is None]
    if lacking:
        message = f"{reader.path} is an .npy file and holds one array; `{lacking[0]}` has to name another"
        raise error("N406", message)
    if reader.test_inputs and reader.test is not None:
        raise error("N406", "the examples to test on are those of `test_inputs` or of `test`, not of both")
    written = [each[name] for each in (files, test_files) for name in fields]
    return [file_of(request.place.find(path)) for path in written if path]


def _check_parts(members: Sequence[Member], count: int) -> None:
    """Each part has as many examples in all its arrays, and those of both parts have the same shapes."""
    for start in range(0, len(members), count):
        x, *others = members[start : start + count]
        for other in others:
            if x.shape[0] != other.shape[0]:
                counts = f"{x.name} holds {x.shape[0]:,} examples, and {other.name} {other.shape[0]:,}"
                raise unreadable(x.path, counts)
    for train, test in zip(members[:count], members[count:], strict=False):
        if train.shape[1:] != test.shape[1:]:
            shapes = f"{train.name} is {_shown(train.shape)}, and {test.name} {_shown(test.shape)}"
            raise unreadable(train.path, f"{shapes}: their examples differ in shape")


def members_of(path: Path, *choices: tuple[str, ...]) -> list[Member]:
    """The arrays of the first of some lists of names that an .npz file has all of, in that order; raises N702.

    All headers are checked against the sizes of the members, and these against what a packed file can hold.
    """
    try:
        with ZipFile(path) as archive:
            wanted = _wanted(path, archive, choices)
            return [_member(path, archive, info, name) for name, info in wanted.items()]
    except _DAMAGED as problem:
        raise unreadable(path, f"it is not an .npz file, or damaged: {problem}") from None


def file_of(path: Path) -> Member:
    """The array of an .npy file, its header checked against the file's size; raises N702."""
    try:
        with path.open("rb") as stream:
            shape, fortran, dtype, start = _header(stream)
        size = path.stat().st_size
    except _DAMAGED as problem:
        raise unreadable(path, f"it is not an .npy file, or damaged: {problem}") from None
    return _checked(Member(path, path.name, shape, dtype, fortran, start), size - start)


def _wanted(path: Path, archive: ZipFile, choices: Sequence[tuple[str, ...]]) -> dict[str, ZipInfo]:
    present = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    for names in choices:
        if all(name in present for name in names):
            return {name: present[name] for name in names}
    found = ", ".join(sorted(present)[:12]) or "nothing"
    first, *others = dict.fromkeys(", ".join(names) for names in choices)
    needed = f"{first} {'are' if len(choices[0]) > 1 else 'is'} needed"
    raise unreadable(path, ", or ".join([f"it holds {found}; {needed}", *others]))


def _member(path: Path, archive: ZipFile, info: ZipInfo, name: str) -> Member:
    """The member's header, found to agree with the number of its bytes."""
    if info.file_size > DEFLATE * info.compress_size:
        packed, size = f"{info.compress_size:,} packed bytes", f"{info.file_size:,}"
        raise unreadable(path, f"{name} announces {size} bytes, and {packed} cannot hold them")
    with archive.open(info) as stream:
        shape, fortran, dtype, start = _header(stream)
    plain = info.compress_type == ZIP_STORED and not info.flag_bits & 1
    inside = _begin(path, info) + start if plain else None
    return _checked(Member(path, name, shape, dtype, fortran, inside, info), info.file_size - start)


def _begin(path: Path, info: ZipInfo) -> int:
    """Where the bytes of a member that is not packed begin; its own header has been read by zipfile."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset)
        name, extra = unpack("<HH", stream.read(_LOCAL)[26:30])
    begin = info.header_offset + _LOCAL + int(name) + int(extra)
    size = path.stat().st_size
    if begin + info.file_size > size or info.file_size != info.compress_size:
        ends = f"bytes {begin:,} to {begin + info.file_size - 1:,}"
        raise unreadable(path, f"{info.filename} lies in {ends} by its header, and the file has {size:,}")
    return begin


def _checked(member: Member, follow: int) -> Member:
    """The member, if it holds numbers and as many as its header announces; `follow` is the number of their bytes."""
    path, name, shape, dtype = member.path, member.name, member.shape, member.dtype
    if dtype.hasobject:
        raise unreadable(path, f"{name} holds Python objects, which could run code; numbers are needed")
    if dtype.kind not in "biuf":
        raise unreadable(path, f"{name} is of type {dtype}; numbers are needed")
    if not shape or prod(shape) == 0:
        raise unreadable(path, f"{name} is of shape {_shown(shape)}: there is no example in it")
    if member.size != follow or min(shape) < 0:
        announced = f"{_shown(shape)} entries of {dtype.itemsize} bytes = {member.size:,} bytes"
        raise unreadable(path, f"{name} announces {announced}, and {follow:,} follow")
    return member


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order, type and length of an .npy header; raises ValueError on anything else."""
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"the version {version} of its header is not known")
    try:
        shape, fortran, dtype = readers[version](stream)
    except Exception as problem:  # NumPy lets through whatever Python's tokenizer and parser raise
        raise ValueError(f"its header cannot be read: {problem}") from None
    return shape, fortran, dtype, stream.tell()


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "()"
