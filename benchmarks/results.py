"""Train the networks of `specs/` on their real data and write what they reach into `docs/results.md`.

    python -m benchmarks.results                      every row of the table
    python -m benchmarks.results lenet tricks         the rows of some specs
    python -m benchmarks.results lenet --device cuda --into found.json
                                                      the same on another machine, kept in a file of its own,
    python -m benchmarks.results --take found.json    which is taken into the table here

Every row is `netspec train SPEC --backend BACKEND` with the spec's own settings, once or with several seeds: then the
row has the median, and the worst and the best.  What was reached is kept in `benchmarks/results.json`, a run an entry,
with the device and the versions; the table is made of that, and rows that are not run keep the figures of the last
time.  NETSPEC_DATA names the folder of the data sets; without them a row is refused, not filled with something else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
STORE = ROOT / "benchmarks" / "results.json"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
SHARES = ("accuracy", "exact")
"""Figures that are written in hundredths."""
HIGHER = (*SHARES, "psnr", "bleu")
"""Figures of which more is better; of the others less is."""


@dataclass(frozen=True)
class Row:
    """Runs of a spec on a backend, one a seed, and the figure to reach on the test part."""

    spec: str
    backend: str = "torch"
    wanted: float | None = None
    seeds: tuple[int, ...] = (0,)
    figure: str = "accuracy"


THREE = (0, 1, 2)
ROWS = [
    Row("logistic", wanted=0.68),
    Row("softmax", wanted=0.92),
    Row("softmax", "numpy", 0.92),
    Row("mlp_sigmoid", wanted=0.97),
    Row("mlp_sigmoid_deep"),
    Row("mlp_relu", wanted=0.98),
    Row("mlp_relu", "numpy", 0.98),
    Row("mlp_batchnorm", wanted=0.983),
    Row("lecture_cnn", wanted=0.99, seeds=THREE),
    Row("lecture_cnn", "numpy", 0.989),
    Row("lenet", wanted=0.991, seeds=THREE),
    Row("lenet", "numpy", 0.989),
    Row("tricks", wanted=0.996, seeds=THREE),
    Row("small", wanted=0.996, seeds=THREE),
    Row("digit_rows_lstm", wanted=0.98),
    Row("digit_rows_lstm", "numpy", 0.98),
    Row("rnn_temperature", figure="rmse"),
    Row("rnn_temperature", "numpy", figure="rmse"),
    Row("forecast", figure="loss"),
    Row("forecast", "numpy", figure="loss"),
    Row("char_lm", wanted=1.55, figure="loss"),
    Row("char_gpt", wanted=1.55, figure="loss"),
    Row("derain", wanted=27.2, figure="psnr"),
    Row("ball", wanted=0.0102, figure="rmse"),
    Row("ball", "numpy", 0.0102, figure="rmse"),
    Row("dna", wanted=0.85),
    Row("dna", "numpy", 0.85),
    Row("caption", wanted=0.95, figure="exact"),
    Row("sentiment", wanted=0.76, seeds=THREE),
    Row("sentiment", "numpy", 0.76),
    Row("sentiment_cnn", wanted=0.76, seeds=THREE),
    Row("sentiment_cnn", "numpy", 0.76),
    Row("next_word", wanted=42.8, figure="perplexity"),
    Row("next_word", "numpy", 42.8, figure="perplexity"),
    Row("translate", figure="perplexity"),
    Row("translate_transformer", figure="perplexity"),
    Row("autoencoder", wanted=17.5, figure="psnr"),
    Row("autoencoder", "numpy", 17.5, figure="psnr"),
    Row("autoencoder_tied", wanted=17.5, figure="psnr"),
    Row("autoencoder_tied", "numpy", 17.5, figure="psnr"),
    Row("vae", wanted=16.3, figure="psnr"),
    Row("vae", "numpy", 16.3, figure="psnr"),
]


@dataclass(frozen=True)
class Run:
    """What came of one run; `figures` are those of the test part."""

    spec: str
    backend: str
    seed: int
    figures: dict[str, float]
    seconds: float
    epochs: int
    parameters: int
    device: str
    versions: dict[str, str]
    baseline: str

    @property
    def key(self) -> tuple[str, str, int]:
        """What there is one run of."""
        return self.spec, self.backend, self.seed


def train(row: Row, seed: int, device: str, more: Sequence[str] = ()) -> Run:
    """One run, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "netspec", "train", f"specs/{row.spec}.net", "--seed", str(seed)]
        command += ["--backend", row.backend, "--device", device, "--out", folder, "--json", *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode or not events:
            sys.exit(f"{row.spec} on {row.backend} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        end: dict[str, Any] = events[-1]
        if end["data"]["note"]:
            sys.exit(f"{row.spec}: {end['data']['note']}")
        metrics = [json.loads(line) for line in Path(end["folder"], "metrics.jsonl").read_text().splitlines()]
        settings, environment = (
            json.loads(Path(end["folder"], f"{name}.json").read_text())
            for name in ("settings", "environment")
        )
    run = Run(
        row.spec,
        row.backend,
        seed,
        {name: value for name, value in end["test"].items() if isinstance(value, int | float)},
        round(sum(entry["seconds"] for entry in metrics), 1),
        len(metrics),
        settings["parameters"],
        name_of(environment["device"]),
        environment["versions"],
        end["data"]["baseline"],
    )
    print(f"{run.spec} {run.backend} seed {seed}: {run.figures} in {run.seconds:,.0f} s", flush=True)
    return run


def name_of(device: str) -> str:
    """A device as the table calls it."""
    if not device.startswith("cuda"):
        return device
    import torch

    return torch.cuda.get_device_name()


def kept(path: Path) -> dict[tuple[str, str, int], Run]:
    """The runs that a file holds."""
    runs = [Run(**entry) for entry in json.loads(path.read_text("utf-8"))] if path.exists() else []
    return {run.key: run for run in runs}


def keep(path: Path, runs: dict[tuple[str, str, int], Run]) -> None:
    """Write runs into a file, in order."""
    ordered = [asdict(runs[key]) for key in sorted(runs)]
    path.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")


def line(row: Row, runs: list[Run]) -> str:
    """A line of the table."""
    values = sorted(run.figures[row.figure] for run in runs)
    if row.figure in HIGHER:
        values.reverse()
    reached = median(values)
    words = write(row, reached)
    if row.wanted is not None:
        missed = reached < row.wanted if row.figure in HIGHER else reached > row.wanted
        words += " (missed)" * missed
    if len(runs) > 1:
        words += f", median of {len(runs)} ({write(row, values[-1])} to {write(row, values[0])})"
    elif len(row.seeds) > 1:
        words += f" (seed {runs[0].seed})"
    wanted = "-" if row.wanted is None else write(row, row.wanted)
    seconds = min(run.seconds for run in runs)  # the others were held up by whatever else was running
    machine = "" if runs[0].device.startswith("cpu") else f", {runs[0].device}"
    return (
        f"| `{row.spec}` | {row.backend}{machine} | {runs[0].parameters:,} | {runs[0].epochs} | {seconds:,.0f} "
        f"| {row.figure} | {wanted} | {words} |"
    )


def write(row: Row, value: float) -> str:
    """A figure as the table has it."""
    return f"{value:.2%}" if row.figure in SHARES else f"{value:.4g}"


def tabulate(runs: dict[tuple[str, str, int], Run]) -> None:
    """Make the table of the page anew."""
    lines = []
    for row in ROWS:
        found = [
            runs[row.spec, row.backend, seed] for seed in row.seeds if (row.spec, row.backend, seed) in runs
        ]
        lines += [line(row, found)] if found else []
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(BEGIN)
    titles = [
        "spec",
        "backend",
        "parameters",
        "epochs",
        "seconds",
        "figure",
        "wanted",
        "reached on test data",
    ]
    heading = f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|"
    table = "\n".join([BEGIN, heading, *lines, END])
    PAGE.write_text(f"{head}{table}{rest.partition(END)[2]}", "utf-8")


@click.command()
@click.argument("specs", nargs=-1)
@click.option("--device", default="cpu", help="Where to train.")
@click.option("--graph", is_flag=True, help="Steps as CUDA graphs.")
@click.option("--into", type=click.Path(path_type=Path), help="A file for the runs, instead of the table.")
@click.option("--take", type=click.Path(path_type=Path, exists=True), help="Take the runs of such a file.")
def main(specs: tuple[str, ...], device: str, graph: bool, into: Path | None, take: Path | None) -> None:
    """Run the rows that are asked for and make the table anew."""
    unknown = set(specs) - {row.spec for row in ROWS}
    if unknown:
        raise click.UsageError(f"no such row: {', '.join(sorted(unknown))}")
    if take is not None:
        keep(STORE, kept(STORE) | kept(take))
    for row in ROWS if take is None else ():
        if specs and row.spec not in specs:
            continue
        for seed in row.seeds:
            more = ["--graph"] if graph and row.backend == "torch" else []
            run = train(row, seed, device if row.backend == "torch" else "cpu", more)
            path = into or STORE
            keep(path, kept(path) | {run.key: run})
    if into is None:
        tabulate(kept(STORE))


if __name__ == "__main__":
    main()
