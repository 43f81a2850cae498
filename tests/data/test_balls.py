"""A ball in a box: frames that show it, walls that turn it back, and the guess that knows no walls."""

import re
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Lazy, Loaded, fitting, load
from netspec.data.balls import RADIUS, SPEED
from netspec.ir.shape import Shape
from netspec.settings.made import Balls

FRAMES, PLACE = Shape((5, 12, 16, 1)), Shape((2,))


def read(shape: Shape = FRAMES, wanted: Shape | None = PLACE, **options: object) -> Loaded:
    reader = Balls(**{"count": 200, "test": 100} | options)  # type: ignore[arg-type]
    return load(reader, None, shape, wanted, folder=Path())


def centres(frames: np.ndarray) -> np.ndarray:
    """Where the middle of the light is, (x, y) in sides of the box; frames (..., H, W)."""
    height, width = frames.shape[-2:]
    across, down = (np.arange(size) + 0.5 for size in (width, height))
    light = frames.sum(axis=(-2, -1))
    x = (frames.sum(axis=-2) @ across) / light / width
    y = (frames.sum(axis=-1) @ down) / light / height
    return np.stack([x, y], axis=-1)


def test_frames_show_where_the_ball_is() -> None:
    """And the target is where it is in the next one: a reader that gives this frame itself says so."""
    loaded, images = read(), read(wanted=Shape((12, 16, 1)))
    assert loaded.train.inputs.shape == (200, 5, 12, 16, 1) and loaded.train.inputs.dtype == np.float32
    assert loaded.train.targets.shape == (200, 2)  # type: ignore[union-attr]
    assert images.train.targets.shape == (200, 12, 16, 1)  # type: ignore[union-attr]
    assert np.array_equal(images.train.inputs, loaded.train.inputs)
    found = centres(np.asarray(images.train.targets)[..., 0])
    np.testing.assert_allclose(found, np.asarray(loaded.train.targets), atol=0.01)
    area = np.asarray(loaded.train.inputs).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(area, area.mean(), rtol=0.15)


def test_it_moves_in_a_line_and_bounces() -> None:
    loaded = read()
    places = np.concatenate(
        [centres(np.asarray(loaded.train.inputs)[..., 0]), np.asarray(loaded.train.targets)[:, None]], axis=1
    )
    assert places.min() > RADIUS - 0.01 and places.max() < 1 - RADIUS + 0.01
    steps = np.abs(np.diff(places, axis=1))
    assert steps.max() < SPEED[1] + 0.02
    # as fast after the wall as before it
    free = np.median(steps, axis=1)
    assert (free > SPEED[0] - 0.01).all()
    turns = np.diff(np.sign(np.diff(places, axis=1)), axis=1) != 0
    walls = np.minimum(places, 1 - places)[:, 1:-1]
    assert turns.any() and walls[turns].max() < RADIUS + SPEED[1] + 0.01


def test_frames_may_be_channels() -> None:
    stacked = read(Shape((12, 16, 5)))
    assert np.array_equal(
        np.moveaxis(np.asarray(stacked.train.inputs), -1, 1)[..., None], np.asarray(read().train.inputs)
    )


def test_going_straight_on_is_wrong_at_walls_alone() -> None:
    """The baseline by its definition: from the true places, here those of nearly continuous frames."""
    shape, wanted = Shape((2, 200, 200, 1)), PLACE
    loaded, bouncing = read(shape, wanted, test=300), read(shape, wanted, test=300, bounces=True)
    for each, group in ((loaded, 0), (bouncing, 1)):
        frames = centres(np.asarray(each.test.inputs)[..., 0])
        guess = 2 * frames[:, 1] - frames[:, 0]
        wrong = np.sqrt(np.square(guess - np.asarray(each.test.targets)).mean())
        told = re.findall(r"rmse (\d\.\d+), of the \d+ that bounce then (\d\.\d+)", loaded.baseline)[0]
        assert float(told[group]) == pytest.approx(wrong, abs=2e-3)
    assert f"of the {len(bouncing.test)} that bounce" in loaded.baseline
    assert 50 < len(bouncing.test) < 200
    rows = {row.tobytes() for row in np.asarray(loaded.test.targets)}
    assert all(row.tobytes() in rows for row in np.asarray(bouncing.test.targets))


def test_farther_ahead_is_harder_to_guess() -> None:
    told = [float(read(ahead=ahead).baseline.split()[8].strip(",")) for ahead in (1, 2, 4)]
    assert told == sorted(told) and told[0] < told[2] / 3


def test_the_last_frame_again() -> None:
    loaded = read(wanted=Shape((12, 16, 1)))
    last = np.asarray(loaded.test.inputs, np.float64)[:, -1]
    mse = np.square(last - np.asarray(loaded.test.targets)).mean()
    assert loaded.baseline == f"the last frame again: mse {mse:.5f}, psnr {-10 * np.log10(mse):.2f}"


def test_many_stay_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "LAZY_FROM", 100)
    inputs = read().train.inputs
    assert isinstance(inputs, Lazy) and inputs.source.dtype == np.uint8
