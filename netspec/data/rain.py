"""`data rain`: photographs of a folder in the rain, and the same without it.

One photograph at a time is in memory, beside the squares that are cut out of them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log10
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.files import entries, unreadable
from netspec.data.lazy import Array, pieces
from netspec.data.made import agree, check_room, pixels, random_of
from netspec.data.parts import divide
from netspec.data.pictures import Size, picture, pictures_in, shorter_side
from netspec.data.preprocessing import Numbers
from netspec.data.streaks import Streaks
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.settings.made import Rain, Shower

SHOWERS: Final[dict[Shower, tuple[float, float]]] = {
    "light": (2, 0.4),
    "moderate": (4, 0.6),
    "heavy": (8, 0.8),
}
"""Streaks in 1,000 pixels, and how bright the brightest are."""
PARTS: Final = ("train", "test", "validation")
"""The folders that divide the data, where there are such."""
DEFAULT_PATCH: Final = 64
DEFAULT_TEST: Final = 0.2
_MOST_PARTS: Final = 100_000

_Places: TypeAlias = Callable[[int, int], tuple[int, int]]
"""Of the free rows and columns around a square, how many stand above it and how many to its left."""


def load(reader: Rain, request: Request) -> Loaded:
    """Photographs in the rain for a network; raises N701, N702, N404 and N406."""
    (shape,) = request.only("rain", "rainy", target="clean")
    channels = _channels(shape)
    patch = _side(shape, "patch", reader.patch) or DEFAULT_PATCH
    crop = _side(shape, "crop", reader.crop)
    folder = request.place.find_folder(reader.path)
    parts = _parts(folder, reader, request)
    crop = crop or min(shorter_side(path) for part in PARTS[1:] for path in parts.get(part, []))
    _check_target(request.target, patch, crop, channels)
    check_room(reader.written(), reader.count, 2 * patch * patch * channels, request)
    _check_room(folder, parts, crop * crop * channels, request)
    prepared = request.prepared(Numbers) or Numbers()
    rainy = _Rainy(_streaks(reader), reader.seed, channels)
    train = rainy.patches(parts["train"], patch, reader.count)
    test, held = (rainy.middles(name, parts[name], crop) if name in parts else None for name in PARTS[1:])
    assert test is not None
    # patches of one photograph are not to lie in two parts
    between = -(-reader.count // len(parts["train"])) - 1
    return Loaded(
        train.dataset(between),
        test.dataset(),
        held.dataset() if held else None,
        preprocessing=prepared,
        baseline=test.as_they_are(),
    )


def _streaks(reader: Rain) -> Streaks:
    density, strength = SHOWERS[reader.shower]
    density = density if reader.density is None else reader.density
    return Streaks(
        reader.length, reader.angle, density, strength if reader.strength is None else reader.strength
    )


def _channels(shape: Shape) -> int:
    """The channels of the input; raises N404 where it is no picture."""
    if shape.of is None and len(shape.dims) == 3 and shape.dims[2] in (1, 3):
        return shape.features
    message = f"`rain` gives pictures, HxWx3 or HxWx1, and the input is {shape}"
    raise error("N404", message, tries=("`input HxWx3`",))


def _side(shape: Shape, name: str, asked: int | None) -> int | None:
    """The side of squares that the reader or the input says; None where neither does."""
    known = {dim for dim in shape.dims[:2] if isinstance(dim, int)}
    if len(known) > 1:
        raise error("N404", f"`rain` gives squares, and the input is {shape}", tries=("`input HxWx3`",))
    side = next(iter(known), None)
    if asked is not None and side not in (None, asked):
        raise error("N404", f"`{name}={asked}` makes squares of {asked}x{asked}, and the input is {shape}")
    return asked or side


def _check_target(wanted: Shape | None, patch: int, crop: int, channels: int) -> None:
    """Raises N404 where the output is no picture of the input's size."""
    if wanted is None:
        return
    for side in (patch, crop):
        dims = side, side, channels
        if wanted.of is not None or not agree(wanted.dims, dims):
            found = f"one of {wanted.of} classes" if wanted.of is not None else str(wanted)
            message = (
                f"the target of `rain` is the picture without it, {Shape(dims)}, and the output is {found}"
            )
            raise error("N404", message)


