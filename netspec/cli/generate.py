"""`netspec generate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from netspec.cli import options as shared
from netspec.cli import results
from netspec.cli.console import say
from netspec.cli.train import POSITIVE, backend_of, machine
from netspec.limits import Limits
from netspec.settings.generate import MOST_BEGINNINGS, MOST_STEPS, MOST_TEMPERATURE

if TYPE_CHECKING:
    from netspec.train.generated import Generated, Writer
    from netspec.train.maker import Made, Maker

GENERATE: Final = "netspec.generate/1"
SAMPLES: Final = 64
"""Samples that are made of noise unless said otherwise."""
FEW: Final = 20
"""Numbers of a sample that are shown."""


class _Within(click.FloatRange):
    """Numbers between bounds; NaN, which no bound excludes, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found: float = super().convert(value, param, ctx)
        if isnan(found):
            self.fail(f"{value} is no number.", param, ctx)
        return found


STEPS: Final = click.IntRange(1, MOST_STEPS)
BEAM: Final = click.IntRange(1, MOST_BEGINNINGS)
TEMPERATURE: Final = _Within(0, MOST_TEMPERATURE, min_open=True)
SHARE: Final = _Within(min=0, min_open=True, max=1)


@click.command(short_help="Have a trained network write or draw.")
@click.argument("weights", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("given", metavar="[GIVEN]", required=False, type=click.Path(path_type=Path))
@click.option("--prompt", default="", metavar="TEXT", help="What a text begins with.")
@click.option("--count", type=POSITIVE, help="How many: 1 text, 64 samples of noise, 1 of each example.")
@click.option("--max", "most", type=STEPS, metavar="STEPS", help="The most steps; the spec's own.")
@click.option("--greedy", is_flag=True, help="The likeliest token at each step.")
@click.option("--beam", type=BEAM, help="Beginnings that are followed at once.")
@click.option("--temperature", type=TEMPERATURE, help="Draw, bolder above 1.")
@click.option("--top-k", type=POSITIVE, help="Draw from the k likeliest tokens.")
@click.option("--top-p", type=SHARE, help="Draw from the likeliest tokens with this probability together.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Decides what is drawn."
)
@results.to("Write what `make` gives: a sheet of pictures (.png), or numbers (.npy, .npz).")
@machine
@shared.json_as(GENERATE)
@shared.reading
def generate(
    weights: Path,
    given: Path | None,
    prompt: str,
    count: int | None,
    seed: int,
    to: Path | None,
    backend: str | None,
    device: str,
    as_json: bool,
    limits: Limits,
    **manner: Any,
) -> None:
    """What the network in FILE (`best.safetensors`) writes or draws by the block `generate:` of its spec.

    That is a text after a prompt, the rows that follow those in the table GIVEN, or what is said of each example in the
    file GIVEN: of a line of a text that is to be translated, of a picture.  Where the block says `make`, it is samples,
    made of noise or of the examples in GIVEN.

    \b
    netspec generate runs/char_lm-001/best.safetensors --prompt "ROMEO:"
    netspec generate runs/translate-001/best.safetensors german.txt
    netspec generate runs/gan-001/best.safetensors --to digits.png
    """
    from netspec.train.checkpoint import restore
    from netspec.train.generated import Manner, Writer
    from netspec.train.maker import Maker

    restored, chosen = restore(weights, limits), backend_of(backend)
    generation, words = restored.net.generation, {"prompt": prompt, **manner}
    if generation is not None and generation.make is not None:
        _refuse_words(words, "the spec says `make`: --count, --seed and --to go with it")
        maker = Maker(restored, chosen, device)
        made = maker.make(_count(maker, given, count), seed, given)
        _tell_made(weights, maker, made, to, seed, as_json)
        return
    _check_words(manner)
    writer = Writer(restored, Manner(**manner), chosen, device)
    if to is not None:
        raise click.UsageError("--to takes what `make` gives, and what this network writes is printed.")
    if not writer.is_of_tokens:
        _refuse_words(
            {**words, "most": None, "count": count}, "the network goes on with rows: --max goes with it"
        )
    _tell_written(weights, writer, _found(writer, given, prompt, count, seed), count or 1, as_json)


# --- what is written


def _check_words(manner: Mapping[str, Any]) -> None:
    """A usage error for options that do not go together."""
    draws = any(manner[name] is not None for name in ("temperature", "top_k", "top_p"))
    if manner["greedy"] and (draws or manner["beam"] is not None):
        raise click.UsageError("--greedy takes the likeliest token: no beam, and nothing is drawn.")
    if (manner["beam"] or 1) > 1 and draws:
        raise click.UsageError("--beam follows the likeliest, and --temperature, --top-k and --top-p draw.")


def _refuse_words(given: Mapping[str, Any], what: str) -> None:
    """A usage error for options that are about texts, where the network writes none."""
    words = [f"--{name.replace('_', '-').replace('most', 'max')}" for name, value in given.items() if value]
    if words:
        raise click.UsageError(f"{words[0]} is about texts, and {what}.")


def _tell_written(
    weights: Path, writer: Writer, found: Iterator[Generated], count: int, as_json: bool
) -> None:
    """Texts or rows on standard output."""
    if as_json:
        from netspec.cli.failures import document

        texts = [each.to_json() for each in found]
        say(document(GENERATE, file=str(weights), net=writer.net.name, generated=texts))
        return
    for each in found:
        say(f"{each}\n" if writer.needs else _shown(each, count))


def _found(
    writer: Writer, given: Path | None, prompt: str, count: int | None, seed: int
) -> Iterator[Generated]:
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
        return writer.texts(prompt, count or 1, seed)
    if count is not None:
        raise click.UsageError(
            "--count is how many texts follow a --prompt, and each example of GIVEN is answered once."
        )
    return writer.answers(given, prompt, seed) if writer.is_of_tokens else writer.rows(given)


def _shown(each: Generated, count: int) -> str:
    """A text; several are told apart by a line."""
    return f"{'-' * 72 if count > 1 and each.index else ''}\n{each}\n".lstrip("\n" if not each.index else "")


# --- what `make` gives


def _count(maker: Maker, path: Path | None, count: int | None) -> int:
    """How many samples, or how many of each example; a usage error where examples are missing, or not read."""
    if bool(maker.needs) != (path is not None):
        names = " and ".join(f"`{name}`" for name in maker.called.values())
        what = f"reads {names}: GIVEN names a file with that"
        raise click.UsageError(f"The network {what if names else 'draws from noise, and reads no file'}.")
    return count or (1 if maker.needs else SAMPLES)


def _tell_made(weights: Path, maker: Maker, made: Made, to: Path | None, seed: int, as_json: bool) -> None:
    """Write the samples where they are to go, and say what they are."""
    from netspec.train.leave import as_image

    samples = made.samples
    shape = "x".join(map(str, samples.shape[1:]))
    few = samples[0].size <= FEW
    if to is None and not as_json and not few:
        raise click.UsageError(
            f"A sample is {shape}: --to FILE.png shows the samples, --to FILE.npz has the numbers."
        )
    if to is not None:
        given = list(made.given.values())
        cells = [
            [*(as_image(each[place]) for each in given), as_image(one)] for place, one in enumerate(samples)
        ]
        results.write(to, list(samples), cells)
    if as_json:
        from netspec.cli.failures import document

        figures = {name: float(getattr(samples, name)()) for name in ("min", "max", "mean", "std")}
        told: dict[str, Any] = {
            "count": len(samples),
            "shape": list(samples.shape[1:]),
            "seed": seed,
            **figures,
        }
        told["to" if to else "samples"] = str(to) if to else samples.tolist()
        say(document(GENERATE, file=str(weights), net=maker.restored.net.name, made=told))
        return
    if to is None:
        say("".join(" ".join(f"{value:.6g}" for value in one.reshape(-1)) + "\n" for one in samples))
        return
    many = f"{len(samples):,} sample{'s' * (len(samples) > 1)} of {shape}"
    say(f"{many}, from {samples.min():.4f} to {samples.max():.4f}, mean {samples.mean():.4f}\n{to}\n")
