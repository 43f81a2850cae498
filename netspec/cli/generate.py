"""`netspec generate`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from netspec.cli import options as shared
from netspec.cli.console import say
from netspec.cli.train import POSITIVE, backend_of, machine
from netspec.limits import Limits

if TYPE_CHECKING:
    from netspec.train.generated import Generated, Writer

GENERATE: Final = "netspec.generate/1"
SHARE: Final = click.FloatRange(min=0, min_open=True, max=1)


@click.command(short_help="Have a trained network write, a step at a time.")
@click.argument("weights", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("given", metavar="[GIVEN]", required=False, type=click.Path(path_type=Path))
@click.option("--prompt", default="", metavar="TEXT", help="What a text begins with.")
@click.option("--count", type=POSITIVE, default=1, show_default=True, help="How many texts.")
@click.option("--max", "most", type=POSITIVE, metavar="STEPS", help="The most steps; the spec's own.")
@click.option("--greedy", is_flag=True, help="The likeliest token at each step.")
@click.option("--beam", type=POSITIVE, help="Beginnings that are followed at once.")
@click.option("--temperature", type=click.FloatRange(min=0, min_open=True), help="Draw, bolder above 1.")
@click.option("--top-k", type=POSITIVE, help="Draw from the k likeliest tokens.")
@click.option("--top-p", type=SHARE, help="Draw from the likeliest tokens with this probability together.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Decides what is drawn."
)
@machine
@shared.json_as(GENERATE)
@shared.reading
def generate(
    weights: Path,
    given: Path | None,
    prompt: str,
    count: int,
    seed: int,
    backend: str | None,
    device: str,
    as_json: bool,
    limits: Limits,
    **manner: Any,
) -> None:
    """What the network in FILE (`best.safetensors`) writes by the block `generate:` of its spec.

    That is a text after a prompt, the rows that follow those in the table GIVEN, or what is said of each example in the
    file GIVEN: of a line of a text that is to be translated, of a picture.

    \b
    netspec generate runs/char_lm-001/best.safetensors --prompt "ROMEO:"
    netspec generate runs/translate-001/best.safetensors german.txt
    """
    from netspec.train.generated import Manner, Writer

    if manner["greedy"] and any(
        manner[name] is not None for name in ("beam", "temperature", "top_k", "top_p")
    ):
        raise click.UsageError("--greedy takes the likeliest token: no beam, and nothing is drawn.")
    if (manner["beam"] or 1) > 1 and any(
        manner[name] is not None for name in ("temperature", "top_k", "top_p")
    ):
        raise click.UsageError("--beam follows the likeliest, and --temperature, --top-k and --top-p draw.")
    writer = Writer.load(weights, Manner(**manner), backend=backend_of(backend), device=device, limits=limits)
    found = _found(writer, given, prompt, count, seed)
    if as_json:
        from netspec.cli.failures import document

        texts = [each.to_json() for each in found]
        say(document(GENERATE, file=str(weights), net=writer.net.name, generated=texts))
        return
    for each in found:
        say(f"{each}\n" if writer.needs else _shown(each, count))


def _found(writer: Writer, given: Path | None, prompt: str, count: int, seed: int) -> Iterator[Generated]:
    """What is asked for; a usage error where the network needs a file, or none."""
    wants = not writer.is_of_tokens or bool(writer.needs)
    if wants != (given is not None):
        what = "writes texts: --prompt says what one begins with"
        if not writer.is_of_tokens:
            what = "goes on with rows: GIVEN names a table"
        elif writer.needs:
            names = " and ".join(f"`{name}`" for name in writer.needs)
            what = f"reads {names}: GIVEN names a file with that"
        raise click.UsageError(f"The network {what}.")
    if given is None:
        return writer.texts(prompt, count, seed)
    return writer.answers(given, prompt, seed) if writer.is_of_tokens else writer.rows(given)


def _shown(each: Generated, count: int) -> str:
    """A text; several are told apart by a line."""
    return f"{'-' * 72 if count > 1 and each.index else ''}\n{each}\n".lstrip("\n" if not each.index else "")
