"""`kill -9` at any moment of a run: it goes on from its last snapshot, and nothing is left lying about."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from netspec.train.checkpoint import load
from netspec.train.durable import BESIDE
from netspec.train.snapshots import Snapshots

ROOT = Path(__file__).parents[2]
EPOCHS = 40
STEPS = 6 * EPOCHS
EVERY = 5

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


def train(folder: Path, *words: str) -> subprocess.Popen[str]:
    """`netspec train`, as a process of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "netspec", "train", *words]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    streams = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=streams, stderr=streams, text=True)


def arguments(spec: Path, *more: str) -> Sequence[str]:
    return (str(spec), "--backend", "numpy", "--epochs", str(EPOCHS), "--save-every", str(EVERY), *more)


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


def rows(folder: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


def strays(folder: Path) -> list[str]:
    """What lies beside its place: left by a killed process, or just being written."""
    return [str(path) for path in folder.rglob("*") if BESIDE.fullmatch(path.name)]


def killed_many_times(spec: Path, times: int) -> int:
    """Kill a run and go on with it, again and again; how often it was killed.  It ends as one that was not."""
    tmp_path = spec.parent
    finish(train(tmp_path, *arguments(spec)))
    unbroken = tmp_path / "runs" / "plane-001"
    chance = random.Random(times)
    kills, number = 0, 1
    while kills < times:
        number += 1
        folder = tmp_path / "runs" / f"plane-{number:03}"
        process = train(tmp_path, *arguments(spec))
        while kills < times:
            while process.poll() is None and not list(folder.glob("last/0*")):
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL
            kills += 1
            before, problems = Snapshots(folder / "last").load()
            assert before is not None and problems == []
            assert before.moment.position.step > 0
            left = strays(folder)
            process = train(tmp_path, str(spec), "--resume", "--save-every", str(EVERY), "--json")
            assert process.stdout is not None
            events = [json.loads(process.stdout.readline()) for _ in range(2)]
            assert [event["event"] for event in events] == ["settings", "start"]
            assert not set(left) & set(strays(folder))
            assert events[1]["done"] == before.moment.position.step
        finish(process)
        assert strays(folder) == [] and not (folder / ".lock").exists()
        assert rows(folder) == rows(unbroken)
        found, wanted = (load(each / "best.safetensors") for each in (folder, unbroken))
        assert found.metadata == wanted.metadata
        assert {name: value.tobytes() for name, value in found.arrays.items()} == {
            name: value.tobytes() for name, value in wanted.arrays.items()
        }
    return kills


def test_a_killed_run_goes_on(spec: Path) -> None:
    assert killed_many_times(spec, 6) == 6


@pytest.mark.slow
def test_a_run_killed_200_times_goes_on(spec: Path) -> None:
    assert killed_many_times(spec, 200) == 200


def test_at_most_the_steps_since_the_last_snapshot_are_lost(spec: Path) -> None:
    process = train(spec.parent, *arguments(spec, "--json"))
    assert process.stdout is not None
    epoch = 0
    while epoch < 10:
        event = json.loads(process.stdout.readline())
        epoch = event.get("epoch", 0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found, _ = Snapshots(spec.parent / "runs" / "plane-001" / "last").load()
    assert found is not None and found.moment.position.step > 6 * epoch - EVERY
