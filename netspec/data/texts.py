"""`data text`: a text that is gone on with, in windows, or line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.files import text_of, unreadable
from netspec.data.lazy import LAZY_FROM, Array, Examples, Lazy
from netspec.data.parts import Division, Parts, parts_with_files, runs, windows
from netspec.data.sequences import Side, check_said, filled, said
from netspec.data.spelling import BYTES_PER_CHARACTER, Spelling, most_frequent
from netspec.data.vocabulary import Tokens, Vocabulary, tokens_of
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.settings.text import Level, Text
from netspec.settings.values import Encoding, Held

DEFAULT: Held = 0.5
"""What stands for a share where a file holds the part."""


def read(path: Path, most_bytes: int, level: Level, encoding: Encoding) -> str:
    """The text of a file, plain or packed, its lines ending as on Unix; raises N702."""
    return text_of(path, most_bytes // BYTES_PER_CHARACTER[level], encoding).replace("\r\n", "\n")


def numbered(text: str) -> Iterable[tuple[int, str]]:
    """The lines that are not blank, counted from 1."""
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def lines_of(path: Path, text: str, *, blank: bool = False) -> list[str]:
    """The lines of a file of which each is an example, none passed over: raises N702 where one has no text.

    Where they may be `blank` all lines stay, such a one as an empty text; else those at the end are left out.
    """
    lines = [line if line.strip() else "" for line in text.removesuffix("\n").split("\n")]
    last = max((number for number, line in enumerate(lines, 1) if line), default=0)
    if blank or not last:
        return lines if last else []
    if "" in lines[:last]:
        message = f"line {lines.index('') + 1} is empty, and each line is an example"
        raise unreadable(path, message)
    return lines[:last]


def load(reader: Text, request: Request) -> Loaded:
    """The windows or the lines of a text for a network; raises N701, N702, N404, N406 and N604."""
    (shape,) = request.only("text", "text", target="text")
    spelling = Spelling.of(reader)
    if reader.lines and reader.stride is not None:
        raise error("N406", "`stride` is the distance of two windows, and `lines` makes none")
    if reader.level == "subword" and not reader.lines:
        message = "`subword` makes pieces of the words of a line, and the text is one: `lines` divides it"
        raise error("N406", message)
    return _lines(reader, request, spelling, shape) if reader.lines else _windows(reader, request, shape)


def files_of(reader: Text, request: Request) -> list[Path]:
    """The file, and those of validation and of test where these are files of their own; raises N701."""
    written = [reader.path, *(each for each in (reader.validation, reader.test) if isinstance(each, str))]
    return [request.place.find(path) for path in written]


def division_of(
    test: Held | str, validation: Held | str | None, seed: int = 0, split: str | None = "time"
) -> Division:
    """How a reader's examples are divided, as far as files do not say it."""
    share = DEFAULT if isinstance(test, str) else test
    return Division(share, None if isinstance(validation, str) else validation, seed, split)  # type: ignore[arg-type]


def parts_of(reader: Text, counts: Sequence[int]) -> Parts:
    """The parts of examples of which each file holds so many."""
    numbers = iter(counts[1:])
    held, tested = (
        next(numbers) if isinstance(each, str) else 0 for each in (reader.validation, reader.test)
    )
    everything = np.zeros(sum(counts), np.float32)
    return parts_with_files(everything, division_of(reader.test, reader.validation), (held, tested))


# --- line by line


def _lines(reader: Text, request: Request, spelling: Spelling, shape: Shape) -> Loaded:
    """Each line with its start and its stop."""
    paths = files_of(reader, request)
    lines: list[str] = []
    places: list[str] = []
    counts = []
    room = request.most_bytes
    for path in paths:
        text = read(path, room, reader.level, reader.encoding)
        room -= len(text) * spelling.room
        found = list(numbered(text))
        if not found:
            raise unreadable(path, "there is no text in it")
        lines += [line.strip() for _, line in found]
        places += [f"{path.name}, line {number}" for number, _ in found]
        counts.append(len(found))
    side = Side(str(paths[0]), lines, places.__getitem__, shape, marked=True)
    _ = side.vocabulary
    check_said(side.name, shape, request.target)
    which = parts_of(reader, counts)
    prepared = side.fitted(spelling, which.train, request.prepared(Tokens))
    inputs, targets = said(side.numbers(prepared, spelling, request.most_bytes), side.steps)
    whole = Dataset(inputs.array, targets.array, 0, side.lengths_of(inputs))
    held = whole.take(which.validation) if which.validation is not None else None
    return Loaded(whole.take(which.train), whole.take(which.test), held, prepared.names, prepared)


# --- in windows


