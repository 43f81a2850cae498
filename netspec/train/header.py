"""The header of a safetensors file, checked against the file's size before memory is taken for anything.

Loads no array library: `netspec shapes best.safetensors` needs the text in it and no weight.  The format: 8 bytes,
the length n of the header as a little-endian number; n bytes of JSON, `{"name": {"dtype", "shape", "data_offsets"},
"__metadata__": {text: text}}`; then the arrays (https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final, NoReturn

from netspec.diagnostics import error
from netspec.source import Source
from netspec.syntax.files import Texts

MOST_HEADER: Final = 1 << 25
"""Bytes of a header; that of the largest network that the limits allow is smaller."""
TEXT: Final = "netspec"
"""The key of the spec's text."""
FILES: Final = "files"
"""The key of the texts that the spec took blocks from, a JSON object by path."""
BOUND: Final = "sizes"
"""The key of the numbers in place of symbols of the spec, a JSON object by symbol."""
SPEC: Final = ".net"
"""How the name of a spec ends."""
SIZES: Final = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "U64": 8, "U8": 1}
"""Bytes of one entry of the types that weights and the state of a run may have."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a weight file says of itself: texts by key, and the shape of every array."""

    metadata: dict[str, str]
    shapes: dict[str, tuple[int, ...]]

    @property
    def text(self) -> str:
        """The text of the spec."""
        return self.metadata[TEXT]

    @property
    def name(self) -> str:
        """The name of the network."""
        return self.metadata.get("name", "net")


def refuse(path: Path, problem: str, *notes: str) -> NoReturn:
    """Raise N703 with the file's name."""
    raise error("N703", f"{path}: {problem}", notes=notes)


def read_header(path: Path) -> Header:
    """The header of a weight file written by netspec; raises N703 with the place and the numbers found."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            refuse(path, "it is a folder, not a weight file")
        with path.open("rb") as stream:
            raw = _read(path, stream.read(8), size, stream.read)
    except OSError as problem:
        refuse(path, (problem.strerror or "it cannot be opened").lower())
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        refuse(path, f"it is no safetensors file: its header (bytes 8 to {8 + len(raw):,}) is not JSON")
    if not isinstance(document, dict):
        refuse(path, "it is no safetensors file: its header is not a JSON object")
    metadata = document.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        refuse(path, "the metadata in its header are not texts by name")
    shapes = _shapes(path, document, size - 8 - len(raw))
    if TEXT not in metadata:
        refuse(path, "there is no spec inside (no `netspec` in its header): it was not written by netspec")
    return Header(metadata, shapes)


def spec_in(path: Path, text: str, metadata: Mapping[str, str], name: str) -> Source:
    """The spec in a weight file with the sizes it was trained for; it may import nothing but the texts beside it.

    Raises N703.
    """
    try:
        texts = json.loads(metadata.get(FILES, "{}"))
    except (ValueError, RecursionError):
        texts = None
    if not isinstance(texts, dict) or not all(isinstance(each, str) for each in texts.values()):
        refuse(path, f"`{FILES}` in its header are not texts by path")
    try:
        sizes = json.loads(metadata.get(BOUND, "{}"))
    except (ValueError, RecursionError):
        sizes = None
    if not isinstance(sizes, dict) or not all(type(size) is int for size in sizes.values()):
        refuse(path, f"`{BOUND}` in its header are not whole numbers by symbol")
    return Source(text, name, Texts(texts), sizes=sizes)


def _read(path: Path, start: bytes, size: int, read: Any) -> bytes:
    length = int.from_bytes(start, "little")
    if path.suffix == SPEC and (len(start) < 8 or length > MOST_HEADER):
        note = f"`netspec train {path}` leaves weights in a folder of its own in runs/: best.safetensors"
        refuse(path, "it is a spec, and a network has weights when it is trained", note)
    if len(start) < 8:
        refuse(
            path,
            f"it is no safetensors file: it is {size:,} bytes long, and the first 8 say how long its header is",
        )
    if length > MOST_HEADER:
        kind = (
            "a zip file (or a PyTorch file, which can carry code)"
            if start.startswith(b"PK")
            else "no safetensors file"
        )
        refuse(
            path,
            f"it is {kind}: bytes 0 to 7 announce a header of {length:,} bytes, and {MOST_HEADER:,} are the limit",
        )
    if length > size - 8:
        refuse(
            path,
            f"it is cut short: its header is {length:,} bytes long by bytes 0 to 7, and {size - 8:,} follow",
        )
    raw: bytes = read(length)
    return raw


def _shapes(path: Path, document: dict[str, Any], size: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays, found to lie end to end in the `size` bytes after the header."""
    shapes: dict[str, tuple[int, ...]] = {}
    places: list[tuple[int, int, str]] = []
    for name, entry in document.items():
        try:
            kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        except (TypeError, KeyError, ValueError):
            refuse(path, f"the header's entry `{name[:80]}` has no dtype, shape and data_offsets")
        if kind not in SIZES:
            refuse(path, f"`{name[:80]}` is of type {str(kind)[:20]}; weights are {', '.join(SIZES)}")
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            refuse(path, f"the sizes of `{name[:80]}` are not whole numbers of 0 or more")
        needed = prod(shape) * SIZES[kind]
        if end - begin != needed:
            dims = "x".join(map(str, shape)) or "one number"
            refuse(
                path,
                f"`{name[:80]}` ({dims}, {kind}) takes {needed:,} bytes, and its place has {end - begin:,}",
            )
        shapes[name] = shape
        places.append((begin, end, name))
    at = 0
    for begin, end, name in sorted(places):
        if begin != at:
            refuse(
                path,
                f"`{name[:80]}` begins at byte {begin:,} of the data, and the array before it ends at {at:,}",
            )
        at = end
    if at != size:
        what = "it is cut short" if at > size else "something follows the arrays"
        refuse(path, f"{what}: its header announces {at:,} bytes of arrays, and {size:,} follow")
    return shapes
