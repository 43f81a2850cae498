"""`netspec sweep`: what is tried, what decides, what is left, what it refuses."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from netspec.data import Dataset, Loaded
from netspec.train import sampling
from netspec.train.runs import read
from netspec.train.sampling import Tried, grid, suggest
from tests.train.sweeps import state

Command = Callable[..., int]
Captured = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("quick")

# --- what is tried


def test_every_choice_is_a_run(wide: Path, netspec: Command, capsys: Captured) -> None:
    words = ("sweep", wide, "--backend", "numpy", "--over", "train.optimizer.rate=0.001,0.05", "--epochs", 4)
    assert netspec(*words) == 0
    out, err = capsys.readouterr()
    head, *rows, place = out.splitlines()
    assert head.split() == ["width", "optimizer.rate", "parameters", "val.loss", "behind", "seconds", "run"]
    assert place == "sweeps/plane" and len(rows) == 4
    figures = [float(row.split()[3]) for row in rows]
    assert figures == sorted(figures) and {row.split()[1] for row in rows[:2]} == {"0.05"}
    assert "plane: 4 trials, compared by val.loss, in sweeps/plane" in err
    assert "trial 4/4  width 8, optimizer.rate 0.05  val.loss " in err
    for trial in state()["trials"]:
        run = read(Path("sweeps/plane", trial["folder"]))
        assert run.problems == () and dict(run.values) == {"width": trial["values"]["width"]}
        assert run.settings["optimizer"].removeprefix("adam") in (
            "",
            " " + trial["values"]["train.optimizer.rate"],
        )
        assert run.figures["val.loss"] == trial["figure"] and run.best_epoch == trial["best_epoch"]
    assert b"optimizer.rate" in Path("sweeps/plane/sweep.svg").read_bytes()


def test_the_test_data_decide_nothing(wide: Path, netspec: Command, capsys: Captured) -> None:
    """Other test data, and the table is the same; without `stop` a part of the training data is held out, aloud."""
    import numpy as np

    tables = []
    for name in ("a", "b"):
        assert netspec("sweep", wide, "--backend", "numpy", "--out", name) == 0
        out, err = capsys.readouterr()
        tables.append([line.split()[:3] for line in out.splitlines()[:-1]])
        assert "the spec has no `stop`: in every trial a validation part decides" in err
        with np.load("points.npz") as file:
            arrays = dict(file)
        np.savez("points.npz", **{**arrays, "y_test": (arrays["y_test"] + 1) % 3})
    assert tables[0] == tables[1]
    settings = json.loads(Path("a/plane-001/settings.json").read_text())
    assert settings["overrides"] == ["train.stop=patience=3 on val.loss"]
    assert settings["data"]["validation"] == {"fraction": 0.1, "from": "held out from the training data"}
    assert netspec("sweep", wide, "--metric", "test.accuracy") == 1
    assert "error[N108]: there is no figure `test.accuracy` that could decide" in capsys.readouterr().err


def test_what_stop_watches_decides(wide: Path, netspec: Command, capsys: Captured) -> None:
    wide.write_text(wide.read_text() + "    stop patience=2 on val.accuracy\n")
    assert netspec("sweep", wide, "--backend", "numpy", "--json", "--set", "train.epochs=6") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["schema"] == "netspec.sweep/1" and document["error"] is None
    assert (
        document["plan"]["figure"] == "val.accuracy"
        and "held_out" in document["plan"]
        and "no `stop`" not in err
    )
    figures = [outcome["figure"] for outcome in document["outcomes"]]
    assert figures == sorted(figures, reverse=True) and document["best"] == document["outcomes"][0]
    assert netspec("sweep", wide, "--backend", "numpy", "--metric", "val.loss", "--out", "x", "--quiet") == 0
    assert state("x")["plan"]["figure"] == "val.loss"


def test_seeds_are_repetitions(wide: Path, netspec: Command, capsys: Captured) -> None:
    assert (
        netspec("sweep", wide, "--backend", "numpy", "--over", "train.seed=0,1,2", "--quiet", "--json") == 0
    )
    out, err = capsys.readouterr()
    assert err == ""
    first = json.loads(out)["outcomes"][0]
    figures = [trial["figure"] for trial in first["trials"]]
    mean = sum(figures) / 3
    assert len(figures) == 3 and list(first["values"]) == ["width"]
    assert first["figure"] == pytest.approx(mean)
    assert first["deviation"] == pytest.approx((sum((one - mean) ** 2 for one in figures) / 2) ** 0.5)
    assert netspec("sweep", wide, "--backend", "numpy", "--over", "train.seed=0,1,2", "--quiet") == 0
    head = capsys.readouterr().out.splitlines()[0]
    assert head.split() == [
        "width",
        "parameters",
        "val.loss",
        "deviation",
        "behind",
        "seconds",
        "trials",
        "run",
    ]


def test_a_set_on_the_command_line_takes_the_place_of_the_specs(wide: Path, netspec: Command) -> None:
    assert (
        netspec("sweep", wide, "--backend", "numpy", "--over", "width=2, 3,2", "--quiet", "--epochs", 1) == 0
    )
    assert [trial["values"] for trial in state()["trials"]] == [{"width": "2"}, {"width": "3"}]
    words = ("--set", "width=5", "--over", "train.batch=16,32", "--out", "fixed")
    assert netspec("sweep", wide, "--backend", "numpy", "--quiet", "--epochs", 1, *words) == 0
    assert [trial["values"] for trial in state("fixed")["trials"]] == [
        {"train.batch": "16"},
        {"train.batch": "32"},
    ]
    assert dict(read(Path("fixed/plane-001")).values) == {"width": "5"}


REFUSED = {
    "--over widht=3": "error[N108]: the spec has no parameter `widht`",
    "--over train.bacth=3": "error[N401]: there is no setting called `train.bacth`",
    "--over train.batch=16,0": "error[N105]: `size` of `batch` must be a whole number of 1 or more",
    "--set width=4": "error[N405]: there is nothing to vary",
    "--set width=4 --over width=3,4": "error[N109]: `width` is given one value and is to be varied as well",
    "--trials 1 --method grid": "error[N406]: the grid has 2 trials, and --trials wants 1 of them",
    "--limit trials=1": "error[N509]: the sweep has 2 trials; 1 are the limit",
    "--backend numpy --device cuda": "error[N602]",
    "--backend numpy --set train.data=digits": "error[N404]",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(wide: Path, netspec: Command, capsys: Captured, words: str) -> None:
    assert netspec("sweep", wide, *words.split()) == 1
    assert REFUSED[words] in capsys.readouterr().err
    assert not list(Path().glob("sweeps/plane/plane-*"))


def test_a_set_that_multiplies_is_never_written_out(wide: Path, netspec: Command, capsys: Captured) -> None:
    """A spec may come from anyone: 10^30 choices cost nothing until they are asked for."""
    many = ", ".join(map(str, range(1, 1001)))
    params = "".join(f"param p{number} = 1 in {{{many}}}\n" for number in range(10))
    wide.write_text(params + wide.read_text())
    assert netspec("sweep", wide, "--backend", "numpy") == 1
    assert "error[N509]: the sweep has 2," in capsys.readouterr().err
    assert netspec("sweep", wide, "--backend", "numpy", "--trials", 2, "--quiet", "--epochs", 1) == 0
    assert len(state()["trials"]) == 2


def test_a_validation_part_of_the_data_is_used(
    wide: Path, netspec: Command, points: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that bring a validation part are not split again."""
    held = Dataset(points.train.inputs[:20], points.train.targets[:20])
    loaded = replace(points, validation=held)
    monkeypatch.setattr("netspec.train.run.load_from", lambda *_rest, **_more: loaded)
    assert netspec("sweep", wide, "--backend", "numpy", "--quiet") == 0
    settings = json.loads(Path("sweeps/plane/plane-001/settings.json").read_text())
    assert settings["data"]["validation"] == {"examples": 20, "from": "the data"}


