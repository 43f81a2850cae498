"""`netspec runs` and `netspec curves`: what runs left, listed, compared, drawn; folders that are damaged."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click import UsageError
from filelock import FileLock

from netspec.diagnostics import SpecError
from netspec.train import listing, overlay, runs
from netspec.train.overlay import Curve
from netspec.train.picture import style
from netspec.train.record import LOCK
from netspec.train.runs import Epoch, Run

ROOT = Path(__file__).parents[2]
Command = Callable[..., int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def three(spec: Path, netspec: Command, capsys: Captured) -> list[Path]:
    """A plain run, one with a validation part, another width and rate, and one that failed."""
    spec.write_text("param width = 8 in {4, 8}\n" + spec.read_text().replace("dense 8", "dense width"))
    train = ("train", spec, "--backend", "numpy", "--quiet")
    assert netspec(*train) == 0
    assert netspec(*train, "--set", "width=4", "--lr", 0.05, "--patience", 9, "--epochs", 4) == 0
    with pytest.warns(RuntimeWarning):
        assert netspec(*train, "--set", "train.optimizer=sgd", "--lr", 1e30) == 1
    capsys.readouterr()
    return [Path("runs") / f"plane-00{number}" for number in (1, 2, 3)]


def test_a_table_of_runs(three: list[Path], netspec: Command, capsys: Captured) -> None:
    assert netspec("runs") == 0
    head, first, second, third, why = capsys.readouterr().out.splitlines()
    names = "name net backend parameters epochs best train.loss val.loss val.accuracy test.loss test.accuracy"
    assert head.split() == [*names.split(), "seconds", "ended", "seed", "values", "overrides"]
    result = json.loads((three[1] / "result.json").read_text())
    rows = [json.loads(line) for line in (three[1] / "metrics.jsonl").read_text().splitlines()]
    best = rows[result["best_epoch"] - 1]
    figures = [best["train.loss"], best["val.loss"], best["val.accuracy"], *list(result["test"].values())[:2]]
    cells = [
        "plane-002",
        "plane",
        "numpy",
        "35",
        "4",
        str(result["best_epoch"]),
        *map(listing.figure, figures),
    ]
    assert second.split()[:11] == cells
    assert second.split()[12:] == [
        *("done", "0", "width=4", "train.epochs=4"),
        *("train.optimizer.rate=0.05", "train.stop.patience=9"),
    ]
    assert " done " in first and " failed " in third and " 0/3 " in third
    assert why == "  ! the loss is nan at step 2 (epoch 1, step 2 of 6)"


def test_runs_as_data(three: list[Path], netspec: Command, capsys: Captured) -> None:
    assert netspec("runs", "--json", "--sort", "parameters") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "netspec.runs/1" and document["error"] is None
    assert [run["name"] for run in document["runs"]] == ["plane-002", "plane-001", "plane-003"]
    run = document["runs"][0]
    assert (run["ended"], run["values"], run["settings"]["optimizer"]) == (
        "done",
        {"width": "4"},
        "adam 0.05",
    )
    assert run["folder"] == str(three[1]) and run["problems"] == [] and run["data"] == 'npz "points.npz"'
    assert document["runs"][2]["failure"].startswith("the loss is nan") and document["differences"] == []


def test_two_runs_are_compared(three: list[Path], netspec: Command, capsys: Captured) -> None:
    assert netspec("runs", "plane-001", "runs/plane-002") == 0
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines()[:8]] == [
        ["plane-001", "plane-002"],
        ["width", "8", "4"],
        ["epochs", "3", "4"],
        ["optimizer", "adam", "adam", "0.05"],
        ["stop", "patience=9"],
        [],
        ["parameters", "67", "35"],
        ["epochs", "done", "3", "4"],
    ]
    assert out.splitlines()[-1] == (
        "spec of plane-002 against plane-001: 1 line changed; "
        "parameters 67 -> 35 (-47.8 %); multiply-adds 56 -> 28 (-50.0 %)"
    )
    assert netspec("runs", *three, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {"name": "width", "values": ["8", "4", "8"]} in document["differences"]
    assert document["specs"][1] == "spec of plane-003 against plane-001: the same network"


def test_sorting_by_a_figure_puts_the_best_first(tmp_path: Path) -> None:
    made = [
        Run(tmp_path / name, figures=figures)
        for name, figures in {
            "a": {"val.loss": 0.3, "val.accuracy": 0.7},
            "b": {},
            "c": {"val.loss": 0.2, "val.accuracy": 0.6},
        }.items()
    ]
    assert [run.name for run in listing.in_order(made, "val.loss")] == ["c", "a", "b"]
    assert [run.name for run in listing.in_order(made, "val.accuracy")] == ["a", "c", "b"]
    assert [run.name for run in listing.in_order(made, "best")] == ["a", "b", "c"]


def test_keys_and_places_that_are_not_there(three: list[Path], netspec: Command, capsys: Captured) -> None:
    assert netspec("runs", "--sort", "val.acuracy") == 1
    err = capsys.readouterr().err
    assert "error[N108]: runs cannot be sorted by `val.acuracy`" in err and "try      `val.accuracy`" in err
    assert netspec("runs", "plane-01") == 1
    assert "error[N008]: plane-01: there is no such folder" in (err := capsys.readouterr().err)
    assert "did you mean `plane-001`?" in err
    assert netspec("runs", three[0] / "plane.net", "--json") == 1
    assert "it is no folder" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_no_runs(tmp_path: Path, netspec: Command, capsys: Captured) -> None:
    assert netspec("runs") == 1
    assert "runs: there is no such folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert netspec("runs", "empty") == 0
    assert capsys.readouterr().out == "no runs\n"


def test_nothing_heavy_is_loaded_for_a_list(three: list[Path]) -> None:
    code = """
