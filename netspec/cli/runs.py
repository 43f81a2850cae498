"""`netspec runs` and `netspec curves`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.limits import Limits

SCHEMA: Final = "netspec.runs/1"


@click.command(short_help="List what runs left, or compare some.")
@click.argument("places", metavar="[RUN|FOLDER]...", nargs=-1)
@click.option(
    "--sort", metavar="COLUMN", help="By a column, or by a figure such as val.loss, the best first."
)
@options.json_as(SCHEMA)
@options.reading
def runs(places: tuple[str, ...], sort: str | None, as_json: bool, limits: Limits) -> None:
    """List the runs in `runs/` or in the FOLDERs, a row each; compare them where two RUNs or more are named.

    A RUN is the folder of a run, or its name in `runs/`.

    \b
    netspec runs --sort test.accuracy
    netspec runs lenet-001 lenet-002
    """
    from time import time

    from netspec.cli.failures import document
    from netspec.train import listing
    from netspec.train.runs import chosen, read

    folders, compared = chosen(places)
    found = [read(folder) for folder in folders]
    found = listing.in_order(found, sort) if sort else found
    differences = listing.differences(found) if compared else []
    specs = listing.specs_against_the_first(found, limits) if compared else []
    if as_json:
        rows = [{"name": name, "values": values} for name, values in differences]
        say(document(SCHEMA, runs=[run.to_json() for run in found], differences=rows, specs=specs))
    elif compared:
        say(listing.side_by_side(found, specs, time()))
    else:
        say(listing.as_table(found, time()))


@click.command(short_help="Draw the curves of several runs in one picture.")
@click.argument("places", metavar="RUN|FOLDER...", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="curves.svg",
    show_default=True,
    help="The picture, .svg or .png.",
)
@click.option(
    "--metric", metavar="NAME", help="One figure: val.accuracy, train.loss, loss (on new data), rate."
)
@options.reading
def curves(places: tuple[str, ...], out: Path, metric: str | None, limits: Limits) -> None:
    """Draw the curves of RUNs over one another: a figure on new data and the losses, or the one that --metric names.

    A RUN is the folder of a run, or its name in `runs/`; of a FOLDER all runs in it are drawn.

    \b
    netspec curves lenet-001 lenet-002 --metric loss --out both.png
    """
    from netspec.train.durable import replace_file
    from netspec.train.overlay import overlay, read
    from netspec.train.picture import KINDS
    from netspec.train.runs import find

    kind = KINDS.get(out.suffix.lower())
    if kind is None:
        raise click.BadParameter(f"{out} ends in none of {', '.join(KINDS)}.", param_hint="--out")
    replace_file(out, overlay(read(find(places)), metric, kind))
    say(f"{out}\n")
