"""`netspec draw`."""

from __future__ import annotations

from pathlib import Path

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.diagnostics import SpecError
from netspec.limits import Limits

KINDS = ("svg", "dot", "mermaid")
SUFFIXES = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}


@click.command(short_help="Draw the network of a spec.")
@click.argument("file")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option(
    "--format", "kind", type=click.Choice(KINDS), help="What to write; by default what --out ends in, or svg."
)
@click.option("--expand", is_flag=True, help="Show the lines of every block and of every turn.")
@click.option("--depth", type=click.IntRange(0), default=0, help="How many levels of blocks to open.")
@options.values
@options.sizes
@options.bounded
def draw(
    file: str,
    out: Path | None,
    kind: str | None,
    expand: bool,
    depth: int,
    values: dict[str, str],
    sizes: dict[str, int],
    limits: Limits,
) -> None:
    """Draw the network of a spec: a box a line, with its output shape and parameters.

    Blocks and repetitions are one box each, unless they are opened.

    \b
    netspec draw lecture_cnn --out lecture_cnn.svg
    netspec draw resnet.net --depth 1 > resnet.svg
    netspec draw lenet --format dot | dot -Tpdf > lenet.pdf
    """
    from netspec.cli.files import compile_all
    from netspec.train.durable import replace_file
    from netspec.views.dot import FORMATS
    from netspec.views.graph import EVERYTHING, graph

    if kind is None:
        kind = SUFFIXES.get(out.suffix.lower()) if out and out.suffix else "svg"
    if kind is None:
        raise click.BadParameter(f"{out} ends in none of {', '.join(SUFFIXES)}; --format says what it is.")
    nets, found = compile_all([file], limits, values, sizes)
    if found:
        raise SpecError(*found)
    if len(nets) > 1:
        raise click.BadParameter(f"{file} is a folder of several specs, and one is drawn.", param_hint="FILE")
    text = FORMATS[kind](graph(nets[0][1], EVERYTHING if expand else depth))
    if out is None:
        say(text)
    else:
        replace_file(out, text)
