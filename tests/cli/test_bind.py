"""`--bind` on every command that reads a spec: the sizes go with the weights."""

import json
from pathlib import Path

import pytest

from .conftest import Run

ANY = "input HxWx1\npool 2\nflatten\nsoftmax 10\n\ntrain:\n    data digits\n    epochs 1\n"
BOTH = ("--bind", "H=8", "--bind", "W=6")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "any.net"
    path.write_text(ANY)
    return path


def test_a_spec_that_needs_its_sizes(run: Run, spec: Path) -> None:
    refused = run("check", spec)
    assert refused.exit_code == 1 and "--bind H=64 --bind W=64" in refused.stderr
    assert run("check", spec, *BOTH).stdout == f"{spec}: ok, 130 parameters\n"
    assert "nn.Linear(12, 10)" in run("export", spec, "--to", "pytorch", *BOTH).stdout


def test_weights_keep_the_sizes(run: Run, spec: Path, tmp_path: Path) -> None:
    trained = run("train", spec, "--backend", "numpy", "--quiet", *BOTH)
    assert trained.exit_code == 0, trained.stderr
    weights = tmp_path / "runs" / "any-001" / "best.safetensors"
    assert "8x6x1" in run("shapes", weights).stdout
    evaluated = run("eval", weights, "--backend", "numpy")
    assert evaluated.stdout in trained.stdout


def test_a_size_of_nothing(run: Run, spec: Path) -> None:
    assert "N108" in run("check", spec, *BOTH, "--bind", "T=3").stderr
    assert run("check", spec, "--bind", "H=none").exit_code == 2


def test_other_views(run: Run, spec: Path) -> None:
    assert "gives          pool1: 4x3x1" in run("explain", f"{spec}:2", *BOTH).stdout
    assert "4x3x1" in run("draw", spec, *BOTH).stdout
    assert run("diff", spec, spec, "--exit-code", *BOTH).exit_code == 0
    other = spec.with_name("other.net")
    for path, size in ((spec, 4), (other, 5)):
        path.write_text(f"input HxWx2\nconv {size} 3x3\n")
    assert "72*H*W -> 90*H*W" in run("diff", spec, other).stdout
    explained = json.loads(run("explain", f"{spec}:2", "--json").stdout)
    assert explained["statements"][0]["layers"][0]["multiply_adds"] == "72*H*W"
    compared = json.loads(run("diff", spec, other, "--json").stdout)
    assert compared["totals"]["multiply_adds"] == {"before": "72*H*W", "after": "90*H*W"}
