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
SAID: Final = {"refused": "not compared", "failed": "failed"}
"""What stands for a backend without results."""


@click.command(short_help="Run a network on every backend and say whether they agree.")
@click.argument("file", metavar="FILE")
@click.option(
    "--against",
    multiple=True,
    metavar="NAME",
    help="A backend, or `numpy-fast`; all that are installed by default.",
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
    every other backend, and compare what each layer gives, its gradient, and those of its parameters.

    Exits with 1 where a difference is beyond its tolerance, or a backend fails: 1e-9 between programs in float64, 1e-4
    for ONNX models and the interpreter's own faster paths.
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
    """A line for each kind of array on each backend, and for a backend that was not compared."""
    groups: dict[tuple[str, str, str], list[Agreement]] = {}
    for each in found:
        groups.setdefault((each.backend, each.update, each.kind), []).append(each)
    counts = {key: _count(some) for key, some in groups.items()}
    widths = [max(map(len, column)) for column in ([key[0] for key in groups], counts.values())]
    yield file
    for key, some in groups.items():
        start = f"  {key[0]:<{widths[0]}}  "
        if some[0].kind in SAID:
            yield f"{start}{SAID[some[0].kind]}: {some[0].name}"
        else:
            yield f"{start}{counts[key]:<{widths[1]}}  {_far(some)}"


def _count(found: Sequence[Agreement]) -> str:
    """How many of a kind there are: `12 gradients`, `loss`, `loss of generator`."""
    kind, update = found[0].kind, found[0].update
    if kind in SAID:
        return ""
    what = kind if kind == "loss" else f"{len(found)} {kind}{'s' * (len(found) != 1)}"
    return f"{what} of {update}" if update else what


def _far(found: Sequence[Agreement]) -> str:
    """How far apart, and where that is too far for the first time: gradients are read from the loss back."""
    worst = max(found, key=lambda each: each.difference)
    where = f" in `{worst.name}`" if worst.name else ""
    said = f"largest difference {worst.difference:.1e}{where}, {worst.tolerance:.0e} allowed"
    first = next((each for each in found if not each.holds), None)
    if first is None:
        return said
    back = " on the way back" if first.kind == "gradient" else ""
    place = f"{back} in `{first.name}`" if first.name else " here"
    return f"{said}: too far, first{place} ({first.difference:.1e})"
