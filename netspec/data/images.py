"""`data images`: a folder of pictures, a folder a class.

All names are looked at before the first picture is decoded, and the memory for all of them is known by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

import numpy as np

from netspec.data.dataset import Loaded, Request
from netspec.data.files import entries, unreadable
from netspec.data.labels import check_count
from netspec.data.lazy import Array
from netspec.data.numeric import Rows, Treatment, assemble
from netspec.data.pictures import MOST_FILES, Size, picture, pictures_in, size_of
from netspec.diagnostics import error, short
from netspec.ir.shape import Shape
from netspec.settings.data import Images

PARTS: Final = ("train", "test", "validation")
"""The folders that divide the data, where there are such."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The pictures of one part: the path of each and the number of its class."""

    folder: Path
    paths: list[Path]
    labels: list[int]


def load(reader: Images, request: Request) -> Loaded:
    """The pictures of a folder for a network; raises N701, N702, N404 and N406."""
    ends = zip((*request.roles.inputs, request.roles.target), (*request.inputs, request.target), strict=True)
    size = _size(next((shape for name, shape in ends if name == "image" and shape), request.inputs[0]))
    folder = request.place.find_folder(reader.path)
    inside = _folders(folder, folder, request)
    divided = "train" in (path.name for path in inside)
    parts = {path.name: path for path in inside} if divided else {"train": folder}
    _check_parts(folder, parts, reader, divided)
    classes = tuple(path.name for path in _folders(parts["train"], folder, request))
    if request.classes:
        classes = request.classes
    listings = {name: _listing(path, folder, classes, request) for name, path in parts.items()}
    _check_memory(folder, listings, size, request)
    predicts = request.roles.target == "label"
    targets, names = _targets(folder, classes, request) if predicts else (np.arange(len(classes)), ())
    parts_read = {}
    for name, listing in listings.items():
        said = str(listing.folder)
        inputs = _decoded(listing, size, request.most_bytes)
        if inputs.dtype == np.float32 and reader.scale is None:
            inputs /= np.float32(255)  # as bytes are, which are left alone until they are used
        fields = {"image": inputs, "label": targets[np.array(listing.labels)]}
        parts_read[name] = Rows(fields, {"image": said, "label": f"the folders of {said}"})
    train, test, validation = (parts_read.get(name) for name in PARTS)
    assert train is not None
    treatment = Treatment.of(reader)
    return assemble(train, request, treatment, test, validation, label="label", classes=names)


def _size(shape: Shape) -> Size:
    """The size that the network's input says; raises N404 where it leaves it open, or is that of no picture."""
    found = size_of(shape)
    if found is None:
        message = f"a picture does not fit the input {shape}: it has 1, 3 or 4 channels, or is a square"
        raise error("N404", message)
    if found.height is None or found.width is None:
        message = f"pictures are resized to the size of the input, and {shape} leaves it open"
        tries = (f"`input 64x64x{found.channels}`",)
        raise error("N404", message, tries=tries, notes=("or `--bind` with a number for each symbol",))
    return found


def _folders(path: Path, root: Path, request: Request) -> list[Path]:
    """The folders in a folder; anything else in it is an error."""
    outside = request.place.allow_outside
    found = entries(path, root, MOST_FILES, allow_outside=outside)
    stray = next((each for each in found if not each.is_dir()), None)
    if stray is not None:
        raise unreadable(stray, "it is no folder, and here each class has a folder of its own")
    if not found:
        raise unreadable(path, "there is no folder in it, and each class has a folder of its own")
    return found


def _check_parts(folder: Path, parts: dict[str, Path], reader: Images, divided: bool) -> None:
    if not divided:
        return
    strange = sorted(set(parts) - set(PARTS))
    if strange:
        known = ", ".join(PARTS)
        raise unreadable(folder, f"it has a folder `train` and one `{strange[0]}`; the parts are {known}")
    for name in ("test", "validation"):
        if name in parts and getattr(reader, name) is not None:
            asked = f"`{name}={getattr(reader, name):g}`"
            raise error("N406", f"{folder}: it has a folder `{name}`, and {asked} asks for others")


def _listing(part: Path, root: Path, classes: tuple[str, ...], request: Request) -> _Listing:
    """The pictures of a part in the order of their classes and names."""
    listing = _Listing(part, [], [])
    places = {name: number for number, name in enumerate(classes)}
    for folder in _folders(part, root, request):
        if folder.name not in places:
            known = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
            raise error(
                "N404",
                f"{folder}: there is no class `{short(folder.name)}` among those learnt",
                notes=(f"the classes: {known}",),
            )
        found = pictures_in(folder, root, allow_outside=request.place.allow_outside)
        listing.paths.extend(found)
        listing.labels.extend([places[folder.name]] * len(found))
    return listing


def _check_memory(folder: Path, listings: dict[str, _Listing], size: Size, request: Request) -> None:
    count = sum(len(listing.paths) for listing in listings.values())
    one = prod(filter(None, size))
    if count * one > request.most_bytes:
        dims = "x".join(map(str, size))
        taken = f"{count:,} pictures of {dims} take {count * one:,} bytes"
        raise unreadable(folder, f"{taken}, and {request.most_bytes:,} are the limit")


def _targets(folder: Path, classes: tuple[str, ...], request: Request) -> tuple[Array, tuple[str, ...]]:
    """The target of each class, and the names; yes and no for two classes and a sigmoid."""
    if len(classes) < 2:
        raise error("N404", f"{folder} has one class, `{short(classes[0])}`: nothing to tell apart")
    check_count(str(folder), classes, request.target)
    answers = len(classes) == 2 and request.target is not None and request.target.of is None
    return np.arange(len(classes)).astype(np.float32 if answers else np.int64), classes


def _decoded(listing: _Listing, size: Size, most_bytes: int) -> Array:
    """The pictures of a part: bytes, or float32 from 0 to 255 from the first picture of 16 bits on."""
    dims = (size.height or 0, size.width or 0, size.channels)
    pictures: Array = np.empty((len(listing.paths), *dims), np.uint8)
    for place, path in enumerate(listing.paths):
        one = picture(path, size)
        if one.dtype != np.uint8 and pictures.dtype == np.uint8:
            if 4 * pictures.size > most_bytes:
                deep = f"it has 16 bits a pixel, and {len(pictures):,} such pictures take {4 * pictures.size:,} bytes"
                raise unreadable(path, f"{deep}; {most_bytes:,} are the limit")
            pictures = pictures.astype(np.float32)
        pictures[place] = one
    return pictures
