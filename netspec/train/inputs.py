"""Files that a trained network is applied to: pictures, arrays, tables and texts, as the arrays that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from netspec.backends import Arrays
from netspec.data import Preprocessing, read_new, read_several
from netspec.data.preprocessing import Fields
from netspec.data.vocabulary import Tokens
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Reader
from netspec.passes.fields import Unfit, roles_of, wishes_of
from netspec.passes.ragged import ragged, symbols

Array = np.ndarray[Any, np.dtype[Any]]


def read_inputs(path: Path, net: Net, preprocessing: Preprocessing | None = None) -> Arrays:
    """The examples in a file, (n, *dims as the spec writes them), prepared as the training data were.

    Of a network of several inputs a tuple, from an `.npz` file.  Raises `SpecError` N705; see `netspec.data.read_new`
    and `read_several`.
    """
    shapes, prepared = {layer.name: layer.shape for layer in net.inputs}, by_input(net, preprocessing)
    found = read_named(path, shapes, prepared)
    return found[net.inputs[0].name] if len(found) == 1 else tuple(found[name] for name in shapes)


def read_named(
    path: Path,
    shapes: Mapping[str, Shape],
    prepared: Mapping[str, Preprocessing],
    called: Mapping[str, str] | None = None,
    *,
    blank: bool = False,
) -> dict[str, Array]:
    """The examples in a file for inputs by name, of which some may be `called` otherwise; raises `SpecError` N705.

    Of a file of texts each line is one, and may be `blank` (see `netspec.data.read_new`).
    """
    names = {name: (called or {}).get(name, name) for name in shapes}
    if len(shapes) > 1:
        return read_several(path, shapes, prepared, called=names)
    ((name, shape),) = shapes.items()
    return {name: read_new(path, shape, prepared.get(name), names=(names[name], name), blank=blank)}


def by_input(net: Net, preprocessing: Preprocessing | None) -> dict[str, Preprocessing]:
    """What was fitted to the field that feeds each input, by the name of the input."""
    names = [layer.name for layer in net.inputs]
    if not isinstance(preprocessing, Fields):
        return {names[0]: preprocessing} if preprocessing is not None else {}
    reader = net.training.get("data") if net.training else None
    fields = dict(preprocessing.fields)
    with suppress(Unfit):
        if isinstance(reader, Reader):
            names = list(roles_of(reader, wishes_of(net, net.training)).inputs)
    found = {layer.name: fields.get(name) for layer, name in zip(net.inputs, names, strict=True)}
    return {name: each for name, each in found.items() if each is not None}


def network_for_new(net: Net, preprocessing: Preprocessing | None, differing: Sequence[str]) -> Net:
    """The network that is applied to new files: the one that is told lengths where texts are filled up.

    `differing` are the symbols of lengths that differed among the examples that it was trained on.  Files of other
    kinds hold nothing that fills up.
    """
    fills_up = isinstance(preprocessing, Tokens) and preprocessing.padded
    told = fills_up and len(net.inputs) == 1 and set(symbols(net)).intersection(differing)
    return ragged(net, to_train=False) if told else net


def lengths_of(texts: Array) -> Array:
    """How many tokens each of some texts has, (n,): the number 0 fills up, and is no token."""
    there = texts != 0
    found: Array = np.where(there.any(axis=1), texts.shape[1] - there[:, ::-1].argmax(axis=1), 1)
    return found
