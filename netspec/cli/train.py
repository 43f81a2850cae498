"""`netspec train`, `netspec eval` and `netspec predict`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

import click

from netspec import render
from netspec.cli import options as shared
from netspec.cli.console import say, tell
from netspec.cli.files import STDIN, find_spec, read
from netspec.cli.state import WORDS
from netspec.diagnostics import SpecError
from netspec.limits import Limits
from netspec.passes import analyse
from netspec.source import Source

if TYPE_CHECKING:
    from netspec.ir.net import Net
    from netspec.train.options import Options
    from netspec.train.progress import JsonLines
    from netspec.train.resume import Resumed
    from netspec.train.run import Finished, Setup

Command = TypeVar("Command", bound=Callable[..., Any])

POSITIVE: Final = click.IntRange(min=1)
CHANGES: Final = {
    "epochs": "train.epochs",
    "batch": "train.batch",
    "accumulate": "train.accumulate",
    "lr": "train.optimizer.rate",
    "seed": "train.seed",
    "patience": "train.stop.patience",
}
"""Options that are short for a `--set`."""
PRECISIONS: Final = ("fp32", "tf32", "bf16", "fp16")
SETTINGS: Final = "train."
"""What the names of settings begin with; other names are those of parameters."""
LOGS: Final = ("tensorboard",)


def machine(command: Command) -> Command:
    """The options of every command that computes."""
    backend = click.option("--backend", metavar="NAME", help="torch or numpy; torch where it is installed.")
    device = click.option(
        "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu or cuda."
    )
    return backend(device(command))


@click.command(short_help="Train the network of a spec.")
@click.argument("spec", metavar="SPEC")
@click.option(
    "--resume", is_flag=True, help="Go on with the newest run of SPEC, or with the run in the folder SPEC."
)
@click.option("--epochs", type=POSITIVE, help="Passes over the training data.")
@click.option("--batch", type=POSITIVE, help="Examples in one step.")
@click.option(
    "--accumulate", type=POSITIVE, help="Parts in which a step works on its batch, for less memory."
)
@click.option("--lr", type=float, metavar="RATE", help="Step size.")
@click.option("--seed", type=click.IntRange(min=0), help="What everything random follows from.")
@click.option("--patience", type=POSITIVE, help="Epochs without improvement after which to stop.")
@machine
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="Type of the numbers; float32.")
@click.option(
    "--precision", type=click.Choice(PRECISIONS), default="fp32", help="That of products in float32; fp32."
)
@click.option("--compile", "compiled", is_flag=True, help="Compile the network before the first step.")
@click.option("--graph", "graphed", is_flag=True, help="Hand a GPU each step as a whole (a CUDA graph).")
@click.option("--reference", is_flag=True, help="On NumPy: only the plain rule of each layer.")
@click.option("--devices", type=POSITIVE, metavar="N", help="Train in N processes, on a device each.")
@click.option("--shard", "sharded", is_flag=True, help="Divide the parameters among the processes.")
@click.option(
    "--save-every",
    type=POSITIVE,
    metavar="STEPS",
    help="Steps between snapshots, beside the ends of the epochs; some minutes unless given.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder of the runs."
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="A param (width=128) or a setting (train.optimizer.rate=0.01).",
)
@shared.sizes
@click.option("--log", type=click.Choice(LOGS), help="Write event files for this program as well.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")
@click.option("--quiet", is_flag=True, help="No progress.")
@shared.reading
@click.pass_context
def train(
    ctx: click.Context,
    /,
    spec: str,
    backend: str | None,
    device: str,
    devices: int | None,
    sharded: bool,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Train the network of SPEC on the data that it names, and leave a folder in `runs/`.

    Settings come from the spec; options change them for this run.  Ctrl-C saves and says where, a second one stops
    at once; --resume goes on from there as if nothing had happened.  Under torchrun, on one machine or many, the
    processes that it starts train together; --devices starts them on this machine.
    """
    from netspec.backends import Alone, Group
    from netspec.backends.processes import is_started
    from netspec.train.processes import join, leave
    from netspec.train.progress import JsonLines, observer
    from netspec.train.run import run

    starts = (devices or 1) > 1 and not is_started()
    _check_usage(spec, sharded, starts or is_started(), starts)
    lines = JsonLines(_out)
    group: Group = Alone()
    try:
        group = join(backend or "torch", device)
        found, setup = _settled(spec, backend, device, sharded, **given)
        if starts:
            _start(ctx, devices or 1, setup)
        if as_json and group.rank == 0:
            document = found.options.to_json()
            lines.event("settings", net=found.net.name, backend=setup.backend, dtype=setup.dtype, **document)
        shown = lines if as_json else observer(_err, quiet=quiet)
        done = run(found.net, found.options, setup, shown, _err, found.resumed, group)
    except SpecError as failed:
        if not group.tells(failed):
            ctx.exit(1)
        if not as_json:
            raise
        told = [render.as_data(one) for one in failed.diagnostics]
        lines.event("error", error=told[0], errors=told)
        ctx.exit(1)
    leave(setup.backend)
    if group.rank == 0:
        _tell_end(done, lines if as_json else None)
    if done.exit_code:
        raise SystemExit(done.exit_code)


