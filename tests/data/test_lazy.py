"""Examples that are made when they are asked for look like arrays, batch by batch."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Dataset, Lazy, Loaded, arrays, fitting, lazy, load
from netspec.data.lazy import pieces
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.ir.training import Reader
from netspec.settings.data import Idx, Npz
from netspec.train.evaluate import Prepared

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (50, 4, 3, 2), np.uint8)
LABELS = np.arange(50) % 5
SHAPE, CLASSES = Shape((4, 3, 2)), Shape((), of=5)


@pytest.fixture
def made() -> Lazy:
    return Lazy(np.arange(20), (2,), np.dtype(float), lambda rows: np.stack([rows, rows * 10.0], 1))


def test_it_is_indexed_like_an_array(made: Lazy) -> None:
    whole = np.asarray(made)
    assert (made.shape, made.ndim, made.size, len(made)) == ((20, 2), 2, 40, 20)
    for which in (slice(3, 7), slice(None, None, 4), np.array([5, 1, 5]), 4, -1):
        found = made[which]
        assert type(found) is np.ndarray and np.array_equal(found, whole[which])


def test_parts_of_parts_are_found(made: Lazy) -> None:
    some = made.take(np.array([2, 4, 6, 8])).take(np.array([3, 0]))
    assert some[:].tolist() == [[8, 80], [2, 20]]
    assert Dataset(made, made).take(np.array([1])).targets[:].tolist() == [[1, 10]]


def test_a_function_is_put_behind_it(made: Lazy) -> None:
    through = made.through(lambda batch: batch.sum(axis=1, keepdims=True))
    assert through.shape == (20, 1) and through[2:3].tolist() == [[22]]


def test_what_it_gives_may_be_written_to(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 2), np.float32))
    source = np.load(tmp_path / "a.npy", mmap_mode="r")
    given = Lazy(source, (2,), source.dtype, np.ascontiguousarray)[:2]
    given[:] = 1
    assert not np.load(tmp_path / "a.npy").any()


def test_pieces_cover_everything_once() -> None:
    array = np.arange(10_000_000, dtype=np.float64)
    found = list(pieces(array))
    assert len(found) > 1 and sum(len(piece) for _, piece in found) == len(array)
    assert all(piece[0] == start for start, piece in found)


def files(folder: Path) -> dict[str, Reader]:
    np.savez(folder / "a.npz", x=PIXELS, y=LABELS)
    np.savez(folder / "b.npz", x=np.asfortranarray(PIXELS), y=LABELS)
    np.save(folder / "x.npy", PIXELS)
    np.save(folder / "y.npy", LABELS)
    (folder / "x.idx").write_bytes(struct.pack(">HBB4I", 0, 8, 4, *PIXELS.shape) + PIXELS.tobytes())
    (folder / "y.idx").write_bytes(struct.pack(">HBBI", 0, 0x0C, 1, 50) + LABELS.astype(">i4").tobytes())
    options = {"standardize": True, "mapped": True, "validation": 0.2}
    return {
        "npz": Npz("a.npz", **options),  # type: ignore[arg-type]
        "fortran": Npz("b.npz", **options),  # type: ignore[arg-type]
        "npy": Npz("x.npy", targets="y.npy", **options),  # type: ignore[arg-type]
        "idx": Idx("x.idx", "y.idx", **options),  # type: ignore[arg-type]
    }


def read(reader: Reader, folder: Path, shape: Shape = SHAPE) -> Loaded:
    return load(reader, None, shape, CLASSES, folder=folder)


@pytest.mark.parametrize("name", ["npz", "fortran", "npy", "idx"])
@pytest.mark.parametrize("shape", [SHAPE, Shape((24,))], ids=str)
def test_a_mapped_file_gives_the_same_numbers(tmp_path: Path, name: str, shape: Shape) -> None:
    mapped = read(files(tmp_path)[name], tmp_path, shape)
    plain = read(Npz("a.npz", standardize=True, validation=0.2), tmp_path, shape)
    assert mapped.preprocessing == plain.preprocessing
    for part in ("train", "validation", "test"):
        one, other = getattr(mapped, part), getattr(plain, part)
        assert isinstance(one.inputs, Lazy) and isinstance(other.inputs, np.ndarray)
        assert isinstance(one.inputs.source, np.memmap)
        assert one.inputs.dtype == np.float32
        np.testing.assert_array_equal(one.inputs[:], other.inputs)
        np.testing.assert_array_equal(one.inputs[np.array([2, 0])], other.inputs[[2, 0]])
        np.testing.assert_array_equal(one.targets, other.targets)


def test_what_is_large_is_mapped_without_being_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path)
    monkeypatch.setattr(arrays, "LAZY_FROM", 1000)
    monkeypatch.setattr(fitting, "LAZY_FROM", 1000)
    loaded = load(Npz("a.npz"), None, SHAPE, CLASSES, folder=tmp_path, most_bytes=800)
    assert isinstance(loaded.train.inputs, Lazy) and isinstance(loaded.train.inputs.source, np.memmap)
    np.savez_compressed(tmp_path / "a.npz", x=PIXELS, y=LABELS)
    with pytest.raises(SpecError, match=r"N702: .*its arrays take 1,600 bytes, and 800 are the limit"):
        load(Npz("a.npz"), None, SHAPE, CLASSES, folder=tmp_path, most_bytes=800)


def test_bytes_stay_bytes_where_their_numbers_would_be_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=PIXELS, y=LABELS)
    monkeypatch.setattr(fitting, "LAZY_FROM", 2000)
    inputs = read(Npz("a.npz"), tmp_path).train.inputs
    assert isinstance(inputs, Lazy) and inputs.source.dtype == np.uint8
    assert inputs[:1].max() <= 1
    assert lazy.LAZY_FROM == 1 << 28


def test_large_targets_are_mapped_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=PIXELS, y=PIXELS / 256)
    loaded = load(Npz("a.npz", mapped=True, split="time"), None, SHAPE, SHAPE, folder=tmp_path)
    assert isinstance(loaded.train.targets, Lazy)
    np.testing.assert_array_equal(loaded.test.targets[:], (PIXELS[40:] / 256).astype(np.float32))


def test_only_plain_files_can_be_mapped(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=PIXELS, y=LABELS)
    with pytest.raises(SpecError, match=r"N702: .*x is packed and cannot be mapped; np.savez"):
        read(Npz("a.npz", mapped=True), tmp_path)


def test_a_mapped_member_is_checked_like_one_that_is_read(tmp_path: Path) -> None:
    numbers = np.ones((50, 24), np.float32)
    np.savez(tmp_path / "a.npz", x=numbers, y=LABELS)
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[whole.index(numbers[0].tobytes()) + 3] ^= 1
    (tmp_path / "a.npz").write_bytes(whole)
    with pytest.raises(SpecError, match=r"N702: .*x is damaged: its checksum is not the one written down"):
        read(Npz("a.npz", mapped=True), tmp_path)
    numbers[31, 7] = np.nan
    np.savez(tmp_path / "a.npz", x=numbers, y=LABELS)
    with pytest.raises(SpecError, match=r"N702: .*x holds nan at example 31, entry 7"):
        read(Npz("a.npz", mapped=True), tmp_path)
    np.savez(tmp_path / "a.npz", x=np.ones((50, 24)), y=np.where(LABELS == 3, 7, LABELS))
    with pytest.raises(SpecError, match=r"N404: .*apart, and 7 stands at example 3 of .*a.npz: y"):
        read(Npz("a.npz", mapped=True), tmp_path)


def test_more_than_may_be_read_is_trained_on_from_its_file(tmp_path: Path) -> None:
    """Five gibibytes of pictures, most of which is a hole in the file."""
    count, side = 80_000, 256
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, side, side, 1)}
    with (tmp_path / "x.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.truncate(stream.tell() + count * side * side)
    np.save(tmp_path / "y.npy", np.arange(count) % 2)
    tracemalloc.start()
    try:
        reader = Npz("x.npy", targets="y.npy", validation=0.1)
        loaded = load(reader, None, Shape((side, side, 1)), Shape((), of=2), folder=tmp_path)
        batch = Prepared.of(loaded.train).batch(np.array([50_000, 3]))
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()
    assert (len(loaded.train), len(loaded.test)) == (57_600, 16_000)
    assert batch[0].shape == (2, 1, side, side) and not batch[0].any()
