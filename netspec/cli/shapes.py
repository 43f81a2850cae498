"""`netspec shapes`."""

from __future__ import annotations

import sys
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import has_colour, say, width
from netspec.diagnostics import SpecError
from netspec.limits import Limits

SCHEMA: Final = "netspec.shapes/1"


@click.command(short_help="Shapes, parameters and multiply-adds, a row a line.")
@options.files
@options.json_as(SCHEMA)
@click.option("--expand", is_flag=True, help="Show the lines of every block and of every turn.")
@click.option("--depth", type=click.IntRange(0), default=0, help="How many levels of blocks to open.")
@click.option(
    "--count",
    "convention",
    type=click.Choice(("torch", "keras", "paper")),
    default="torch",
    help="How parameters are counted: recurrent layers have two biases a gate in PyTorch, one elsewhere.",
)
@options.values
@options.sizes
@options.reading
@click.pass_context
def shapes(
    ctx: click.Context,
    files: tuple[str, ...],
    as_json: bool,
    expand: bool,
    depth: int,
    convention: str,
    values: dict[str, str],
    sizes: dict[str, int],
    limits: Limits,
) -> None:
    """Show what every line of a spec makes and costs: output shape, parameters, multiply-adds, memory.

    \b
    netspec shapes lenet
    netspec shapes specs/ --json
    netspec shapes model.net --bind H=224 --bind W=224
    """
    from netspec.cli.files import compile_all
    from netspec.passes.count import count
    from netspec.passes.table import EVERYTHING, as_data, as_text

    nets, found = compile_all(files, limits, values, sizes)
    if as_json:
        from netspec.cli.failures import document

        say(
            document(
                SCHEMA,
                found,
                networks=[{"file": name, **as_data(count(net, convention))} for name, net in nets],
            )
        )
        ctx.exit(1 if found else 0)
    colour, columns = has_colour(sys.stdout), width(sys.stdout)
    depth = EVERYTHING if expand else depth
    tables = [(name, count(net, convention)) for name, net in nets]
    say("\n".join(as_text(table, name, width=columns, colour=colour, depth=depth) for name, table in tables))
    if found:
        raise SpecError(*found)
