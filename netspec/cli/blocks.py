"""`netspec blocks`."""

from __future__ import annotations

import sys
from textwrap import fill
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import has_colour, say, width
from netspec.diagnostics import did_you_mean

SCHEMA: Final = "netspec.blocks/1"


@click.command(short_help="List the blocks that ship with netspec, or show one.")
@click.argument("name", required=False)
@options.json_as(SCHEMA)
def blocks(name: str | None, as_json: bool) -> None:
    """List the blocks that ship with netspec, or show the one called NAME: what it is, its text, a worked example.

    They are words like those of the layers, and written in the language itself.
    """
    from netspec.cli.failures import document
    from netspec.passes.count import count
    from netspec.passes.shelf import shelf
    from netspec.passes.table import EVERYTHING, as_data, as_text

    known = shelf()
    if name is not None and name not in known:
        near = did_you_mean(name, known)
        hint = f"Did you mean {near[0]!r}?" if near else "`netspec blocks` lists them all."
        raise click.BadParameter(f"there is no block {name!r}. {hint}", param_hint="NAME")
    wanted = [known[name]] if name else list(known.values())
    bold, plain = ("\x1b[1m", "\x1b[0m") if has_colour(sys.stdout) else ("", "")
    if as_json:
        entries = [
            {
                "name": each.word,
                "usage": each.usage,
                "summary": each.summary,
                "prose": each.prose,
                "text": each.definition,
                "example": {"text": each.example, **as_data(count(each.net()))},
            }
            for each in wanted
        ]
        say(document(SCHEMA, blocks=entries))
    elif name:
        each = known[name]
        table = as_text(
            count(each.net()), "example", width=width(sys.stdout), colour=bool(bold), depth=EVERYTHING
        )
        rows = table.rpartition("\n\n")[0]
        parts = [f"{bold}{each.usage}{plain}", fill(each.prose, 100), each.definition + "\n" + rows]
        say("\n\n".join(parts) + "\n")
    else:
        column = max(map(len, known))
        say("".join(f"{bold}{each.word:<{column}}{plain}  {each.summary}\n" for each in wanted))
