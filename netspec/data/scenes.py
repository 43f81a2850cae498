"""`data scenes`: images of a few handwritten digits, and captions that say which ones and how they lie."""

from __future__ import annotations

from typing import Final

import numpy as np

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.lazy import Array
from netspec.data.made import check_room, pixels, random_of
from netspec.data.mnist import read_digits
from netspec.data.vocabulary import Vocabulary
from netspec.diagnostics import error
from netspec.ir.shape import Dim
from netspec.ir.training import LEFT_OUT
from netspec.settings.made import Scenes

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS: Final = tuple(sorted(("a", "above", "an", "left", "of", *DIGITS)))
SPECIALS: Final = ("<pad>", "<start>", "<stop>", "<unknown>")
TOKENS: Final = (*SPECIALS, *WORDS)
"""What the numbers of a caption stand for."""
LAYOUTS: Final = ((1,), (2,), (1, 1), (1, 2), (2, 1), (2, 2))
"""The digits in each row."""
SIDE: Final = 28
"""Of a digit with its rim."""
_APART: Final = 24
"""Pixels from one digit to the next: their rims lie upon one another."""
LEAST: Final = 56
_NUMBERS: Final = {word: number for number, word in enumerate(TOKENS)}


def load(reader: Scenes, request: Request) -> Loaded:
    """Scenes for a network; raises N404 where it does not read an image and its caption, and N701 and N702 as MNIST."""
    image, steps = _inputs(request)
    longest = 1 + max(len(caption([[8] * count for count in layout])) for layout in LAYOUTS)
    if isinstance(steps, int) and steps < longest:
        message = f"the longest caption of `scenes` is {longest} tokens, and the input takes {steps}"
        raise error("N404", message, tries=(f"`input caption {longest} of {len(TOKENS)}`",))
    width = steps if isinstance(steps, int) else longest
    one = image[0] * image[1] + 16 * width
    check_room(reader.written(), reader.count + reader.test, one, request)
    parts = ("train", reader.count), ("test", reader.test)
    train, test = (
        _part(reader, request, digits, random_of("scenes", part, reader.seed), (count, *image, width))
        for digits, (part, count) in zip(read_digits(request.most_bytes), parts, strict=True)
    )
    words = Vocabulary(WORDS, "word", None, padded=True, marked=True, begins=True)
    prepared = request.fitted_to({"caption": words})
    return Loaded(train, test, classes=words.names, preprocessing=prepared)


def _inputs(request: Request) -> tuple[tuple[int, int], Dim]:
    """Height and width of the image, and the steps of the caption."""
    image, words = request.only("scenes", "image", "caption", target="caption")
    dims = image.known if image.is_known and image.of is None else ()
    if len(dims) != 3 or dims[2] != 1 or min(dims[:2]) < LEAST:
        message = f"an image of `scenes` is {LEAST}x{LEAST}x1 or larger, and the input is {image}"
        raise error("N404", message, tries=("`input image 56x56x1`",))
    repairs = {"input": f"`input caption T of {len(TOKENS)}`", "output": f"`softmax {len(TOKENS)}`"}
    for end, shape in (("input", words), ("output", request.target or words)):
        if shape.of is None or shape.of < len(TOKENS) or len(shape.dims) != 1:
            message = (
                f"a caption of `scenes` is words of {len(TOKENS)} at each step, and the {end} is {shape}"
            )
            raise error("N404", message, tries=(repairs[end],))
    return (dims[0], dims[1]), words.dims[0]


def _part(
    reader: Scenes,
    request: Request,
    digits: tuple[Array, Array],
    random: np.random.Generator,
    sizes: tuple[int, int, int, int],
) -> Dataset:
    """Scenes of some digits; the sizes are their number, height and width, and the tokens of a filled caption."""
    count, height, width, tokens = sizes
    start, stop = reader.marks
    images = np.zeros((count, height, width), np.uint8)
    lengths = np.empty(count, np.int64)
    said = np.zeros((count, tokens), np.int64)
    following = np.full((count, tokens), LEFT_OUT, np.int64)
    for number in range(count):
        rows = _drawn(images[number], digits, random)
        numbers = [_NUMBERS[word] for word in caption(rows)]
        length = lengths[number] = len(numbers) + 1
        said[number, :length] = [start, *numbers]
        following[number, :length] = [*numbers, stop]
    inputs = tuple(
        said if shape.of else pixels(images, (height, width, 1), "scenes") for shape in request.inputs
    )
    (steps,) = next(shape.dims for shape in request.inputs if shape.of)
    differing = {} if isinstance(steps, int) else {str(steps): lengths}
    return Dataset(inputs, following, lengths=differing)


def _drawn(canvas: Array, digits: tuple[Array, Array], random: np.random.Generator) -> list[list[int]]:
    """Digits put on an empty image; which ones they are, row by row."""
    images, labels = digits
    rows = []
    layout = LAYOUTS[int(random.integers(len(LAYOUTS)))]
    for top, count in zip(_places(canvas.shape[0], len(layout), random), layout, strict=True):
        chosen = random.integers(0, len(labels), count)
        for left, which in zip(_places(canvas.shape[1], count, random), chosen, strict=True):
            part = canvas[top : top + SIDE, left : left + SIDE]
            np.maximum(part, images[which], out=part)
        rows.append([int(labels[which]) for which in chosen])
    return rows


def _places(room: int, count: int, random: np.random.Generator) -> list[int]:
    """Where so many digits begin, one after the other."""
    free = room - SIDE - _APART * (count - 1)
    offsets = np.sort(random.integers(0, free + 1, count))
    return [int(offset) + _APART * number for number, offset in enumerate(offsets)]


def caption(rows: list[list[int]]) -> list[str]:
    """The words for rows of digits.

    >>> " ".join(caption([[2, 5], [8]]))
    'a two left of a five above an eight'
    """
    words = []
    for number, row in enumerate(rows):
        words += ["above"] if number else []
        for place, digit in enumerate(row):
            words += ["left", "of"] if place else []
            words += ["an" if digit == 8 else "a", DIGITS[digit]]
    return words
