"""`netspec explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import has_colour, say, tell, width
from netspec.cli.failures import document
from netspec.codes import CODES
from netspec.diagnostics import did_you_mean
from netspec.ir.net import Net
from netspec.limits import Limits
from netspec.source import Source

SCHEMA: Final = "netspec.explain/1"


@click.command(
    short_help="Explain a line of a spec, or an error code.",
    context_settings={"ignore_unknown_options": True},  # `-:5` is a line of standard input
)
@click.argument("what", metavar="[CODE|FILE:LINE]", required=False)
@options.json_as(SCHEMA)
@options.values
@options.sizes
@options.reading
@click.pass_context
def explain(
    ctx: click.Context,
    what: str | None,
    as_json: bool,
    values: dict[str, str],
    sizes: dict[str, int],
    limits: Limits,
) -> None:
    """Say in words and numbers what a line of a spec does, or print the page of an error code.

    Without an argument, all codes are listed.

    \b
    netspec explain lecture_cnn:5
    netspec explain N203
    """
    file, colon, line = (what or "").rpartition(":")
    if what is not None and colon and line.isdecimal() and file:
        from netspec.cli.files import read
        from netspec.passes import analyse

        source = read(file, limits)
        net = analyse(source, limits, values, sizes)
        ctx.exit(_line(net, source, int(line), as_json, values, limits))
    if what is not None and what.startswith("-"):
        raise click.NoSuchOption(what, ctx=ctx)
    code = None if what is None else what.upper()
    if code is not None and code not in CODES:
        near = did_you_mean(code, CODES)
        hint = f"Did you mean {near[0]}?" if near else "`netspec explain` lists all codes."
        message = f"{what!r} is neither a code nor FILE:LINE, as in lenet:5. {hint}"
        raise click.BadParameter(message, param_hint="CODE")
    _code(code, as_json)


def _code(code: str | None, as_json: bool) -> None:
    wanted = list(CODES) if code is None else [code]
    if as_json:
        pages = [{"code": each, "title": CODES[each], "page": page(each)} for each in wanted]
        say(document(SCHEMA, codes=pages))
    elif code is None:
        say("".join(f"{each}  {title}\n" for each, title in CODES.items()))
    else:
        say(page(code) or f"{code}: {CODES[code]}\n")


def _line(net: Net, source: Source, line: int, as_json: bool, values: dict[str, str], limits: Limits) -> int:
    """Explain a line of a spec; the exit code."""
    from netspec.views.line import as_data, explain_line, nearest
    from netspec.views.prose import as_text

    found = explain_line(net, source, line, limits, values)
    around = [] if found else nearest(source, line)
    if as_json:
        lines = [{"line": number, "text": text} for number, text in around]
        say(document(SCHEMA, file=source.name, line=line, statements=as_data(found), nearest=lines))
    elif found:
        say(as_text(f"{source.name}:{line}", found, width(sys.stdout), has_colour(sys.stdout)))
    else:
        shown = "".join(f"{number:>5} | {text}\n" for number, text in around)
        tell(f"netspec: nothing is said on line {line} of {source.name}; near it stands\n{shown}")
    return 0 if found else 1


def page(code: str) -> str | None:
    """The page of a code as Markdown: the package's own copy, or the checkout's."""
    package = Path(__file__).parents[1]
    for folder in (package / "errors", package.parent / "docs" / "errors"):
        path = folder / f"{code}.md"
        if path.is_file():
            return path.read_text("utf-8")
    return None