def _parts(folder: Path, reader: Rain, request: Request) -> dict[str, list[Path]]:
    """The photographs of each part: those of the folders `train` and `test`, or a share of what lies in the folder."""
    outside = request.place.allow_outside
    inside = entries(folder, folder, _MOST_PARTS, allow_outside=outside)
    names = {path.name: path for path in inside if path.is_dir()}
    if not names:
        found = pictures_in(folder, folder, allow_outside=outside)
        share = DEFAULT_TEST if reader.test is None else reader.test
        kept, held = divide(np.zeros(len(found), np.float32), share, reader.seed)
        return {"train": [found[place] for place in kept], "test": [found[place] for place in held]}
    stray = next((path for path in inside if path.name not in PARTS), None)
    lacking = next((name for name in PARTS[:2] if name not in names), None)
    if stray is not None or lacking is not None:
        problem = (
            f"there is {stray.name} in it" if stray is not None else f"there is no folder {lacking} in it"
        )
        raise unreadable(folder, f"{problem}; photographs lie in {', '.join(PARTS)}, or all in one folder")
    if reader.test is not None:
        message = f"{folder}: it has a folder `test`, and `test={reader.test:g}` asks for others"
        raise error("N406", message)
    return {name: pictures_in(path, folder, allow_outside=outside) for name, path in names.items()}


def _check_room(folder: Path, parts: dict[str, list[Path]], one: int, request: Request) -> None:
    count = sum(len(parts.get(part, [])) for part in PARTS[1:])
    if 2 * count * one > request.most_bytes:
        taken = f"{count:,} photographs to test on take {2 * count * one:,} bytes, clean and in the rain"
        raise unreadable(
            folder, f"{taken}, and {request.most_bytes:,} are the limit; `crop` makes them smaller"
        )


@dataclass(frozen=True, slots=True)
class _Squares:
    """Squares of photographs as bytes (n, side, side, C), clean and in the rain."""

    clean: Array
    rainy: Array

    def dataset(self, between: int | None = None) -> Dataset:
        """The squares in the rain, and what they are without it."""
        dims = self.clean.shape[1:]
        inputs, targets = (pixels(each, dims, "rain") for each in (self.rainy, self.clean))
        return Dataset(inputs, targets, between)

    def as_they_are(self) -> str:
        """What it comes to to leave the rain where it is."""
        squares = absolute = 0.0
        for (_, clean), (_, rainy) in zip(pieces(self.clean), pieces(self.rainy), strict=True):
            apart = (rainy.astype(np.float64) - clean) / 255
            squares += float(np.square(apart).sum()) / self.clean.size
            absolute += float(np.abs(apart).sum()) / self.clean.size
        decibels = -10 * log10(squares) if squares else inf
        return (
            f"the rainy photographs as they are: psnr {decibels:.2f}, mse {squares:.5f}, mae {absolute:.4f}"
        )


@dataclass(frozen=True, slots=True)
class _Rainy:
    """Cuts squares out of photographs and has it rain on them."""

    streaks: Streaks
    seed: int
    channels: int

    def patches(self, paths: list[Path], side: int, count: int) -> _Squares:
        """`count` squares from anywhere in the photographs, as many of each as of any other or one less."""
        shares = np.diff(np.arange(len(paths) + 1) * count // len(paths))
        random = random_of("rain", "train", self.seed)

        def anywhere(rows: int, columns: int) -> tuple[int, int]:
            return int(random.integers(0, rows + 1)), int(random.integers(0, columns + 1))

        return self._cut(paths, side, shares, anywhere, random)

    def middles(self, part: str, paths: list[Path], side: int) -> _Squares:
        """The square in the middle of each photograph of a part."""
        shares = np.ones(len(paths), np.int64)
        random = random_of("rain", part, self.seed)
        return self._cut(paths, side, shares, lambda rows, columns: (rows // 2, columns // 2), random)

    def _cut(
        self, paths: list[Path], side: int, shares: Array, places: _Places, random: np.random.Generator
    ) -> _Squares:
        clean = np.empty((int(shares.sum()), side, side, self.channels), np.uint8)
        rainy = np.empty_like(clean)
        number = 0
        for path, share in zip(paths, shares, strict=True):
            if not share:
                continue
            whole = picture(path, Size(None, None, self.channels)).round()
            height, width, _ = whole.shape
            if min(height, width) < side:
                raise error("N404", f"{path} is {height}x{width}, and a square of {side}x{side} is needed")
            for _ in range(share):
                top, left = places(height - side, width - side)
                clean[number] = whole[top : top + side, left : left + side]
                rainy[number] = self.streaks.over(clean[number], random)
                number += 1
        return _Squares(clean, rainy)
