"""The catalog: every word of the language and the definition behind it.

Built-in words stand in a static table and are imported when first used, so that a spec pays only for what it says.
Third parties add words through the entry-point groups `netspec.layers` and `netspec.settings`; an installed plug-in is
asked only when a word is not built in, or when everything is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Final

from netspec.ir.definition import Definition

# kind of word -> module -> words defined there
BUILT_IN: Final[dict[str, dict[str, str]]] = {
    "layer": {
        "netspec.layers.input": "input",
        "netspec.layers.dense": "dense linear",
        "netspec.layers.conv": "conv depthwise upconv upsample",
        "netspec.layers.pool": "pool global",
        "netspec.layers.activation": (
            "relu tanh gelu silu elu selu softplus leaky_relu hardswish activate"
        ),
        "netspec.layers.output": "softmax sigmoid",
        "netspec.layers.norm": "batchnorm layernorm",
        "netspec.layers.dropout": "dropout noise",
        "netspec.layers.reshape": "flatten reshape identity",
        "netspec.layers.embedding": "embed",
        "netspec.layers.recurrent": "rnn lstm gru last first",
    },
    "data": {"netspec.settings.data": "mnist digits csv npz"},
    "loss": {"netspec.settings.loss": "crossentropy bce mse"},
    "optimizer": {"netspec.settings.optimizer": "sgd momentum nesterov adagrad rmsprop adam adamw"},
    "schedule": {"netspec.settings.schedule": "constant exponential inverse step cosine"},
    "metric": {"netspec.settings.metric": "accuracy mae rmse"},
    "setting": {"netspec.settings.plain": "batch epochs steps seed regularize clip stop"},
}

# Words of the language that are designed and read, but not built.
PLANNED: Final[dict[str, frozenset[str]]] = {
    "layer": frozenset(
        "conv1d unpool prelu groupnorm rmsnorm lrn repeat_vector position attention add mul concat mean sample "
        "shortcut residual path repeat block network output".split()
    ),
    "data": frozenset("idx images text pairs series".split()),
    "loss": frozenset("mae l1 huber hinge kl ctc".split()),
    "schedule": frozenset("warmup onecycle plateau".split()),
    "setting": frozenset("inputs target augment average".split()),
    "metric": frozenset(),
    "optimizer": frozenset(),
}


@cache
def _places(kind: str) -> dict[str, str]:
    return {word: module for module, words in BUILT_IN[kind].items() for word in words.split()}


@cache
def _plug_ins(kind: str) -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"netspec.{kind}s")}


@cache
def find(kind: str, word: str) -> type[Definition] | None:
    """The definition of a word of a kind (`layer`, `data`, `loss`, ...), or None."""
    module = _places(kind).get(word)
    if module:
        for value in vars(import_module(module)).values():
            if isinstance(value, type) and issubclass(value, Definition) and value.__dict__.get("word") == word:
                return value
        raise LookupError(f"{module} does not define {word}")
    point = _plug_ins(kind).get(word)
    return point.load() if point else None


def words(kind: str) -> list[str]:
    """All words of a kind, built in first, in documented order."""
    return [*_places(kind), *(word for word in _plug_ins(kind) if word not in _places(kind))]


def definitions(kind: str) -> Iterator[type[Definition]]:
    """All definitions of a kind."""
    for word in words(kind):
        found = find(kind, word)
        assert found is not None
        yield found


def is_planned(kind: str, word: str) -> bool:
    """The word belongs to the language but is not supported by this version."""
    return word in PLANNED[kind]
