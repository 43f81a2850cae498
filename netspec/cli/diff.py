"""`netspec diff`."""

from __future__ import annotations

import sys
from typing import Final

import click

from netspec.cli import options
from netspec.cli.console import has_colour, say
from netspec.diagnostics import SpecError
from netspec.limits import Limits

SCHEMA: Final = "netspec.diff/1"


@click.command(short_help="What is different between two specs.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@options.json_as(SCHEMA)
@click.option("--exit-code", is_flag=True, help="Exit with 1 where the two are different.")
@options.values
@options.sizes
@options.reading
@click.pass_context
def diff(
    ctx: click.Context,
    before: str,
    after: str,
    as_json: bool,
    exit_code: bool,
    values: dict[str, str],
    sizes: dict[str, int],
    limits: Limits,
) -> None:
    """Say what is different between two specs (or weights that carry one): lines, shapes, costs, settings.

    + added, - removed, ~ changed, > moved; a line without a mark is as before and makes or costs something else.
    `--set` gives values to the parameters of B, so that a spec can be compared with itself, `--bind` numbers
    to the symbols of both.

    \b
    netspec diff lenet lecture_cnn
    netspec diff runs/1/best.safetensors lenet --exit-code
    """
    from netspec.cli.failures import document
    from netspec.cli.files import compile_all
    from netspec.views.compare import as_data, compare
    from netspec.views.difference import as_text

    nets, found = compile_all([before], limits, sizes=sizes)
    others, wrong = compile_all([after], limits, values, sizes)
    if found or wrong:
        raise SpecError(*found, *wrong)
    for name, all_nets in ((before, nets), (after, others)):
        if len(all_nets) > 1:
            raise click.BadParameter(
                f"{name} is a folder of several specs, and one is compared.", param_hint="FILE"
            )
    (one, first), (other, second) = nets[0], others[0]
    comparison = compare(first, second)
    if as_json:
        say(document(SCHEMA, before=one, after=other, **as_data(comparison)))
    else:
        say(as_text(one, other, comparison, has_colour(sys.stdout)))
    ctx.exit(1 if exit_code and not comparison.identical else 0)
