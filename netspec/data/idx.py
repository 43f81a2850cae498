"""`data idx`: the IDX format of MNIST (http://yann.lecun.com/exdb/mnist), plain or gzipped.

Two zero bytes, a type, the number of dimensions, each dimension as four bytes, then the entries; all big-endian.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netspec.data.dataset import Loaded, Request
from netspec.data.files import DEFLATE, MOST_BYTES, unreadable
from netspec.data.fitting import check_finite
from netspec.data.lazy import LAZY_FROM
from netspec.data.numeric import Rows, Treatment, assemble
from netspec.diagnostics import error
from netspec.settings.data import Idx

TYPES: Final = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

Maps: TypeAlias = Callable[[bool, int], bool]
"""Whether a file stays in its place, by whether it is packed and by the number of its bytes."""

_MOST_DIMENSIONS: Final = 8
_PIECE: Final = 1 << 20


def read(path: Path, most_bytes: int = MOST_BYTES) -> NDArray[Any]:
    """The array of an IDX file; raises N702 naming the byte (of the unpacked file) at which it goes wrong.

    Memory is taken only after the header was found to agree with the size of the file.
    """
    return _open(path, most_bytes, lambda _packed, _needed: False)


def open_array(path: Path, most_bytes: int, *, mapped: bool) -> NDArray[Any]:
    """The array as `read` gives it, mapped where it is large and not packed, or where that is asked for."""

    def maps(packed: bool, needed: int) -> bool:
        if mapped and packed:
            raise unreadable(path, "it is packed and cannot be mapped; unpacked by gunzip it can")
        return not packed and (mapped or needed > LAZY_FROM)

    return _open(path, most_bytes, maps)


def _open(path: Path, most_bytes: int, maps: Maps) -> NDArray[Any]:
    try:
        with path.open("rb") as start:
            packed = start.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            return _Reader(path, stream, packed, most_bytes, maps).run()
    except OSError as problem:
        raise unreadable(path, problem.strerror or str(problem)) from None


def load(reader: Idx, request: Request) -> Loaded:
    """The arrays of two or four files for a network; raises N701, N702, N404 and N406."""
    test = [("test_inputs", reader.test_inputs), ("test_labels", reader.test_labels)]
    lacking = [name for name, path in test if path is None]
    if len(lacking) == 1:
        raise error("N406", f"the examples to test on are two files, and `{lacking[0]}` names none")
    if not lacking and reader.test is not None:
        raise error("N406", "the examples to test on are those of `test_inputs` or of `test`, not of both")
    train = _pair(reader.path, reader.labels, reader, request)
    held = None if lacking else _pair(str(reader.test_inputs), str(reader.test_labels), reader, request)
    images = [each.fields["image"] for each in (train, held) if each]
    if held and images[0].shape[1:] != images[1].shape[1:]:
        pairs = zip((train, held), images, strict=True)
        first, second = (f"{each.said['image']} is {_shown(array.shape)}" for each, array in pairs)
        raise error("N702", f"{first}, and {second}: their examples differ in shape")
    return assemble(train, request, Treatment.of(reader), held, label="label")


def _pair(inputs: str, labels: str, reader: Idx, request: Request) -> Rows:
    paths = [request.place.find(path) for path in (inputs, labels)]
    x, y = (open_array(path, request.most_bytes, mapped=reader.mapped) for path in paths)
    if len(x) != len(y):
        counts = f"it holds {len(y):,} labels, and {paths[0].name} {len(x):,} examples"
        raise unreadable(paths[1], counts)
    for path, array in zip(paths, (x, y), strict=True):
        check_finite(array, str(path))
    return Rows({"image": x, "label": y}, {"image": str(paths[0]), "label": str(paths[1])})


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


class _Reader:
    def __init__(self, path: Path, stream: BufferedIOBase, packed: bool, most_bytes: int, maps: Maps) -> None:
        self.path = path
        self.stream = stream
        self.packed = packed
        self.most_bytes = most_bytes
        self.maps = maps
        self.offset = 0

    def run(self) -> NDArray[Any]:
        dtype, dims = self.header()
        needed = self.check_size(dtype, dims)
        if self.maps(self.packed, needed):
            return np.memmap(self.path, dtype, "r", self.offset, dims)
        array = np.empty(dims, dtype)
        self.fill(array.reshape(-1).view("u1").data, "entries")
        if self.more():
            raise unreadable(self.path, f"the array ends at byte {self.offset:,} and the file goes on")
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def header(self) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Type and dimensions as the header states them."""
        magic = bytearray(4)
        self.fill(memoryview(magic), "magic number")
        zeros, code, count = magic[:2], magic[2], magic[3]
        if any(zeros) or code not in TYPES:
            known = ", ".join(f"0000{each:02x}" for each in TYPES)
            raise unreadable(
                self.path,
                f"it starts with {magic.hex()}, and an IDX file with one of {known} and the number of dimensions",
            )
        if not 1 <= count <= _MOST_DIMENSIONS:
            raise unreadable(
                self.path, f"byte 3 says {count} dimensions, and 1 to {_MOST_DIMENSIONS} are possible"
            )
        sizes = bytearray(4 * count)
        self.fill(memoryview(sizes), f"sizes of {count} dimensions")
        return np.dtype(TYPES[code]), tuple(int(size) for size in np.frombuffer(sizes, ">u4"))

    def check_size(self, dtype: np.dtype[Any], dims: tuple[int, ...]) -> int:
        """The number of bytes that the header announces; they can be in the file, and are not too many."""
        needed = prod(dims) * dtype.itemsize
        entries = _shown(dims)
        announced = f"the header announces {entries} entries of {dtype.itemsize} bytes = {needed:,} bytes"
        size = self.path.stat().st_size
        if not needed:
            raise unreadable(self.path, f"{announced}: the array is empty")
        if needed > self.most_bytes and not self.maps(self.packed, needed):
            raise unreadable(self.path, f"{announced}, and {self.most_bytes:,} are the limit")
        if self.packed and needed > DEFLATE * size:
            raise unreadable(self.path, f"{announced}, and {size:,} packed bytes cannot hold them")
        if not self.packed and needed != size - self.offset:
            raise unreadable(
                self.path, f"{announced}, and {size - self.offset:,} follow it at byte {self.offset}"
            )
        return needed

    def fill(self, view: memoryview, what: str) -> None:
        """Read exactly the bytes of the view."""
        start = self.offset
        while self.offset - start < len(view):
            done = self.offset - start
            piece = self.take(min(_PIECE, len(view) - done))
            if not piece:
                inside = f"the {what} (bytes {start:,} to {start + len(view) - 1:,})"
                raise unreadable(self.path, f"it ends at byte {self.offset:,}, inside {inside}")
            view[done : done + len(piece)] = piece
            self.offset += len(piece)

    def take(self, count: int) -> bytes:
        """Up to `count` bytes; a damaged packing is an error."""
        try:
            return self.stream.read(count)
        except EOFError:
            raise unreadable(
                self.path, f"the gzip data end too early, after byte {self.offset:,} of their content"
            ) from None
        except (gzip.BadGzipFile, zlib.error) as problem:
            raise unreadable(
                self.path, f"the gzip data are damaged after byte {self.offset:,}: {problem}"
            ) from None

    def more(self) -> bool:
        """Something follows."""
        return bool(self.take(1))
