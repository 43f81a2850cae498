"""Files that a trained network is applied to: pictures, arrays, tables and texts, as the arrays that it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from netspec.data import Preprocessing, read_new
from netspec.ir.net import Net

Array = np.ndarray[Any, np.dtype[Any]]


def read_inputs(path: Path, net: Net, preprocessing: Preprocessing | None = None) -> Array:
    """The examples in a file, (n, *dims as the spec writes them), prepared as the training data were.

    Raises `SpecError` N705; see `netspec.data.read_new`.
    """
    return read_new(path, net.inputs[0].shape, preprocessing)
