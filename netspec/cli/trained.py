"""`netspec eval` and `netspec predict`: what trained weights say of their test data, and of new examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from netspec.cli import options as shared
from netspec.cli import results
from netspec.cli.console import say, tell
from netspec.cli.failures import document
from netspec.cli.train import POSITIVE, backend_of, compared, figures_told, machine
from netspec.limits import Limits

if TYPE_CHECKING:
    from netspec.train.measure import Evaluation

EVAL: Final = "netspec.eval/1"
PREDICT: Final = "netspec.predict/1"
EXAMPLES: Final = 8
"""Test examples that are written unless a number is said."""


@click.command("eval", short_help="Measure a trained network on its test data.")
@click.argument("weights", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--data", metavar="NAME", help='Other data, as in a spec: digits, or  npz "file.npz".')
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="A further figure, as in a spec: bleu."
)
@results.to(
    "Write examples: what is read, said and true as pictures side by side (.png), or what is said (.npy, .npz)."
)
@click.option("--count", type=POSITIVE, metavar="N", help="Examples that are written; 8.")
@machine
@shared.json_as(EVAL)
@shared.reading
def evaluate(
    weights: Path,
    data: str | None,
    metrics: tuple[str, ...],
    to: Path | None,
    count: int | None,
    backend: str | None,
    device: str,
    as_json: bool,
    limits: Limits,
) -> None:
    """Test loss and metrics of the weights in FILE (`best.safetensors`) on the data that its spec names."""
    from netspec.train.measure import evaluate_file

    if count is not None and to is None:
        raise click.UsageError("--count goes with --to.")
    found = evaluate_file(
        weights,
        data=data,
        metrics=metrics,
        show=(count or EXAMPLES) if to else 0,
        backend=backend_of(backend),
        device=device,
        limits=limits,
    )
    if to is not None:
        _show(to, found)
    if found.note:
        tell(f"warning: {found.note}\n")
    if as_json:
        used = {"used": found.used, "note": found.note, "baseline": found.baseline}
        say(document(EVAL, file=str(weights), net=found.net.name, data=used, test=found.figures.to_json()))
        return
    say(f"{figures_told(found.figures)}\n{compared(found.baseline)}")


def _show(path: Path, found: Evaluation) -> None:
    """Write examples: those of which the network says a picture as pictures, beside it what is read and the truth."""
    from netspec.train.leave import as_image

    if not found.shown:
        raise click.UsageError(
            "Networks that are trained by turns say nothing of an example: see netspec generate."
        )
    pictures = [[as_image(each) for each in (one.given, one.said, one.truth)] for one in found.shown]
    cells = [[said] if said is None else [given, said, truth] for given, said, truth in pictures]
    results.write(path, [one.said for one in found.shown], cells)


@click.command(short_help="Apply a trained network to pictures, tables or texts.")
@click.argument("weights", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@results.to("Write what it says: pictures (.png), or numbers (.npy, .npz).")
@click.option("--beside", is_flag=True, help="In pictures, what was read stands on the left.")
@machine
@shared.json_as(PREDICT)
@shared.reading
def predict(
    weights: Path,
    inputs: Sequence[Path],
    to: Path | None,
    beside: bool,
    backend: str | None,
    device: str,
    as_json: bool,
    limits: Limits,
) -> None:
    """What the network in FILE (`best.safetensors`) says of each INPUT: .png, .jpg, .npz, .npy, .csv or .txt.

    \b
    netspec predict runs/lenet-001/best.safetensors digit.png
    netspec predict runs/derain-001/best.safetensors rainy.jpg --to clear.png
    """
    import numpy as np

    from netspec.train.leave import as_image
    from netspec.train.predict import predict_files

    found = predict_files(weights, inputs, backend=backend_of(backend), device=device, limits=limits)
    if to is not None:
        numbers = [np.asarray(one.values) for one in found]
        given = [[as_image(one.given)] if beside and one.given is not None else [] for one in found]
        cells = [[*each, as_image(array)] for each, array in zip(given, numbers, strict=True)]
        results.write(to, numbers, cells)
    if as_json:
        say(document(PREDICT, file=str(weights), predictions=[one.to_json() for one in found]))
        return
    count = {str(path): 0 for path in inputs}
    for one in found:
        count[one.file] += 1
    say("".join(f"{one.file}{f'[{one.index}]' * (count[one.file] > 1)}: {one}\n" for one in found))
