"""Examples changed at random while training, so that a network meets each of them a little differently every time.

The random numbers are drawn in `netspec.backends.augmentation`, the same for every backend; how they are applied is a
rule of each backend.
"""

from __future__ import annotations

from typing import Final

from netspec.ir.definition import flag, option, word
from netspec.ir.training import Plain
from netspec.ir.values import Real, Whole

MOVES: Final = ("shift", "rotate", "scale", "shear", "elastic", "flip", "vflip", "crop")
"""Those that move pixels; all of them together are one resampling."""
ON_IMAGES: Final = (*MOVES, "cutout")
ON_NUMBERS: Final = ("noise", "mixup")
"""Those that need no picture."""

_PIXELS: Final = 10_000


@word("augment")
class Augment(Plain):
    """Changes the examples of each step at random, in training alone: evaluation and prediction see them as they are.

    Moves come first, all in one bilinear resampling with zeros outside the image; then noise, cutout, mixup. What is
    drawn follows from `seed` and the number of the step.

    `elastic` moves the nodes of a coarse grid and each pixel smoothly with the nodes around it, by a cubic B-spline:
    the distortions of Simard, Steinkraus and Platt (2003), whose fields of deviation 4 pixels and strength 34 are
    about `elastic=5 spacing=7`. `cutout` is that of DeVries and Taylor (2017), a square around any pixel, of which a
    part may lie outside. `mixup` (Zhang et al. 2017) mixes each example with its neighbour in the batch,
    l * example + (1 - l) * neighbour with l from Beta(mixup, mixup), and their targets likewise; of classes, that
    makes probabilities.
    """

    shift: float = option(Real(0, _PIXELS, example=2), "largest shift in pixels, each way", default=0.0)
    rotate: float = option(Real(0, 180, example=10), "largest angle in degrees, each way", default=0.0)
    scale: float = option(
        Real(0, 1, open_high=True, example=0.1), "largest change of size: 0.1 is 0.9 to 1.1", default=0.0
    )
    shear: float = option(
        Real(0, 10, example=0.1), "largest slant: pixels sideways for each pixel down", default=0.0
    )
    elastic: float = option(
        Real(0, _PIXELS, example=3), "largest elastic displacement in pixels, each way", default=0.0
    )
    spacing: int = option(Whole(1, _PIXELS, example=7), "pixels between the nodes of `elastic`", default=7)
    flip: bool = flag("flip", "mirrors left and right, every second time", default=False)
    vflip: bool = flag("vflip", "mirrors top and bottom, every second time", default=False)
    crop: int = option(
        Whole(0, _PIXELS, example=4), "pads by this many zeros and cuts the old size out anywhere", default=0
    )
    cutout: int = option(Whole(0, _PIXELS, example=8), "side of the square that is set to 0", default=0)
    noise: float = option(Real(0, example=0.05), "deviation of the normal noise that is added", default=0.0)
    mixup: float = option(Real(0, 1000, example=0.2), "both parameters of the Beta distribution", default=0.0)

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of what is done."""
        return tuple(name for name in (*ON_IMAGES, *ON_NUMBERS) if getattr(self, name))

    @property
    def moves(self) -> bool:
        """Pixels are moved."""
        return any(getattr(self, name) for name in MOVES)
