"""`netspec export`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.limits import Limits

if TYPE_CHECKING:
    from netspec.ir.net import Net

STDOUT: Final = "-"


def _pytorch(net: Net, weights: Path | None, limits: Limits) -> str:
    """A class in PyTorch; its comments say how it takes weights."""
    from netspec.backends import load_backend

    load_backend("torch")
    from netspec.backends.torch.export import export as write

    return write(net)


def _onnx(net: Net, weights: Path | None, limits: Limits) -> bytes:
    """A model with its weights: those of the file, or the initial ones."""
    from netspec.train.checkpoint import restore
    from netspec.train.extras import require

    require("onnx", "onnx", "`netspec export --to onnx`")
    from netspec.backends.onnx.export import model

    arrays = restore(weights, limits).arrays if weights else None
    own = {name: arrays[name] for name in net.parameters} if arrays else None
    written: bytes = model(net, own).SerializeToString()
    return written


Writer: TypeAlias = "Callable[[Net, Path | None, Limits], str | bytes]"
TARGETS: Final[dict[str, Writer]] = {"pytorch": _pytorch, "onnx": _onnx}


@click.command(short_help="Write a network as code or as a model that runs without netspec.")
@click.argument("file")
@click.option("--to", "target", type=click.Choice(list(TARGETS)), required=True, help="What to write.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True),
    default=STDOUT,
    help="Where to; standard output by default.",
)
@options.values
@options.sizes
@options.reading
def export(
    file: str, target: str, out: str, values: dict[str, str], sizes: dict[str, int], limits: Limits
) -> None:
    """Write a network as a single file that runs without netspec and gives the same outputs.

    \b
    netspec export --to pytorch lenet -o lenet.py
    netspec export --to onnx runs/lenet-001/best.safetensors -o lenet.onnx

    Of a file of several networks it is the one that `make` applies, else the last.
    An ONNX model has the weights of FILE where that is a file of weights, and initial ones otherwise.
    """
    from netspec.cli.files import WEIGHTS, find_spec, read
    from netspec.passes import analyse
    from netspec.passes.updates import alone
    from netspec.train.durable import replace_file

    net = alone(analyse(read(file, limits), limits, values, sizes))
    path = find_spec(file) if file.endswith(WEIGHTS) else None
    written = TARGETS[target](net, path, limits)
    if out != STDOUT:
        replace_file(Path(out), written)
    elif isinstance(written, str):
        say(written)
    elif sys.stdout.isatty():
        raise click.UsageError(
            f"A model is no text for a terminal: -o {net.name}.onnx writes it into a file."
        )
    else:
        sys.stdout.buffer.write(written)
