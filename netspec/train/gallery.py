"""A picture of augmented examples: what `augment` makes of them, beside what they were.

The rule of the NumPy backend makes them, which is that of all others to the last few bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from textwrap import fill
from typing import Any, Final

import numpy as np

from netspec.backends import Piece, as_given, channels_first, channels_last
from netspec.backends.augmentation import augmentation_of
from netspec.backends.numpy.kernel import rules
from netspec.data import Loaded, every, split
from netspec.diagnostics import error
from netspec.init import generator
from netspec.ir.net import Net
from netspec.settings.augment import Augment
from netspec.train.options import Options

Array = np.ndarray[Any, np.dtype[Any]]

IMAGE: Final = 3
"""Dimensions of an image, height, width and channels."""
COLOURS: Final = 3
INCHES: Final = 0.8
"""Side of one example on paper."""
LETTERS: Final = 13
"""Letters of the title in an inch."""
SHARPNESS: Final = {"png": 150, "svg": 72}
"""Dots an inch."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Examples and what became of them: `images` is (rows, 1 + columns, H, W, C), the examples themselves first."""

    title: str
    images: Array
    names: tuple[str, ...]
    """What each row is of."""


def gallery(net: Net, options: Options, loaded: Loaded, rows: int, columns: int) -> Gallery:
    """The first examples of the first batch, as steps 1, 2, ... change what stands in their places.

    The first of the columns shows what training sees in its first step.  Raises `SpecError` N405 where the settings
    do not augment, N407 where the examples are no images.
    """
    check_images(net, options)
    augment, augmentation = options.training.get("augment"), augmentation_of(net, options.training, rules)
    assert augment is not None and augmentation is not None
    learnt = loaded.train
    if loaded.validation is None and options.stop:
        learnt, _ = split(learnt, options.stop.validation, options.seed)
    order = generator(options.seed, "order/1").permutation(len(learnt))
    whole = min(max(options.batch, rows), len(learnt))
    shown = learnt.take(order[: min(rows + rows % 2, whole)])  # mixup wants whole pairs
    inputs, targets = (tuple(each[:] for each in every(some)) for some in (shown.inputs, shown.targets))
    prepared = tuple(map(channels_first, inputs))
    piece = Piece(0, whole)
    made = [inputs[0]]
    for step in range(1, columns + 1):
        (changed, *_), _ = augmentation.batch(prepared, as_given(targets), step, piece)
        made.append(channels_last(changed))
    images = np.stack(made, axis=1)[:rows]
    title = f"{net.name}: {augment.written()}"
    return Gallery(title, images, _names(targets[-1][:rows], loaded.classes))


def check_images(net: Net, options: Options) -> None:
    """Raise N405 where nothing is augmented, N407 where no picture can be made of it; needs no data."""
    if not isinstance(options.training.get("augment"), Augment):
        notes = (
            "a line such as  augment shift=2 rotate=10 elastic=3  in `train:` says what is done",
            'or, to try one out:  --set "train.augment=shift=2 rotate=10"',
        )
        raise error("N405", f"{net.name} does not say how to augment its examples", notes=notes)
    first = net.inputs[0]
    if first.shape.of is not None or len(first.shape.dims) != IMAGE:
        spans = [first.origin.statement] if first.origin else []
        raise error(
            "N407", f"a picture shows images (HxWxC), and the input is {first.shape.described}", *spans
        )


def _names(targets: Array, classes: tuple[str, ...]) -> tuple[str, ...]:
    """A class by its name, one number as such; what is larger has no name."""
    if targets.size != len(targets):
        return ("",) * len(targets)
    values = targets.reshape(-1)
    if values.dtype.kind == "f":
        return tuple(f"{value:g}" for value in values)
    return tuple(classes[value] if classes else str(value) for value in values)


def can_draw() -> bool:
    """Matplotlib is installed."""
    return find_spec("matplotlib") is not None


def picture(shown: Gallery, kind: str) -> bytes:
    """The gallery as a PNG or SVG file, the same bytes for the same examples; needs matplotlib."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns, height, width = shown.images.shape[1:4]
    mosaic, tops, lefts = arranged(shown.images)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "netspec", "svg.fonttype": "none", "font.size": 8})
        inches = INCHES / max(height, width)
        size = mosaic.shape[1] * inches + 1, mosaic.shape[0] * inches + 0.7
        figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(fill(shown.title, int(LETTERS * size[0])), fontsize=9)
        axes.set_xticks(lefts + (width - 1) / 2, ["example", *(f"step {step}" for step in range(1, columns))])
        axes.set_yticks(tops + (height - 1) / 2, shown.names)
        axes.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
        axes.spines[:].set_visible(False)
        file = BytesIO()
        nothing: dict[str, None] = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, dpi=SHARPNESS[kind], metadata=nothing)
    return file.getvalue()


def arranged(images: Array) -> tuple[Array, Array, Array]:
    """All images (rows, columns, H, W, C) on one sheet of numbers from 0 to 1; where rows and columns begin.

    Black and white are the smallest and the largest number of the first column, or 0 and 1 where it lies between.
    Other numbers of channels than three are shown by their mean.
    """
    rows, columns, height, width, channels = images.shape
    low, high = float(images[:, 0].min()), float(images[:, 0].max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    shades = np.clip((images - low) / max(high - low, 1e-30), 0, 1)
    if channels != COLOURS:
        shades = shades.mean(axis=4, keepdims=True)
    gap = max(max(height, width) // 12, 1)
    tops = np.arange(rows) * (height + gap)
    lefts = np.arange(columns) * (width + gap) + np.where(np.arange(columns) > 0, 2 * gap, 0)
    sheet = np.ones((tops[-1] + height, lefts[-1] + width, shades.shape[4]))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            sheet[top : top + height, left : left + width] = shades[row, column]
    return sheet.squeeze(2) if sheet.shape[2] == 1 else sheet, tops, lefts
