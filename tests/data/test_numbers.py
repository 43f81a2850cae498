"""Scales, fitted to the training part alone and kept with the weights."""

import json
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, load, preprocessing_from, read_new
from netspec.data.preprocessing import Numbers
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.settings.data import Npz

X = np.random.default_rng(1).normal(3, [1, 10], (40, 2))
Y = np.arange(40) % 2


def read(folder: Path, shape: Shape = Shape((2,)), **options: object) -> Loaded:
    return load(Npz("a.npz", **options), None, shape, Shape((1,)), folder=folder)  # type: ignore[arg-type]


def numbers(loaded: Loaded) -> Numbers:
    assert isinstance(loaded.preprocessing, Numbers)
    return loaded.preprocessing


def test_each_feature_is_standardised_over_the_training_part(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    loaded = read(tmp_path, standardize=True, test=(30, 40), validation=(20, 30))
    found = numbers(loaded)
    assert found.mean == pytest.approx(X[:20].mean(axis=0))
    assert found.deviation == pytest.approx(X[:20].std(axis=0))
    assert loaded.test.inputs[:] == pytest.approx((X[30:] - X[:20].mean(0)) / X[:20].std(0), abs=1e-5)


def test_pictures_have_a_mean_for_each_channel(tmp_path: Path) -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (20, 4, 4, 3), np.uint8)
    np.savez(tmp_path / "a.npz", x=pictures, y=Y[:20])
    loaded = read(tmp_path, Shape((4, 4, 3)), standardize=True, test=(10, 20))
    assert numbers(loaded).mean == pytest.approx(pictures[:10].mean(axis=(0, 1, 2)) / 255, abs=1e-6)
    flat = read(tmp_path, Shape((48,)), standardize=True, test=(10, 20))
    assert numbers(flat) == numbers(loaded)
    assert flat.train.inputs[0] == pytest.approx(loaded.train.inputs[0].transpose(2, 0, 1).ravel())
    np.savez(tmp_path / "a.npz", x=pictures[..., 0], y=Y[:20])
    assert len(numbers(read(tmp_path, Shape((4, 4)), standardize=True)).mean) == 1


def test_scales(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.full((10, 2), 128, np.uint8), y=Y[:10])
    assert read(tmp_path).train.inputs.max() == pytest.approx(128 / 255)
    assert read(tmp_path, scale=1.0).train.inputs.max() == 128
    assert read(tmp_path, scale=128.0).train.inputs.max() == 1
    assert read(tmp_path).preprocessing is None
    assert numbers(read(tmp_path, scale=128.0)) == Numbers(128.0)


def test_a_yes_is_not_a_byte(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((10, 2), bool), y=Y[:10].astype(bool))
    loaded = read(tmp_path)
    assert loaded.train.inputs.max() == loaded.train.targets.max() == 1


def test_a_constant_entry_is_left_with_deviation_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.full((40, 2), 0.1), y=Y)
    assert numbers(read(tmp_path, standardize=True)).deviation == (1, 1)


def test_numbers_too_large_to_be_standardised(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.where(X > 3, 1e300, -1e300), y=Y)
    with pytest.raises(
        SpecError, match=r"N702: .*a.npz: x cannot be standardised: the numbers are too large"
    ):
        read(tmp_path, standardize=True)


def test_integers_have_no_scale(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((40, 2), int), y=Y)
    for option, word in (({"standardize": True}, "standardize"), ({"scale": 2.0}, "scale")):
        with pytest.raises(SpecError, match=f"N406: `{word}` is of numbers, and the input is integers"):
            read(tmp_path, Shape((2,), of=5), **option)


def test_new_files_get_the_scale_that_was_saved(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    loaded = read(tmp_path, standardize=True, scale=2.0, test=(30, 40))
    saved = preprocessing_from(json.loads(json.dumps(loaded.preprocessing.to_json())))  # type: ignore[union-attr]
    assert saved == loaded.preprocessing
    np.save(tmp_path / "new.npy", X[30:])
    assert read_new(tmp_path / "new.npy", Shape((2,)), saved) == pytest.approx(loaded.test.inputs)
    np.save(tmp_path / "new.npy", X[30:, :1])
    with pytest.raises(SpecError, match=r"N705: .*trained on 2 channels, and an example is 1"):
        read_new(tmp_path / "new.npy", Shape((2,)), saved)


def test_weights_are_measured_with_their_own_scale(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    fitted = Numbers(None, (1.0, 2.0), (4.0, 8.0))
    reader = Npz("a.npz", standardize=True, test=(30, 40))
    loaded = load(reader, None, Shape((2,)), Shape((1,)), folder=tmp_path, fitted=fitted)
    assert loaded.preprocessing == fitted
    assert loaded.test.inputs[:] == pytest.approx((X[30:] - [1, 2]) / [4, 8], abs=1e-5)
    with pytest.raises(
        SpecError, match=r"N404: the network was trained on 3 channels, and an example of .* is 2"
    ):
        load(reader, None, Shape((2,)), folder=tmp_path, fitted=Numbers(None, (1.0,) * 3, (1.0,) * 3))


BROKEN = {
    "no kind": {"scale": 1.0},
    "unknown kind": {"kind": "code"},
    "lengths": {"kind": "numbers", "mean": [0.0], "deviation": []},
    "zero": {"kind": "numbers", "mean": [0.0], "deviation": [0.0]},
    "nan": {"kind": "numbers", "mean": [float("nan")], "deviation": [1.0]},
    "scale": {"kind": "numbers", "scale": -1.0},
    "column": {"kind": "columns", "columns": [{"name": "a", "deviation": 0.0}]},
    "text": {"kind": "vocabulary", "tokens": ["a", "a"], "level": "char", "window": 3},
    "level": {"kind": "vocabulary", "tokens": ["a"], "level": "byte", "window": 3},
    "padded": {
        "kind": "vocabulary",
        "tokens": ["a"],
        "level": "char",
        "window": 3,
        "padded": True,
        "unknown": False,
    },
    "window": {"kind": "vocabulary", "tokens": ["a"], "level": "char", "window": 0},
    "target": {"kind": "series", "columns": [{"name": "a"}], "targets": ["b"], "window": 2, "horizon": 1},
    "horizon": {"kind": "series", "columns": [{"name": "a"}], "targets": ["a"], "window": 2, "horizon": 0},
    "words": {
        "kind": "series",
        "columns": [{"name": "a", "categories": ["x"]}],
        "targets": ["a"],
        "window": 2,
        "horizon": 1,
    },
}


@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN)
def test_preprocessing_from_elsewhere_is_checked(document: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        preprocessing_from(document)
