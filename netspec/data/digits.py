"""`data digits`: the handwritten digits that come with scikit-learn, stretched to the network's input."""

from __future__ import annotations

from math import isqrt
from typing import Final

import numpy as np

from netspec.data.dataset import Loaded, Request, label_of, split
from netspec.data.fitting import fit
from netspec.data.lazy import Array
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Expression
from netspec.settings.data import Digits

SIDE: Final = 8
TEST: Final = 360 / 1797
CLASSES: Final = tuple("0123456789")


def load(reader: Digits, request: Request) -> Loaded:
    """1,437 digits to train on and 360 to test on, always the same; raises N404 where the input is no image of them."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        message = 'digits is not here: it needs scikit-learn: pip install "netspec[data]"'
        raise error("N701", message) from None
    values, labels = load_digits(return_X_y=True)
    values = values.reshape(-1, SIDE, SIDE).astype(np.float32) / np.float32(16)

    def images(shape: Shape | None, end: str) -> Array:
        height, width = _size(shape or Shape((SIDE, SIDE, 1)), end)
        needed = len(values) * height * width * 4
        if needed > request.most_bytes:
            taken = f"digits of {height}x{width} would take {needed:,} bytes"
            raise error("N404", f"{taken}, and {request.most_bytes:,} are the limit")
        return fit(resize(values, height, width)[..., None], shape, end)

    train, test = split(request.made({"image": images, "label": label_of(labels, CLASSES)}), TEST)
    return Loaded(train, test, classes=CLASSES if request.roles.target == "label" else ())


def _size(shape: Shape, end: str) -> tuple[int, int]:
    """Height and width of the image that fills an input; a dimension that is free is made equal to the other."""
    dims = [dim for dim in shape.dims if dim != 1]
    known = [dim for dim in dims if isinstance(dim, int)]
    if len(dims) == 2:
        free = known[0] if known else SIDE
        height, width = (free if isinstance(dim, Expression) else dim for dim in dims)
        return height, width
    side = isqrt(known[0]) if known else SIDE
    if len(dims) == 1 and (not known or side * side == known[0]):
        return side, side
    because = "a digit is an image of one channel, of any size; as a vector it is square: 64, 784, ..."
    raise error("N404", f"an example of `digits` is 8x8x1, and the {end} is {shape}", because=because)


def resize(images: Array, height: int, width: int) -> Array:
    """Images (n, h, w) interpolated bilinearly to (n, height, width), float32; half-pixel centres, edges repeated."""
    rows, columns = _weights(images.shape[1], height), _weights(images.shape[2], width)
    resized: Array = rows @ images.astype(np.float32, copy=False) @ columns.T
    return resized


def _weights(have: int, want: int) -> Array:
    """(want, have): what each old pixel of a line adds to each new one."""
    centres = np.clip((np.arange(want) + 0.5) * have / want - 0.5, 0, have - 1)
    distance = np.abs(centres[:, None] - np.arange(have))
    weights: Array = np.maximum(1 - distance, 0).astype(np.float32)
    return weights
