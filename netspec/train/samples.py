"""A picture of what `make` shows, after each epoch: `samples.png`, and one of each epoch in `samples/`.

The noise is always the same, so that the pictures show what training changes.  What is read from the data stands
above what is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from netspec.ir.updates import Field
from netspec.train import durable
from netspec.train.evaluate import Prepared
from netspec.train.events import Observer, Row
from netspec.train.learner import Learner
from netspec.train.sheet import MISSING, can_draw, dots, image, png, sheet

Array = np.ndarray[Any, np.dtype[Any]]

ROWS: Final = 8
COLUMNS: Final = 8


class Samples(Observer):
    """Draws the picture after each epoch; `data` are the examples that are shown, where `make` reads some."""

    def __init__(
        self, folder: Path, learner: Learner, data: Prepared, complain: Callable[[str], None]
    ) -> None:
        self.folder, self.learner, self.data = folder, learner, data
        self.can = drawable(learner) and can_draw()
        if learner.show is not None and not self.can:
            complain(f"no samples.png: {MISSING if drawable(learner) else '`make` shows no images'}")

    def finished_epoch(self, row: Row) -> None:
        """The newest picture, and that of the epoch."""
        if not self.can:
            return
        content = picture(self.learner, self.data)
        (self.folder / "samples").mkdir(exist_ok=True)
        durable.replace_file(self.folder / "samples" / f"{row.epoch:04}.png", content)
        durable.replace_file(self.folder / "samples.png", content)


def drawable(learner: Learner) -> bool:
    """What `make` shows are images, or vectors of as many numbers as a square image has."""
    return learner.show is not None and image(learner.show.program.net.outputs[-1].shape) is not None


def picture(learner: Learner, data: Prepared) -> bytes:
    """All images on one sheet, as a PNG file."""
    assert learner.show is not None and learner.show.derived is not None
    shape = image(learner.show.program.net.outputs[-1].shape)
    assert shape is not None
    given, found = learner.made(min(ROWS * COLUMNS, len(data)), data)
    pairs = zip(learner.show.derived.inputs, given, strict=True)
    read = [each for source, each in pairs if isinstance(source, Field) and each[0].size == prod(shape)]
    rows = [_rows(each, shape)[: ROWS // (1 + len(read))] for each in (*read, found)]
    shown = np.stack(rows, axis=1).reshape(-1, COLUMNS, *shape)
    return png(sheet([list(row) for row in shown]), dots(list(shown[0])))


def _rows(images: Array, shape: tuple[int, int, int]) -> Array:
    """Whole rows of images: (rows, columns, H, W, C), the last ones left out where they fill none."""
    count = max(len(images) // COLUMNS, 1)
    filled = np.resize(images, (count * COLUMNS, *images.shape[1:]))
    return filled.reshape(count, COLUMNS, *shape)
