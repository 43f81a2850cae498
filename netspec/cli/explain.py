"""`netspec explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.cli.failures import document
from netspec.codes import CODES
from netspec.diagnostics import did_you_mean

SCHEMA: Final = "netspec.explain/1"


@click.command(short_help="Print the page of an error code.")
@click.argument("code", required=False)
@options.json_as(SCHEMA)
def explain(code: str | None, as_json: bool) -> None:
    """Print the page of an error code, with a wrong and a right example.  Without CODE, list all codes."""
    if code is not None and code.upper() not in CODES:
        near = did_you_mean(code.upper(), CODES)
        hint = f"Did you mean {near[0]}?" if near else "`netspec explain` lists all codes."
        raise click.BadParameter(f"there is no code {code!r}. {hint}", param_hint="CODE")
    wanted = list(CODES) if code is None else [code.upper()]
    if as_json:
        say(
            document(
                SCHEMA, codes=[{"code": each, "title": CODES[each], "page": page(each)} for each in wanted]
            )
        )
    elif code is None:
        say("".join(f"{each}  {title}\n" for each, title in CODES.items()))
    else:
        say(page(wanted[0]) or f"{wanted[0]}: {CODES[wanted[0]]}\n")


def page(code: str) -> str | None:
    """The page of a code as Markdown: the package's own copy, or the checkout's."""
    package = Path(__file__).parents[1]
    for folder in (package / "errors", package.parent / "docs" / "errors"):
        path = folder / f"{code}.md"
        if path.is_file():
            return path.read_text("utf-8")
    return None
