"""The specs that learn from data that are made, in small: the loss falls, and what is to be beaten is told."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SPECS = Path(__file__).resolve().parents[2] / "specs"
SMALL = {
    "ball": ("balls count=600 test=100", "32", "going straight on from the true places: rmse 0."),
    "derain": (
        'rain "photos" patch=32 count=48 crop=32',
        "8",
        "the rainy photographs as they are: psnr ",
    ),
    "dna": ("dna count=600 test=100", "64", ""),
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


@pytest.mark.parametrize("name", SMALL)
def test_it_learns(
    name: str,
    photographs: None,
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
