"""`netspec layers`."""

from __future__ import annotations

import sys
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import has_colour, say, width
from netspec.diagnostics import did_you_mean

SCHEMA: Final = "netspec.layers/1"


@click.command(short_help="List the layers, or explain one.")
@click.argument("name", required=False)
@options.json_as(SCHEMA)
def layers(name: str | None, as_json: bool) -> None:
    """List the layers, or explain the one called NAME: its arguments, its shape rule, examples with their numbers."""
    from netspec.cli import pages
    from netspec.cli.failures import document
    from netspec.ir.catalog import words

    found = pages.page(name) if name is not None else None
    if name is not None and found is None:
        near = did_you_mean(name, words("layer"))
        hint = f"Did you mean {near[0]!r}?" if near else "`netspec layers` lists them all."
        raise click.BadParameter(f"there is no layer {name!r}. {hint}", param_hint="NAME")
    bold, plain = ("\x1b[1m", "\x1b[0m") if has_colour(sys.stdout) else ("", "")
    if as_json:
        wanted = [found] if found else pages.all_pages()
        say(document(SCHEMA, layers=[pages.as_data(each) for each in wanted]))
    elif found:
        say(pages.as_text(found, bold, plain))
    else:
        say(pages.listing(width(sys.stdout), bold, plain))
