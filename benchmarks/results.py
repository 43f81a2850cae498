"""Train the networks of `specs/` on their real data and write what they reach into `docs/results.md`.

    python -m benchmarks.results                      every row of the table
    python -m benchmarks.results lenet tricks         the rows of some specs

Every row is one run of `netspec train SPEC --backend BACKEND` with the spec's own settings.  Rows that are not run
keep the figures of the last time.  NETSPEC_DATA names the folder of the data sets; without MNIST the rows that want it
are refused, not filled with something else.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Row:
    """One run: a spec, a backend, and the accuracy to reach."""

    spec: str
    backend: str
    wanted: float


ROWS = [
    Row("logistic", "torch", 0.68),
    Row("softmax", "torch", 0.92),
    Row("softmax", "numpy", 0.92),
    Row("mlp_sigmoid", "torch", 0.97),
    Row("mlp_sigmoid_deep", "torch", 0.0),
    Row("mlp_relu", "torch", 0.98),
    Row("mlp_relu", "numpy", 0.98),
    Row("mlp_batchnorm", "torch", 0.983),
    Row("lecture_cnn", "torch", 0.989),
    Row("lecture_cnn", "numpy", 0.989),
    Row("lenet", "torch", 0.989),
    Row("lenet", "numpy", 0.989),
    Row("tricks", "torch", 0.993),
    Row("digit_rows_lstm", "torch", 0.98),
]


def measure(row: Row) -> str:
    """Run one row; its line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "netspec", "train", f"specs/{row.spec}.net"]
        command += ["--backend", row.backend, "--out", folder, "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode or not events:
            sys.exit(f"{row.spec} on {row.backend} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        end: dict[str, Any] = events[-1]
        if end["data"]["note"]:
            sys.exit(f"{row.spec}: {end['data']['note']}")
        metrics = [json.loads(line) for line in Path(end["folder"], "metrics.jsonl").read_text().splitlines()]
        settings = json.loads(Path(end["folder"], "settings.json").read_text())
    accuracy = end["test"]["metrics"]["accuracy"] if "metrics" in end["test"] else end["test"]["accuracy"]
    seconds = sum(entry["seconds"] for entry in metrics)
    wanted = f"{row.wanted:.1%}" if row.wanted else "-"
    reached = f"{accuracy:.2%}" + ("" if accuracy >= row.wanted else " (missed)")
    return (
        f"| `{row.spec}` | {row.backend} | {settings['parameters']:,} | {len(metrics)} | {seconds:,.0f} "
        f"| {wanted} | {reached} |"
    )


def lines_of(page: str) -> dict[tuple[str, str], str]:
    """The rows that the page holds, by spec and backend."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {(line.split("|")[1].strip(" `"), line.split("|")[2].strip()): line for line in rows}


def main(names: list[str]) -> None:
    """Run the rows that are asked for and rewrite the table."""
    unknown = set(names) - {row.spec for row in ROWS}
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}")
    for row in ROWS:
        if names and row.spec not in names:
            continue
        line = measure(row)
        print(line, flush=True)
        page = PAGE.read_text("utf-8")
        lines = lines_of(page) | {(row.spec, row.backend): line}
        ordered = [lines[row.spec, row.backend] for row in ROWS if (row.spec, row.backend) in lines]
        head, _, rest = page.partition(BEGIN)
        titles = ["spec", "backend", "parameters", "epochs", "seconds", "wanted", "test accuracy"]
        heading = f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|"
        table = "\n".join([BEGIN, heading, *ordered, END])
        PAGE.write_text(f"{head}{table}{rest.partition(END)[2]}", "utf-8")
    print(f"{platform.machine()}, Python {platform.python_version()}")


if __name__ == "__main__":
    main(sys.argv[1:])
