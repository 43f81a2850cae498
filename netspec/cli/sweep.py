"""`netspec sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import click

from netspec.cli import options as shared
from netspec.cli.console import say, tell
from netspec.cli.failures import document
from netspec.cli.files import STDIN, find_spec, read
from netspec.cli.train import CHANGES, POSITIVE, SETTINGS, backend_of, machine
from netspec.limits import Limits

SCHEMA: Final = "netspec.sweep/1"


def _over(_ctx: click.Context, _option: click.Parameter, texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The values to try, by name."""
    sets: dict[str, tuple[str, ...]] = {}
    for name, text in shared.values_of(texts).items():
        values = tuple(value.strip() for value in text.split(","))
        if not all(values):
            raise click.BadParameter(f"{name}={text} has an empty value between its commas.")
        sets[name] = values
    return sets


@click.command(short_help="Train with each value that a spec says is worth trying.")
@click.argument("spec", metavar="SPEC")
@click.option(
    "--over",
    multiple=True,
    callback=_over,
    metavar="NAME=VALUE,...",
    help="Values to try for a setting (train.optimizer.rate=0.001,0.01), or for a param instead of its own set.",
)
@click.option(
    "--trials", type=POSITIVE, help="How many combinations to try; fewer than all are chosen by Optuna."
)
@click.option(
    "--method", type=click.Choice(["grid", "optuna"]), help="How combinations are chosen; all by default."
)
@click.option("--metric", metavar="NAME", help="The figure that decides: val.loss, val.accuracy.")
@click.option("--epochs", type=POSITIVE, help="Passes over the training data.")
@click.option("--batch", type=POSITIVE, help="Examples in one step.")
@click.option(
    "--accumulate", type=POSITIVE, help="Parts in which a step works on its batch, for less memory."
)
@click.option("--lr", type=float, metavar="RATE", help="Step size.")
@click.option("--seed", type=click.IntRange(min=0), help="What everything random follows from.")
@click.option("--patience", type=POSITIVE, help="Epochs without improvement after which to stop.")
@machine
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", help="Type of the numbers."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the sweep; by default sweeps/NAME, after the network.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="A param (width=128) or a setting (train.optimizer.rate=0.01) that every trial has.",
)
@shared.sizes
@shared.json_as(SCHEMA)
@click.option("--quiet", is_flag=True, help="No progress.")
@shared.reading
def sweep(
    spec: str,
    over: dict[str, tuple[str, ...]],
    trials: int | None,
    method: Literal["grid", "optuna"] | None,
    metric: str | None,
    backend: str | None,
    device: str,
    dtype: str,
    out: Path | None,
    changes: tuple[str, ...],
    sizes: dict[str, int],
    as_json: bool,
    quiet: bool,
    limits: Limits,
    **short: Any,
) -> None:
    """Train SPEC once for each choice from the sets after its params, and compare the runs on validation data.

    The runs, sweep.json and sweep.svg are left in one folder; the same command goes on where it ended.

    \b
    netspec sweep model.net --over train.optimizer.rate=0.001,0.003,0.01
    netspec sweep model.net --trials 20 --over train.batch=16,32,64
    """
    from netspec.train.run import Setup
    from netspec.train.sweep import Wanted
    from netspec.train.sweep import sweep as run
    from netspec.train.sweep_views import as_data, as_table

    values = shared.values_of(change for change in changes if not change.startswith(SETTINGS))
    settings = [change for change in changes if change.startswith(SETTINGS)]
    settings += [f"{name}={short[key]}" for key, name in CHANGES.items() if short[key] is not None]
    place = None if spec == STDIN else find_spec(spec)
    folders = (place.parent if place else Path(),)
    setup = Setup(backend_of(backend), device, dtype, spec=place, folders=folders)
    wanted = Wanted(
        read(spec, limits), setup, limits, values, sizes, settings, over, metric, method, trials, out
    )
    done = run(wanted, (lambda _line: None) if quiet else lambda line: tell(f"{line}\n"))
    if done.is_interrupted:
        tell(f"stopped: the same command goes on with the sweep in {done.record.folder}\n")
    if as_json:
        say(document(SCHEMA, **as_data(done.record)))
    elif done.record.outcomes():
        say(f"{as_table(done.record)}{done.record.folder}\n")
    raise SystemExit(done.exit_code)
