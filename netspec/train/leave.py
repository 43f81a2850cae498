"""What a network gives as a file: its pictures on one sheet (.png), or its numbers (.npy, .npz).

Knows nothing of networks: it is given arrays, an example each.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import ceil, sqrt
from typing import Any, Final

import numpy as np

from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.train.extras import require
from netspec.train.sheet import dots, image, png, sheet

Array = np.ndarray[Any, np.dtype[Any]]

PICTURE: Final = ".png"
MOST_NUMBERS: Final = 50_000_000
"""Pixels, times channels, in one picture."""


def as_image(array: Array) -> Array | None:
    """The numbers of an example as an image (H, W, C), None where they are none."""
    found = image(Shape(array.shape))
    return None if found is None else array.reshape(found)


def picture(cells: Sequence[Sequence[Array]]) -> bytes:
    """Images on a sheet that is about square, those of a cell side by side, as a PNG file.

    Raises `SpecError` N604 where Pillow is missing, N507 where the sheet is too large.
    """
    require("PIL", "data", "a picture")
    across = ceil(sqrt(len(cells) / len(cells[0])))
    rows = [
        [each for cell in cells[start : start + across] for each in cell]
        for start in range(0, len(cells), across)
    ]
    images = [each for row in rows for each in row]
    often = dots(images)
    size = len(images) * max(each.size for each in images) * often**2
    if size > MOST_NUMBERS:
        message = f"the picture would have {size:,} numbers, and {MOST_NUMBERS:,} are the limit"
        raise error("N507", message, notes=("fewer are drawn, or left as numbers in a file .npz",))
    return png(sheet(rows), often)


def numbers(kind: str, examples: Sequence[Array]) -> bytes:
    """Examples of one shape as a file, .npy or .npz (the array `x`, as networks read it).

    Raises `SpecError` N705 where they differ in shape.
    """
    shapes = {each.shape for each in examples}
    if len(shapes) > 1:
        told = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:3])
        raise error(
            "N705", f"what is said of the examples is of different shapes, which no array holds: {told}"
        )
    file = BytesIO()
    array = np.stack(examples)
    if kind == ".npy":
        np.save(file, array, allow_pickle=False)
    else:
        np.savez_compressed(file, x=array)
    return file.getvalue()
