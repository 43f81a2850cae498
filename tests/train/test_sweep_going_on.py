"""`netspec sweep` that was stopped: the same command goes on with it, and says why where it cannot."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from netspec.train.interrupt import Interrupt
from netspec.train.runs import read
from tests.train.started import started
from tests.train.sweeps import state

Command = Callable[..., int]
Captured = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("quick")


def test_the_same_command_goes_on(wide: Path, netspec: Command, capsys: Captured) -> None:
    words = ("sweep", wide, "--backend", "numpy", "--over", "width=4,8,16", "--epochs", 2)
    assert netspec(*words) == 0
    out = capsys.readouterr().out
    document = state()
    document["trials"][1] = {"number": 2, "values": {"width": "8"}}  # was not finished
    del document["trials"][2]
    Path("sweeps/plane/sweep.json").write_text(json.dumps(document))
    assert netspec(*words) == 0
    again, err = capsys.readouterr()
    assert "1 of them is over and kept" in err and "trial 1/3" not in err and "trial 3/3" in err
    cells = [[line.split()[:3] for line in text.splitlines()] for text in (out, again)]
    assert cells[0] == cells[1]
    assert [trial["folder"] for trial in state()["trials"]] == ["plane-001", "plane-004", "plane-005"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_after_the_step(
    wide: Path, netspec: Command, capsys: Captured, tmp_path: Path, number: int, code: int
) -> None:
    words = ["sweep", str(wide), "--backend", "numpy", "--over", "train.epochs=1,1000000"]
    with started(tmp_path, *words) as process:
        assert process.stderr is not None
        while "trial 1/4" not in process.stderr.readline():
            assert process.poll() is None
        while not (tmp_path / "sweeps/plane/plane-002/metrics.csv").exists():
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "stopped: the same command goes on with the sweep in sweeps/plane" in err
    assert out.splitlines()[-1] == "sweeps/plane" and len(out.splitlines()) == 3
    assert [trial["state"] for trial in state()["trials"]] == ["done", "started"]
    assert read(Path("sweeps/plane/plane-002")).ended == "interrupted"


def test_an_interrupted_trial_goes_on_in_its_folder(
    wide: Path, netspec: Command, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its snapshot, to the figures of the sweep that was never interrupted."""

    class Soon(Interrupt):
        steps = 0

        def __call__(self) -> bool:
            Soon.steps += 1
            self.number = signal.SIGINT if Soon.steps == 26 else self.number  # in the second trial
            return super().__call__()

    words = ("sweep", wide, "--backend", "numpy", "--over", "width=4,8,16")
    assert netspec(*words, "--out", "whole") == 0
    monkeypatch.setattr("netspec.train.run.Interrupt", Soon)
    assert netspec(*words, "--out", "broken") == 130
    assert [trial["state"] for trial in state("broken")["trials"]] == ["done", "started"]
    capsys.readouterr()
    assert netspec(*words, "--out", "broken") == 0
    assert "begins anew" not in capsys.readouterr().err
    found, expected = (
        [{**each, "seconds": 0} for each in state(name)["trials"]] for name in ("broken", "whole")
    )
    assert found == expected and read(Path("broken/plane-002")).ended == "done"


def test_an_interrupted_trial_whose_folder_is_gone_begins_anew(
    wide: Path, netspec: Command, capsys: Captured
) -> None:
    words = ("sweep", wide, "--backend", "numpy", "--epochs", 1)
    assert netspec(*words) == 0
    document = state()
    document["trials"][1] = {"number": 2, "values": {"width": "8"}, "folder": "plane-009"}
    Path("sweeps/plane/sweep.json").write_text(json.dumps(document))
    assert netspec(*words) == 0
    assert "trial 2 begins anew: " in capsys.readouterr().err
    assert [trial["folder"] for trial in state()["trials"]] == ["plane-001", "plane-003"]


def test_one_process_at_a_time(wide: Path, netspec: Command, capsys: Captured) -> None:
    Path("sweeps/plane").mkdir(parents=True)
    with FileLock("sweeps/plane/.lock"):
        assert netspec("sweep", wide, "--backend", "numpy") == 1
    assert "error[N707]: another process is at the sweep in sweeps/plane" in capsys.readouterr().err
    assert netspec("sweep", wide, "--backend", "numpy", "--quiet", "--epochs", 1) == 0
    assert not Path("sweeps/plane/.lock").exists()


def test_another_plan_is_refused_with_what_differs(wide: Path, netspec: Command, capsys: Captured) -> None:
    words = ("sweep", wide, "--backend", "numpy", "--quiet")
    assert netspec(*words, "--epochs", 1) == 0
    before = Path("sweeps/plane/sweep.json").read_text()
    assert netspec(*words, "--epochs", 2, "--over", "width=4,8,9") == 1
    err = capsys.readouterr().err
    assert "error[N707]: sweeps/plane holds another sweep" in err
    assert "sets: width={4, 8} -> width={4, 8, 9}" in err and "trials: 2 -> 3" in err
    assert "changes: {train.epochs=1} -> {train.epochs=2}" in err
    wide.write_text(wide.read_text().replace("dense width relu", "dense width tanh"))
    assert netspec(*words, "--epochs", 1) == 1
    assert "text: line 3: `dense width relu` -> `dense width tanh`" in capsys.readouterr().err
    assert Path("sweeps/plane/sweep.json").read_text() == before
    assert netspec(*words, "--out", ".") == 1
    assert "and no sweep.json: it is not the folder of a sweep" in capsys.readouterr().err


DAMAGED: dict[str, tuple[Callable[[Any], object], str]] = {
    "no JSON": (lambda _found: "{", "invalid JSON"),
    "no plan": (lambda found: {**found, "plan": 1}, "`plan`: input should be an object"),
    "something more": (lambda found: {**found, "more": 1}, "`more`: extra inputs are not permitted"),
    "a trial twice": (
        lambda found: {**found, "trials": [found["trials"][0]] * 2},
        "are not 1 to 2, each once",
    ),
    "a value of nowhere": (
        lambda found: {**found, "trials": [{**found["trials"][0], "values": {"width": "10**9"}}]},
        "trial 1 has a value of `width` that is not in its set",
    ),
    "another folder": (
        lambda found: {**found, "trials": [{**found["trials"][0], "folder": "../plane-001"}]},
        "trial 1 names a folder that is not beside it",
    ),
    "no figure": (
        lambda found: {**found, "trials": [{**found["trials"][0], "figure": None}]},
        "trial 1 is done, and its figure None",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused(wide: Path, netspec: Command, capsys: Captured, name: str) -> None:
    words = ("sweep", wide, "--backend", "numpy", "--quiet", "--epochs", 1)
    assert netspec(*words) == 0
    change, told = DAMAGED[name]
    changed = change(state())
    Path("sweeps/plane/sweep.json").write_text(changed if isinstance(changed, str) else json.dumps(changed))
    assert netspec(*words) == 1
    err = capsys.readouterr().err
    assert "error[N707]: sweeps/plane/sweep.json: " in err and told in err


def test_a_file_that_is_too_large_is_not_read(wide: Path, netspec: Command, capsys: Captured) -> None:
    Path("sweeps/plane").mkdir(parents=True)
    with Path("sweeps/plane/sweep.json").open("wb") as file:
        file.truncate(1 << 40)
    assert netspec("sweep", wide, "--backend", "numpy") == 1
    assert "1,099,511,627,776 bytes, and 67,108,864 are the limit" in capsys.readouterr().err
