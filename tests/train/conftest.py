"""Small data and small networks: points in the plane, told apart by where they lie."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netspec.cli import main
from netspec.data import Dataset, Loaded
from netspec.train.record import Record

CLASSES = ("left", "right", "above")


@pytest.fixture
def points() -> Loaded:
    """90 + 30 examples of 4 numbers in 3 classes that a line can tell apart."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 120)
    centres = random.normal(0, 2, (3, 4))
    inputs = (centres[labels] + random.normal(0, 0.7, (120, 4))).astype(np.float32)
    train, test = Dataset(inputs[:90], labels[:90]), Dataset(inputs[90:], labels[90:])
    return Loaded(train, test, classes=CLASSES, used="points")


@pytest.fixture
def spec(tmp_path: Path, points: Loaded) -> Path:
    """A spec beside its data."""
    np.savez(
        tmp_path / "points.npz",
        x_train=points.train.inputs,
        y_train=points.train.targets,
        x_test=points.test.inputs,
        y_test=points.test.targets,
    )
    path = tmp_path / "plane.net"
    path.write_text(
        'input 4\ndense 8 relu\nsoftmax 3\ntrain:\n    data npz "points.npz"\n    batch 16\n    epochs 3\n'
    )
    return path


@pytest.fixture
def wide(spec: Path) -> Path:
    """The spec with a parameter that is tried with two values."""
    spec.write_text("param width = 8 in {4, 8}\n" + spec.read_text().replace("dense 8", "dense width"))
    return spec


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves of the single runs are not drawn."""
    monkeypatch.setattr(Record, "draw", lambda _record, _complain: None)


@pytest.fixture
def netspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in an empty folder; its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> int:
        try:
            return int(main([str(word) for word in words], standalone_mode=False) or 0)
        except SystemExit as stop:
            return int(stop.code or 0)

    return run
