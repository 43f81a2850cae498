"""`data text` and `data pairs`: integers of characters and words, from a vocabulary of the training part."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.files import entries, text_of, unreadable
from netspec.data.labels import classes_of
from netspec.data.lazy import LAZY_FROM, Array, Examples, Lazy
from netspec.data.parts import Division, parts, runs, windows
from netspec.data.preprocessing import Vocabulary
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.settings.text import Level, Pairs, Text
from netspec.settings.values import Encoding

_BYTES_PER_CHARACTER: Final[dict[Level, int]] = {"char": 16, "word": 32}
"""What a character of a text takes in memory beside its token and the number of that."""

_WORD: Final = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
_MOST_CLASSES: Final = 10_000


def tokens_of(text: str, level: Level) -> Sequence[str]:
    """The tokens of a text: its characters, or its words in lower case and its other signs."""
    return text if level == "char" else _WORD.findall(text.lower())


# --- texts that are gone on with


def load_text(reader: Text, request: Request) -> Loaded:
    """The windows of a text for a network; raises N701, N702, N404 and N406."""
    (shape,) = request.only("text", "text", target="text")
    path = request.place.find(reader.path)
    window, size = _window(reader, path, shape), shape.of
    assert size is not None
    _check_target(path, window, request)
    text = _read(path, request.most_bytes, reader.level, reader.encoding)
    tokens = tokens_of(text, reader.level)
    if len(tokens) < 2:
        raise unreadable(path, f"there is {len(tokens)} token in it, and 2 or more are needed")
    which = parts(np.zeros(len(tokens), np.float32), Division(reader.test, reader.validation, split="time"))
    prepared = request.prepared(Vocabulary) or _of_text(path, tokens, which.train, reader, window, size)
    numbers = prepared.encode(tokens)
    _check_known(path, numbers, tokens, reader.level)
    maker = _Maker(path, numbers, window, reader.stride or window, request.target)
    train, test = maker.dataset(which.train, "training"), maker.dataset(which.test, "test")
    held = maker.dataset(which.validation, "validation") if which.validation is not None else None
    return Loaded(train, test, held, prepared.names, prepared)


def _window(reader: Text | Pairs, path: Path, shape: Shape) -> int:
    """The number of tokens of an example; raises N404 where the input is none of a text or has another number."""
    if shape.of is None or len(shape.dims) != 1:
        tries = ("`input T of 100`",)
        raise error("N404", f"{path} gives integers (`T of V`), and the input is {shape}", tries=tries)
    steps = shape.dims[0]
    known = steps if isinstance(steps, int) else None
    window = reader.window or known
    if window is None:
        message = f"the input {shape} does not say how many tokens of {path} an example has; `window` does"
        raise error("N404", message, tries=("`window=100`",))
    if known not in (None, window):
        message = f"`window={window}` makes examples of {window} tokens, and the input is {shape}"
        raise error("N404", message, tries=(f"`input {window} of {shape.of}`",))
    return window


def _check_target(path: Path, window: int, request: Request) -> None:
    """The output tells the tokens apart, at each step or once."""
    wanted, size = request.target, request.inputs[0].of
    if wanted is None:
        return
    steps_fit = not wanted.dims or (
        len(wanted.dims) == 1 and (not isinstance(wanted.dims[0], int) or wanted.dims[0] == window)
    )
    if wanted.of is None or not steps_fit:
        found = f"{wanted.of} classes at {Shape(wanted.dims)}" if wanted.of else str(wanted)
        message = f"the target of {path} is a token at each of {window} steps, and the output is {found}"
        raise error("N404", message, tries=(f"`softmax {size}`",))
    if wanted.of != size:
        message = f"{path}: the input tells {size} tokens apart, and the output {wanted.of}"
        raise error("N404", message, tries=(f"`softmax {size}`",))


def _of_text(
    path: Path, tokens: Sequence[str], rows: Array, reader: Text, window: int, size: int
) -> Vocabulary:
    """The vocabulary of the training part, of at most `size` numbers."""
    counts: Counter[str] = Counter()
    for start, end in runs(rows):
        counts.update(tokens[start:end])
    room = min(reader.vocab or size, size)
    if reader.vocab and reader.vocab > size:
        raise error("N404", f"`vocab={reader.vocab}` tokens do not fit the input, integers below {size}")
    if reader.level == "char" and not reader.vocab:
        if len(counts) > size:
            message = f"the training part of {path} has {len(counts)} characters, and the input is of {size}"
            notes = (f"`vocab={size}` takes the rarest for one unknown character",)
            raise error("N404", message, tries=(f"`of {len(counts)}`",), notes=notes)
        unknown = len(counts) < size
        return Vocabulary(tuple(sorted(counts)), "char", window, unknown, encoding=reader.encoding)
    kept = _most_frequent(counts, room - 1)
    return Vocabulary(kept, reader.level, window, encoding=reader.encoding)


def _read(path: Path, most_bytes: int, level: Level, encoding: Encoding) -> str:
    """The text of a file, its lines ending as on Unix."""
    return text_of(path, most_bytes // _BYTES_PER_CHARACTER[level], encoding).replace("\r\n", "\n")


def _most_frequent(counts: Counter[str], most: int) -> tuple[str, ...]:
    """The tokens that occur most, equally frequent ones in the order of their code points."""
    return tuple(sorted(counts, key=lambda token: (-counts[token], token))[: max(most, 1)])


def _check_known(path: Path, numbers: Array, tokens: Sequence[str], level: Level) -> None:
    """Raises N404 for a token that the vocabulary has no number for, which it has only without an unknown token."""
    strange = np.flatnonzero(numbers < 0)
    if not len(strange):
        return
    token, place = tokens[int(strange[0])], int(strange[0])
    line = f", line {1 + tokens[:place].count(chr(10))}" if level == "char" else ""
    message = f"{path}: {token!r} (token {place:,}{line}) is not in the training part, and there is no unknown token"
    notes = ("the unknown token needs one more in the input and in the output",)
    raise error("N404", message, notes=notes)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the windows of each part out of the tokens of a text; none lies in two parts."""

    path: Path
    numbers: NDArray[np.int64]
    window: int
    stride: int
    wanted: Shape | None

    def dataset(self, rows: Array, part: str) -> Dataset:
        """The windows that lie in a part with the token after them; raises N404 where it is too short for one."""
        starts = windows(rows, self.window + 1, self.stride)
        if not len(starts):
            needed = f"a window of {self.window:,} and the token after it take {self.window + 1:,} in a row"
            message = f"the {part} part of {self.path} is {len(rows):,} tokens, and {needed}"
            raise error("N404", message)
        between = -(-(self.window + 1) // self.stride) - 1
        inputs = self._windows(starts)
        once = self.wanted is not None and not self.wanted.dims
        targets = self.numbers[starts + self.window] if once else self._windows(starts + 1)
        return Dataset(inputs, targets, between)

    def _windows(self, starts: Array) -> Examples:
        source = sliding_window_view(self.numbers, self.window)
        lazy = Lazy(source, (self.window,), self.numbers.dtype, np.ascontiguousarray, starts)
        return lazy if lazy.size * lazy.dtype.itemsize > LAZY_FROM else lazy[:]


# --- texts with a class


@dataclass(frozen=True, slots=True)
class _Lines:
    """Texts and labels, and where each stands."""

    texts: list[str]
    labels: list[str]
    places: list[str]


def load_pairs(reader: Pairs, request: Request) -> Loaded:
    """Texts and their classes for a network; raises N701, N702, N404, N406, and N901 for two texts."""
    (shape,) = request.only("pairs", "text", target="label")
    path = request.place.find_any(reader.path)
    if request.target is not None and request.target.of is not None and request.target.dims:
        message = f"{path}: pairs of two texts, a class at each step of the output, are not supported yet"
        raise error("N901", message)
    window, size = _window(reader, path, shape), shape.of
    assert size is not None
    lines = _folder(path, reader, request) if path.is_dir() else _file(path, reader, request)
    targets, classes = classes_of(lines.labels, str(path), request, lines.places.__getitem__)
    which = parts(targets, Division(reader.test, reader.validation, reader.seed, reader.split))
    tokens = [tokens_of(text, reader.level) for text in lines.texts]
    prepared = request.prepared(Vocabulary) or _of_pairs(
        (tokens[row] for row in which.train), reader, window, size
    )
    needed = len(tokens) * window * 8
    if needed > request.most_bytes:
        taken = f"{len(tokens):,} texts of {window:,} tokens take {needed:,} bytes"
        raise unreadable(path, f"{taken}, and {request.most_bytes:,} are the limit")
    whole = Dataset(prepared.encode_filled(tokens), targets, 0 if reader.split == "time" else None)
    held = whole.take(which.validation) if which.validation is not None else None
    return Loaded(whole.take(which.train), whole.take(which.test), held, classes, prepared)


def _of_pairs(texts: Iterable[Sequence[str]], reader: Pairs, window: int, size: int) -> Vocabulary:
    room = min(reader.vocab or size, size) - 2
    if room < 1 or (reader.vocab and reader.vocab > size):
        asked = f"`vocab={reader.vocab}`" if reader.vocab else f"an input of {size}"
        message = f"{asked} does not fit: 0 and 1 are no words, and the input is integers below {size}"
        raise error("N404", message)
    counts: Counter[str] = Counter()
    for tokens in texts:
        counts.update(tokens)
    return Vocabulary(
        _most_frequent(counts, room), reader.level, window, padded=True, encoding=reader.encoding
    )


def _file(path: Path, reader: Pairs, request: Request) -> _Lines:
    """The lines `text<TAB>label` of a file; raises N702 naming the line."""
    if not path.is_file():
        raise unreadable(path, "it is not an ordinary file")
    text = _read(path, request.most_bytes, reader.level, reader.encoding)
    found = _Lines([], [], [])
    for number, line in _numbered(text):
        cells = line.split("\t")
        if len(cells) != 2:
            signs = f"{len(cells) - 1} tabs" if len(cells) != 1 else "no tab"
            raise unreadable(path, f"line {number} has {signs}; one stands between the text and its label")
        written, label = (cell.strip() for cell in cells)
        if not written or not label:
            raise unreadable(path, f"line {number} has no {'label' if written else 'text'}")
        _add(found, written, label, f"line {number}")
    return _some(path, found)


def _folder(path: Path, reader: Pairs, request: Request) -> _Lines:
    """The lines of the files in a folder, a class each; raises N702 naming the file and the line."""
    files = entries(path, path, _MOST_CLASSES, allow_outside=request.place.allow_outside)
    stray = next((each for each in files if not each.is_file()), None)
    if stray is not None:
        raise unreadable(stray, "it is no file, and here each class has a file of its own")
    found = _Lines([], [], [])
    room = request.most_bytes
    for file, label in zip(files, labels_of([each.name for each in files]), strict=True):
        text = _read(file, room, reader.level, reader.encoding)
        room -= len(text) * _BYTES_PER_CHARACTER[reader.level]
        for number, line in _numbered(text):
            _add(found, line.strip(), label, f"{file.name}, line {number}")
    return _some(path, found)


def labels_of(names: Sequence[str]) -> list[str]:
    """What tells the names of files apart: their stems, or, where these are all one, what follows.

    >>> labels_of(["rt.neg", "rt.pos"]), labels_of(["neg.txt", "pos.txt"])
    (['neg', 'pos'], ['neg', 'pos'])
    """
    stems = [name.partition(".")[0] for name in names]
    if len(set(stems)) == len(names):
        return stems
    rests = [name.partition(".")[2] for name in names]
    return rests if len(set(stems)) == 1 and all(rests) else list(names)


def _numbered(text: str) -> Iterable[tuple[int, str]]:
    """The lines that are not blank, counted from 1."""
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _add(found: _Lines, text: str, label: str, place: str) -> None:
    found.texts.append(text)
    found.labels.append(label)
    found.places.append(place)


def _some(path: Path, found: _Lines) -> _Lines:
    if not found.texts:
        raise unreadable(path, "there is no text in it")
    return found


# --- new texts


def new_texts(path: Path, prepared: Vocabulary, shape: Shape, most_bytes: int) -> NDArray[np.int64]:
    """A new file as the training text was: a text a line, filled up, or a text in windows, the last one at its end.

    Raises N404 and N702.
    """
    text = _read(path, most_bytes, prepared.level, prepared.encoding)
    if prepared.padded:
        lines = [line for _, line in _numbered(text)]
        if len(lines) * prepared.window * 8 > most_bytes:
            message = (
                f"{len(lines):,} texts of {prepared.window:,} tokens; {most_bytes:,} bytes are the limit"
            )
            raise unreadable(path, message)
        tabs = next((number for number, line in _numbered(text) if "\t" in line), None)
        if tabs is not None:
            raise unreadable(path, f"line {tabs} has a tab, and a text alone is needed")
        return prepared.encode_filled([tokens_of(line, prepared.level) for line in lines])
    tokens = tokens_of(text, prepared.level)
    numbers = prepared.encode(tokens)
    _check_known(path, numbers, tokens, prepared.level)
    free = not shape.is_known
    if len(numbers) < prepared.window and not (free and len(numbers)):
        message = f"{path} has {len(numbers):,} tokens, and the network reads {prepared.window:,}"
        raise error("N404", message)
    length = min(prepared.window, len(numbers))
    starts = np.arange(0, len(numbers) - length + 1, length)
    if starts[-1] + length < len(numbers):
        starts = np.append(starts, len(numbers) - length)
    return sliding_window_view(numbers, length)[starts]
