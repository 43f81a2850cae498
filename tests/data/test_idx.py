import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, idx, load
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.settings.data import Idx


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


# --- as the data of a network


def put(folder: Path, **files: np.ndarray) -> None:
    for name, array in files.items():
        (folder / name).write_bytes(encoded(array))


PICTURES = np.arange(10 * 12, dtype="u1").reshape(10, 3, 4)
LABELS = (np.arange(10) % 2).astype("u1")
SHAPE, CLASSES = Shape((3, 4, 1)), Shape((), of=2)


def read(folder: Path, **options: object) -> Loaded:
    return load(Idx("x", "y", **options), None, SHAPE, CLASSES, folder=folder)  # type: ignore[arg-type]


def test_two_files_are_divided_and_four_are_not(tmp_path: Path) -> None:
    put(tmp_path, x=PICTURES, y=LABELS, a=PICTURES[:4], b=LABELS[:4])
    loaded = read(tmp_path)
    assert [len(part) for part in (loaded.train, loaded.test)] == [8, 2]
    assert loaded.train.inputs.dtype == np.float32
    assert loaded.used == 'idx "x" labels="y"'
    loaded = read(tmp_path, test_inputs="a", test_labels="b", validation=0.2)
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [8, 2, 4]
    np.testing.assert_array_equal(loaded.test.inputs[..., 0], (PICTURES[:4] / np.float32(255)))


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"y": LABELS[:9]}, {}, "N702: .*y: it holds 9 labels, and x 10 examples"),
        ({"y": LABELS + 1}, {}, "N404: .*classes 0 to 1 apart, and 2 stands at example 1 of .*y"),
        ({"y": PICTURES}, {}, "N404: a target of the data is 3x4, and the output is one number"),
        ({"y": np.full(10, np.nan, ">f4")}, {}, "N702: .*y holds nan at example 0"),
        (
            {"x": np.where(PICTURES == 17, np.inf, 0).astype(">f4")},
            {},
            "N702: .*x holds inf at example 1, entry 1, 1",
        ),
        ({"x": PICTURES[:, :2]}, {}, "N404: an example of .*x is 2x4, and the input is 3x4x1"),
        (
            {"a": PICTURES[:, :2], "b": LABELS},
            {"test_inputs": "a", "test_labels": "b"},
            "N702: .* differ in shape",
        ),
        ({}, {"test_inputs": "x"}, "N406: .* two files, and `test_labels` names none"),
        ({}, {"test_inputs": "x", "test_labels": "y", "test": 0.1}, "N406: .* `test_inputs` or of `test`"),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, files: dict[str, np.ndarray], options: dict[str, object], message: str
) -> None:
    put(tmp_path, **{"x": PICTURES, "y": LABELS, **files})
    with pytest.raises(SpecError, match=message):
        read(tmp_path, **options)


def test_a_packed_file_cannot_be_mapped(tmp_path: Path) -> None:
    put(tmp_path, y=LABELS)
    (tmp_path / "x").write_bytes(gzip.compress(encoded(PICTURES)))
    assert len(read(tmp_path).train) == 8
    with pytest.raises(
        SpecError, match=r"N702: .*x: it is packed and cannot be mapped; unpacked by gunzip it can"
    ):
        read(tmp_path, mapped=True)


def test_real_digits_from_their_files(shared_data: Path, tmp_path: Path) -> None:
    if not (shared_data / "mnist" / "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip("NETSPEC_DATA holds no MNIST")
    reader = Idx("mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz", standardize=True)
    loaded = load(reader, None, Shape((784,)), Shape((), of=10), folder=tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (8000, 2000)
    assert float(np.mean(loaded.train.inputs)) == pytest.approx(0, abs=1e-4)
    assert float(np.std(loaded.train.inputs)) == pytest.approx(1, abs=1e-4)
