"""`netspec eval --to`: test examples, what is read, said and true side by side."""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

import netspec as library
from netspec.init import initial
from netspec.train.checkpoint import metadata_of, save

Command = Callable[..., int]
HALF = 'input 8x6x3\nconv 3 1x1\ntrain:\n    data npz "a.npz"\n    loss mse'
CLASSES = 'input 8x6x3\nsoftmax 5\ntrain:\n    data npz "a.npz"'
TURNS = """
network painter:
    input 3
    dense 144
    reshape 8x6x3

train:
    data npz "a.npz" as real
    update painter: mse(painter(normal 3), real) sgd 0.1
"""


def weights(folder: Path, text: str, values: dict[str, np.ndarray] | None = None) -> Path:
    net = library.parse(text, name="shown")
    save(folder / "w.safetensors", values or initial(net), metadata_of(net))
    return folder / "w.safetensors"


def data(folder: Path, targets: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Ten pictures, five of them to test on, which are given back."""
    pixels = np.random.default_rng(0).integers(0, 256, (10, 8, 6, 3), np.uint8)
    parts = {"train": pixels[:5], "test": pixels[5:]}
    arrays = {f"x_{name}": part for name, part in parts.items()}
    arrays |= {f"y_{name}": targets(part / 255) for name, part in parts.items()}
    np.savez(folder / "a.npz", **arrays)
    return pixels[5:]


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_pictures_stand_beside_the_truth(tmp_path: Path, netspec: Command, backend: str) -> None:
    """A network that halves, and a truth that is the negative."""
    values = {"conv1.weight": np.eye(3)[:, :, None, None] / 2, "conv1.bias": np.zeros(3)}
    file, pixels = weights(tmp_path, HALF, values), data(tmp_path, lambda x: 1 - x)
    words = "eval", file, "--backend", backend, "--count", 1, "--to"
    assert netspec(*words, "one.png") == netspec(*words, "said.npy") == 0
    with Image.open(tmp_path / "one.png") as made:
        found = np.asarray(made)[::2, ::2]
    given, said, true = found[:, :6], found[:, 7:13], found[:, -6:]
    assert found.shape == (8, 3 * 6 + 2, 3)
    np.testing.assert_array_equal(given, pixels[0])
    np.testing.assert_array_equal(true, 255 - pixels[0])
    np.testing.assert_allclose(said, pixels[0] / 2, atol=0.51)
    np.testing.assert_allclose(np.load("said.npy"), pixels[:1] / 510, atol=1e-6)


def test_all_that_there_are_and_eight_unless_said(tmp_path: Path, netspec: Command) -> None:
    file = weights(tmp_path, HALF)
    data(tmp_path, lambda x: x)
    assert netspec("eval", file, "--backend", "numpy", "--to", "said.npz") == 0
    with np.load("said.npz") as found:
        assert found["x"].shape == (5, 8, 6, 3)


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        (CLASSES, ("--to", "said.png"), "gives no pictures, but 5"),
        (CLASSES, ("--count", 2), "--count goes with --to"),
        (TURNS, ("--to", "said.png"), "trained by turns"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    tmp_path: Path, netspec: Command, text: str, words: tuple[object, ...], message: str
) -> None:
    file = weights(tmp_path, text)
    data(tmp_path, lambda x: x if text == TURNS else np.arange(len(x)) % 5)
    with pytest.raises(click.UsageError, match=message):
        netspec("eval", file, "--backend", "numpy", *words)
    assert not (tmp_path / "said.png").exists()