import sys
from netspec.cli import main
try:
    main(["runs", "plane-001", "plane-002"])
except SystemExit as stop:
    assert not stop.code
assert not {"torch", "matplotlib", "tensorboard", "optuna", "sklearn"} & set(sys.modules)
"""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, timeout=60)
    assert done.returncode == 0


# --- folders that are not as `train` leaves them


def damage(folder: Path, name: str, content: str | bytes) -> None:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


DAMAGED: dict[str, tuple[str, str | bytes, str]] = {
    "no JSON": ("settings.json", '{"net": ', "settings.json: invalid JSON"),
    "a list": ("settings.json", "[1]", "settings.json: input should be an object"),
    "a field missing": ("settings.json", '{"net": "a"}', "settings.json: `backend`: field required"),
    "deep": ("settings.json", "[" * 100_000, "settings.json: invalid JSON"),
    "no text": ("environment.json", b"\xff\xfe\0", "environment.json: invalid JSON"),
    "another word": (
        "result.json",
        '{"ended": "\\u001b[1mwell"}',
        "result.json: `ended`: input should be 'done'",
    ),
    "a large number": ("result.json", '{"ended": "done", "best_epoch": 1e400}', "result.json: `best_epoch`"),
    "half a row": (
        "metrics.jsonl",
        '{"epoch": 1}\n{"epoch": 2, "val.l',
        "metrics.jsonl, row 2: invalid JSON",
    ),
    "no number": ("metrics.jsonl", '{"epoch": 1, "val.loss": "x"}\n', "metrics.jsonl, row 1: `val.loss`"),
    "infinity": ("metrics.jsonl", '{"epoch": 1, "val.loss": 1e999}\n', "metrics.jsonl, row 1: `val.loss`"),
    "a huge integer": ("metrics.jsonl", '{"epoch": ' + "9" * 400 + "}\n", "metrics.jsonl, row 1:"),
    "half an epoch": ("metrics.jsonl", '{"epoch": 1.5}\n', "metrics.jsonl, row 1: `epoch` is no number"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_told(three: list[Path], netspec: Command, capsys: Captured, name: str) -> None:
    file, content, told = DAMAGED[name]
    damage(three[0], file, content)
    for words in (["runs"], ["runs", "plane-001", "plane-002"], ["runs", "--json"]):
        assert netspec(*words) == 0
        out, err = capsys.readouterr()
        assert told in out and "\x1b" not in out and err == ""


def test_sizes_are_looked_at_first(
    three: list[Path], netspec: Command, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (three[0] / "settings.json").open("ab") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    (three[1] / "result.json").unlink()
    (three[1] / "result.json").mkdir()
    (three[2] / "environment.json").unlink()
    assert netspec("runs") == 0
    out = capsys.readouterr().out
    assert "! settings.json has 1,099,511,627,776 bytes, and 4,194,304 are read at most" in out
    assert "! result.json is no file" in out and "! environment.json is missing" in out
    monkeypatch.setattr(runs, "MOST_RUNS", 2)
    assert netspec("runs") == 1
    assert "there are 3 runs, and 2 are listed at most" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="pipes in the file system")
def test_a_pipe_is_not_waited_for(three: list[Path]) -> None:
    (three[0] / "metrics.jsonl").unlink()
    os.mkfifo(three[0] / "metrics.jsonl")
    assert runs.read(three[0]).problems == ("metrics.jsonl is no file",)


def test_a_run_without_a_result(three: list[Path], netspec: Command, capsys: Captured) -> None:
    """It goes on or was broken off: its best epoch is that of the rows."""
    done = runs.read(three[1])
    (three[1] / "result.json").unlink()
    for path in three[1].glob("*.json*"):
        os.utime(path, (0, time.time() - 60))
    found = runs.read(three[1])
    assert (found.ended, found.best_epoch, found.problems) == ("unfinished", done.best_epoch, ())
    assert found.figures == {name: done.figures[name] for name in ("train.loss", "val.loss", "val.accuracy")}
    assert netspec("runs", "plane-002") == 0
    assert "unfinished, written to 1:0" in capsys.readouterr().out
    (Path("runs") / "plane-004").mkdir()
    (Path("runs") / "notes").mkdir()
    assert netspec("runs") == 0
    out = capsys.readouterr().out
    assert "plane-004" in out and "notes" not in out


def test_a_run_that_goes_on(three: list[Path], tmp_path: Path) -> None:
    """A process keeps its folder; what a killed one left of the lock says nothing, nor does a link in its place."""
    (three[0] / "result.json").unlink()
    with FileLock(three[0] / LOCK):
        assert runs.read(three[0]).ended == "running"
    (three[0] / LOCK).touch()
    assert runs.read(three[0]).ended == "unfinished"
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (three[0] / LOCK).unlink()
    (three[0] / LOCK).symlink_to(precious)
    assert runs.read(three[0]).ended == "unfinished" and precious.read_text() == "kept"


def test_a_spec_that_leads_elsewhere_is_not_followed(
    three: list[Path], netspec: Command, capsys: Captured
) -> None:
    settings = json.loads((three[0] / "settings.json").read_text())
    damage(three[0], "settings.json", json.dumps({**settings, "net": "../../plane"}))
    assert netspec("runs", "plane-001", "plane-002") == 0
    assert "plane-001 does not say which file is its spec" in capsys.readouterr().out
    damage(three[0], "settings.json", json.dumps(settings))
    damage(three[0], "plane.net", "input 4\ncovn 3\n")
    assert netspec("runs", "plane-001", "plane-002") == 0
    told = "the specs of plane-001 and plane-002 are not compared: plane-001: there is no layer called `covn`"
    assert told in capsys.readouterr().out


def test_the_thousandth_stands_after_the_second(tmp_path: Path) -> None:
    for number in (1000, 2, 10):
        (tmp_path / f"net-{number:03}").mkdir()
    assert [path.name for path in runs.find([str(tmp_path)])] == ["net-002", "net-010", "net-1000"]


# --- curves


def epochs(values: Sequence[float], part: str = "val") -> list[Epoch]:
    return [
        Epoch(
            number, {"train.loss": value, f"{part}.loss": 2 * value, f"{part}.accuracy": 1 - value}, 0.1, 1.0
        )
        for number, value in enumerate(values, 1)
    ]


def test_curves_lie_over_one_another(three: list[Path], netspec: Command, capsys: Captured) -> None:
    assert netspec("curves", "plane-001", "plane-002") == 0
    assert capsys.readouterr().out == "curves.svg\n"
    text = Path("curves.svg").read_text()
    assert "plane-001: width 8, epochs 3, optimizer adam" in text
    assert "plane-002: width 4, epochs 4, optimizer adam 0.05, stop patience=9" in text
    assert "accuracy on new data (test or validation)" in text
    assert netspec("curves", "plane-001", "plane-002", "--metric", "rate", "--out", "rate.png") == 0
    assert Path("rate.png").read_bytes().startswith(b"\x89PNG")
    assert netspec("curves", "runs") == 1
    assert (
        "error[N008]: runs/plane-003: there are no curves: no epoch was finished" in capsys.readouterr().err
    )
    assert netspec("curves", "plane-001", "--metric", "val.loss") == 1
    assert "no run has the figure `val.loss`" in capsys.readouterr().err


def test_curves_need_a_place_and_a_kind(three: list[Path], netspec: Command) -> None:
    with pytest.raises(UsageError, match=r"a.gif ends in none of \.svg, \.png"):
        netspec("curves", "plane-001", "--out", "a.gif")
    with pytest.raises(UsageError):
        netspec("curves")


def test_losses_over_decades_are_logarithmic() -> None:
    wide, narrow = (epochs([1.0, 0.1, last]) for last in (0.01, 0.09))
    assert b">0.1<" in overlay.overlay([Curve("a", wide)], "loss")
    assert b">0.1<" not in overlay.overlay([Curve("a", narrow)], "loss")
    zero = overlay.overlay([Curve("a", epochs([1.0, 0.0]))], "loss")
    assert b"log" not in zero


def test_names_are_drawn_as_they_are() -> None:
    strange = overlay.label("_a$b_{$ \x1b[1m", {"width": "8", "act": ""})
    assert strange == " _a$b_{$ \N{REPLACEMENT CHARACTER}[1m: width 8"
    picture = overlay.overlay([Curve(strange, epochs([1.0]))])
    assert b"_a$b_{$" in picture and b"\x1b" not in picture
    assert picture == overlay.overlay([Curve(strange, epochs([1.0]))])
    assert len(overlay.label("a", {"x": "y" * 500})) == 110


def test_as_many_runs_as_lines_can_be_told_apart() -> None:
    curves = [Curve(str(number), epochs([1.0, 0.5])) for number in range(overlay.MOST + 1)]
    assert overlay.overlay(curves[:-1], kind="png")
    with pytest.raises(SpecError, match="cannot be told apart"):
        overlay.overlay(curves)
    looks = [tuple(style(number, 2).items()) for number in range(overlay.MOST)]
    assert len(set(looks)) == overlay.MOST


def test_a_missing_matplotlib_is_told(
    three: list[Path], netspec: Command, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert netspec("curves", "plane-001") == 1
    assert 'error[N604]: a picture needs matplotlib: pip install "netspec[plot]"' in capsys.readouterr().err
    assert not Path("curves.svg").exists()
