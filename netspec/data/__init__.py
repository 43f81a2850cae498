"""Data: from what a spec says after `data` to arrays in memory, or to files that are read a batch at a time.

`load` is the door. It returns a training and a test part whose inputs have the network's own shape; nothing here
knows a backend. What is large and not packed is mapped (see `lazy`). A file that is damaged, mislabelled or too large
is refused with its name, the place in it and the numbers found, before memory is taken for it. What was fitted to the
training part travels with the weights (`Preprocessing`), and `read_new` reads new files with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from netspec.data import (
    arrays,
    balls,
    digits,
    dna,
    idx,
    images,
    mnist,
    pairs,
    rain,
    scenes,
    series,
    table,
    texts,
)
from netspec.data.dataset import Dataset, Loaded, Request, Targets, every, split
from netspec.data.files import MOST_BYTES, Place
from netspec.data.fitted import Preprocessing
from netspec.data.fitting import fit
from netspec.data.lazy import Examples, Lazy
from netspec.data.new import read_new, read_several
from netspec.data.preprocessing import preprocessing_from
from netspec.diagnostics import Label, SpecError, error
from netspec.ir.shape import Shape
from netspec.ir.training import Reader
from netspec.passes.fields import Roles, Unfit, Wishes, roles_of
from netspec.source import Span

__all__ = [
    "Dataset",
    "Examples",
    "Lazy",
    "Loaded",
    "Preprocessing",
    "Targets",
    "every",
    "fit",
    "load",
    "preprocessing_from",
    "read_new",
    "read_several",
    "split",
]

SOURCES: Final[dict[str, Callable[[Any, Request], Loaded]]] = {
    "mnist": mnist.load,
    "digits": digits.load,
    "csv": table.load,
    "npz": arrays.load,
    "idx": idx.load,
    "images": images.load,
    "series": series.load,
    "text": texts.load,
    "pairs": pairs.load,
    "rain": rain.load,
    "balls": balls.load,
    "dna": dna.load,
    "scenes": scenes.load,
}
"""What loads the data of a reader, by the reader's word."""


def load(
    reader: Reader,
    fallback: Reader | None,
    net_inputs: Shape | tuple[Shape, ...],
    net_target: Shape | None = None,
    wishes: Wishes | None = None,
    *,
    folder: Path,
    allow_outside: bool = False,
    most_bytes: int = MOST_BYTES,
    fitted: Preprocessing | None = None,
    classes: tuple[str, ...] = (),
    span: Span | None = None,
) -> Loaded:
    """The data that a reader names, fitted to a network.

    `net_inputs` is the shape of its input, or a tuple with that of each; `wishes` says what they are called and which
    fields feed them, where that does not follow from the order of the fields.
    `net_target` is what the output is made for: `Shape((), of=10)` for ten classes (`Shape((T,), of=N)` for one at each
    step), `Shape((1,))` for one number or yes/no; None takes the targets as the data have them. Relative paths start
    at `folder`, that of the spec, and may leave it only if `allow_outside`. `fallback` is used where the data are not
    here (N701), and `Loaded.note` then says so; a file that is here but damaged is an error. `fitted` and `classes` are
    those of trained weights that are measured on the data: nothing is fitted anew then.

    Raises `SpecError`: N701 a file is missing, N702 it cannot be read, N404 the data do not fit the network, N108 a
    column that is not there, N406 options that contradict the file. The errors point at `span` where it is given.
    """
    inputs = net_inputs if isinstance(net_inputs, tuple) else (net_inputs,)
    wishes = wishes or Wishes(tuple(f"x{number}" for number in range(1, len(inputs) + 1)))
    place = Place(folder, allow_outside)

    def request(reader: Reader) -> Request:
        return Request(inputs, net_target, _roles(reader, wishes), place, most_bytes, fitted, classes)

    try:
        try:
            return _loaded(reader, request(reader))
        except SpecError as refused:
            missing = refused.diagnostics
            if fallback is None or any(found.code != "N701" for found in missing):
                raise
        try:
            loaded = _loaded(fallback, request(fallback))
        except SpecError as refused:
            raise SpecError(*missing, *refused.diagnostics) from None
        note = f"data: {missing[0].message}, using {fallback.written()} instead"
        return replace(loaded, note="; ".join(filter(None, (note, loaded.note))))
    except SpecError as refused:
        labels = (Label(span),) if span else ()
        raise SpecError(
            *(replace(each, labels=each.labels or labels) for each in refused.diagnostics)
        ) from None


def _roles(reader: Reader, wishes: Wishes) -> Roles:
    try:
        return roles_of(reader, wishes)
    except Unfit as found:
        raise found.refusal from None


def _loaded(reader: Reader, request: Request) -> Loaded:
    """What a reader gives, its name on it; raises N404 where prepared data are needed and it gives others."""
    loaded = replace(_source(reader)(reader, request), used=reader.written())
    if request.fitted is not None and loaded.preprocessing is None:
        message = (
            f"the network was trained on {request.fitted.said}, and `{reader.word}` gives numbers as they are"
        )
        raise error("N404", message)
    return loaded


def _source(reader: Reader) -> Callable[[Any, Request], Loaded]:
    found = SOURCES.get(reader.word)
    if found is None:
        raise error("N901", f"the data of `{reader.word}` cannot be loaded yet")
    return found
