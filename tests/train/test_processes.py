"""Several processes on one run: the same numbers as one, one voice, no orphans, and a run that goes on.

The processes are real and talk through gloo on this machine, each run on a port of its own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from netspec.cli import main
from netspec.train.checkpoint import load
from netspec.train.snapshots import Snapshots

ROOT = Path(__file__).parents[2]
TIMEOUT = 100
EPOCHS = 60
FOREVER = 10**6

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the data, as the processes that are started."""
    monkeypatch.chdir(place)


SPEC = """
input 4
dense 8 relu
dense 8 tanh
softmax 3
train:
    data npz "points.npz"
    optimizer adam 0.003
    regularize l2=0.001
    clip norm=1
    batch 16
"""
"""90 examples in batches of 16: the last batch has 10, and of 15 held-out examples a process has 7 or 8."""

Run = Callable[..., int]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec and its data."""
    folder = tmp_path_factory.mktemp("processes")
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 121)
    inputs = (random.normal(0, 2, (3, 4))[labels] + random.normal(0, 1, (121, 4))).astype(np.float32)
    np.savez(
        folder / "points.npz",
        x_train=inputs[:90],
        y_train=labels[:90],
        x_test=inputs[90:],
        y_test=labels[90:],
    )
    (folder / "plane.net").write_text(SPEC)
    return folder


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


def started(folder: Path, *words: object, by: tuple[str, ...] = ("netspec",)) -> subprocess.Popen[str]:
    """`netspec train` as a process of its own."""
    command = [sys.executable, "-m", *by, "train", *map(str, words)]
    streams = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment(), stdout=streams, stderr=streams, text=True)


def finished(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code, err
    return out, err


def children(pid: int) -> dict[int, int]:
    """The processes that a process has started and that still run, by the rank in their environment."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if (
                folder.name.isdecimal()
                and int((folder / "stat").read_text().rsplit(")")[1].split()[1]) == pid
            ):
                words = (folder / "environ").read_bytes().split(b"\0")
                ranks = [int(word[5:]) for word in words if word.startswith(b"RANK=")]
                found.update(dict.fromkeys(ranks, int(folder.name)))
        except OSError:  # it has ended
            continue
    return found


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for something that a process does."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.01)


def rows(folder: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


def assert_close(
    first: list[dict[str, float]], second: list[dict[str, float]], tolerance: float = 1e-6
) -> None:
    assert len(first) == len(second) > 0
    for left, right in zip(first, second, strict=True):
        assert left == pytest.approx(right, abs=tolerance)


@pytest.fixture(scope="module")
def alone(place: Path) -> Path:
    """The run of one process."""
    path = str(place / "plane.net")
    assert main(["train", path, "--epochs", str(EPOCHS), "--out", str(place / "one"), "--quiet"], False) in (
        0,
        None,
    )
    return place / "one" / "plane-001"


@pytest.fixture(scope="module")
def both(place: Path) -> tuple[Path, str, str]:
    """The run of two processes, and what was written to the streams."""
    process = started(place, "plane.net", "--epochs", EPOCHS, "--devices", 2, "--out", "two")
    return place / "two" / "plane-001", *finished(process)


def test_two_processes_come_to_the_numbers_of_one(alone: Path, both: tuple[Path, str, str]) -> None:
    folder, _, _ = both
    assert_close(rows(folder), rows(alone))
    ours, theirs = (load(each / "best.safetensors").arrays for each in (folder, alone))
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-5, err_msg=name)
    assert json.loads((folder / "settings.json").read_text())["processes"] == 2


def test_only_the_first_process_speaks(both: tuple[Path, str, str]) -> None:
    folder, out, err = both
    assert out.count("test accuracy") == 1 and out.endswith("two/plane-001\n")
    assert err.count(f"epoch  1/{EPOCHS}") == 1 and "Warning" not in err
    assert [path.name for path in folder.parent.iterdir()] == ["plane-001"]


def test_stopped_by_a_signal_and_gone_on_with(place: Path, both: tuple[Path, str, str], alone: Path) -> None:
    """On as many processes to the last bit, on another number of them within rounding."""
    process = started(place, "plane.net", "--epochs", EPOCHS, "--devices", 2, "--out", "stopped")
    folder = place / "stopped" / "plane-001"
    until(lambda: list(folder.glob("last/0*/manifest.json")), process)
    workers = children(process.pid)
    assert sorted(workers) == [0, 1]
    process.send_signal(signal.SIGTERM)
    _, err = finished(process, 143)
    assert not any(map(lives, workers.values()))
    assert "`netspec train stopped/plane-001 --resume` goes on from there" in err and "error" not in err
    snapshot, problems = Snapshots(folder / "last").load()
    assert snapshot is not None and not problems
    assert 0 < snapshot.moment.position.step < 6 * EPOCHS
    assert {"random.cpu", "random.cpu.1"} <= set(snapshot.moment.memory)
    other = place / "fewer"
    copytree(folder, other)

    _, err = finished(started(place, folder, "--resume", "--devices", 2, "--quiet"))
    assert "warning" not in err
    assert rows(folder) == rows(both[0])
    ours, theirs = (load(each / "best.safetensors").arrays for each in (folder, both[0]))
    assert all(ours[name].tobytes() == value.tobytes() for name, value in theirs.items())


