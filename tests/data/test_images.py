"""A folder of pictures, a folder a class."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspec.data import Lazy, Loaded, fitting, load, read_new
from netspec.data.preprocessing import Numbers
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.settings.data import Images

SHAPE, CLASSES = Shape((4, 6, 1)), Shape((), of=3)


def put(folder: Path, brightness: int = 100, size: tuple[int, int] = (6, 4), name: str = "a.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, brightness).save(folder / name)
    return folder / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of five pictures, each class of its own brightness."""
    for place, name in enumerate(("oak", "ash", "elm")):
        for number in range(5):
            put(tmp_path / "trees" / name, 50 * place + number, name=f"{number}.png")
    return tmp_path


def read(
    folder: Path, shape: Shape = SHAPE, wanted: Shape | None = CLASSES, most: int = 1 << 30, **options: object
) -> Loaded:
    reader = Images("trees", **options)  # type: ignore[arg-type]
    return load(reader, None, shape, wanted, folder=folder, most_bytes=most)


def test_classes_are_the_folders_sorted(folder: Path) -> None:
    loaded = read(folder)
    assert loaded.classes == ("ash", "elm", "oak")
    assert (len(loaded.train), len(loaded.test)) == (12, 3)
    assert sorted(loaded.test.targets) == [0, 1, 2]
    assert loaded.train.inputs.shape == (12, 4, 6, 1) and loaded.train.inputs.dtype == np.float32
    ash = loaded.train.inputs[np.flatnonzero(loaded.train.targets == 0)]
    assert 50 / 255 <= ash.min() <= ash.max() <= np.float32(54 / 255)


def test_two_classes_are_no_and_yes(folder: Path) -> None:
    for picture in (folder / "trees" / "elm").iterdir():
        picture.unlink()
    (folder / "trees" / "elm").rmdir()
    loaded = read(folder, wanted=Shape((1,)))
    assert loaded.classes == ("ash", "oak") and loaded.train.targets.shape == (8, 1)
    assert read(folder, wanted=Shape((), of=2)).train.targets.dtype == np.int64


def test_folders_of_parts_divide(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("test", 2), ("validation", 1)):
        for place, name in enumerate(("ash", "elm", "oak")):
            for number in range(count):
                put(tmp_path / "trees" / part / name, place, name=f"{number}.png")
    loaded = read(tmp_path)
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [9, 3, 6]
    assert loaded.classes == ("ash", "elm", "oak")
    with pytest.raises(SpecError, match=r"N406: .* it has a folder `test`, and `test=0.3` asks for others"):
        read(tmp_path, test=0.3)
    put(tmp_path / "trees" / "test" / "fir")
    with pytest.raises(SpecError, match=r"N404: .*fir: there is no class `fir` among those learnt"):
        read(tmp_path)
    put(tmp_path / "trees" / "holdout" / "ash")
    with pytest.raises(SpecError, match=r"N702: .* it has a folder `train` and one `holdout`; the parts are"):
        read(tmp_path)


def test_pictures_are_resized_to_the_input(folder: Path) -> None:
    put(folder / "trees" / "ash", size=(60, 40), name="large.jpg")
    for shape in (SHAPE, Shape((8, 8, 3)), Shape((16,)), Shape((4, 6))):
        assert read(folder, shape).train.inputs.shape[1:] == shape.dims
    with pytest.raises(
        SpecError, match=r"N404: pictures are resized to the size of the input, and HxWx3 leaves"
    ):
        read(folder, Shape((Symbol("H"), Symbol("W"), 3)))
    for shape in (Shape((15,)), Shape((4, 6, 2)), Shape((16,), of=4)):
        with pytest.raises(SpecError, match=r"N404: a picture does not fit the input"):
            read(folder, shape)


def test_a_new_picture_is_prepared_as_the_old_ones(folder: Path) -> None:
    loaded = read(folder, standardize=True)
    assert isinstance(loaded.preprocessing, Numbers)
    inputs = np.asarray(loaded.train.inputs)
    assert (float(inputs.mean()), float(inputs.std())) == pytest.approx((0, 1), abs=1e-5)
    new = read_new(put(folder, 51, name="new.png"), SHAPE, loaded.preprocessing)
    (mean,), (deviation,) = loaded.preprocessing.mean, loaded.preprocessing.deviation
    assert new == pytest.approx(np.full((1, 4, 6, 1), (51 / 255 - mean) / deviation), abs=1e-5)


def test_pictures_of_16_bits_keep_them(folder: Path) -> None:
    deep = np.full((4, 6), 40_000, np.uint16)
    Image.fromarray(deep).save(folder / "trees" / "ash" / "deep.png")
    Image.fromarray(deep).save(folder / "new.png")
    loaded = read(folder, test=0.1)
    brightest = max(np.asarray(part.inputs).max() for part in (loaded.train, loaded.test))
    assert brightest == pytest.approx(40_000 / 65_535) == read_new(folder / "new.png", SHAPE).max()
    with pytest.raises(
        SpecError, match=r"N702: .*deep.png: it has 16 bits a pixel, and 16 .* take 1,536 bytes"
    ):
        read(folder, most=1000)