# --- what fails


def test_a_failed_trial_does_not_end_the_sweep(wide: Path, netspec: Command, capsys: Captured) -> None:
    over = ("--over", "train.optimizer=sgd 1e30, adam 0.01", "--over", "width=16,0,4")
    wide.write_text(wide.read_text() + "expect params < 70\n")
    with pytest.warns(RuntimeWarning):
        assert netspec("sweep", wide, "--backend", "numpy", *over) == 0
    out, err = capsys.readouterr()
    states = {tuple(trial["values"].values()): trial for trial in state()["trials"]}
    assert [key for key, trial in states.items() if trial["state"] == "done"] == [("4", "adam 0.01")]
    assert states["16", "adam 0.01"]["failure"].startswith("N308: ")  # the budget does not hold
    assert states["0", "adam 0.01"]["failure"].startswith("N105: ")
    diverged = states["4", "sgd 1e30"]
    assert diverged["failure"].startswith("N704: the loss is nan") and diverged["figure"] is None
    assert read(Path("sweeps/plane", diverged["folder"])).ended == "failed"
    assert out.splitlines()[1].split()[:3] == ["4", "adam", "0.01"] and out.count("failed") == 5
    assert "! trial 1: N308:" in out and "trial 6/6" in err


def test_when_all_fail_the_exit_code_says_so(wide: Path, netspec: Command, capsys: Captured) -> None:
    words = ("sweep", wide, "--backend", "numpy", "--lr", 1e30, "--set", "train.optimizer=sgd", "--quiet")
    with pytest.warns(RuntimeWarning):
        assert netspec(*words) == 1
    assert "failed" in capsys.readouterr().out and not Path("sweeps/plane/sweep.svg").exists()
    assert netspec(*words) == 1  # and nothing is tried again
    assert len(list(Path("sweeps/plane").glob("plane-*"))) == 2


