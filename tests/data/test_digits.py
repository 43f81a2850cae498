from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, load
from netspec.data.digits import resize
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.settings.data import Digits

pytest.importorskip("sklearn")


def read(*dims: int | Symbol, of: int | None = 10) -> Loaded:
    return load(Digits(), None, Shape(dims), Shape((), of=of), folder=Path())


def test_they_are_divided_by_class_and_always_the_same() -> None:
    loaded = read(8, 8, 1)
    assert (len(loaded.train), len(loaded.test)) == (1437, 360)
    counts = np.bincount(loaded.train.targets), np.bincount(loaded.test.targets)
    assert np.abs(counts[1] / sum(counts) - 360 / 1797).max() < 0.01
    assert np.array_equal(loaded.test.inputs, read(8, 8, 1).test.inputs)
    assert loaded.used == "digits"


@pytest.mark.parametrize("dims", [(28, 28, 1), (784,), (28, 28), (20, 12), (64,), (784, 1)])
def test_they_fill_any_image_of_one_channel(dims: tuple[int, ...]) -> None:
    inputs = read(*dims).train.inputs
    assert inputs.shape == (1437, *dims)
    assert inputs.dtype == np.float32
    assert inputs.min() >= 0 and inputs.max() <= 1


def test_a_free_dimension_is_made_square() -> None:
    steps = Symbol("T")
    assert read(steps, 28).train.inputs.shape == (1437, 28, 28)
    assert read(steps, Symbol("S")).train.inputs.shape == (1437, 8, 8)


@pytest.mark.parametrize("dims", [(28, 28, 3), (50,), (1,), (5, 28, 28, 1)])
def test_what_they_cannot_fill_is_refused(dims: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match=r"N404: an example of `digits` is 8x8x1, and the input is"):
        read(*dims)


def test_an_image_too_large_for_memory_is_refused() -> None:
    with pytest.raises(SpecError, match=r"N404: digits of 30000x30000 would take 6,469,200,000,000 bytes"):
        read(30_000, 30_000, 1)


def test_too_few_classes_are_refused() -> None:
    with pytest.raises(
        SpecError, match=r"N404: the output tells classes 0 to 7 apart, and 8 stands at example 8"
    ):
        read(64, of=8)


def test_resizing_is_bilinear_with_half_pixel_centres() -> None:
    torch = pytest.importorskip("torch")
    images = np.random.default_rng(0).random((3, 8, 8), np.float32)
    for size in ((28, 28), (8, 8), (13, 5), (1, 20)):
        theirs = torch.nn.functional.interpolate(torch.from_numpy(images)[:, None], size, mode="bilinear")
        assert resize(images, *size) == pytest.approx(theirs[:, 0].numpy(), abs=1e-6)
