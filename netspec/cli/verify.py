"""`netspec verify`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from netspec.cli import options
from netspec.cli.console import say
from netspec.limits import Limits

if TYPE_CHECKING:
    from netspec.testing.verify import Agreement

SCHEMA: Final = "netspec.verify/1"


@click.command(short_help="Run a network on every backend and say whether they agree.")
@click.argument("file", metavar="FILE")
@click.option(
    "--against", multiple=True, metavar="NAME", help="A backend; all that are installed by default."
)
@options.json_as(SCHEMA)
@options.values
@options.sizes
@options.reading
@click.pass_context
def verify(
    ctx: click.Context,
    file: str,
    against: tuple[str, ...],
    as_json: bool,
    values: dict[str, str],
    sizes: dict[str, int],
    limits: Limits,
) -> None:
    """Run the network of FILE (a spec, or weights) with the same weights and inputs on the NumPy interpreter and on
    every other backend, and compare what each layer gives and each parameter's gradient.

    Exits with 1 where a difference is beyond its tolerance: 1e-9 between programs in float64, 1e-4 for ONNX models.
    """
    from netspec.cli.failures import document
    from netspec.cli.files import WEIGHTS, find_spec, read
    from netspec.passes import analyse
    from netspec.testing.verify import verify as compare
    from netspec.train.checkpoint import restore

    net = analyse(read(file, limits), limits, values, sizes)
    arrays = restore(find_spec(file), limits).arrays if file.endswith(WEIGHTS) else None
    found = compare(net, arrays, against)
    holds = all(each.holds for each in found)
    if as_json:
        say(
            document(SCHEMA, file=file, net=net.name, holds=holds, results=[each.to_json() for each in found])
        )
    else:
        say("".join(f"{line}\n" for line in _lines(file, found)))
    ctx.exit(0 if holds else 1)


def _lines(file: str, found: Sequence[Agreement]) -> Iterator[str]:
    yield file
    for backend in dict.fromkeys(each.backend for each in found):
        for kind in ("output", "loss", "gradient"):
            some = [each for each in found if (each.backend, each.kind) == (backend, kind)]
            if some:
                yield _line(backend, kind, some)


def _line(backend: str, kind: str, found: Sequence[Agreement]) -> str:
    """One kind of array on one backend: how many, how far apart, and where that is too far for the first time."""
    worst = max(found, key=lambda each: each.difference)
    count = f"{len(found)} {kind}{'s' * (len(found) != 1)}" if kind != "loss" else "loss"
    where = f" in `{worst.name}`" if worst.name else ""
    said = f"  {backend:<8}{count:<16}largest difference {worst.difference:.1e}{where}, {worst.tolerance:.0e} allowed"
    first = next((each for each in found if not each.holds), None)
    if first is None:
        return said
    place = f" in `{first.name}`" if first.name else ""
    return f"{said}: too far, first{place or ' here'} ({first.difference:.1e})"
