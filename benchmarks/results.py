"""Train the networks of `specs/` on their real data and write what they reach into `docs/results.md`.

    python -m benchmarks.results                      every row of the table
    python -m benchmarks.results lenet tricks         the rows of some specs

Every row is `netspec train SPEC --backend BACKEND` with the spec's own settings, once or with several seeds: then the
row has the median, and the worst and the best.  Rows that are not run keep the figures of the last time.  NETSPEC_DATA
names the folder of the data sets; without MNIST the rows that want it are refused, not filled with something else.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Row:
    """Runs of a spec on a backend, one a seed, and the accuracy to reach."""

    spec: str
    backend: str
    wanted: float
    seeds: tuple[int, ...] = (0,)


THREE = (0, 1, 2)
ROWS = [
    Row("logistic", "torch", 0.68),
    Row("softmax", "torch", 0.92),
    Row("softmax", "numpy", 0.92),
    Row("mlp_sigmoid", "torch", 0.97),
    Row("mlp_sigmoid_deep", "torch", 0.0),
    Row("mlp_relu", "torch", 0.98),
    Row("mlp_relu", "numpy", 0.98),
    Row("mlp_batchnorm", "torch", 0.983),
    Row("lecture_cnn", "torch", 0.99, THREE),
    Row("lecture_cnn", "numpy", 0.989),
    Row("lenet", "torch", 0.991, THREE),
    Row("lenet", "numpy", 0.989),
    Row("tricks", "torch", 0.996, THREE),
    Row("small", "torch", 0.996, THREE),
    Row("digit_rows_lstm", "torch", 0.98),
]


@dataclass(frozen=True)
class Run:
    """What came of one run."""

    accuracy: float
    seconds: float
    epochs: int
    parameters: int


def train(row: Row, seed: int) -> Run:
    """One run, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "netspec", "train", f"specs/{row.spec}.net", "--seed", str(seed)]
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
    seconds = sum(entry["seconds"] for entry in metrics)
    print(
        f"{row.spec} {row.backend} seed {seed}: {end['test']['accuracy']:.2%} in {seconds:,.0f} s", flush=True
    )
    return Run(end["test"]["accuracy"], seconds, len(metrics), settings["parameters"])


def measure(row: Row) -> str:
    """Run one row; its line of the table."""
    runs = [train(row, seed) for seed in row.seeds]
    accuracies = [run.accuracy for run in runs]
    accuracy = median(accuracies)
    wanted = f"{row.wanted:.1%}" if row.wanted else "-"
    reached = f"{accuracy:.2%}" + ("" if accuracy >= row.wanted else " (missed)")
    if len(runs) > 1:
        reached += f", median of {len(runs)} ({min(accuracies):.2%} to {max(accuracies):.2%})"
    seconds = min(run.seconds for run in runs)  # the others were held up by whatever else was running
    return (
        f"| `{row.spec}` | {row.backend} | {runs[0].parameters:,} | {runs[0].epochs} | {seconds:,.0f} "
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
