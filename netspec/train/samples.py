"""A picture of what `make` shows, after each epoch: `samples.png`, and one of each epoch in `samples/`.

The noise is always the same, so that the pictures show what training changes.  What is read from the data stands
above what is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from math import isqrt, prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from netspec.ir.shape import Shape
from netspec.ir.updates import Field
from netspec.train import durable
from netspec.train.curves import can_draw
from netspec.train.evaluate import Prepared
from netspec.train.events import Observer, Row
from netspec.train.learner import Learner

Array = np.ndarray[Any, np.dtype[Any]]

MISSING: Final = 'no samples.png: it needs matplotlib: pip install "netspec[plot]"'
ROWS: Final = 8
COLUMNS: Final = 8
IMAGE: Final = 3
"""Dimensions of an image, height, width and channels."""
COLOURS: Final = 3
SHARPNESS: Final = 2
"""Dots a pixel."""


class Samples(Observer):
    """Draws the picture after each epoch; `data` are the examples that are shown, where `make` reads some."""

    def __init__(
        self, folder: Path, learner: Learner, data: Prepared, complain: Callable[[str], None]
    ) -> None:
        self.folder, self.learner, self.data = folder, learner, data
        self.can = drawable(learner) and can_draw()
        if learner.show is not None and not self.can:
            complain(MISSING if drawable(learner) else "no samples.png: `make` shows no images")

    def finished_epoch(self, row: Row) -> None:
        """The newest picture, and that of the epoch."""
        if not self.can:
            return
        content = png(sheet(self.learner, self.data))
        (self.folder / "samples").mkdir(exist_ok=True)
        durable.replace_file(self.folder / "samples" / f"{row.epoch:04}.png", content)
        durable.replace_file(self.folder / "samples.png", content)


def drawable(learner: Learner) -> bool:
    """What `make` shows are images, or vectors of as many numbers as a square image has."""
    return learner.show is not None and image(learner.show.program.net.outputs[-1].shape) is not None


def image(shape: Shape) -> tuple[int, int, int] | None:
    """The image that numbers of a shape are: height, width and channels; None where they are none."""
    if shape.of is not None or not shape.is_known:
        return None
    dims = shape.known
    if len(dims) == IMAGE:
        return dims[0], dims[1], dims[2]
    side = isqrt(dims[0])
    return (side, side, 1) if len(dims) == 1 and side > 1 and side * side == dims[0] else None


def sheet(learner: Learner, data: Prepared) -> Array:
    """All images on one sheet of numbers from 0 to 1, (height, width) or (height, width, 3)."""
    assert learner.show is not None and learner.show.derived is not None
    shape = image(learner.show.program.net.outputs[-1].shape)
    assert shape is not None
    given, found = learner.made(min(ROWS * COLUMNS, len(data)), data)
    pairs = zip(learner.show.derived.inputs, given, strict=True)
    read = [each for source, each in pairs if isinstance(source, Field) and each[0].size == prod(shape)]
    rows = [_rows(each, shape)[: ROWS // (1 + len(read))] for each in (*read, found)]
    return arranged(np.stack(rows, axis=1).reshape(-1, COLUMNS, *shape))


def _rows(images: Array, shape: tuple[int, int, int]) -> Array:
    """Whole rows of images: (rows, columns, H, W, C), the last ones left out where they fill none."""
    count = max(len(images) // COLUMNS, 1)
    filled = np.resize(images, (count * COLUMNS, *images.shape[1:]))
    return filled.reshape(count, COLUMNS, *shape)


def arranged(images: Array) -> Array:
    """Images (rows, columns, H, W, C) on one sheet; black and white are 0 and 1, or the extremes beyond these."""
    low, high = min(float(images.min()), 0.0), max(float(images.max()), 1.0)
    shades = np.clip((images - low) / (high - low), 0, 1)
    if images.shape[4] != COLOURS:
        shades = shades.mean(axis=4, keepdims=True)
    rows, columns, height, width, channels = shades.shape
    gap = max(max(height, width) // 12, 1)
    found = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, channels))
    for row, column in np.ndindex(rows, columns):
        top, left = (height + gap) * row, (width + gap) * column
        found[top : top + height, left : left + width] = shades[row, column]
    return found.squeeze(2) if channels == 1 else found


def png(numbers: Array) -> bytes:
    """Numbers from 0 to 1 as a PNG file, the same bytes for the same numbers; needs matplotlib."""
    from matplotlib.image import imsave

    large = numbers.repeat(SHARPNESS, 0).repeat(SHARPNESS, 1)
    file = BytesIO()
    nameless: Any = {"Software": None}
    imsave(file, large, cmap="gray", vmin=0, vmax=1, format="png", metadata=nameless)
    return file.getvalue()
