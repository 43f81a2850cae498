"""What trained networks of `specs/` reach beside what is simpler, on their test data.

    python -m benchmarks.baselines rebuild runs/autoencoder-001/best.safetensors runs/vae-001/best.safetensors
    python -m benchmarks.baselines make runs/gan-001/best.safetensors runs/lenet-001/best.safetensors
    python -m benchmarks.baselines words runs/next_word-001/best.safetensors
    python -m benchmarks.baselines captions runs/caption-001/best.safetensors

`rebuild`: the mean squared error of images that went through a code, beside principal components, as many as the code
has numbers.  `make`: how many of the images that a generator makes another network takes for a digit, and for which,
beside the images of the test set.  `words`: the perplexity of a language model of words beside counted runs of one,
two and three words, smoothed.  `captions`: the share of captions that are right from the first word to the last.

The weights are those of a run; the data are the ones that their spec names, found as `netspec eval` finds them.  What
is simpler is fitted to the training part, and its constants are chosen by the validation part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from netspec.backends import as_given, as_tuple, compile_net
from netspec.data import Dataset, Loaded
from netspec.generate import Stepper, generate
from netspec.ir.updates import Noise
from netspec.passes.updates import made
from netspec.settings.generate import Feed
from netspec.settings.text import START, STOP
from netspec.train.checkpoint import Restored, restore
from netspec.train.evaluate import load_from
from netspec.train.measure import evaluate_file
from netspec.train.noise import Draws
from netspec.train.options import resolve
from netspec.train.predict import BATCH, Predictor

Array = np.ndarray[Any, np.dtype[Any]]

SURE = 0.9
"""The probability from which on an image is taken for a digit."""
CONSTANTS = tuple(2.0**power for power in range(-10, 11))
"""What may be chosen for each constant of smoothing."""
KINDS = ("one word", "two words", "three words")


@click.group()
def main() -> None:
    """What trained networks reach beside what is simpler."""


def opened(weights: Path) -> tuple[Restored, Loaded]:
    """A weight file, and the data that its spec names."""
    restored = restore(weights)
    options = resolve(restored.net, restored.overrides)
    folders = [weights.parent, Path()]
    fitted, classes = restored.preprocessing, restored.classes
    loaded = load_from(restored.net, options, folders, fitted=fitted, classes=classes)
    if loaded.note:
        print(f"warning: {loaded.note}")
    return restored, loaded


# --- images through a code


@main.command()
@click.argument("weights", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def rebuild(weights: Sequence[Path]) -> None:
    """The error of images that went through a code, beside principal components."""
    for path in weights:
        restored, loaded = opened(path)
        learnt, seen = (np.asarray(part.inputs, np.float64) for part in (loaded.train, loaded.test))
        width = min(layer.shape.size for layer in restored.net.layers)
        predictor = Predictor.load(path)
        found = np.concatenate([np.asarray(predictor.outputs(part)[-1]) for part in batches(seen)])
        told(f"{restored.net.name}, through {width} numbers", squared(found, seen))
        told(f"{width} principal components", squared(components(learnt, seen, width), seen))


def batches(examples: Array, size: int = BATCH) -> Iterator[Array]:
    """The examples in the network's type, some at a time."""
    for start in range(0, len(examples), size):
        yield examples[start : start + size].astype(np.float32)


def components(learnt: Array, seen: Array, width: int) -> Array:
    """Vectors (n, features) as the mean of others and their first principal components give them back."""
    middle = learnt.mean(axis=0)
    around = learnt - middle
    _, directions = np.linalg.eigh(around.T @ around)  # in the order of their variances, the largest last
    kept = directions[:, -width:]
    return middle + (seen - middle) @ kept @ kept.T


def squared(found: Array, wanted: Array) -> float:
    """The mean over all pixels."""
    return float(np.square(found - wanted).mean())


def told(name: str, error: float) -> None:
    """Both are the same figure: of shades from 0 to 1."""
    print(f"{name}: mean squared error {error:.5f}, psnr {-10 * np.log10(error):.2f} dB")


# --- images made of noise


@main.command()
@click.argument("generator", type=click.Path(path_type=Path, exists=True))
@click.argument("judge", type=click.Path(path_type=Path, exists=True))
@click.option("--count", default=10_000, help="Images that are made.")
def make(generator: Path, judge: Path, count: int) -> None:
    """The share of the images that GENERATOR makes which JUDGE takes for something, and for what."""
    restored, loaded = opened(generator)
    predictor = Predictor.load(judge)
    rows = (
        (f"{count:,} of {restored.net.name}", images_of(restored, count)),
        (f"{len(loaded.test):,} of the test set", batches(np.asarray(loaded.test.inputs))),
    )
    for name, images in rows:
        chances = np.concatenate([np.asarray(predictor.outputs(part)[-1]) for part in images])
        print(f"{name}: {taken(chances, predictor.restored.classes)}")


def images_of(restored: Restored, count: int) -> Iterator[Array]:
    """What the line `make` of a spec shows, as often as asked, from noise alone."""
    show = made(restored.net)
    noises = [each for each in show.inputs if isinstance(each, Noise)] if show else []
    if show is None or len(noises) < len(show.inputs):
        raise click.UsageError(f"{restored.net.name} does not say how it makes something of noise alone")
    arrays = {name: restored.arrays[name] for name in show.net.parameters}
    program = compile_net(show.net, "torch", parameters=arrays)
    for start in range(0, count, BATCH):
        draws = Draws(0, f"baselines/{start}")
        drawn = [draws.of(noise, min(BATCH, count - start)) for noise in noises]
        yield np.asarray(as_tuple(program.predict(as_given(drawn)))[-1])


