"""What a network says of many examples, and the figures of that against what the data say.

Examples whose given texts are of the same length are worked on together, so that nothing fills them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from netspec.backends import compile_net
from netspec.data import Dataset, Preprocessing, every
from netspec.data.vocabulary import Tokens
from netspec.generate import Said, Stepper, generate
from netspec.ir.net import Net
from netspec.ir.symbolic import Symbol
from netspec.ir.training import LEFT_OUT
from netspec.passes.objective import answering
from netspec.passes.ragged import steps_of
from netspec.settings.generate import Feed, Sample
from netspec.train.inputs import by_input
from netspec.train.options import Options
from netspec.train.text_metrics import Texts, text_figure

Array = np.ndarray[Any, np.dtype[Any]]

AT_ONCE: Final = 64
"""Examples that are answered at a time, at most."""
FOLLOWED: Final = 256
"""Beginnings of a beam that are followed at a time, of all these examples together."""


def at_once(feed: Feed) -> int:
    """How many examples are answered at a time."""
    return max(min(AT_ONCE, FOLLOWED // feed.beam), 1)


def answers(
    stepper: Stepper,
    feed: Feed,
    sample: Sample | None,
    inputs: Mapping[str, Any],
    lengths: Mapping[str, Array],
    *,
    prompt: Sequence[int] = (),
    seed: int = 0,
    places: Array | None = None,
) -> list[Said]:
    """What is said of each example, or of those at some places, in their order.

    `inputs` are those of the network but the fed one; `lengths` says of those that are filled up how many steps each
    example has.  What is drawn follows from the seed and the number of the example.
    """
    asked = np.arange(len(next(iter(inputs.values())))) if places is None else places
    found: dict[int, Said] = {}
    for rows in _alike(lengths, asked, at_once(feed)):
        some = {name: np.asarray(array[rows]) for name, array in inputs.items()}
        some |= {name: some[name][:, : each[rows[0]]] for name, each in lengths.items()}
        numbers = [int(row) for row in rows]
        prompts = [prompt] * len(rows)
        said = generate(stepper, feed, sample, inputs=some, prompts=prompts, seed=seed, numbers=numbers)
        found |= zip(numbers, said, strict=True)
    return [found[int(number)] for number in asked]


def _alike(lengths: Mapping[str, Array], places: Array, most: int) -> Iterator[Array]:
    """The examples that are as long as each other, so many at a time at most."""
    keys = np.stack([np.zeros(len(places), np.int64), *(each[places] for each in lengths.values())], axis=1)
    for key in np.unique(keys, axis=0):
        rows = places[(keys == key).all(axis=1)]
        for start in range(0, len(rows), most):
            yield rows[start : start + most]


def figures_of_texts(
    net: Net,
    options: Options,
    dataset: Dataset,
    prepared: Preprocessing | None,
    parameters: Mapping[str, Array],
    *,
    backend: str,
    device: str,
    dtype: str = "float32",
) -> dict[str, float]:
    """The metrics of the texts that a network generates of examples, by name; none where none is asked for.

    It generates as its `generate:` says, with `sample` what seed 0 draws.
    """
    feed = answering(net)
    if not options.texts or feed is None:
        return {}
    assert net.generation is not None
    sample = net.generation.get("sample")
    program = compile_net(net, backend, dtype=dtype, device=device, parameters=parameters)
    stepper = Stepper.of(program, feed, backend=backend, dtype=dtype)
    inputs, lengths = _given(net, feed, dataset)
    found = answers(stepper, feed, sample if isinstance(sample, Sample) else None, inputs, lengths)
    vocabulary = by_input(net, prepared).get(feed.input)
    texts = texts_of(found, dataset, feed, vocabulary if isinstance(vocabulary, Tokens) else None)
    return {metric.name: text_figure(metric, texts) for metric in options.texts}


def _given(net: Net, feed: Feed, dataset: Dataset) -> tuple[dict[str, Any], dict[str, Array]]:
    """The inputs that are not fed, and the lengths of those that are filled up."""
    inputs, lengths = {}, {}
    for layer, array in zip(net.inputs, every(dataset.inputs), strict=True):
        if layer.name == feed.input:
            continue
        inputs[layer.name] = array
        match steps_of(layer.shape):
            case Symbol(name=name) if name in dataset.lengths:
                lengths[layer.name] = dataset.lengths[name]
    return inputs, lengths


def texts_of(said: Sequence[Said], dataset: Dataset, feed: Feed, vocabulary: Tokens | None) -> Texts:
    """What was said of examples beside their targets: in words as their file has them, else as the vocabulary does."""
    spoken = [each.tokens.tolist() for each in said]
    targets = np.asarray(every(dataset.targets)[-1][:])
    meant = [
        [int(token) for token in row if token not in (LEFT_OUT, feed.start, feed.stop)] for row in targets
    ]
    if vocabulary is None:
        return Texts(spoken, meant)
    references = list(dataset.texts) or [vocabulary.decode(tokens) for tokens in meant]
    words = [vocabulary.decode(tokens) for tokens in spoken], references
    return Texts(spoken, meant, vocabulary.stranger, words, vocabulary.is_lower)
