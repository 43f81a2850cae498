"""`netspec check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.cli.state import State
from netspec.diagnostics import Diagnostic, SpecError
from netspec.limits import Limits

if TYPE_CHECKING:
    from netspec.ir.net import Net

SCHEMA: Final = "netspec.check/1"
MACHINE: Final = ("json", "sarif")
"""Formats whose document is the answer: it goes to stdout, alone, and is written where all is well, too."""


@click.command(short_help="Say whether specs are right, and if not, why.")
@options.files
@options.json_as(SCHEMA)
@options.values
@options.sizes
@options.reading
@click.pass_context
def check(
    ctx: click.Context,
    files: tuple[str, ...],
    as_json: bool,
    values: dict[str, str],
    sizes: dict[str, int],
    limits: Limits,
) -> None:
    """Check specs, and folders of specs, to the last number.

    A line for each spec that is right goes to stdout, what is wrong to stderr.  With `--format json` or `sarif` the
    document is the answer and goes to stdout.
    """
    from netspec.cli.failures import document, rendered
    from netspec.cli.files import compile_all

    nets, found = compile_all(files, limits, values, sizes)
    state = ctx.ensure_object(State)
    if as_json:
        say(document(SCHEMA, found, files=_entries(nets, found)))
    elif state.format in MACHINE:
        say(rendered(found, state.format))
    else:
        say("".join(f"{name}: ok, {net.parameter_count:,} parameters\n" for name, net in nets))
        if found:
            raise SpecError(*found)
    ctx.exit(1 if found else 0)


def _entries(nets: Sequence[tuple[str, Net]], found: Sequence[Diagnostic]) -> list[dict[str, object]]:
    """A line a file: those that are right, then those that are not."""
    counts = {name: net.parameter_count for name, net in nets}
    wrong = dict.fromkeys(each.span.source.name for each in found if each.span)
    return [
        {"file": name, "ok": name in counts, "parameters": counts.get(name)} for name in [*counts, *wrong]
    ]