def taken(chances: Array, classes: Sequence[str]) -> str:
    """What probabilities (n, classes) say of images, in words."""
    sure = (chances.max(axis=1) >= SURE).mean()
    shares = np.bincount(chances.argmax(axis=1), minlength=chances.shape[1]) / len(chances)
    names = classes or tuple(map(str, range(len(shares))))
    each = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, shares, strict=True))
    return f"{sure:.2%} are something with {SURE} or more; {each}"


# --- the next word


@main.command()
@click.argument("weights", type=click.Path(path_type=Path, exists=True))
def words(weights: Path) -> None:
    """The perplexity of a language model beside counted words."""
    restored, loaded = opened(weights)
    if loaded.validation is None or restored.preprocessing is None:
        raise click.UsageError(f"the data of {restored.net.name} have no words, or no part to validate on")
    figures = evaluate_file(weights).figures.named()
    if "perplexity" not in figures:
        raise click.UsageError(f"{restored.net.name} is not measured by its perplexity (`metric perplexity`)")
    print(f"{restored.net.name}: perplexity {figures['perplexity']:.2f}")
    parts = [texts_of(each) for each in (loaded.train, loaded.validation, loaded.test)]
    # nothing fills up in a text, and it does not begin twice
    told_apart = len(loaded.classes) - START - 1
    for kind, perplexity, chosen in counted(*parts, told_apart):
        print(f"{kind}: perplexity {perplexity:.2f}, smoothed by {', '.join(f'{each:g}' for each in chosen)}")


def texts_of(dataset: Dataset) -> list[list[int]]:
    """The tokens of each text, its stop included, without what fills up."""
    return [[int(token) for token in row if token >= 0] for row in np.asarray(dataset.targets)]


def counted(
    learnt: Sequence[Sequence[int]],
    held: Sequence[Sequence[int]],
    seen: Sequence[Sequence[int]],
    tokens: int,
) -> Iterator[tuple[str, float, tuple[float, ...]]]:
    """Models of runs of one word, two and three: the kind, the perplexity of `seen`, and the constants chosen.

    The probability of w after the words h is (c(h, w) + m p(w)) / (c(h) + m), in which c are counts and p is that of
    the model of runs that are shorter by one word, at last 1 of `tokens` (a prior as in MacKay and Peto 1995).  Each
    m is the one with which `held` is likeliest.
    """
    shorter = [np.full(sum(map(len, texts)), 1 / tokens) for texts in (held, seen)]
    chosen: tuple[float, ...] = ()
    for before, kind in enumerate(KINDS):
        runs = Counter(run for text in learnt for run in runs_of(text, before))
        begun = Counter(run[:-1] for run in runs.elements())
        counts = [
            np.array([(runs[run], begun[run[:-1]]) for text in texts for run in runs_of(text, before)]).T
            for texts in (held, seen)
        ]
        constant = min(CONSTANTS, key=lambda each: perplexity_of(smoothed(counts[0], shorter[0], each)))
        chosen = (*chosen, constant)
        shorter = [smoothed(*pair, constant) for pair in zip(counts, shorter, strict=True)]
        yield kind, perplexity_of(shorter[1]), chosen


def runs_of(text: Sequence[int], before: int) -> Iterator[tuple[int, ...]]:
    """Each token of a text with so many before it; before the first one there are starts."""
    padded = (START,) * before + tuple(text)
    return (padded[place : place + before + 1] for place in range(len(text)))


def smoothed(counts: Array, shorter: Array, constant: float) -> Array:
    """The probability of each token; `counts` are those of its run and of what the run begins with."""
    of_run, begun = counts
    return (of_run + constant * shorter) / (begun + constant)


def perplexity_of(chances: Array) -> float:
    """Of a text whose tokens have these probabilities."""
    return float(np.exp(-np.log(chances).mean()))


# --- captions


@main.command()
@click.argument("weights", type=click.Path(path_type=Path, exists=True))
def captions(weights: Path) -> None:
    """The share of captions that are right as a whole; at each step the likeliest word is said."""
    restored, loaded = opened(weights)
    right, lengths = compared(restored, loaded)
    print(f"{restored.net.name}: {right.mean():.2%} of {len(right):,} captions are right as a whole")
    for length in np.unique(lengths):
        some = right[lengths == length]
        print(f"    {some.mean():.2%} of the {len(some):,} of {length} words")


def compared(restored: Restored, loaded: Loaded) -> tuple[Array, Array]:
    """Whether each test example is described with the very words of its caption, and how many these are."""
    net = restored.net
    feed = net.generation.get("feed") if net.generation else None
    if not isinstance(feed, Feed):
        raise click.UsageError(f"the spec of {net.name} does not say what is fed back")
    feed = replace(feed, beam=1)
    program = compile_net(net, "torch", parameters=restored.arrays)
    stepper = Stepper.of(program, feed)
    named = dict(zip([layer.name for layer in net.inputs], as_tuple(loaded.test.inputs), strict=True))
    wanted = texts_of(loaded.test)
    right = []
    for start in range(0, len(wanted), BATCH):
        part = slice(start, start + BATCH)
        given = {name: np.asarray(array[part]) for name, array in named.items() if name != feed.input}
        said = generate(stepper, feed, inputs=given)
        right += [
            each.stopped and [*each.tokens, STOP] == text
            for each, text in zip(said, wanted[part], strict=True)
        ]
    return np.array(right), np.array([len(text) - 1 for text in wanted])


if __name__ == "__main__":
    main()
