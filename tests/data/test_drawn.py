"""Examples that are drawn and read from nowhere: the same ones from the same seed, and none that do not fit."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, load
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.settings.made import Balls, Dna

T = Symbol("T")
FRAMES, PLACE = Shape((5, 12, 16, 1)), Shape((2,))
LETTERS, YES = Shape((60,), of=4), Shape((1,))
READERS = {
    "balls": (Balls, FRAMES, PLACE, {"count": 200, "test": 100}),
    "dna": (Dna, LETTERS, YES, {"count": 400, "test": 200}),
}
"""A reader, what it is asked for unless a test says otherwise, and how many examples of it."""


def read(name: str, shape: Shape | None = None, wanted: Shape | None = None, **options: object) -> Loaded:
    reader, given, target, counts = READERS[name]
    made = reader(**counts | options)  # type: ignore[arg-type]
    return load(made, None, shape or given, wanted or target, folder=Path(), most_bytes=1 << 30)


DIGESTS = {
    "balls": (np.uint8, 255, "55f6f73dd44d84af", np.float32, "e7a6c411cf67b7dc"),
    "dna": (np.uint8, 1, "458c65cacd2842cc", np.uint8, "e175abeafee8cdca"),
}
"""Type and factor with which the inputs are whole numbers, and their digest; the same of the targets to test on."""


@pytest.mark.parametrize("name", DIGESTS)
def test_the_same_seed_draws_the_same(name: str) -> None:
    kind, factor, inputs, target_kind, targets = DIGESTS[name]
    loaded = read(name)
    numbers = np.rint(factor * np.asarray(loaded.train.inputs)).astype(kind)
    assert sha256(numbers.tobytes()).hexdigest()[:16] == inputs
    assert sha256(np.asarray(loaded.test.targets, target_kind).tobytes()).hexdigest()[:16] == targets
    assert not np.array_equal(read(name, seed=1).test.inputs, loaded.test.inputs)
    fewer = read(name, count=7).test
    assert np.array_equal(fewer.inputs, loaded.test.inputs)
    assert np.array_equal(fewer.targets, loaded.test.targets)


FRAMES_WANTED = "N404: `balls` gives frames, .* and the input is "
LETTERS_WANTED = "N404: `dna` gives letters, Tx4 or `T of 4`, and the input is "
PLACE_WANTED = "a place .x, y. or a frame 12x16x1, and the output is "
LIMIT = "bytes, and 1,073,741,824 are"
REFUSED = {
    f"{FRAMES_WANTED}Tx16x16x1": ("balls", Shape((T, 16, 16, 1)), PLACE, {}),
    f"{FRAMES_WANTED}8x16x16x3": ("balls", Shape((8, 16, 16, 3)), PLACE, {}),
    f"{FRAMES_WANTED}5x12x16x1 of 9": ("balls", Shape((5, 12, 16, 1), of=9), PLACE, {}),
    "N404: a single frame does not say where a ball is going": ("balls", Shape((16, 16, 1)), PLACE, {}),
    f"{PLACE_WANTED}3": ("balls", FRAMES, Shape((3,)), {}),
    f"{PLACE_WANTED}one of 10 classes": ("balls", FRAMES, Shape((), of=10), {}),
    "N404: none of 1 balls of the train part meets a wall": (
        "balls",
        FRAMES,
        PLACE,
        {"count": 1, "bounces": True},
    ),
    f"N404: 2,000,100 examples of `balls count=2000000 test=100` take 3,072,153,600 {LIMIT}": (
        "balls",
        FRAMES,
        PLACE,
        {"count": 2_000_000},
    ),
    f"{LETTERS_WANTED}60x5": ("dna", Shape((60, 5)), YES, {}),
    f"{LETTERS_WANTED}60 of 5": ("dna", Shape((60,), of=5), YES, {}),
    f"{LETTERS_WANTED}8x60 of 4": ("dna", Shape((8, 60), of=4), YES, {}),
    "N404: the input T of 4 does not say how many letters": ("dna", Shape((T,), of=4), YES, {}),
    "N404: `length=50` makes examples of 50 letters, and the input is 60 of 4": (
        "dna",
        LETTERS,
        YES,
        {"length": 50},
    ),
    "N404: two motifs and what lies between them take up to 41 letters, and the input is 40x4": (
        "dna",
        Shape((40, 4)),
        YES,
        {},
    ),
    "N404: dna has 2 classes, and the output tells 3 apart": ("dna", LETTERS, Shape((), of=3), {}),
    f"N404: 2,000,200 examples of `dna count=2000000 test=200` take 2,880,288,000 {LIMIT}": (
        "dna",
        LETTERS,
        YES,
        {"count": 2_000_000},
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(message: str) -> None:
    name, shape, wanted, options = REFUSED[message]
    with pytest.raises(SpecError, match=message):
        read(name, shape, wanted, **options)
