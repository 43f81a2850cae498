"""The specs of several networks and of autoencoders, in small: what is made small becomes smaller."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SPECS = Path(__file__).resolve().parents[2] / "specs"
SMALL = ("--set", "train.data=digits", "--batch", "64", "--backend", "torch")


@pytest.mark.parametrize("name", ["autoencoder", "autoencoder_tied", "vae"])
def test_an_autoencoder_learns(name: str, tmp_path: Path, netspec: Callable[..., int]) -> None:
    assert netspec("train", SPECS / f"{name}.net", *SMALL, "--epochs", "3") == 0
    rows = [
        json.loads(line) for line in (tmp_path / f"runs/{name}-001/metrics.jsonl").read_text().splitlines()
    ]
    assert rows[-1]["test.loss"] < rows[0]["test.loss"] and rows[-1]["test.psnr"] > rows[0]["test.psnr"]


def test_a_gan_trains_and_shows_what_it_makes(tmp_path: Path, netspec: Callable[..., int]) -> None:
    assert netspec("train", SPECS / "gan.net", *SMALL, "--set", "train.steps=6") == 0
    folder = tmp_path / "runs/gan-001"
    (row,) = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert row["train.loss.discriminator"] > 0 and row["train.loss.generator"] > 0
    assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")
