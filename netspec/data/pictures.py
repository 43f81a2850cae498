"""Pictures: one .png or .jpg file as numbers in the size of a network's input.  Nothing in the file is trusted.

A picture is measured before it is decoded, so that a small file cannot take much memory.
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from netspec.data.files import entries, unreadable
from netspec.data.lazy import Array
from netspec.diagnostics import error
from netspec.ir.shape import Shape

MOST_PIXELS: Final = 50_000_000
MODES: Final = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's names of the pictures that have so many channels."""
SUFFIXES: Final = (".png", ".jpg", ".jpeg")
MOST_FILES: Final = 1_000_000
"""In one folder."""
_DAMAGED: Final = (EOFError, NotImplementedError, OSError, RuntimeError, SyntaxError, ValueError, zlib.error)
"""What Pillow raises on a file that is cut, damaged, or no picture."""


class Size(NamedTuple):
    """Height, width and channels of the picture that fills an input; None for a size that is free."""

    height: int | None
    width: int | None
    channels: int


def size_of(shape: Shape) -> Size | None:
    """The size of the picture that fills an input, None where no picture does."""
    dims = [dim if isinstance(dim, int) else None for dim in shape.dims]
    if shape.of is not None:
        return None
    if len(dims) == 3 and dims[2] in MODES:
        assert dims[2] is not None
        return Size(dims[0], dims[1], dims[2])
    if len(dims) == 2:
        return Size(dims[0], dims[1], 1)
    if len(dims) == 1 and dims[0] and isqrt(dims[0]) ** 2 == dims[0]:
        return Size(isqrt(dims[0]), isqrt(dims[0]), 1)
    return None


def pictures_in(folder: Path, within: Path, *, allow_outside: bool = False) -> list[Path]:
    """The pictures in a folder by name; raises N702 where there is none, or anything else."""
    found = entries(folder, within, MOST_FILES, allow_outside=allow_outside)
    for path in found:
        if path.is_dir():
            raise unreadable(path, "it is a folder, and pictures alone are looked for here")
        if path.suffix.lower() not in SUFFIXES:
            raise unreadable(path, f"it is no picture by its name; known: {', '.join(SUFFIXES)}")
        if not path.is_file():
            raise unreadable(path, "it is not an ordinary file")
    if not found:
        raise unreadable(folder, "there is no picture in it")
    return found


def picture(path: Path, size: Size) -> Array:
    """A picture as (H, W, C) bytes, or, where it has 16 bits a pixel, float32 from 0 to 255; bilinear where resized.

    Turned as its metadata say, grey where one channel is wanted, on black where it is transparent and no fourth channel
    is wanted. Raises N702, and N701 where Pillow is not installed.
    """
    with _opened(path) as file:
        from PIL import ImageOps

        return _pixels(ImageOps.exif_transpose(file), size)


def shorter_side(path: Path) -> int:
    """The pixels of the shorter side of a picture, which is not decoded; raises N702 and N701."""
    with _opened(path) as file:
        return min(int(file.width), int(file.height))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A picture that has been measured and not decoded; whatever is found wrong with it becomes N702."""
    try:
        from PIL import Image
    except ImportError:
        raise error("N701", f'{path}: pictures need Pillow: pip install "netspec[data]"') from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bound, which is larger, and remarks on metadata
            with Image.open(path, formats=("PNG", "JPEG")) as file:
                if file.width * file.height > MOST_PIXELS:
                    pixels = f"{file.width}x{file.height} pixels"
                    raise unreadable(path, f"{pixels} are too many: {MOST_PIXELS:,} are the limit")
                yield file
    except Image.DecompressionBombError as problem:
        pixels = f"{int(found[0]):,} pixels" if (found := re.search(r"\d+", str(problem))) else "its pixels"
        raise unreadable(path, f"{pixels} are too many: {MOST_PIXELS:,} are the limit") from None
    except _DAMAGED as problem:
        raise unreadable(path, f"it is no PNG or JPEG picture, or damaged: {_reason(problem)}") from None


def _reason(problem: Exception) -> str:
    """What Pillow says; of a file that is none of its formats, in our own words."""
    return "it begins like neither" if "cannot identify" in str(problem) else str(problem)


def _pixels(image: Any, size: Size) -> Array:
    from PIL import Image

    height, width, channels = size.height or image.height, size.width or image.width, size.channels
    if image.mode.startswith("I"):  # 16 bits a pixel
        deep = np.asarray(image, np.float32) / np.float32(65535)
        image = Image.fromarray(deep.clip(0, 1) * np.float32(255))  # mode F
        if channels != 1:
            image = image.convert("L")
    if channels < 4 and "A" in image.getbands():
        ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    if image.mode != "F":
        image = image.convert(MODES[channels])
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, channels)
