"""Images that are numbers as a picture: side by side on one sheet, and the sheet as a file.

Knows nothing of networks, of runs and of where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from math import isqrt
from typing import Any, Final

import numpy as np

from netspec.ir.shape import Shape

Array = np.ndarray[Any, np.dtype[Any]]

MISSING: Final = 'it needs Pillow: pip install "netspec[data]"'
IMAGE: Final = 3
"""Dimensions of an image, height, width and channels."""
COLOURS: Final = 3
SMALL: Final = 64
"""Images of up to so many pixels a side are drawn with two dots a pixel."""
BEYOND: Final = 0.01
"""The share of numbers beyond 0 and 1 that may be cut off there."""
WHITE: Final = 255


def can_draw() -> bool:
    """Pillow is installed."""
    return find_spec("PIL") is not None


def image(shape: Shape) -> tuple[int, int, int] | None:
    """The image that numbers of a shape are: height, width and channels; None where they are none.

    A vector of as many numbers as a square image has is one.
    """
    if shape.of is not None or not shape.is_known:
        return None
    dims = shape.known
    if len(dims) == IMAGE:
        return dims[0], dims[1], dims[2]
    side = isqrt(dims[0]) if dims else 0
    return (side, side, 1) if len(dims) == 1 and side > 1 and side * side == dims[0] else None


def sheet(rows: Sequence[Sequence[Array]]) -> Array:
    """Rows of images (H, W, C) on one sheet of numbers from 0 to 1, (height, width) or (height, width, 3).

    Black and white are 0 and 1, which cut off what little lies beyond; where much does, they are the extremes. Images
    with another number of channels than three are shown by the mean of these.
    """
    images = [each for row in rows for each in row]
    low, high = _extremes(images)
    channels = max(COLOURS if each.shape[2] == COLOURS else 1 for each in images)
    heights = [max(each.shape[0] for each in row) for row in rows]
    columns = range(max(len(row) for row in rows))
    widths = [max(row[column].shape[1] for row in rows if column < len(row)) for column in columns]
    gap = max(max(heights + widths) // 12, 1)
    found = np.ones(
        (sum(heights) + gap * (len(heights) - 1), sum(widths) + gap * (len(widths) - 1), channels)
    )
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for each, width in zip(row, widths, strict=False):
            shades = np.clip((each - low) / (high - low), 0, 1)
            if each.shape[2] != COLOURS:
                shades = shades.mean(axis=2, keepdims=True)
            found[top : top + each.shape[0], left : left + each.shape[1]] = shades
            left += width + gap
        top += height + gap
    return found.squeeze(2) if channels == 1 else found


def _extremes(images: Sequence[Array]) -> tuple[float, float]:
    """The numbers of black and of white."""
    count = sum(each.size for each in images)
    beyond = sum(int(((each < 0) | (each > 1)).sum()) for each in images)
    if beyond <= BEYOND * count:
        return 0.0, 1.0
    low = min(0.0, *(float(each.min()) for each in images))
    return low, max(1.0, *(float(each.max()) for each in images))


def dots(images: Sequence[Array]) -> int:
    """How many dots a pixel of these images is drawn with, down and across."""
    return 2 if max(max(each.shape[:2]) for each in images) <= SMALL else 1


def png(numbers: Array, dots: int = 1) -> bytes:
    """Numbers from 0 to 1 as a PNG file, the same bytes for the same numbers; needs Pillow."""
    from PIL import Image

    shades = np.rint(numbers * WHITE).astype(np.uint8).repeat(dots, 0).repeat(dots, 1)
    file = BytesIO()
    Image.fromarray(shades).save(file, "PNG")
    return file.getvalue()
