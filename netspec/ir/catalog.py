"""The catalog: every word of the language and the definition behind it.

Built-in words stand in a static table and are imported when first used, so that a spec pays only for what it says.
Third parties add words through entry points, each under the word's own name, in the group of its kind (`KINDS`).
They are asked only for a word that is not built in, or when everything is listed.  A built-in word is never replaced;
a plug-in that cannot be used is a diagnostic, N603, for those who use its words and for nobody else.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from netspec.diagnostics import SpecError, error
from netspec.ir.definition import Definition
from netspec.ir.generation import Line
from netspec.ir.layer import Operation
from netspec.ir.training import Loss, Metric, Optimizer, Plain, Reader, Schedule

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

KINDS: Final[dict[str, tuple[str, type[Definition]]]] = {
    "layer": ("netspec.layers", Operation),
    "data": ("netspec.data", Reader),
    "loss": ("netspec.losses", Loss),
    "optimizer": ("netspec.optimizers", Optimizer),
    "schedule": ("netspec.schedules", Schedule),
    "metric": ("netspec.metrics", Metric),
    "setting": ("netspec.settings", Plain),
    "generation": ("netspec.generation", Line),
}
"""The kinds of word: the group of entry points that adds some, and the base of their definitions."""

# kind of word -> module -> words defined there
BUILT_IN: Final[dict[str, dict[str, str]]] = {
    "layer": {
        "netspec.layers.input": "input",
        "netspec.layers.dense": "dense linear",
        "netspec.layers.conv": "conv depthwise upconv upsample",
        "netspec.layers.conv1d": "conv1d",
        "netspec.layers.pool": "pool global",
        "netspec.layers.activation": (
            "relu relu6 tanh gelu silu elu selu celu softplus softsign mish "
            "leaky_relu prelu hardsigmoid hardswish activate rescale"
        ),
        "netspec.layers.output": "softmax sigmoid",
        "netspec.layers.norm": "batchnorm layernorm groupnorm rmsnorm lrn",
        "netspec.layers.dropout": "dropout noise",
        "netspec.layers.sample": "sample",
        "netspec.layers.reshape": "flatten reshape crop pad identity detach repeat_vector",
        "netspec.layers.position": "position",
        "netspec.layers.embedding": "embed",
        "netspec.layers.recurrent": "rnn lstm gru last first",
        "netspec.layers.attention": "attention",
        "netspec.layers.join": "add mul mean concat",
        "netspec.layers.lengths": "lengths",
    },
    "data": {
        "netspec.settings.data": "mnist digits csv npz idx images series",
        "netspec.settings.text": "text pairs",
        "netspec.settings.made": "rain balls dna scenes",
    },
    "loss": {"netspec.settings.loss": "crossentropy bce kl mse mae l1 huber hinge gaussian mean"},
    "optimizer": {
        "netspec.settings.optimizer": (
            "sgd momentum nesterov adagrad rmsprop adadelta adam adamw adamax nadam radam asgd rprop adafactor"
        )
    },
    "schedule": {
        "netspec.settings.schedule": (
            "constant exponential inverse step linear polynomial cosine warmup onecycle plateau"
        )
    },
    "metric": {
        "netspec.settings.metric": "accuracy top5 mae rmse r2 f1 auroc perplexity psnr ssim bleu exact"
    },
    "setting": {
        "netspec.settings.plain": "batch accumulate inputs target epochs steps seed regularize clip average stop",
        "netspec.settings.augment": "augment",
    },
    "generation": {"netspec.settings.generate": "feed sample"},
}

# Words of the language that are designed and read, but not built.
PLANNED: Final[dict[str, frozenset[str]]] = {
    "layer": frozenset(["unpool"]),
    "data": frozenset(),
    "loss": frozenset(["ctc"]),
    "schedule": frozenset(),
    "setting": frozenset(),
    "metric": frozenset(),
    "optimizer": frozenset(),
    "generation": frozenset(),
}


@cache
def _places(kind: str) -> dict[str, str]:
    return {word: module for module, words in BUILT_IN[kind].items() for word in words.split()}


@cache
def _plug_ins(kind: str) -> dict[str, list[EntryPoint]]:
    from importlib.metadata import entry_points

    group, _ = KINDS[kind]
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, []).append(point)
    return found


@cache
def find(kind: str, word: str) -> type[Definition] | None:
    """The definition of a word of a kind (`layer`, `data`, `loss`, ...), or None.

    Raises `SpecError` N603 where the word comes from a plug-in that cannot be used.
    """
    module = _places(kind).get(word)
    if module:
        for value in vars(import_module(module)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Definition)
                and value.__dict__.get("word") == word
            ):
                return value
        raise LookupError(f"{module} does not define {word}")
    points = _plug_ins(kind).get(word)
    return _load(kind, word, points) if points else None


def _load(kind: str, word: str, points: list[EntryPoint]) -> type[Definition]:
    """The definition that a plug-in gives for a word."""
    owners = ", ".join(sorted(f"`{point.dist.name if point.dist else point.value}`" for point in points))
    if len(points) > 1:
        raise error("N603", f"the {kind} `{word}` comes from several plug-ins at once: {owners}")
    (point,) = points
    try:
        found = point.load()
    except Exception as problem:  # whatever the module of a stranger may do
        reason = f"{type(problem).__name__}: {problem}"
        message = f"the {kind} `{word}` comes from the plug-in {owners}, which cannot be imported: {reason}"
        raise error("N603", message) from problem
    _, base = KINDS[kind]
    if not (isinstance(found, type) and issubclass(found, base) and getattr(found, "word", None) == word):
        message = f"the plug-in {owners} promises the {kind} `{word}`, and `{point.value}` does not define it"
        raise error("N603", message)
    return found


def words(kind: str) -> list[str]:
    """All words of a kind, built in first, in documented order."""
    return [*_places(kind), *(word for word in _plug_ins(kind) if word not in _places(kind))]


def definitions(kind: str) -> Iterator[type[Definition]]:
    """All definitions of a kind; a plug-in that cannot be used is left out with a warning."""
    for word in words(kind):
        try:
            found = find(kind, word)
        except SpecError as refused:
            warnings.warn(str(refused), RuntimeWarning, stacklevel=2)
            continue
        assert found is not None
        yield found


def is_planned(kind: str, word: str) -> bool:
    """The word belongs to the language but is not supported by this version."""
    return word in PLANNED[kind]


def is_higher_better(figure: str) -> bool:
    """Whether a figure such as `val.accuracy` is the better the higher it is; one that nothing is known of is not."""
    _, _, name = figure.partition(".")
    found = find("metric", name.partition(".")[0])
    return found is not None and issubclass(found, Metric) and found.higher_is_better
