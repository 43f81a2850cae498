"""`netspec limits`."""

from __future__ import annotations

from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.cli.failures import document
from netspec.limits import DEFAULT

SCHEMA: Final = "netspec.limits/1"


@click.command(short_help="List the bounds on what a spec may cost.")
@options.json_as(SCHEMA)
def limits(as_json: bool) -> None:
    """List the bounds on what a spec may cost.  They are met before anything large is built.

    `--limit NAME=NUMBER` on a command raises one; a spec never can.
    """
    bounds = DEFAULT.describe()
    if as_json:
        say(
            document(
                SCHEMA,
                limits=[{"name": name, "value": value, "meaning": text} for name, value, text in bounds],
            )
        )
        return
    names = max(len(name) for name, _, _ in bounds)
    values = max(len(f"{value:,}") for _, value, _ in bounds)
    say("".join(f"{name:<{names}}  {value:>{values},}  {text}\n" for name, value, text in bounds))
    say("\nraise one with  --limit parameters=20000000000\n")
