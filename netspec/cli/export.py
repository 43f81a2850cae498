"""`netspec export`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.limits import Limits

# what is written -> the backend that must be at hand, and the module whose `export` writes it
TARGETS: Final = {"pytorch": ("torch", "netspec.backends.torch.export")}


@click.command(short_help="Write a network as code that runs without netspec.")
@click.argument("file")
@click.option("--to", "target", type=click.Choice(list(TARGETS)), required=True, help="What to write.")
@click.option("-o", "--out", type=click.Path(), default="-", help="Where to; standard output by default.")
@options.values
@options.sizes
@options.reading
def export(
    file: str, target: str, out: str, values: dict[str, str], sizes: dict[str, int], limits: Limits
) -> None:
    """Write a network as a single file of code that runs without netspec and gives the same outputs.

    \b
    netspec export --to pytorch lenet -o lenet.py
    """
    from netspec.backends import load_backend
    from netspec.cli.files import read
    from netspec.cli.writing import replace_text
    from netspec.passes import analyse

    net = analyse(read(file, limits), limits, values, sizes)
    backend, writer = TARGETS[target]
    load_backend(backend)
    text: str = import_module(writer).export(net)
    if out == "-":
        say(text)
    else:
        replace_text(Path(out), text)
