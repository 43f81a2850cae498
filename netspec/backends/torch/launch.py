"""Several processes on this machine, started and watched by PyTorch's elastic launcher.

The one that it calls rank 0 writes to the streams of this process; what the others write is kept, for it says why one
failed.  Where one ends early, the launcher ends the others.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Final
from uuid import uuid4

import torch

from netspec.backends.processes import LAUNCHED
from netspec.backends.torch.device import find_device
from netspec.diagnostics import error

PATIENCE: Final = 25
"""Seconds in which a process that is asked to end may finish its step and save, before it is killed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """How the process ended that made the run fail."""

    rank: int
    code: int
    """The exit code, or less than 0: that of the signal that killed it."""
    out: str
    err: str
    """What it wrote, where it does not write to our streams itself."""

    @property
    def signal(self) -> str:
        """The name of the signal that killed it; empty for none."""
        try:
            return Signals(-self.code).name if self.code < 0 else ""
        except ValueError:
            return f"signal {-self.code}"


def check_devices(device: str, count: int) -> None:
    """Raise `SpecError` N602 where so many processes cannot have a device each."""
    found = find_device(device)
    have = torch.cuda.device_count()
    if found.type == "cuda" and have < count:
        message = f"{count} processes need {count} GPUs, and PyTorch sees {have}"
        raise error("N602", message, tries=(f"--devices {have}", "--device cpu"))
    if found.type not in ("cpu", "cuda"):
        raise error("N602", f"several processes cannot train on {found.type}", tries=("--device cpu",))


def launch(words: Sequence[str], count: int, folder: Path) -> list[Failed] | int:
    """Run `netspec` with these words in so many processes; the signal that ended them, 0 for none, or the failures.

    `folder` is an empty one, for what they write; they find it in the variable `LAUNCHED`.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(
            str(folder / "logs"), {rank: Std.NONE if rank == 0 else Std.ALL for rank in range(count)}
        ),
        local_addr="localhost",
        shutdown_timeout=PATIENCE,
    )
    threads = str(max((os.cpu_count() or 1) // count, 1))
    with _environment({LAUNCHED: str(folder), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}):
        try:
            elastic_launch(config, sys.executable)("-m", "netspec", *words)
        except SignalException as stopped:
            return int(stopped.sigval)
        except ChildFailedError as failed:
            return [
                Failed(rank, each.exitcode, _said(folder, rank, "stdout"), _said(folder, rank, "stderr"))
                for rank, each in sorted(failed.failures.items())
            ]
    return 0


def _said(folder: Path, rank: int, stream: str) -> str:
    """What a process wrote to a stream that is kept."""
    texts = folder.glob(f"logs/*/*/{rank}/{stream}.log")
    return "".join(text.read_text(encoding="utf-8", errors="replace") for text in texts)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """While entered, these variables stand in the environment, and the launcher's own messages are not shown."""
    before = {name: os.environ.get(name) for name in (*values, "TORCHELASTIC_SIGNALS_TO_HANDLE")}
    shown = logging.root.manager.disable
    os.environ.update(values)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(shown)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
