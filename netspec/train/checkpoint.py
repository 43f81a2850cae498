"""Weight files: safetensors with the spec in the header, so that the file alone is enough.  They carry no code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize

from netspec.backends import check_values
from netspec.data import Preprocessing, preprocessing_from
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.passes import analyse
from netspec.train.durable import replace_file
from netspec.train.environment import versions
from netspec.train.header import BOUND, FILES, TEXT, read_header, refuse, spec_in

Array = np.ndarray[Any, np.dtype[Any]]


class Checkpoint(NamedTuple):
    """What a weight file holds: the spec's text, the metadata (texts by key), the arrays by parameter."""

    text: str
    metadata: dict[str, str]
    arrays: dict[str, Array]


@dataclass(frozen=True)
class Restored:
    """A weight file understood: the network and what is needed to use it."""

    net: Net
    arrays: dict[str, Array]
    classes: tuple[str, ...]
    preprocessing: Preprocessing | None
    overrides: tuple[str, ...]
    trained_on: str = ""
    """The data that the weights were trained on, as a spec names them; empty where the file does not say."""
    differing: tuple[str, ...] = ()
    """The symbols of lengths that differed among the examples of these."""


def metadata_of(
    net: Net,
    classes: Sequence[str] = (),
    preprocessing: Preprocessing | None = None,
    overrides: Sequence[str] = (),
    differing: Sequence[str] = (),
    **more: object,
) -> dict[str, str]:
    """The texts that go into the header of a network's weight file."""
    found = {
        TEXT: net.text or net.to_text(),
        FILES: json.dumps(dict(net.files), ensure_ascii=False),
        BOUND: json.dumps(dict(net.sizes) if net.text else {}),
        "name": net.name,
        "version": versions().get("netspec", "not installed"),
        "classes": json.dumps(list(classes), ensure_ascii=False),
        "overrides": json.dumps(list(overrides), ensure_ascii=False),
    }
    if preprocessing is not None:
        found["preprocessing"] = json.dumps(preprocessing.to_json(), ensure_ascii=False)
    if differing:
        found["differing"] = json.dumps(list(differing))
    return found | {name: str(value) for name, value in more.items()}


def save(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write float32 weights; the file is complete or, after an interruption, still the old one; raises OSError."""
    values = {name: array.astype(np.float32) for name, array in arrays.items()}
    replace_file(path, to_bytes(values, metadata))


def to_bytes(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file of arrays as they are."""
    plain = {name: array if array.flags.c_contiguous else array.copy() for name, array in arrays.items()}
    return bytes(serialize(plain, metadata=dict(metadata)))


def load(path: Path) -> Checkpoint:
    """A weight file; raises `SpecError` N703 where it is damaged, too large, or holds no spec."""
    header = read_header(path)
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in header.shapes}
    except (SafetensorError, OSError, ValueError) as problem:
        refuse(path, f"it cannot be read: {problem}")
    return Checkpoint(header.text, header.metadata, arrays)


def restore(path: Path, limits: Limits = DEFAULT) -> Restored:
    """The network and the weights of a file, found to belong together; raises `SpecError`."""
    text, metadata, arrays = load(path)
    net = analyse(spec_in(path, text, metadata, f"{metadata.get('name', 'net')}.net"), limits)
    check_values(net, arrays)
    broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        refuse(path, f"`{broken[0]}` holds numbers that are not finite")
    classes = _texts(path, "classes", metadata)
    overrides = _texts(path, "overrides", metadata)
    preprocessing = None
    if "preprocessing" in metadata:
        try:
            preprocessing = preprocessing_from(json.loads(metadata["preprocessing"]))
        except (ValueError, RecursionError):
            refuse(path, "the preprocessing in its header cannot be read")
    differing = _texts(path, "differing", metadata)
    return Restored(net, arrays, classes, preprocessing, overrides, metadata.get("data", ""), differing)


def _texts(path: Path, key: str, metadata: Mapping[str, str]) -> tuple[str, ...]:
    try:
        found = json.loads(metadata.get(key, "[]"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        refuse(path, f"`{key}` in its header is not a list of texts")
    return tuple(found)
