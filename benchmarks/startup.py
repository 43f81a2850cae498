"""Wall time of a cold `netspec shapes specs/lenet.net`, beside a bare process that imports click, lark and pydantic.

Processes are started in turn, so that the machine's moods hit all alike; the figure is the ratio of medians.
"""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 21
COMMANDS = {
    "python, nothing imported": [sys.executable, "-c", "pass"],
    "import click, lark": [sys.executable, "-c", "import click, lark"],
    "import click, lark, pydantic": [
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


def main() -> None:
    """Print medians and ratios."""
    # as after an installation: a checkout may have no bytecode, or old
    compileall.compile_dir(ROOT / "netspec", quiet=1)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    peer = medians["import click, lark, pydantic"]
    for name, median in medians.items():
        print(f"{name:<43} {median * 1000:6.0f} ms   {median / peer:5.2f}")


if __name__ == "__main__":
    main()