def test_what_two_processes_wrote_one_goes_on_with(
    place: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "fewer", "--resume", "--quiet"], False) in (0, None)
    assert "processes 2 -> 1" in capsys.readouterr().err
    assert_close(rows(place / "fewer"), rows(alone))


def test_what_one_process_wrote_two_go_on_with(place: Path, alone: Path) -> None:
    """Through FSDP2, so that the snapshot of whole parameters is divided, and gathered again."""
    copytree(alone, place / "more")
    words = (place / "more", "--resume", "--devices", 2, "--shard", "--epochs", EPOCHS + 2, "--quiet")
    _, err = finished(started(place, *words))
    assert "processes 1 -> 2" in err and "sharded none -> True" in err
    main(["train", str(alone), "--resume", "--epochs", str(EPOCHS + 2), "--quiet"], False)
    assert_close(rows(place / "more"), rows(alone))


def test_a_killed_process_ends_the_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = started(place, "plane.net", "--epochs", FOREVER, "--devices", 2, "--out", "killed")
    folder = place / "killed" / "plane-001"
    until(lambda: list(folder.glob("last/0*/manifest.json")), process)
    workers = children(process.pid)
    began = time.monotonic()
    os.kill(workers[1], signal.SIGKILL)
    _, err = finished(process, 1)
    assert time.monotonic() - began < 30
    assert not any(map(lives, workers.values()))
    assert err.count("error[") == 1
    assert "error[N704]: worker 1 was killed by SIGKILL (signal 9)" in err
    assert re.search(r"the last good weights: killed/plane-001/last/\d+/weights.safetensors", err)
    assert "`netspec train killed/plane-001 --resume` goes on from there" in err
    done = len(rows(folder))
    assert main(["train", str(folder), "--resume", "--epochs", str(done + 2), "--quiet"], False) in (0, None)
    assert len(rows(folder)) == done + 2


def test_the_end_of_the_launcher_is_the_end_of_the_run(place: Path) -> None:
    process = started(place, "plane.net", "--epochs", FOREVER, "--devices", 2, "--out", "orphans")
    folder = place / "orphans" / "plane-001"
    until(lambda: list(folder.glob("last/0*/manifest.json")), process)
    workers = children(process.pid)
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while any(map(lives, workers.values())) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(lives, workers.values()))
    assert json.loads((folder / "result.json").read_text())["ended"] == "interrupted"
    process.communicate()


def test_torchrun_starts_processes_too_and_a_failure_is_told_once(place: Path) -> None:
    by = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "netspec")
    process = started(place, "plane.net", "--lr", 1e30, "--out", "broken", "--quiet", by=by)
    _, err = finished(process, 1)
    assert err.count("error[N704]: the loss is nan") == 1
    assert (place / "broken" / "plane-001" / "settings.json").exists()
    assert not (place / "broken" / "plane-002").exists()


# --- one program in a world of two


def free_port() -> str:
    """A port that nobody uses."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return str(free.getsockname()[1])


def test_programs_of_a_group(tmp_path: Path) -> None:
    """`world.py` beside this file says what is looked at."""
    port = free_port()
    script = Path(__file__).with_name("world.py")
    both = [
        subprocess.Popen(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=environment(
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE="2",
                MASTER_ADDR="localhost",
                MASTER_PORT=port,
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=TIMEOUT)[0] for process in both]
    finally:
        for process in both:
            process.kill()
            process.communicate()
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)


# --- what is refused


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--devices", 2, "--backend", "numpy"], 1, "the backend `numpy` cannot train in several processes"),
        (["--devices", 2, "--device", "mps"], 1, "N602"),
        (["--shard"], 2, "--devices says among how many"),
        (["--devices", 0], 2, "0 is not in the range"),
    ],
)
def test_what_cannot_be_started(
    place: Path, words: list[object], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "plane.net"
    with pytest.raises(SystemExit) as ended:
        main(["train", str(path), *map(str, words), "--out", str(place / "refused")])
    assert ended.value.code == code
    assert said in capsys.readouterr().err
    assert not (place / "refused").exists()


def test_standard_input_cannot_be_read_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "-", "--devices", "2"])
    assert ended.value.code == 2
    assert "standard input can be read once" in capsys.readouterr().err