def test_many_pictures_stay_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "LAZY_FROM", 100)
    inputs = read(folder).train.inputs
    assert isinstance(inputs, Lazy) and inputs.source.dtype == np.uint8
    assert inputs[:2].shape == (2, 4, 6, 1)


# --- refusals


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


CONTENTS = {
    "empty.png": (b"", "it is no PNG or JPEG picture, or damaged: it begins like neither"),
    "text.png": (b"no picture at all", ".*: it begins like neither"),
    "gif.png": (b"GIF89a" + bytes(20), ".*: it begins like neither"),
    "cut.jpg": (b"\xff\xd8\xff\xe0", "it is no PNG or JPEG picture, or damaged"),
    "bomb.png": (bomb(10_000, 8_000), "10000x8000 pixels are too many: 50,000,000 are the limit"),
    "large.png": (bomb(60_000, 60_000), "3,600,000,000 pixels are too many: 50,000,000 are the limit"),
    "notes.txt": (b"hello", "it is no picture by its name; known: .png, .jpg, .jpeg"),
    "cut.png": (None, "it is no PNG or JPEG picture, or damaged: .*truncated"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_picture_is_refused_by_name(folder: Path, name: str) -> None:
    content, message = CONTENTS[name]
    path = folder / "trees" / "elm" / name
    if content is None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
        Image.fromarray(noise).save(path)
        content = path.read_bytes()[:2000]
    path.write_bytes(content)
    with pytest.raises(SpecError, match=f"N702: {path}: {message}"):
        read(folder)


def test_the_number_of_classes_is_checked(folder: Path) -> None:
    with pytest.raises(
        SpecError, match=r"N404: .*trees has 3 classes, and the output tells 4 apart"
    ) as refused:
        read(folder, wanted=Shape((), of=4))
    assert refused.value.diagnostics[0].tries == ("`softmax 3`",)
    with pytest.raises(SpecError, match=r"N404: the targets are 3 classes, and the output is 1"):
        read(folder, wanted=Shape((1,)))


def test_memory_is_known_before_a_picture_is_decoded(folder: Path) -> None:
    with pytest.raises(
        SpecError, match=r"N702: .*15 pictures of 4x6x1 take 360 bytes, and 300 are the limit"
    ):
        read(folder, most=300)


def test_stray_files_and_empty_folders(folder: Path) -> None:
    (folder / "trees" / ".hidden").write_bytes(b"passed over")
    (folder / "trees" / "elm" / ".DS_Store").write_bytes(b"passed over")
    assert len(read(folder).train) == 12
    (folder / "trees" / "list.csv").write_text("a")
    with pytest.raises(
        SpecError, match=r"N702: .*list.csv: it is no folder, and here each class has a folder"
    ):
        read(folder)
    (folder / "trees" / "list.csv").unlink()
    (folder / "trees" / "fir").mkdir()
    with pytest.raises(SpecError, match=r"N702: .*fir: there is no picture in it"):
        read(folder, wanted=None)
    (folder / "trees" / "fir" / "inner").mkdir()
    with pytest.raises(SpecError, match=r"N702: .*inner: it is a folder, and pictures alone"):
        read(folder, wanted=None)
    (folder / "empty").mkdir()
    with pytest.raises(SpecError, match=r"N702: .*empty: there is no folder in it"):
        load(Images("empty"), None, SHAPE, folder=folder)
    with pytest.raises(SpecError, match=r"N404: .*one has one class, `ash`: nothing to tell apart"):
        put(folder / "one" / "ash")
        load(Images("one"), None, SHAPE, folder=folder)


def test_the_folder_itself(folder: Path) -> None:
    for path, message in {
        "wood": "N701: wood is not here",
        "../trees": "N702: .* lies outside of the spec's folder",
        "trees/oak/0.png": "N702: .*0.png: it is a file, and a folder is needed",
    }.items():
        with pytest.raises(SpecError, match=message):
            load(Images(path), None, SHAPE, folder=folder)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_links_do_not_lead_out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = put(tmp_path_factory.mktemp("outside") / "ash")
    (folder / "trees" / "elm" / "again.png").symlink_to(folder / "trees" / "elm" / "0.png")
    assert len(read(folder).train) + len(read(folder).test) == 16
    link = folder / "trees" / "elm" / "link.png"
    link.symlink_to(outside)
    with pytest.raises(SpecError, match=f"N702: {link}: it is a link that leads out of .*trees"):
        read(folder)
    link.unlink()
    (folder / "trees" / "fir").symlink_to(outside.parent)
    with pytest.raises(SpecError, match=r"N702: .*fir: it is a link that leads out"):
        read(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_refused_at_once(folder: Path) -> None:
    os.mkfifo(folder / "trees" / "elm" / "pipe.png")
    with pytest.raises(SpecError, match=r"N702: .*pipe.png: it is not an ordinary file"):
        read(folder)
