import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from netspec.data import idx
from netspec.diagnostics import SpecError


def encoded(array: np.ndarray) -> bytes:
    code = {np.dtype(text): code for code, text in idx.TYPES.items()}[array.dtype]
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


IMAGES = np.arange(24, dtype="u1").reshape(2, 3, 4)


@pytest.mark.parametrize("dtype", list(idx.TYPES.values()))
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_is_read_plain_and_packed(tmp_path: Path, dtype: str, packed: bool) -> None:
    array = IMAGES.astype(dtype)
    path = tmp_path / "any-name"
    path.write_bytes(gzip.compress(encoded(array)) if packed else encoded(array))
    found = idx.read(path)
    assert np.array_equal(found, array)
    assert found.dtype.isnative


def test_a_large_array_is_read_in_pieces(tmp_path: Path) -> None:
    array = np.arange(3 * (1 << 20) + 17, dtype=">i4")
    path = tmp_path / "large"
    path.write_bytes(gzip.compress(encoded(array), 1))
    assert np.array_equal(idx.read(path), array)


GOOD = encoded(IMAGES)

DAMAGED = {
    "empty": (b"", r"ends at byte 0, inside the magic number \(bytes 0 to 3\)"),
    "three bytes": (GOOD[:3], "ends at byte 3, inside the magic number"),
    "cut header": (GOOD[:9], r"ends at byte 9, inside the sizes of 3 dimensions \(bytes 4 to 15\)"),
    "wrong magic": (b"\x89PNG" + GOOD[4:], "starts with 89504e47"),
    "unknown type": (b"\0\0\x0a\x03" + GOOD[4:], "starts with 00000a03"),
    "no dimension": (b"\0\0\x08\0" + GOOD[4:], "byte 3 says 0 dimensions"),
    "many dimensions": (b"\0\0\x08\xff" + GOOD[4:], "byte 3 says 255 dimensions"),
    "cut entries": (GOOD[:-1], "2 x 3 x 4 entries of 1 bytes = 24 bytes, and 23 follow it at byte 16"),
    "trailing": (GOOD + b"xy", "24 bytes, and 26 follow it at byte 16"),
    "no examples": (struct.pack(">HBB2I", 0, 8, 2, 0, 7), "the array is empty"),
    "huge": (
        struct.pack(">HBB4I", 0, 8, 4, *[1 << 10] * 4),
        "1,099,511,627,776 bytes, and 4,294,967,296 are the limit",
    ),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "digits.idx"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=message) as refused:
        idx.read(path)
    (found,) = refused.value.diagnostics
    assert found.code == "N702"
    assert found.message.startswith(str(path))


PACKED = gzip.compress(GOOD)
SIZES = struct.pack(">HBB2I", 0, 8, 2, 1 << 15, 1 << 15)

BADLY_PACKED = {
    "cut": (PACKED[:-12], "gzip data end too early, after byte 16"),
    "cut header": (PACKED[:11], "gzip data end too early, after byte 0"),
    "wrong checksum": (PACKED[:-8] + b"abcd" + PACKED[-4:], "gzip data are damaged"),
    "no deflate": (PACKED[:10] + b"\xff" * 30, "gzip data are damaged after byte 0"),
    "trailing": (gzip.compress(GOOD + b"x"), "array ends at byte 40 and the file goes on"),
    "cut entries": (gzip.compress(GOOD[:-4]), r"ends at byte 36, inside the entries \(bytes 16 to 39\)"),
    "impossible": (gzip.compress(SIZES), r"1,073,741,824 bytes, and \d\d packed bytes cannot hold them"),
}


@pytest.mark.parametrize(("content", "message"), BADLY_PACKED.values(), ids=BADLY_PACKED)
def test_a_badly_packed_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "digits.idx.gz"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(SpecError, match=message):
            idx.read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "digits.idx"
    path.write_bytes(GOOD)
    with pytest.raises(SpecError, match=r"24 bytes, and 23 are the limit"):
        idx.read(path, most_bytes=23)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"N702"):
        idx.read(tmp_path)
