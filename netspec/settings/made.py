"""Examples that are drawn from a seed instead of read: the words after `data` for them.

How they are drawn is the part of `netspec.data`; the same seed draws the same examples on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.training import Reader
from netspec.ir.values import Choice, Real, String, Whole
from netspec.settings.values import FRACTION, SEED

COUNT: Final = Whole(1, example=10_000)
COUNTS: Final = "examples to train on"
TESTS: Final = "examples to test on"
DRAWS: Final = "decides what is drawn"

Shower: TypeAlias = Literal["light", "moderate", "heavy"]
"""How much it rains."""


@word("rain")
class Rain(Reader):
    """Photographs of a folder in the rain: a rainy one is the input, the same without rain the target.

    Examples to train on are square patches from anywhere in the photographs, `count` in all; those to test on are the
    square in the middle of each. Colours are numbers from 0 to 1. The folder holds the folders `train` and `test`, or
    photographs (.png, .jpg) of which a share is kept. It is looked for beside the spec, then in the folder that
    NETSPEC_DATA names.

    Streaks of rain R, from 0 to 1, lie over a photograph B as in 1 - (1 - B) (1 - R), the screen blend of Luo, Xu and
    Ji (2015): bright things hide the rain. A streak is a drop that falls while the shutter is open (Garg and Nayar
    2007): a straight line of `length`, half of it at least, 1 to 2 pixels wide and fading towards its ends, as bright
    as `strength` or half of it at least. The streaks of a picture fall at one angle, up to 3 degrees more or less.
    `light`, `moderate` and `heavy` rain are 2, 4 and 8 streaks in 1,000 pixels of brightness 0.4, 0.6 and 0.8.
    """

    path: str = argument(String("the path of a folder in double quotes", "bsds"), "the folder")
    shower: Shower = option(Choice(get_args(Shower)), "how much it rains", default="moderate")
    patch: int | None = option(
        Whole(8, example=64), "side of the patches to train on, that of the input unless set", default=None
    )
    crop: int | None = option(
        Whole(8, example=320),
        "side of the squares to test on, that of the input or the largest that all photographs have unless set",
        default=None,
    )
    count: int = option(COUNT, COUNTS, default=4000)
    length: float = option(Real(1, 200, example=24), "pixels of the longest streaks", default=24.0)
    angle: float = option(Real(0, 60, example=20), "largest slant in degrees, each way", default=20.0)
    density: float | None = option(
        Real(0, 100, example=4),
        "streaks that begin in 1,000 pixels, instead of those of the word",
        default=None,
    )
    strength: float | None = option(
        Real(0, 1, example=0.6), "largest brightness of a streak, instead of that of the word", default=None
    )
    test: float | None = option(
        FRACTION, "share kept to test on where there is no folder `test`, 0.2 unless set", default=None
    )
    seed: int = option(SEED, DRAWS, default=0)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "rainy", "clean"


@word("balls")
class Balls(Reader):
    """A ball in a box, frame by frame, that bounces off the walls, and where it will be next.

    The input is `TxHxWx1`, T frames one after the other, or `HxWxT`, the same as the channels of one image, of pixels
    from 0 to 1. The target is the place of the ball `ahead` frames after the last one, (x, y) from the left and the top
    in sides of the box, or, where the output is an image, that frame itself. A ball has a tenth of the box as radius
    and moves by 0.02 to 0.12 sides a frame across and down; walls turn it back as a mirror does.
    """

    ahead: int = option(
        Whole(1, 1000, example=1), "frames from the last one to that of the target", default=1
    )
    bounces: bool = flag(
        "bounces", "only balls that meet a wall after the last frame but one, of those drawn", default=False
    )
    count: int = option(COUNT, COUNTS, default=10_000)
    test: int = option(COUNT, TESTS, default=2000)
    seed: int = option(SEED, DRAWS, default=0)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "frames", "target"


@word("dna")
class Dna(Reader):
    """Generated DNA, half of it with a promoter: two motifs at the right distance, as bacteria have them.

    The input is `Tx4`, a 1 for each letter among A, C, G, T, or `T of 4`, its number. A promoter is TTGACA, 15 to 19
    random letters and TATAAT (Hawley and McClure 1983), each letter of a motif replaced by another one with the
    probability `mutation`. The other half has either the same motifs, mutated alike, 5 to 11 or 23 to 29 letters apart,
    or the letters of a promoter's motifs in a random order. Counting short words hardly tells them apart: the distance
    counts. All other letters are drawn evenly. The target is yes and no, or one of two classes.
    """

    length: int | None = option(
        Whole(41, example=80), "letters of an example, the steps of the input unless set", default=None
    )
    mutation: float = option(
        Real(0, 1, example=0.1), "probability that a letter of a motif is another one", default=0.1
    )
    count: int = option(COUNT, COUNTS, default=20_000)
    test: int = option(COUNT, TESTS, default=2000)
    seed: int = option(SEED, DRAWS, default=0)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "letters", "label"


@word("scenes")
class Scenes(Reader):
    """Images of one to four handwritten digits, and in words which ones and how they lie.

    The network has two inputs: `image 56x56x1`, or larger, and `caption T of 19`, which is the start and the words so
    far; the target is the words and the stop, one at each step (-1 after it). Digits lie in one row or two, one or two
    in each: "a two left of a five above an eight" is a row of two above a row of one. They are those of MNIST, to train
    on those that it has to train on, to test on those to test on. Token 0 fills up, 1 is the start, 2 the stop, 3
    an unknown word; the others are the 15 words of the captions, sorted.
    """

    count: int = option(COUNT, COUNTS, default=20_000)
    test: int = option(COUNT, TESTS, default=2000)
    seed: int = option(SEED, DRAWS, default=0)

    @property
    def goes_on(self) -> bool:
        return True

    @property
    def marks(self) -> tuple[int, int]:
        return 1, 2

    @property
    def differing(self) -> tuple[str, ...]:
        return ("caption",)

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return "image", "caption"
