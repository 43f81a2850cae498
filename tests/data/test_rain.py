"""Photographs in the rain: the same rain from the same seed, laid over squares of a folder's photographs."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspec.data import Lazy, Loaded, fitting, load, read_new, split
from netspec.data.made import random_of
from netspec.data.streaks import Streaks
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.settings.made import Rain

H, W = Symbol("H"), Symbol("W")
FREE = Shape((H, W, 3))


def photograph(path: Path, height: int, width: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = random_of("photograph", "test", seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photographs to train on and two to test on, of different sizes."""
    for part, count in (("train", 3), ("test", 2)):
        for number in range(count):
            photograph(tmp_path / "photos" / part / f"{number}.png", 40 + number, 52 - number, number)
    return tmp_path


def read(
    folder: Path,
    shape: Shape = FREE,
    wanted: Shape | None = FREE,
    most: int = 1 << 30,
    shower: str = "moderate",
    **options: object,
) -> Loaded:
    reader = Rain("photos", shower, **{"count": 10, "patch": 16} | options)  # type: ignore[arg-type]
    return load(reader, None, shape, wanted, folder=folder, most_bytes=most)


def digest(*arrays: object) -> str:
    parts = (np.rint(255 * np.asarray(array)).astype(np.uint8).tobytes() for array in arrays)
    return sha256(b"".join(parts)).hexdigest()[:16]


def test_patches_to_train_on_and_middles_to_test_on(folder: Path) -> None:
    loaded = read(folder)
    assert loaded.train.inputs.shape == loaded.train.targets.shape == (10, 16, 16, 3)  # type: ignore[union-attr]
    assert loaded.test.inputs.shape == (2, 40, 40, 3)
    for number in range(2):
        whole = np.asarray(Image.open(folder / "photos" / "test" / f"{number}.png"))
        top, left = number // 2, (52 - 2 * number - 40 + number) // 2
        middle = whole[top : top + 40, left : left + 40] / np.float32(255)
        np.testing.assert_allclose(loaded.test.targets[number], middle, atol=1e-6)  # type: ignore[index]
    assert loaded.test.inputs.dtype == np.float32


def test_rain_makes_brighter_and_nothing_darker(folder: Path) -> None:
    loaded = read(folder)
    change = np.asarray(loaded.test.inputs) - np.asarray(loaded.test.targets)
    assert change.min() >= 0 and change.max() > 0.1
    assert 0.05 < (change > 0).mean() < 0.5
    assert np.asarray(loaded.test.inputs).max() <= 1


def test_the_baseline_is_that_of_the_test_part(folder: Path) -> None:
    loaded = read(folder)
    apart = np.asarray(loaded.test.inputs, np.float64) - np.asarray(loaded.test.targets)
    decibels = -10 * np.log10(np.square(apart).mean())
    assert loaded.baseline.startswith(f"the rainy photographs as they are: psnr {decibels:.2f}, mse ")
    dry = read(folder, density=0.0)
    assert np.array_equal(dry.test.inputs, dry.test.targets)
    assert "psnr inf" in dry.baseline


def test_more_rain_is_more(folder: Path) -> None:
    def wet(loaded: Loaded) -> float:
        return float(np.abs(np.asarray(loaded.train.inputs) - np.asarray(loaded.train.targets)).mean())

    light, moderate, heavy = (wet(read(folder, shower=each)) for each in ("light", "moderate", "heavy"))
    assert 0 < light < moderate / 2 < heavy / 4
    assert wet(read(folder, strength=0.1)) < light


def test_a_streak_lies_along_its_line() -> None:
    """All streaks of a picture at one angle, straight down where there is none."""
    straight = Streaks(length=20, angle=0, density=0.3, strength=1).drawn(60, 60, random_of("rain", "a", 0))
    assert 0 < straight.max() <= 1
    bright = straight > 0.05
    runs = [np.diff(np.flatnonzero(np.diff(np.pad(line, 1)))).max() for line in bright.T if line.any()]
    across = [np.diff(np.flatnonzero(np.diff(np.pad(line, 1)))).max() for line in bright if line.any()]
    assert max(runs) > 8 and max(across) < 6


def test_the_same_seed_draws_the_same(folder: Path) -> None:
    loaded = read(folder)
    assert digest(loaded.train.inputs, loaded.train.targets) == "3365e6c4600c88a8"
    assert digest(loaded.test.inputs, loaded.test.targets) == "2be97428397c60c8"
    other = read(folder, seed=1)
    assert not np.array_equal(other.train.targets, loaded.train.targets)
    more = read(folder, count=20)
    assert np.array_equal(more.test.inputs, loaded.test.inputs)


def test_patches_of_one_photograph_do_not_lie_in_two_parts(folder: Path) -> None:
    train = read(folder, count=12).train
    assert train.between == 3
    kept, held = split(train, 0.25)
    assert len(held) == 3 and len(kept) == 12 - 3 - 3


