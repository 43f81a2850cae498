"""One layer on the backend `numpy`, between arrays as ONNX has them: the batch first, then channels first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import netspec
from netspec.backends import as_given, as_tuple, channels_first, channels_last
from netspec.backends.numpy.program import NumpyProgram

Array = np.ndarray[Any, np.dtype[Any]]
Weights = Mapping[str, Array]

AXES = 4
"""As many as an example may have."""


class Unsaid(Exception):
    """The language has no word for what a node does; the text says what that is."""


def shape_text(array: Array) -> str:
    """The shape of an example of a batch as the language writes it."""
    return "x".join(map(str, channels_last(array).shape[1:]))


def program(text: str, weights: Weights | None = None) -> NumpyProgram:
    """A network of float32 numbers with the weights of its layer `y`."""
    values = {f"y.{name}": np.asarray(value, np.float32) for name, value in (weights or {}).items()}
    made = netspec.compile(netspec.parse(text), "numpy", parameters=values)
    assert isinstance(made, NumpyProgram)
    return made


def layer(
    line: str, x: Array, *others: Array, weights: Weights | None = None, of: int | None = None
) -> Array:
    """What a layer predicts of a batch; other inputs are called `a`, `b`, ... in its line.

    `of` says that x holds integers below it.
    """
    names = "abcdefgh"[: len(others)]
    lines = [f"input {name} {_input(each)}" for name, each in zip(names, others, strict=True)]
    lines += [f"input {'x ' if names else ''}{_input(x, of)}", f"{line} as y"]
    made = program("\n".join(lines), weights).predict(
        as_given([channels_last(each) for each in (*others, x)])
    )
    return channels_first(as_tuple(made)[0])


def in_training(line: str, x: Array, weights: Weights | None = None) -> tuple[Array, Weights]:
    """What a layer gives in training mode, and its weights and states thereafter."""
    made = program(f"input {_input(x)}\n{line} as y", weights)
    (y,) = as_tuple(made.plan((x,), "y").forward((x,), training=True))
    return y.copy(), {name.removeprefix("y."): value for name, value in made.parameters().items()}


def _input(array: Array, of: int | None = None) -> str:
    if of is None and array.dtype != np.float32:
        raise Unsaid(f"numbers of the type {array.dtype}")
    if not array.size:
        raise Unsaid("an array without entries")
    if not 2 <= array.ndim <= AXES + 1:
        raise Unsaid(f"an example of {array.ndim - 1} axes")
    shape = "x".join(map(str, channels_last(array).shape[1:]))
    return shape if of is None else f"{shape} of {of}"


def final_state(line: str, x: Array, weights: Weights) -> Array:
    """The whole state of a recurrent layer after its last step: h of each direction, then the cells of each."""
    made = program(f"input {_input(x)}\n{line} as y", weights)
    plan = made.plan((x,), "y")
    plan.forward((x,), training=False)
    return plan.values["y.state"].copy()


def number(value: float) -> str:
    """A number of float32 as it is written: no more digits than tell it from others."""
    return str(np.float32(value))


def as_batch(array: Array) -> Array:
    """An array with at least a batch and one axis more: without them it is the only example, or the only number."""
    return array.reshape((1,) * (2 - array.ndim) + array.shape)
