"""Training of networks with structure: branches, shared weights, several outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netspec.cli import main

RESIDUAL = """
input 8x8x1
conv 8 3x3 relu
repeat 2: residual 8
residual 16 stride=2
global avg
softmax 10

train:
    data digits
    optimizer adam 0.01
    schedule cosine
    batch 64
    epochs 4
"""
OUTPUTS = """
input 8x8x1
conv 4 3x3 relu as body
dense 10; softmax as side
dense 20 relu from body
softmax 10
output side

train:
    data digits
    epochs 1
"""


def trained(
    folder: Path, text: str, backend: str, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, float], str, Path]:
    """The figures on the test data, what was said, and the weights."""
    spec = folder / "net.net"
    spec.write_text(text, "utf-8")
    assert not main(["train", str(spec), "--backend", backend, "--out", str(folder)], standalone_mode=False)
    (run,) = folder.glob("net-*")
    figures = json.loads((run / "result.json").read_text("utf-8"))
    return figures, capsys.readouterr().err, run / "best.safetensors"


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_residual_network_learns_the_digits(
    tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, _, weights = trained(tmp_path, RESIDUAL, backend, capsys)
    assert figures["test"]["accuracy"] > 0.9
    assert not main(["eval", str(weights), "--backend", backend], standalone_mode=False)
    assert f"test accuracy {figures['test']['accuracy']:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_of_several_outputs_the_last_is_trained_and_that_is_said(
    tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, said, weights = trained(tmp_path, OUTPUTS, backend, capsys)
    assert "the loss is that of `softmax1`; of `side` only shared layers are trained" in said
    assert 0 < figures["test"]["accuracy"] < 1
    assert not main(["eval", str(weights), "--backend", backend], standalone_mode=False)
