"""Images on a sheet: where each lies, what is black and what is white, and the file."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.train import leave
from netspec.train.leave import as_image, numbers, picture
from netspec.train.sheet import image, png, sheet

RANDOM = np.random.default_rng(0)


def test_images_of_different_sizes_lie_in_rows_and_columns() -> None:
    large, small, low = (RANDOM.random(shape) for shape in ((6, 5, 1), (4, 3, 1), (2, 5, 1)))
    found = sheet([[large, small], [low]])
    assert found.shape == (6 + 1 + 2, 5 + 1 + 3)
    np.testing.assert_array_equal(found[:6, :5], large[..., 0])
    np.testing.assert_array_equal(found[:4, 6:], small[..., 0])
    np.testing.assert_array_equal(found[7:, :5], low[..., 0])
    assert (found[4:6, 6:] == 1).all() and (found[6] == 1).all() and (found[7:, 5:] == 1).all()


def test_grey_beside_colours_is_in_colours() -> None:
    colours, grey, many = (RANDOM.random((4, 4, channels)) for channels in (3, 1, 5))
    found = sheet([[colours, grey, many]])
    assert found.shape == (4, 14, 3)
    np.testing.assert_array_equal(found[:, :4], colours)
    np.testing.assert_array_equal(found[:, 5:9], np.repeat(grey, 3, axis=2))
    np.testing.assert_allclose(found[:, 10:, 0], many.mean(axis=2))


def test_little_beyond_0_and_1_is_cut_off_and_much_is_shown() -> None:
    values = np.full((20, 20, 1), 0.5)
    values[0, :2] = [[-3], [7]]
    found = sheet([[values]])
    assert found[0, 0] == 0 and found[0, 1] == 1 and found[5, 5] == 0.5
    values[1] = -1
    found = sheet([[values]])
    assert found[0, 0] == 0 and found[0, 1] == 1 and found[5, 5] == pytest.approx(0.35)


def test_the_file_has_the_numbers() -> None:
    values = RANDOM.integers(0, 256, (5, 4, 3)) / 255
    assert png(values) == png(values)
    with Image.open(BytesIO(png(values))) as file:
        np.testing.assert_array_equal(np.asarray(file) / 255, values)
    with Image.open(BytesIO(png(values[..., 0], 2))) as file:
        assert file.size == (8, 10) and file.mode == "L"


def test_what_is_an_image() -> None:
    assert image(Shape((4, 5, 3))) == (4, 5, 3) and image(Shape((49,))) == (7, 7, 1)
    for shape in (Shape((48,)), Shape((4, 4)), Shape(()), Shape((1,)), Shape((9,), of=3)):
        assert image(shape) is None
    found = as_image(np.zeros(16))
    assert found is not None and found.shape == (4, 4, 1)


def test_a_picture_is_about_square_and_of_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [[RANDOM.random((4, 4, 1))] * 2 for _ in range(8)]
    with Image.open(BytesIO(picture(pairs))) as file:
        assert file.size == (2 * 19, 2 * 19)
    monkeypatch.setattr(leave, "MOST_NUMBERS", 1000)
    with pytest.raises(
        SpecError, match="N507: the picture would have 1,024 numbers, and 1,000 are the limit"
    ):
        picture(pairs)


def test_numbers_of_different_shapes_are_no_array() -> None:
    with pytest.raises(
        SpecError, match=r"N705: what is said .* different shapes, which no array holds: 2, 3"
    ):
        numbers(".npz", [np.zeros(2), np.zeros(3)])
