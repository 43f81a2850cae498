"""A run that goes on from where it was stopped is the run that never stopped, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.data import Dataset, Loaded
from netspec.diagnostics import SpecError
from netspec.ir import catalog
from netspec.train.checkpoint import load, metadata_of
from netspec.train.events import Result
from netspec.train.loop import Saving, train
from netspec.train.options import resolve
from netspec.train.position import Moment, Position
from netspec.train.resume import newest, reopen
from netspec.train.snapshots import Snapshots

Run = Callable[..., int]
Arrays = Mapping[str, np.ndarray]
BATCHES = 3
NETS = {
    "plain": "input 4\ndense 8 relu\nsoftmax 3",
    "batchnorm": "input 4\ndense 8 nobias batchnorm relu\nsoftmax 3",
    "dropout": "input 4\ndense 8 relu; dropout 0.5\nsoftmax 3",
    "noise": "input 4\nnoise 0.3\ndense 8 relu\nsoftmax 3",
    "lstm": "input 4x1\nlstm 6 last\nsoftmax 3",
}
STOPS = {"step 1": 1, "mid-epoch": BATCHES + 2, "an epoch's edge": 2 * BATCHES}


def net_of(name: str, settings: str) -> netspec.Net:
    lines = "\n    ".join(["batch 30", "epochs 3", *filter(None, settings.split("\n"))])
    return netspec.parse(f"{NETS[name]}\ntrain:\n    {lines}\n", name="points.net")


def data_for(net: netspec.Net, points: Loaded) -> Loaded:
    """The points in the shape of the network's input."""
    shape = net.inputs[0].shape.known
    train_part, test = (
        Dataset(part.inputs.reshape(-1, *shape), part.targets) for part in (points.train, points.test)
    )
    return replace(points, train=train_part, test=test)


def run(
    net: netspec.Net, backend: str, loaded: Loaded, start: Moment | None = None
) -> tuple[Result, Arrays, dict[int, Moment]]:
    """The result, the weights at its end, and the run as it stood after every step."""
    options = resolve(net)
    program = netspec.compile(net, backend, seed=options.seed, device="cpu")
    moments: dict[int, Moment] = {}

    def save(moment: Moment) -> None:
        moments[moment.position.step] = moment  # that of an epoch's end comes after that of its last step

    result = train(net, program, loaded, options, saving=Saving(save, 1), start=start)
    return result, program.parameters(), moments


def through_files(moment: Moment, net: netspec.Net, folder: Path) -> Moment:
    """The same after it was written and read."""
    snapshots = Snapshots(folder)
    snapshots.save(moment, metadata_of(net), {"backend": "any"})
    found, problems = snapshots.load()
    assert found is not None and problems == []
    return found.moment


def assert_same(first: tuple[Result, Arrays, object], second: tuple[Result, Arrays, object]) -> None:
    """Bit for bit: the weights, the figures of every epoch, the norms."""
    for name, value in first[1].items():
        np.testing.assert_array_equal(value, second[1][name], err_msg=name)
    rows = [[replace(row, seconds=0.0) for row in result.rows] for result in (first[0], second[0])]
    assert rows[0] == rows[1]
    assert (first[0].ended, first[0].steps, first[0].best_epoch, first[0].test) == (
        second[0].ended,
        second[0].steps,
        second[0].best_epoch,
        second[0].test,
    )


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", NETS)
def test_every_layer_that_remembers_goes_on(points: Loaded, tmp_path: Path, name: str, backend: str) -> None:
    net = net_of(name, "optimizer adam 0.01\nschedule cosine\nstop patience=9")
    loaded = data_for(net, points)
    unbroken = run(net, backend, loaded)
    for step in STOPS.values():
        start = through_files(unbroken[2][step], net, tmp_path / str(step))
        assert start.position.step == step
        assert_same(unbroken, run(net, backend, loaded, start))


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("optimizer", catalog.words("optimizer"))
def test_every_optimizer_goes_on(points: Loaded, tmp_path: Path, optimizer: str, backend: str) -> None:
    net = net_of("plain", f"optimizer {optimizer}\nclip norm=1\nregularize l2=0.01")
    unbroken = run(net, backend, points)
    for step in STOPS.values():
        start = through_files(unbroken[2][step], net, tmp_path / str(step))
        assert_same(unbroken, run(net, backend, points, start))


def test_a_memory_of_another_optimizer_is_refused(points: Loaded) -> None:
    _, _, moments = run(net_of("plain", "optimizer adam"), "torch", points)
    with pytest.raises(SpecError, match=r"N703: the saved state"):
        run(net_of("plain", "optimizer rmsprop"), "torch", points, moments[4])


def test_a_position_comes_back_to_the_last_bit() -> None:
    position = Position(3, 2, 0.1 + 0.2, 7, 1 / 3, {"dense1": float("inf")}, 1e-17, best=-0.0)
    assert Position.from_json(position.to_json()) == position
    assert "Infinity" in position.to_json()


# --- on the command line


