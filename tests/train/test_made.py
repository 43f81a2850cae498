"""The specs that learn from data that are made, in small: the loss falls, and what is to be beaten is told."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netspec as package
from netspec.data import load, scenes
from netspec.generate import Stepper, generate
from netspec.settings.generate import Feed
from netspec.settings.made import Scenes

SPECS = Path(__file__).resolve().parents[2] / "specs"
SMALL = {
    "ball": ("balls count=600 test=100", "32", "going straight on from the true places: rmse 0."),
    "derain": (
        'rain "photos" patch=32 count=48 crop=32',
        "8",
        "the rainy photographs as they are: psnr ",
    ),
    "dna": ("dna count=600 test=100", "64", ""),
    "caption": ("scenes count=96 test=16", "32", ""),
}
"""The data in small, the size of a batch, and how what is to be beaten is told."""


@pytest.fixture
def photographs(tmp_path: Path) -> None:
    """Photographs in the folder of the data sets: colours that run into one another."""
    down, across = np.meshgrid(*[np.linspace(40, 200, 40)] * 2, indexing="ij")
    for part in ("train", "test"):
        folder = tmp_path / "data" / "photos" / part
        folder.mkdir(parents=True)
        for number in range(2):
            pixels = np.stack([down + 20 * number, across, down], axis=-1)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten squares, a brightness each, in the place of MNIST."""
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = 25 * np.arange(1, 11)[:, None, None]
    pair = images, np.arange(10, dtype=np.uint8)
    monkeypatch.setattr(scenes, "read_digits", lambda most_bytes: (pair, pair))


@pytest.mark.parametrize("name", SMALL)
def test_it_learns(
    name: str,
    photographs: None,
    digits: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    netspec: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, batch, baseline = SMALL[name]
    monkeypatch.setenv("NETSPEC_DATA", str(tmp_path / "data"))
    words = "--set", f"train.data={data}", "--batch", batch, "--epochs", "3", "--backend", "torch", "--json"
    assert netspec("train", SPECS / f"{name}.net", *words) == 0
    *rows, end = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert end["data"]["baseline"].startswith(baseline)
    losses = [row["train.loss"] for row in rows if row["event"] == "epoch"]
    assert losses[-1] < losses[0], losses


def test_an_image_is_described_in_words(digits: None) -> None:
    """What a network that knows nothing says of images: a caption each, of numbers that stand for words."""
    net = package.load(SPECS / "caption.net")
    assert net.generation is not None
    feed = net.generation.get("feed")
    assert isinstance(feed, Feed) and (feed.start, feed.stop) == Scenes().marks
    test = load(Scenes(count=1, test=3), None, tuple(layer.shape for layer in net.inputs), folder=Path()).test
    stepper = Stepper.of(package.compile(net, "numpy"), feed, backend="numpy")
    said = generate(stepper, feed, inputs={"image": np.asarray(test.inputs[0])})
    assert len(said) == 3
    assert all(0 <= token < len(scenes.TOKENS) for each in said for token in each.tokens)
