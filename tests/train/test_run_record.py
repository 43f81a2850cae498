"""What a run leaves, and what its command says: the folder, the streams, the exit codes."""

import csv
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netspec.train import curves
from netspec.train.checkpoint import load
from netspec.train.evaluate import Figures
from netspec.train.events import Row
from netspec.train.record import new_folder
from tests.train.started import started

FILES = {
    "best.safetensors",
    "curves.svg",
    "environment.json",
    "last",
    "metrics.csv",
    "metrics.jsonl",
    "plane.net",
    "result.json",
    "settings.json",
}
Run = Callable[..., int]


def test_a_run_leaves_its_folder(spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--seed", 3) == 0
    out, err = capsys.readouterr()
    folder = Path("runs/plane-001")
    line, place = out.splitlines()
    assert line.startswith("test accuracy ") and line.endswith("(30 examples)") and place == str(folder)
    assert "epoch 3/3  train loss" in err and "\x1b" not in err
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "plane.net").read_text() == spec.read_text()
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["settings"]["optimizer"] == {
        "line": "optimizer adam",
        "rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "amsgrad": False,
    }
    assert settings["settings"]["seed"]["value"] == 3
    assert settings["overrides"] == ["train.seed=3"] and "optimizer" in settings["defaults"]
    assert settings["data"]["used"] == 'npz "points.npz"' and settings["data"]["note"] == ""
    assert settings["curves"] == "the test data" and settings["best"] == "the last weights"
    assert json.loads((folder / "environment.json").read_text())["versions"]["numpy"] == np.__version__


def test_figures_on_other_data_are_said_to_be_that(
    spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", spec, "--backend", "numpy") == 0
    weights = Path("runs/plane-001/best.safetensors")
    assert netspec("eval", weights, "--backend", "numpy") == 0
    assert "warning" not in capsys.readouterr().err
    Path("others.npz").write_bytes(Path("points.npz").read_bytes())
    assert netspec("eval", weights, "--backend", "numpy", "--data", 'npz "others.npz"') == 0
    expected = 'the weights were trained on npz "points.npz", and these are figures on npz "others.npz"'
    assert expected in capsys.readouterr().err


def test_the_rows_are_the_same_in_both_forms(spec: Path, netspec: Run) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--quiet") == 0
    folder = Path("runs/plane-001")
    with (folder / "metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    wanted = "epoch step rate train.loss test.loss test.accuracy seconds gradient.dense1 gradient.dense2"
    assert list(rows[0]) == list(table[0]) == wanted.split()
    assert [[float(cell) for cell in row.values()] for row in table] == [list(row.values()) for row in rows]
    assert [row["epoch"] for row in rows] == [1, 2, 3]


def test_weights_carry_the_spec_and_reach_the_same_figures(
    spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--quiet", "--patience", 2) == 0
    said = capsys.readouterr().out.splitlines()[0]
    text, metadata, arrays = load(Path("runs/plane-001/best.safetensors"))
    assert text == spec.read_text() and metadata["name"] == "plane"
    assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}
    assert netspec("eval", "runs/plane-001/best.safetensors", "--backend", "numpy") == 0
    assert capsys.readouterr().out.strip() == said
    assert (
        netspec("eval", "runs/plane-001/last/000003/weights.safetensors", "--backend", "numpy", "--json") == 0
    )
    assert json.loads(capsys.readouterr().out)["test"]["examples"] == 30


def test_no_run_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a-007").mkdir()
    (tmp_path / "a-008").write_text("a file")
    assert [new_folder(tmp_path, "a").name for _ in range(2)] == ["a-009", "a-010"]
    assert new_folder(tmp_path, "../b c").name == "b_c-001"
    assert new_folder(tmp_path, "..").parent == tmp_path


def test_json_lines(spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--json", "--epochs", 2) == 0
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["settings", "start", "epoch", "epoch", "end"]
    assert {event["schema"] for event in events} == {"netspec.train/1"} and err == ""
    assert events[-1]["test"]["examples"] == 30 and Path(events[-1]["folder"]).is_dir()
    assert netspec("train", spec, "--json", "--set", "train.bacth=1") == 1
    (failed,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert failed["event"] == "error" and failed["error"]["code"] == "N401"


def test_the_fallback_is_said_aloud_and_recorded(
    tmp_path: Path, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "small.net"
    spec.write_text('input 8x8x1\nsoftmax 10\ntrain:\n    data npz "none.npz" else digits\n    epochs 1\n')
    assert netspec("train", spec, "--backend", "numpy", "--quiet") == 0
    err = capsys.readouterr().err
    assert err.startswith("warning: data: none.npz is not here") and "using digits instead" in err
    data = json.loads(Path("runs/small-001/settings.json").read_text())["data"]
    assert data["used"] == "digits" and "using digits instead" in data["note"]


def test_a_failed_run_names_the_last_good_weights(
    spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from netspec.backends.numpy.program import NumpyProgram

    honest = NumpyProgram.train_step
    steps = iter(range(1, 100))

    def train_step(self: NumpyProgram, *rest: object) -> float:
        loss = honest(self, *rest)  # type: ignore[arg-type]
        return float("nan") if next(steps) == 8 else loss

    monkeypatch.setattr(NumpyProgram, "train_step", train_step)
    assert netspec("train", spec, "--backend", "numpy", "--quiet") == 1
    err = capsys.readouterr().err
    assert "error[N704]: the loss is nan at step 8 (epoch 2, step 2 of 6)" in err
    assert (
        f"the last good weights are those after epoch 1: "
        f"{Path('runs/plane-001/last/000001/weights.safetensors')}" in err
    )


def test_a_device_that_the_backend_has_not(
    spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--device", "cuda") == 1
    assert "error[N602]" in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--backend", "torch", "--device", "cpu"), "--graph cannot be used on cpu"),
        (("--backend", "numpy"), "the backend `numpy` cannot make one graph of a step"),
    ],
)
def test_a_graph_where_there_is_none(
    spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert netspec("train", spec, "--graph", *words) == 1
    err = capsys.readouterr().err
    assert f"error[N602]: {says}" in err and "Traceback" not in err
    assert not Path("runs").exists()


def test_the_picture_is_the_same_every_time() -> None:
    rows = [Row(n, n, 0.1, 1 / n, "val", Figures(1 / n, {"accuracy": 0.5}, 3), 1.0, {}, 3) for n in (1, 2)]
    first, second = (curves.svg(rows, "net") for _ in range(2))
    assert first == second and b"on new data (validation)" in first


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_where(spec: Path, tmp_path: Path, number: int, code: int) -> None:
    words = ["train", str(spec), "--backend", "numpy", "--epochs", "1000000"]
    with started(tmp_path, *words) as process:
        assert process.stderr is not None
        while "epoch " not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    saved = max((tmp_path / "runs" / "plane-001" / "last").glob("*/weights.safetensors"))
    assert f"the weights are in {saved.relative_to(tmp_path)}" in err and out == ""
    assert f"`netspec train {Path('runs/plane-001')} --resume` goes on from there" in err
    assert load(saved).metadata["name"] == "plane"