def _windows(reader: Text, request: Request, shape: Shape) -> Loaded:
    paths = files_of(reader, request)
    path = paths[0]
    window, size = _window(reader, path, shape), shape.of
    assert size is not None
    _check_target(path, window, request)
    tokens: list[str] = []
    counts = []
    room = request.most_bytes
    for each in paths:
        text = read(each, room, reader.level, reader.encoding)
        room -= len(text) * BYTES_PER_CHARACTER[reader.level]
        found = tokens_of(text, reader.level)
        if len(found) < 2:
            raise unreadable(each, f"there is {len(found)} token in it, and 2 or more are needed")
        tokens += found
        counts.append(len(found))
    which = parts_of(reader, counts)
    prepared = request.prepared(Vocabulary) or _fitted(path, tokens, which.train, reader, window, size)
    numbers = prepared.encode(tokens)
    check_known(path, numbers, tokens, reader.level)
    maker = _Maker(path, numbers, window, reader.stride or window, request.target)
    train, test = maker.dataset(which.train, "training"), maker.dataset(which.test, "test")
    held = maker.dataset(which.validation, "validation") if which.validation is not None else None
    return Loaded(train, test, held, prepared.names, prepared)


def _window(reader: Text, path: Path, shape: Shape) -> int:
    """The number of tokens of an example; raises N404 where the input is none of a text or has another number."""
    side = Side(str(path), (), str, shape)
    if side.vocabulary and side.steps and reader.window not in (None, side.steps):
        message = (
            f"`window={reader.window}` makes examples of {reader.window} tokens, and the input is {shape}"
        )
        raise error("N404", message, tries=(f"`input {reader.window} of {shape.of}`",))
    window = reader.window or side.steps
    if window is None:
        message = f"the input {shape} does not say how many tokens of {path} an example has; `window` does"
        raise error("N404", message, tries=("`window=100`",))
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


def _fitted(
    path: Path, tokens: Sequence[str], rows: Array, reader: Text, window: int, size: int
) -> Vocabulary:
    """The vocabulary of the training part, of at most `size` numbers."""
    assert reader.level != "subword"
    counts: Counter[str] = Counter()
    for start, end in runs(rows):
        counts.update(tokens[start:end])
    room = min(reader.vocab or size, size)
    if reader.vocab and reader.vocab > size:
        raise error("N404", f"`vocab={reader.vocab}` tokens do not fit the input, integers below {size}")
    if reader.level == "char" and not reader.vocab and reader.least == 1:
        if len(counts) > size:
            message = f"the training part of {path} has {len(counts)} characters, and the input is of {size}"
            notes = (f"`vocab={size}` takes the rarest for one unknown character",)
            raise error("N404", message, tries=(f"`of {len(counts)}`",), notes=notes)
        unknown = len(counts) < size
        return Vocabulary(tuple(sorted(counts)), "char", window, unknown, encoding=reader.encoding)
    kept = most_frequent(counts, max(room - 1, 1), reader.least)
    if not kept:
        message = (
            f"no token of the training part of {path} occurs {reader.least} times, which `least` asks for"
        )
        raise error("N404", message)
    return Vocabulary(kept, reader.level, window, encoding=reader.encoding)


def check_known(path: Path, numbers: Array, tokens: Sequence[str], level: Level) -> None:
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


# --- new texts


def new_texts(
    path: Path, prepared: Tokens, shape: Shape, most_bytes: int, *, blank: bool = False
) -> NDArray[np.int64]:
    """A new file as the training text was: a text a line, filled up, or a text in windows, the last one at its end.

    Where lines may be `blank`, such a one is a text of no token.  Raises N404, N604 and N702.
    """
    level: Level = prepared.level if isinstance(prepared, Vocabulary) else "subword"
    text = read(path, most_bytes, level, prepared.encoding)
    if prepared.padded:
        return _new_lines(path, lines_of(path, text, blank=blank), prepared, shape, most_bytes)
    assert isinstance(prepared, Vocabulary) and prepared.window is not None
    tokens = tokens_of(text, level)
    numbers = prepared.encode(tokens)
    check_known(path, numbers, tokens, level)
    free = not shape.is_known
    if len(numbers) < prepared.window and not (free and len(numbers)):
        message = f"{path} has {len(numbers):,} tokens, and the network reads {prepared.window:,}"
        raise error("N404", message)
    length = min(prepared.window, len(numbers))
    starts = np.arange(0, len(numbers) - length + 1, length)
    if starts[-1] + length < len(numbers):
        starts = np.append(starts, len(numbers) - length)
    return sliding_window_view(numbers, length)[starts]


def _new_lines(
    path: Path, lines: Sequence[str], prepared: Tokens, shape: Shape, most_bytes: int
) -> NDArray[np.int64]:
    """(n, steps): the text of each line, filled up with 0."""
    if not lines:
        raise unreadable(path, "there is no text in it")
    tabs = next((number for number, line in enumerate(lines, 1) if "\t" in line), None)
    if tabs is not None:
        raise unreadable(path, f"line {tabs} has a tab, and a text alone is needed")
    texts, begins = [line.strip() for line in lines], prepared.begins
    side = Side(str(path), texts, lambda row: f"line {row + 1}", shape, marked=begins)
    room = [each for each in (prepared.window, side.steps and side.steps - begins) if each is not None]
    found = side.numbers(prepared, Spelling("word", min(room, default=None)), most_bytes)
    # pieces of words have a number for a text of which nothing is left
    numbers = [each if text else [] for text, each in zip(texts, found, strict=True)]
    return (said(numbers, side.steps)[0] if begins else filled(numbers, side.steps)).array
