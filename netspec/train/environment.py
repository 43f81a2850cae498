"""Where and with what a run was done, for its record."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("netspec", "numpy", "torch", "safetensors", "scikit-learn")
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_GIT_SECONDS: Final = 2


def environment(
    device: str, command: Sequence[str] | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """Versions, machine, threads, command line, and the commit of the repository around `folder`, if any."""
    return {
        "schema": "netspec.environment/1",
        "versions": {"python": platform.python_version(), **versions()},
        "platform": platform.platform(),
        "device": device,
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "command": list(sys.argv if command is None else command),
        "git": commit(folder) if folder is not None else None,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def versions() -> dict[str, str]:
    """The versions of the packages that are installed, by name."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit(folder: Path) -> str | None:
    """The commit that is checked out around a folder, None where there is no repository or no git."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return done.stdout.strip() or None