def figures(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def weights(folder: Path) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in load(folder / "best.safetensors").arrays.items()}


@pytest.fixture
def interrupted(spec: Path, netspec: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped in its second epoch, beside one that was not, `plane-001`."""
    from netspec.train import run as module

    assert netspec("train", spec, "--backend", "numpy", "--quiet", "--patience", 9) == 0

    class Soon(module.Interrupt):
        steps = 0

        def __call__(self) -> bool:
            self.steps += 1
            self.number = 15 if self.steps == 8 else None
            return self.number is not None

    with monkeypatch.context() as patched:
        patched.setattr(module, "Interrupt", Soon)
        assert netspec("train", spec, "--backend", "numpy", "--quiet", "--patience", 9) == 143
    return Path("runs/plane-002")


@pytest.mark.parametrize("by", ["spec", "folder"])
def test_resume_ends_as_the_unbroken_run(
    spec: Path, netspec: Run, interrupted: Path, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads((interrupted / "result.json").read_text())["ended"] == "interrupted"
    assert netspec("train", spec if by == "spec" else interrupted, "--resume") == 0
    out, err = capsys.readouterr()
    assert "warning" not in err and str(interrupted) in out
    assert figures(interrupted) == figures(Path("runs/plane-001"))
    assert weights(interrupted) == weights(Path("runs/plane-001"))
    assert json.loads((interrupted / "result.json").read_text())["ended"] == "done"
    assert sorted(path.name for path in Path("runs").iterdir()) == ["plane-001", "plane-002"]
    assert not (interrupted / ".lock").exists()


def test_a_finished_run_has_nothing_left_to_do(
    spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--quiet") == 0
    before = capsys.readouterr().out, weights(Path("runs/plane-001"))
    assert netspec("train", spec, "--resume", "--quiet") == 0
    assert (capsys.readouterr().out, weights(Path("runs/plane-001"))) == before


def test_changed_settings_are_said_aloud(
    spec: Path, netspec: Run, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", spec, "--resume", "--epochs", 5) == 0
    err = capsys.readouterr().err
    assert "warning: other settings from here on: epochs `epochs 3` -> `epochs 5`" in err
    assert len(figures(interrupted)) == 5


def test_changed_circumstances_are_said_aloud(
    spec: Path,
    netspec: Run,
    interrupted: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "63")
    assert netspec("train", spec, "--resume", "--quiet") == 0
    err = capsys.readouterr().err
    assert "warning: changed since the run was interrupted: threads " in err and "-> 63" in err
    assert "not to the last bit as if it had never stopped" in err


def test_other_data_are_refused(
    spec: Path, netspec: Run, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load("points.npz") as file:
        arrays = dict(file)
    np.savez("points.npz", **{**arrays, "x_train": arrays["x_train"] + 1})
    assert netspec("train", spec, "--resume") == 1
    err = capsys.readouterr().err
    assert 'error[N706]: the run was begun on 90 examples of npz "points.npz", and these are others' in err
    np.savez("points.npz", **{**arrays, "x_train": arrays["x_train"][:80], "y_train": arrays["y_train"][:80]})
    assert netspec("train", spec, "--resume") == 1
    assert "and these are 80 examples of" in capsys.readouterr().err


def test_another_spec_is_refused(
    spec: Path, netspec: Run, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec.write_text(spec.read_text().replace("dense 8", "dense 9"))
    assert netspec("train", spec, "--resume") == 1
    err = capsys.readouterr().err
    assert f"error[N706]: the spec has changed since {interrupted} was begun" in err and "netspec diff" in err


def test_a_second_process_in_the_folder_is_refused(
    spec: Path, netspec: Run, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from filelock import FileLock

    before = {path: path.read_bytes() for path in interrupted.rglob("*") if path.is_file()}
    with FileLock(interrupted / ".lock"):
        assert netspec("train", spec, "--resume") == 1
    assert f"error[N706]: another process is training in {interrupted}" in capsys.readouterr().err
    (interrupted / ".lock").unlink(missing_ok=True)
    assert {path: path.read_bytes() for path in interrupted.rglob("*") if path.is_file()} == before


def test_what_cannot_be_resumed(spec: Path, netspec: Run, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"N706: there is no run of `plane` in"):
        newest(tmp_path / "runs", "plane")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match=r"N706: .*there is no snapshot in"):
        reopen(tmp_path / "empty")
    for name in ("plane-002", "plane-010", "plane2-011"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert newest(tmp_path / "runs", "plane").name == "plane-010"


def test_a_damaged_snapshot_gives_way_to_the_one_before(
    spec: Path, netspec: Run, interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = sorted(path for path in (interrupted / "last").iterdir())
    file = second / "state.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(bytes(raw))
    assert netspec("train", interrupted, "--resume") == 0
    err = capsys.readouterr().err
    assert f"warning: {file}: `" in err and f"going on from {first}, the one before" in err
    assert weights(interrupted) == weights(Path("runs/plane-001"))
