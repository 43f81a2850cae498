"""`data dna`: generated DNA, half of it with a promoter."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.files import text_of, unreadable
from netspec.data.fitting import fit, fit_targets
from netspec.data.labels import check_count
from netspec.data.lazy import Array
from netspec.data.made import check_room, random_of
from netspec.data.preprocessing import Letters
from netspec.data.texts import lines_of
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.settings.made import Dna

LETTERS: Final = "ACGT"
PREPARED: Final = Letters(LETTERS)
CLASSES: Final = ("other", "promoter")
MOTIFS: Final = ("TTGACA", "TATAAT")
"""The motifs at 35 and at 10 letters before the gene."""
_LONG: Final = len(MOTIFS[0])
APART: Final = tuple(range(15, 20))
"""Letters between the motifs of a promoter."""
NOT_APART: Final = (*range(5, 12), *range(23, 30))
"""Those between the motifs of what is none."""
_WIDTH: Final = 24
"""Bytes that a letter takes on its way into the network: its place, and a number for each letter of the alphabet."""
LEAST: Final = _LONG + NOT_APART[-1] + _LONG
"""Letters that every example has room for."""


def load(reader: Dna, request: Request) -> Loaded:
    """DNA for a network; raises N404 where its input is not made for letters or its output not for two classes."""
    check_count("dna", CLASSES, request.target)
    (shape,) = request.only("dna", "letters", target="label")
    length = _length(reader, shape)
    check_room(reader.written(), reader.count + reader.test, _WIDTH * length, request)
    train = _part(reader, request, length, "train", reader.count)
    test = _part(reader, request, length, "test", reader.test)
    return Loaded(train, test, classes=CLASSES, preprocessing=PREPARED)


def _length(reader: Dna, shape: Shape) -> int:
    """Letters of an example; raises N404 where the input does not read so many, or no letters."""
    letters = shape.dims if shape.of == len(LETTERS) else shape.dims[:-1] if shape.dims[-1] == 4 else ()
    if len(letters) != 1 or shape.of not in (None, 4):
        message = f"`dna` gives letters, Tx4 or `T of 4`, and the input is {shape}"
        raise error("N404", message, tries=("`input 80x4`", "`input 80 of 4`"))
    steps = letters[0]
    known = steps if isinstance(steps, int) else None
    length = reader.length or known
    if length is None:
        message = f"the input {shape} does not say how many letters of `dna` an example has; `length` does"
        raise error("N404", message, tries=("`length=80`",))
    if known not in (None, length):
        raise error("N404", f"`length={length}` makes examples of {length} letters, and the input is {shape}")
    if length < LEAST:
        message = (
            f"two motifs and what lies between them take up to {LEAST} letters, and the input is {shape}"
        )
        raise error("N404", message)
    return length


def _part(reader: Dna, request: Request, length: int, part: str, count: int) -> Dataset:
    random, (shape,) = random_of("dna", part, reader.seed), request.inputs
    letters, labels = drawn(random, count, length, reader.mutation)
    wanted = request.target
    answers = wanted is not None and wanted.of is None
    targets = fit_targets(labels.astype(np.float32) if answers else labels, wanted, CLASSES)
    return Dataset(fit(PREPARED.written(letters, shape), shape), targets)


def new_letters(path: Path, prepared: Letters, shape: Shape, most_bytes: int) -> Array:
    """A file with an example a line, in large letters or small ones; raises N702 and N404."""
    places = {letter: place for place, letter in enumerate(prepared.alphabet)}
    text = text_of(path, most_bytes)
    if len(text) * _WIDTH > most_bytes:
        message = (
            f"its letters take {len(text) * _WIDTH:,} bytes in the network, and {most_bytes:,} are the limit"
        )
        raise unreadable(path, message)
    lines = [(number, line.strip()) for number, line in enumerate(lines_of(path, text), 1)]
    for number, line in lines:
        strange = next((letter for letter in line if letter.upper() not in places), None)
        if strange is not None:
            known = f"{', '.join(prepared.alphabet[:-1])} and {prepared.alphabet[-1]}"
            raise unreadable(path, f"line {number} has `{strange}`, and the letters are {known}")
    if not lines:
        raise unreadable(path, "there are no letters in it")
    lengths = {len(line): number for number, line in reversed(lines)}
    steps = shape.dims[0] if isinstance(shape.dims[0], int) else len(lines[0][1])
    for length, number in lengths.items():
        if length != steps:
            wanted = f"the network reads {steps}" if shape.is_known else f"those above it {steps}"
            raise error("N404", f"{path}: line {number} has {length} letters, and {wanted}")
    found = np.array([[places[letter] for letter in line.upper()] for _, line in lines])
    return prepared.written(found, shape)


def drawn(random: np.random.Generator, count: int, length: int, mutation: float) -> tuple[Array, Array]:
    """Examples (n, length) of the numbers of letters, and whether there is a promoter in each (n,)."""
    labels = random.integers(0, 2, count)
    near = random.choice(APART, count)
    far = random.choice(NOT_APART, count)
    shuffled = (labels == 0) & (random.integers(0, 2, count) == 1)
    apart = np.where((labels == 1) | shuffled, near, far)
    letters = random.integers(0, len(LETTERS), (count, length))
    motifs = np.tile([LETTERS.index(letter) for letter in "".join(MOTIFS)], (count, 1))
    # another letter: 1 to 3 places on in the alphabet
    changed = random.uniform(size=motifs.shape) < mutation
    motifs = (motifs + changed * random.integers(1, len(LETTERS), motifs.shape)) % len(LETTERS)
    motifs[shuffled] = random.permuted(motifs[shuffled], axis=1)
    spans = _LONG + apart + _LONG
    starts = random.integers(0, length - spans + 1)
    places = np.concatenate(
        [
            starts[:, None] + np.arange(_LONG),
            (starts + _LONG + apart)[:, None] + np.arange(_LONG),
        ],
        axis=1,
    )
    np.put_along_axis(letters, places, motifs, axis=1)
    return letters, labels
