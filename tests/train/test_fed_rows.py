"""Rows that are fed back: each step learns to say the next row, and what is trained so goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netspec as library
from netspec.diagnostics import SpecError
from netspec.train.evaluate import load_data
from netspec.train.generated import Writer
from netspec.train.measure import evaluate_file
from netspec.train.options import resolve
from netspec.train.predict import Predictor

SPEC = """input rows {steps}x2
gru 24
dense 2

train:
    data series "waves.csv" target="a,b" drop="time" window=24 validation=0.2
    optimizer adam 0.02
    batch 16
    epochs 15

generate:
    feed rows from output max=24
"""
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])
SIZES = pytest.mark.parametrize("steps", ["T", "24"])


def rows(first: int, count: int) -> np.ndarray:
    """Rows of two waves, of 12 and of 8 rows, in units of their own."""
    time = np.arange(first, first + count)
    return np.stack([10 + 3 * np.sin(2 * np.pi * time / 12), 100 + 20 * np.cos(2 * np.pi * time / 8)], axis=1)


def table(path: Path, first: int, count: int) -> Path:
    lines = [f"{first + place},{a:.6f},{b:.6f}" for place, (a, b) in enumerate(rows(first, count))]
    path.write_text("\n".join(["time,a,b", *lines]))
    return path


def spec(folder: Path, steps: str) -> Path:
    table(folder / "waves.csv", 0, 300)
    path = folder / "waves.net"
    path.write_text(SPEC.format(steps=steps))
    return path


@SIZES
def test_the_target_of_each_step_is_the_next_row(tmp_path: Path, steps: str) -> None:
    net = library.load(spec(tmp_path, steps))
    loaded = load_data(net, resolve(net), tmp_path)
    assert loaded.validation is not None
    for part in (loaded.train, loaded.validation, loaded.test):
        assert isinstance(part.inputs, np.ndarray) and part.targets.shape == part.inputs.shape
        np.testing.assert_array_equal(part.targets[:, :-1], part.inputs[:, 1:])
        np.testing.assert_array_equal(part.targets[:-1, -1], part.inputs[1:, -1])
    apart = np.square(np.asarray(loaded.test.targets) - np.asarray(loaded.test.inputs)).mean()
    assert loaded.baseline.startswith(f"repeating the last row: mse {apart:.4f}, ")


@BACKENDS
def test_what_is_trained_goes_on_with_the_series(
    tmp_path: Path, backend: str, netspec: Callable[..., int]
) -> None:
    """24 rows to come, each made of those before it, of which the first ones are those of a file."""
    assert netspec("train", spec(tmp_path, "T"), "--backend", backend) == 0
    weights, new = tmp_path / "runs/waves-001/best.safetensors", table(tmp_path / "new.csv", 601, 40)
    # repeating the last row comes to 0.43; nothing tells the row after the first one
    assert evaluate_file(weights, backend=backend).figures.loss < 0.03
    (said,) = Writer.load(weights, backend=backend).rows(new)
    scale = rows(0, 300).std(axis=0)
    assert np.abs((np.array(said.rows) - rows(641, 24)) / scale).max() < 0.5
    (predicted,) = Predictor.load(weights, backend=backend).files([new])
    assert np.shape(predicted.values) == (24, 2)
    np.testing.assert_allclose(predicted.values[-1], said.rows[0], rtol=1e-4)
    assert np.abs((predicted.values[8:] - rows(626, 16)) / scale).max() < 0.5


def test_a_row_is_fed_back_in_the_order_of_its_columns(tmp_path: Path) -> None:
    path = spec(tmp_path, "T")
    path.write_text(path.read_text().replace('"a,b"', '"b,a"'))
    net = library.load(path)
    with pytest.raises(SpecError, match=r"N404: what is fed back is a row of .*, a,b, and `target` says b,a"):
        load_data(net, resolve(net), tmp_path)
