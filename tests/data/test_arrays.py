import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, load
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.settings.data import Npz

X = np.arange(40, dtype=np.float32).reshape(10, 4)
Y = np.arange(10) % 2


def read(folder: Path, shape: Shape = Shape((4,)), wanted: Shape | None = None, **options: object) -> Loaded:
    return load(Npz("a.npz", **options), None, shape, wanted, folder=folder)  # type: ignore[arg-type]


def save(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return folder / "a.npz"


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_parts_are_used_as_they_are(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    pack(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X[:3], y_test=Y[:3], other=np.zeros(2))
    loaded = read(tmp_path)
    assert np.array_equal(loaded.train.inputs, X)
    assert loaded.train.targets.dtype == np.int64
    assert np.array_equal(loaded.test.targets, Y[:3])
    assert loaded.used == 'npz "a.npz"'
    with pytest.raises(
        SpecError, match=r"N406: .*it has x_test and y_test of its own, and `test=0.1` asks for others"
    ):
        read(tmp_path, test=0.1)


def test_one_pair_is_divided(tmp_path: Path) -> None:
    save(tmp_path, x=X, y=Y)
    assert [len(part) for part in (read(tmp_path).train, read(tmp_path, test=0.4).test)] == [8, 4]
    loaded = read(tmp_path, validation=0.5)
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [4, 4, 2]


def test_types_become_those_of_the_network(tmp_path: Path) -> None:
    save(tmp_path, x=np.full((4, 2, 2, 1), 255, np.uint8), y=np.array([True, False, True, False]))
    loaded = read(tmp_path, Shape((2, 2, 1)), Shape((1,)))
    assert loaded.train.inputs.dtype == loaded.train.targets.dtype == np.float32
    assert loaded.train.inputs.max() == 1
    assert read(tmp_path, Shape((4,), of=256)).train.inputs.max() == 255
    save(tmp_path, x=X.astype(">f8"), y=np.asfortranarray(np.ones((10, 3))))
    loaded = read(tmp_path, wanted=Shape((3,)))
    assert np.array_equal(np.sort(np.r_[loaded.train.inputs, loaded.test.inputs], 0), X)
    save(tmp_path, x=X[..., None], y=np.zeros((10, 4), int))
    assert read(tmp_path, Shape((4, 1)), Shape((4,), of=2)).train.targets.shape == (8, 4)


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("sprung"),))  # type: ignore[return-value]


def raw(folder: Path, x: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    """An archive whose member x is these bytes."""
    y = io.BytesIO()
    np.save(y, Y)
    with zipfile.ZipFile(folder / "a.npz", "w", compression) as archive:
        archive.writestr("x.npy", x)
        archive.writestr("y.npy", y.getvalue())


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    packed = text.encode().ljust(117) + b"\n"
    return (
        b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", len(packed)) + packed
    )


def described(shape: str, descr: str = "'<f4'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


HEADERS = {
    "huge": (header(described("(1099511627776, 1024)")), "4,503,599,627,370,496 bytes, and 0 follow"),
    "too few": (header(described("(3,)")) + bytes(8), "3 entries of 4 bytes = 12 bytes, and 8 follow"),
    "too many": (header(described("(3,)")) + bytes(16), "12 bytes, and 16 follow"),
    "negative": (header(described("(-1, -1)")) + bytes(4), "announces -1 x -1 entries"),
    "no axis": (header(described("()")) + bytes(4), r"of shape \(\): there is no example"),
    "no example": (header(described("(0, 4)")), "of shape 0 x 4: there is no example"),
    "objects": (header(described("(1,)", "'|O'")) + bytes(8), "holds Python objects"),
    "record": (header(described("(1,)", "[('a', '<f4')]")) + bytes(4), "numbers are needed"),
    "text": (header(described("(1,)", "'<U1'")) + bytes(4), "of type <U1; numbers are needed"),
    "complex": (header(described("(1,)", "'<c8'")) + bytes(8), "of type complex64"),
    "bad type": (header(described("(1,)", "'nonsense'")), "it is not an .npz file, or damaged"),
    "code": (header("__import__('os').system('touch sprung')"), "it is not an .npz file, or damaged"),
    "deep": (header("(" * 100 + ")" * 3), "it is not an .npz file, or damaged"),
    "version": (header(described("(1,)"), (9, 9)) + bytes(4), r"the version \(9, 9\)"),
    "no npy": (b"hello", "it is not an .npz file, or damaged"),
    "nothing": (b"", "it is not an .npz file, or damaged"),
}


@pytest.mark.parametrize(("content", "message"), HEADERS.values(), ids=HEADERS)
def test_a_hostile_member_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    raw(tmp_path, content)
    tracemalloc.start()
    try:
        with pytest.raises(SpecError, match=f"N702: .*{message}"):
            read(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
    assert not Path("sprung").exists()


def test_pickled_objects_are_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path, x=np.array([Trap()], object), y=Y)
    with pytest.raises(SpecError, match=r"N702: .*x holds Python objects, which could run code"):
        read(tmp_path)
    assert not Path("sprung").exists()


def test_a_bomb_is_refused_by_its_size(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "a.npz", x=np.zeros((1 << 12, 1 << 8), np.float32), y=np.zeros(1 << 12, int)
    )
    with pytest.raises(
        SpecError, match=r"N702: .*its arrays take 4,227,072 bytes, and 4,000,000 are the limit"
    ):
        load(Npz("a.npz"), None, Shape((256,)), folder=tmp_path, most_bytes=4_000_000)


def test_a_size_that_lies_is_refused(tmp_path: Path) -> None:
    shape = described("(1073741824,)")
    raw(tmp_path, header(shape), zipfile.ZIP_DEFLATED)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 24 : directory + 28] = struct.pack("<I", (1 << 32) - 2)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(
        SpecError, match=r"N702: .*x announces 4,294,967,294 bytes, and .* packed bytes cannot hold them"
    ):
        read(tmp_path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, x=X, y=Y)
    whole = path.read_bytes()
    for damaged in (b"", b"PK\3\4", whole[:-30], whole[: len(whole) // 2], b"\x89PNG" * 50):
        path.write_bytes(damaged)
        with pytest.raises(SpecError, match=r"N702: .*it is not an .npz file, or damaged"):
            read(tmp_path)
    changed = bytearray(whole)
    changed[300] ^= 1
    path.write_bytes(changed)
    with pytest.raises(SpecError, match=r"N702: .*Bad CRC-32"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "b": Y}, "N702: .*it holds a, b; x_train, y_train, x_test, y_test are needed, or x, y"),
        ({"x_train": X, "y_train": Y}, "N702: .*it holds x_train, y_train; "),
        ({"x": X, "y": Y[:9]}, "N702: .*x holds 10 examples, and y 9"),
        ({"x": X[:1], "y": Y[:1]}, "N404: 1 example cannot be divided"),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :3], "y_test": Y},
            "N702: .*x_train is 10 x 4, and x_test 10 x 3: ",
        ),
        ({"x": np.where(X == 17, np.nan, X), "y": Y}, "N702: .*x holds nan at example 4, entry 1"),
        ({"x": X, "y": np.where(Y, np.inf, 0)}, "N702: .*y holds inf at example 1 "),
        ({"x": X.astype(float) * 1e300, "y": Y}, "N702: .*x in float32 holds inf at example 0, entry 1"),
        ({"x": X[:, :3], "y": Y}, "N404: an example of .*x is 3, and the input is 4"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    save(tmp_path, **arrays)
    with pytest.raises(SpecError, match=message):
        read(tmp_path)
