"""Lines that may stand before a layer whose input is of the wrong kind; messages propose them once they are checked."""

from __future__ import annotations

from math import isqrt

from netspec.ir.layer import Change
from netspec.ir.shape import Shape

_MOST_CHANNELS = 512


def to_sequence(given: Shape) -> tuple[Change, ...]:
    """A sequence out of the rows of a picture, of the numbers of a vector, or of integers."""
    if given.kind == "integers":
        return (Change("embed 32"),)
    if not given.is_known:
        return ()
    match given.kind, given.known:
        case "image", (height, width, channels):
            return (Change(f"reshape {height}x{width * channels}"),)
        case "vector", (size,):
            return (Change(f"reshape {size}x1"),)
    return ()


def to_image(given: Shape) -> tuple[Change, ...]:
    """A picture out of a vector (square and with few channels, if that is possible) or of a sequence."""
    if given.of is not None or not given.is_known:
        return ()
    match given.known:
        case (size,):
            return tuple(
                Change(f"reshape {height}x{width}x{channels}") for height, width, channels in _pictures(size)
            )
        case (steps, features):
            return (Change(f"reshape {steps}x{features}x1"),)
    return ()


def _pictures(size: int) -> list[tuple[int, int, int]]:
    """The likeliest picture of so many numbers: a square of grey or of colour, of more channels, else a rectangle."""
    for channels in (1, 3, *range(2, min(size // 4, _MOST_CHANNELS) + 1)):
        side = isqrt(size // channels)
        if side > 1 and side * side * channels == size:
            return [(side, side, channels)]
    for height in range(isqrt(min(size, 10**6)), 1, -1):
        if size % height == 0:
            return [(height, size // height, 1)]
    return []