def test_what_would_fail_every_trial_ends_the_sweep(wide: Path, netspec: Command, capsys: Captured) -> None:
    Path("points.npz").unlink()
    assert netspec("sweep", wide, "--backend", "numpy") == 1
    assert "error[N701]" in capsys.readouterr().err
    assert [trial["state"] for trial in state()["trials"]] == ["started"]


# --- Optuna


SETS = {"width": ("4", "8", "16", "32"), "act": ("relu", "tanh", "gelu"), "depth": ("1", "2", "3")}


def follow(trials: int, seed: int = 0) -> list[dict[str, str]]:
    """The suggestions for a figure that width 16 and tanh make small."""
    tried: list[Tried] = []
    for _ in range(trials):
        values = suggest(SETS, tried, higher=False, seed=seed, trials=trials)
        figure = abs(int(values["width"]) - 16) + 10 * (values["act"] != "tanh") + float(values["depth"])
        tried.append(Tried(values, None if values["width"] == "32" else figure))
    return [dict(each.values) for each in tried]


def test_suggestions_are_new_and_reproducible() -> None:
    found = follow(36)
    assert sorted(map(str, found)) == sorted(map(str, grid(SETS)))  # each once, to the last
    assert found[:12] != list(grid(SETS))[:12] and found == follow(36)
    assert follow(8, seed=1) != follow(8)


def test_suggestions_follow_the_figures() -> None:
    """Over many seeds, the best of a third of the grid is found more often than by chance (1 in 3)."""
    best = {"width": "16", "act": "tanh", "depth": "1"}
    assert sum(best in follow(12, seed) for seed in range(0, 2000, 100)) >= 12


def test_fewer_trials_than_the_grid_are_chosen_by_optuna(
    wide: Path, netspec: Command, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (
        "sweep",
        wide,
        "--backend",
        "numpy",
        "--over",
        "train.batch=8,16,32",
        "--epochs",
        1,
        "--trials",
        3,
    )
    assert netspec(*words) == 0
    _, err = capsys.readouterr()
    assert "3 trials, chosen by Optuna, compared by val.loss" in err and "[I " not in err
    chosen = [trial["values"] for trial in state()["trials"]]
    document = state()
    del document["trials"][2]
    Path("sweeps/plane/sweep.json").write_text(json.dumps(document))
    assert netspec(*words, "--quiet") == 0
    assert [trial["values"] for trial in state()["trials"]] == chosen  # as it would have gone
    capsys.readouterr()
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert netspec(*words, "--out", "x") == 1
    told = 'a sweep that does not try everything needs optuna: pip install "netspec[sweep]"'
    assert f"error[N604]: {told}" in capsys.readouterr().err and not Path("x").exists()
    assert netspec(*words[:-2], "--out", "x", "--quiet") == 0  # the grid needs none


def test_the_grid_is_in_order() -> None:
    found = list(grid({"a": ("1", "2"), "b": ("x", "y")}))
    assert found == [{"a": a, "b": b} for a in "12" for b in "xy"] and sampling.grid_size(SETS) == 36
