"""Files that a trained network is applied to: pictures, arrays, tables and texts, as the arrays that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netspec.data import Preprocessing, read_new
from netspec.data.vocabulary import Tokens
from netspec.ir.net import Net
from netspec.passes.ragged import ragged, symbols

Array = np.ndarray[Any, np.dtype[Any]]


def read_inputs(path: Path, net: Net, preprocessing: Preprocessing | None = None) -> Array:
    """The examples in a file, (n, *dims as the spec writes them), prepared as the training data were.

    Raises `SpecError` N705; see `netspec.data.read_new`.
    """
    return read_new(path, net.inputs[0].shape, preprocessing)


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