def test_fewer_patches_than_photographs(folder: Path) -> None:
    assert len(read(folder, count=2).train) == 2


def test_a_folder_of_photographs_is_divided(tmp_path: Path) -> None:
    for number in range(5):
        photograph(tmp_path / "photos" / f"{number}.jpg", 24, 24, number)
    loaded = read(tmp_path, test=0.4)
    assert (len(loaded.train), len(loaded.test)) == (10, 2)
    assert loaded.test.inputs.shape == (2, 24, 24, 3)
    assert len(read(tmp_path).test) == 1


def test_a_folder_to_watch_while_training(folder: Path) -> None:
    photograph(folder / "photos" / "validation" / "a.png", 30, 30, 7)
    loaded = read(folder)
    assert loaded.validation is not None
    assert loaded.validation.inputs.shape == (1, 30, 30, 3) and loaded.test.inputs.shape == (2, 30, 30, 3)


def test_sizes_follow_from_the_input(folder: Path) -> None:
    fixed = Shape((24, 24, 1))
    loaded = read(folder, fixed, fixed, patch=None)
    assert loaded.train.inputs.shape[1:] == loaded.test.inputs.shape[1:] == (24, 24, 1)
    assert read(folder, crop=32).test.inputs.shape[1:] == (32, 32, 3)
    with pytest.raises(SpecError, match=r"N404: .*0.png is 40x52, and a square of 64x64 is needed"):
        read(folder, patch=None)


def test_a_new_picture_is_prepared_alike(folder: Path) -> None:
    loaded = read(folder)
    path = folder / "photos" / "test" / "0.png"
    found = read_new(path, FREE, loaded.preprocessing)
    np.testing.assert_allclose(found[0, :, 6:46], np.asarray(loaded.test.targets)[0], atol=1e-6)


def test_many_stay_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "LAZY_FROM", 100)
    train = read(folder).train
    assert isinstance(train.inputs, Lazy) and train.inputs.source.dtype == np.uint8
    assert isinstance(train.targets, Lazy)


REFUSED = {
    "N404: `rain` gives pictures, HxWx3 or HxWx1, and the input is 16": (Shape((16,)), None, {}),
    "N404: `rain` gives squares, and the input is 16x24x3": (Shape((16, 24, 3)), None, {}),
    "N404: `patch=16` makes squares of 16x16, and the input is 24x24x3": (Shape((24, 24, 3)), None, {}),
    "the picture without it, 16x16x3, and the output is one of 10 classes": (FREE, Shape((), of=10), {}),
    "the picture without it, 16x16x3, and the output is HxWx1": (FREE, Shape((H, W, 1)), {}),
    "the picture without it, 40x40x3, and the output is 16x16x3": (FREE, Shape((16, 16, 3)), {}),
    "N404: .*/0.png is 40x52, and a square of 41x41 is needed": (FREE, FREE, {"crop": 41}),
    "N406: .*it has a folder `test`, and `test=0.3` asks for others": (FREE, FREE, {"test": 0.3}),
    "N404: 1,000,000 examples of `rain .*` take 1,536,000,000 bytes, and 1,073,741,824 are the limit": (
        FREE,
        FREE,
        {"count": 1_000_000},
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(folder: Path, message: str) -> None:
    shape, wanted, options = REFUSED[message]
    with pytest.raises(SpecError, match=message):
        read(folder, shape, wanted, **options)  # type: ignore[arg-type]


def test_folders_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(SpecError, match=r"N701: photos is not here"):
        read(folder / "photos")
    with pytest.raises(
        SpecError, match=r"N702: .* 2 photographs to test on take 19,200 bytes, .* and 10,000 are"
    ):
        read(folder, most=10_000, patch=8, count=1)
    (folder / "photos" / "test" / "notes.txt").write_text("")
    with pytest.raises(SpecError, match=r"N702: .*notes.txt: it is no picture by its name"):
        read(folder)
    (folder / "photos" / "test" / "notes.txt").unlink()
    (folder / "photos" / "more").mkdir()
    with pytest.raises(
        SpecError, match=r"N702: .*photos: there is more in it; photographs lie in train, test"
    ):
        read(folder)
    (folder / "photos" / "more").rmdir()
    (folder / "photos" / "test").rename(folder / "test")
    with pytest.raises(SpecError, match=r"N702: .*photos: there is no folder test in it"):
        read(folder)
    (folder / "photos" / "test").mkdir()
    with pytest.raises(SpecError, match=r"N702: .*test: there is no picture in it"):
        read(folder)
    (folder / "photos" / "test" / "a.png").write_bytes(b"no picture")
    with pytest.raises(SpecError, match=r"N702: .*a.png: it is no PNG or JPEG picture"):
        read(folder)
