"""A cold `netspec shapes specs/lenet.net` beside a bare process that imports click, lark and pydantic.

    python -m benchmarks.startup

Processes are started in turn, so that the machine's moods hit all alike; the figures are ratios of medians, of the time
of the clock and of that of the processor, which other work on the machine disturbs less.
"""

from __future__ import annotations

import compileall
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 21
PEER = "import click, lark, pydantic"
REQUIRED = {"netspec shapes specs/lenet.net": 1.3}
COMMANDS = {
    "python, nothing imported": [sys.executable, "-c", "pass"],
    "import click, lark": [sys.executable, "-c", "import click, lark"],
    PEER: [
        sys.executable,
        "-c",
        "import click, lark; from pydantic import BaseModel",
    ],
    "netspec --help": [sys.executable, "-m", "netspec", "--help"],
    "netspec check specs/lenet.net": [sys.executable, "-m", "netspec", "check", "specs/lenet.net"],
    "netspec shapes specs/lenet.net": [sys.executable, "-m", "netspec", "shapes", "specs/lenet.net"],
    "netspec shapes specs/networks/resnet50.net": [
        sys.executable,
        "-m",
        "netspec",
        "shapes",
        "specs/networks/resnet50.net",
    ],
    "netspec fmt --check specs/lenet.net": [
        sys.executable,
        "-m",
        "netspec",
        "fmt",
        "--check",
        "specs/lenet.net",
    ],
}


def used() -> float:
    """The processor's seconds that finished processes have taken."""
    times = resource.getrusage(resource.RUSAGE_CHILDREN)
    return times.ru_utime + times.ru_stime


def main() -> None:
    """Print medians and ratios."""
    # as after an installation: a checkout may have no bytecode, or old
    compileall.compile_dir(ROOT / "netspec", quiet=1)
    clock: dict[str, list[float]] = {name: [] for name in COMMANDS}
    processor: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            start, before = time.perf_counter(), used()
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            clock[name].append(time.perf_counter() - start)
            processor[name].append(used() - before)
    print(f"{'':<43}    clock   ratio    processor   ratio")
    for name in COMMANDS:
        columns = []
        for times in (clock, processor):
            median = statistics.median(times[name])
            columns.append(f"{median * 1000:6.0f} ms   {median / statistics.median(times[PEER]):5.2f}")
        required = f"   required: {REQUIRED[name]:g}" if name in REQUIRED else ""
        print(f"{name:<43}{'    '.join(columns)}{required}")


if __name__ == "__main__":
    main()
