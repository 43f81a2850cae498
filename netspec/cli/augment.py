"""`netspec augment`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from netspec.cli import options as shared
from netspec.cli.console import say, tell
from netspec.cli.files import STDIN, find_spec, read
from netspec.diagnostics import error
from netspec.limits import Limits
from netspec.passes import analyse

KINDS: Final = ("svg", "png")
MOST_NUMBERS: Final = 50_000_000
"""Pixels, times channels, in one picture."""
SETTINGS: Final = "train."
"""What the names of settings begin with; other names are those of parameters."""


@click.command(short_help="Draw examples as training sees them.")
@click.argument("spec", metavar="SPEC")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, .png or .svg."
)
@click.option("--examples", type=click.IntRange(1, 32), default=6, show_default=True, help="How many rows.")
@click.option(
    "--columns",
    type=click.IntRange(1, 100),
    default=8,
    show_default=True,
    help="How many steps each is shown at.",
)
@click.option("--seed", type=click.IntRange(min=0), help="What everything random follows from.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="A param (width=128) or a setting (train.seed=1).",
)
@shared.sizes
@shared.reading
def augment(
    spec: str,
    out: Path | None,
    examples: int,
    columns: int,
    seed: int | None,
    changes: tuple[str, ...],
    sizes: dict[str, int],
    limits: Limits,
) -> None:
    """Draw examples of SPEC's training data, and what its `augment` makes of them in steps 1, 2, and so on.

    Without --out, the picture is SVG on standard output.

    \b
    netspec augment digits.net --out digits.png
    netspec augment lenet --set "train.augment=shift=2 rotate=10 elastic=3" --out lenet.png
    """
    from netspec.train.durable import replace_file
    from netspec.train.evaluate import load_data
    from netspec.train.gallery import can_draw, check_images, gallery, picture
    from netspec.train.options import resolve

    kind = out.suffix.lower().removeprefix(".") if out else KINDS[0]
    if kind not in KINDS:
        raise click.BadParameter(f"{out} ends in none of .png, .svg.", param_hint="--out")
    if out and not out.parent.is_dir():
        raise click.BadParameter(f"there is no folder {out.parent}.", param_hint="--out")
    source = read(spec, limits)
    values = shared.values_of(change for change in changes if not change.startswith(SETTINGS))
    net = analyse(source, limits, values, sizes)
    overrides = [change for change in changes if change.startswith(SETTINGS)]
    options = resolve(net, [*overrides, *([] if seed is None else [f"train.seed={seed}"])])
    check_images(net, options)
    if not can_draw():
        raise error("N602", 'a picture of examples needs matplotlib: pip install "netspec[plot]"')
    loaded = load_data(net, options, Path() if spec == STDIN else find_spec(spec).parent)
    if loaded.note:
        tell(f"warning: {loaded.note}\n")
    if examples * (1 + columns) * loaded.train.inputs[0].size > MOST_NUMBERS:
        raise click.UsageError("The picture would be too large; fewer --examples or --columns are drawn.")
    drawn = picture(gallery(net, options, loaded, examples, columns), kind)
    if out is None:
        say(drawn.decode("utf-8"))
    else:
        replace_file(out, drawn)
