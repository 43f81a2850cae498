"""Data: from what a spec says after `data` to arrays in memory.

`load` is the door. It returns a training and a test part whose inputs have the network's own shape; nothing here
knows a backend, and nothing is read lazily. A file that is damaged, mislabelled or too large is refused with its name,
the place in it and the numbers found, before memory is taken for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from netspec.data import arrays, digits, mnist, table
from netspec.data.columns import Preprocessing
from netspec.data.dataset import Dataset, Loaded, Request, fit, split
from netspec.data.files import MOST_BYTES, Place
from netspec.data.table import prepare_rows
from netspec.diagnostics import Label, SpecError, error
from netspec.ir.shape import Shape
from netspec.ir.training import Reader
from netspec.source import Span

__all__ = ["Dataset", "Loaded", "Preprocessing", "fit", "load", "prepare_rows", "split"]

SOURCES: Final[dict[str, Callable[[Any, Request], Loaded]]] = {
    "mnist": mnist.load,
    "digits": digits.load,
    "csv": table.load,
    "npz": arrays.load,
}
"""What loads the data of a reader, by the reader's word."""


def load(
    reader: Reader,
    fallback: Reader | None,
    net_input: Shape,
    net_target: Shape | None = None,
    *,
    folder: Path,
    allow_outside: bool = False,
    most_bytes: int = MOST_BYTES,
    span: Span | None = None,
) -> Loaded:
    """The data that a reader names, fitted to a network.

    `net_target` is what the output is made for: `Shape((), of=10)` for ten classes (`Shape((T,), of=N)` for one at each
    step), `Shape((1,))` for one number or yes/no; None takes the targets as the data have them. Relative paths start
    at `folder`, that of the spec, and may leave it only if `allow_outside`. `fallback` is used where the data are not
    here (N701), and `Loaded.note` then says so; a file that is here but damaged is an error.

    Raises `SpecError`: N701 a file is missing, N702 it cannot be read, N404 the data do not fit the network, N108 a
    column that is not there, N406 options that contradict the file. The errors point at `span` where it is given.
    """
    request = Request(net_input, net_target, Place(folder, allow_outside), most_bytes)
    try:
        try:
            return replace(_source(reader)(reader, request), used=reader.written())
        except SpecError as refused:
            missing = refused.diagnostics
            if fallback is None or any(found.code != "N701" for found in missing):
                raise
        try:
            loaded = _source(fallback)(fallback, request)
        except SpecError as refused:
            raise SpecError(*missing, *refused.diagnostics) from None
        note = f"data: {missing[0].message}, using {fallback.written()} instead"
        return replace(loaded, used=fallback.written(), note=note)
    except SpecError as refused:
        labels = (Label(span),) if span else ()
        raise SpecError(
            *(replace(each, labels=each.labels or labels) for each in refused.diagnostics)
        ) from None


def _source(reader: Reader) -> Callable[[Any, Request], Loaded]:
    found = SOURCES.get(reader.word)
    if found is None:
        raise error("N901", f"the data of `{reader.word}` cannot be loaded yet")
    return found
