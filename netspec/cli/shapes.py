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
@options.sizes
@options.reading
@click.pass_context
def shapes(
    ctx: click.Context, files: tuple[str, ...], as_json: bool, sizes: dict[str, int], limits: Limits
) -> None:
    """Show what every line of a spec makes and costs: output shape, parameters, multiply-adds, memory.

    \b
    netspec shapes lenet
    netspec shapes specs/ --json
    netspec shapes model.net --bind H=224 --bind W=224
    """
    from netspec.cli.files import compile_all
    from netspec.passes.count import as_data, as_text, count

    nets, found = compile_all(files, limits, sizes)
    if as_json:
        from netspec.cli.failures import document

        say(document(SCHEMA, found, networks=[{"file": name, **as_data(count(net))} for name, net in nets]))
        ctx.exit(1 if found else 0)
    colour, columns = has_colour(sys.stdout), width(sys.stdout)
    say("\n".join(as_text(count(net), name, width=columns, colour=colour) for name, net in nets))
    if found:
        raise SpecError(*found)