def _settled(
    spec: str,
    backend: str | None,
    device: str,
    sharded: bool,
    *,
    resume: bool,
    dtype: str | None,
    precision: str,
    compiled: bool,
    graphed: bool,
    reference: bool,
    save_every: int | None,
    out: Path,
    changes: tuple[str, ...],
    sizes: dict[str, int],
    log: str | None,
    limits: Limits,
    **short: Any,
) -> tuple[_Found, Setup]:
    """What is to be trained, and how; `short` are the options of `CHANGES`."""
    from netspec.backends.manner import Manner
    from netspec.train.run import Setup

    values = shared.values_of(change for change in changes if not change.startswith(SETTINGS))
    changes = tuple(change for change in changes if change.startswith(SETTINGS))
    changes += tuple(f"{name}={short[key]}" for key, name in CHANGES.items() if short[key] is not None)
    found = _found(spec, resume, out, changes, lambda source: analyse(source, limits, values, sizes), limits)
    setup = Setup(
        backend or (found.resumed.backend if found.resumed else backend_of(None)),
        device,
        dtype or (found.resumed.dtype if found.resumed else "float32"),
        out,
        found.place,
        save_every,
        found.folders,
        log,
        Manner(precision, compiled, sharded, graphed, reference),
    )
    return found, setup


def _check_usage(spec: str, sharded: bool, several: bool, starts: bool) -> None:
    """Refuse words that do not go together."""
    if sharded and not several:
        raise click.UsageError(
            "--shard divides the parameters among processes: --devices says among how many"
        )
    if starts and spec == STDIN:
        raise click.UsageError("--devices has every process read SPEC, and standard input can be read once")


def _start(ctx: click.Context, devices: int, setup: Setup) -> NoReturn:
    """Run this command in several processes and end as they do."""
    from netspec.train.processes import start

    ended = start(ctx.meta[WORDS], devices, setup.backend, setup.device)
    say(ended.out)
    tell(ended.err)
    raise SystemExit(ended.code)


def _tell_end(done: Finished, lines: JsonLines | None) -> None:
    """What came out of a run, and where it lies."""
    test = done.result.test
    if done.exit_code:
        _err(f"stopped after {done.result.steps:,} steps: the weights are in {done.weights}")
        _err(f"`netspec train {done.folder} --resume` goes on from there")
    if lines:
        lines.event(
            "end",
            ended=done.result.ended,
            test=test.to_json() if test else None,
            best_epoch=done.result.best_epoch,
            data={"used": done.used, "note": done.note, "baseline": done.baseline},
            folder=str(done.folder),
            weights=str(done.weights),
        )
    elif test:
        say(f"{figures_told(test)}\n{compared(done.baseline)}{done.folder}\n")


def compared(baseline: str) -> str:
    """A line with what the figures are to be compared with, where something is known."""
    return f"to compare with: {baseline}\n" if baseline else ""


class _Found(NamedTuple):
    """What is to be trained, where it lies, and the folders of its data."""

    net: Net
    options: Options
    place: Path | None
    folders: tuple[Path, ...]
    resumed: Resumed | None = None


def _found(
    spec: str,
    resume: bool,
    out: Path,
    changes: tuple[str, ...],
    analysed: Callable[[Source], Net],
    limits: Limits,
) -> _Found:
    """The network of a spec with the settings of its run, or the run that is to go on."""
    from netspec.train.options import resolve
    from netspec.train.resume import newest, reopen

    if resume and spec != STDIN and Path(spec).is_dir():
        found = reopen(Path(spec), changes, limits=limits)
        return _Found(found.net, found.options, None, (found.folder, Path()), found)
    net = analysed(read(spec, limits))
    place = None if spec == STDIN else find_spec(spec)
    folders = (place.parent if place else Path(),)
    if resume:
        found = reopen(newest(out, net.name), changes, net, limits)
        return _Found(found.net, found.options, place, folders, found)
    return _Found(net, resolve(net, changes), place, folders)


def backend_of(name: str | None) -> str:
    """The backend that is asked for, or the default, which is named where it is the slower one."""
    from netspec.train.run import default_backend

    if name:
        return name
    chosen, note = default_backend()
    if note:
        _err(note)
    return chosen


def figures_told(figures: Any) -> str:
    """`test accuracy 0.9889, loss 0.0352 (10,000 examples)`."""
    named = {**figures.metrics, **figures.named()}  # the metrics first
    return f"test {', '.join(f'{name} {value:.4f}' for name, value in named.items())} ({figures.examples:,} examples)"


def _err(line: str) -> None:
    tell(f"{line}\n")


def _out(line: str) -> None:
    say(f"{line}\n")
