"""`data pairs`: texts with their classes, and texts with what they become in another language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.files import entries, unreadable
from netspec.data.labels import classes_of
from netspec.data.parts import parts_with_files
from netspec.data.sequences import Side, check_said, filled, said
from netspec.data.spelling import Spelling
from netspec.data.texts import division_of, numbered, read
from netspec.data.vocabulary import Tokens
from netspec.diagnostics import SpecError, error
from netspec.settings.text import Pairs

_MOST_CLASSES: Final = 10_000


def load(reader: Pairs, request: Request) -> Loaded:
    """Texts and their classes or their translations for a network; raises N701, N702, N404, N406 and N604."""
    if reader.is_of_two:
        return _load_two(reader, request)
    return _load_classes(reader, request)


# --- a class


@dataclass(frozen=True, slots=True)
class _Lines:
    """Texts and labels, and where each stands."""

    texts: list[str]
    labels: list[str]
    places: list[str]

    def add(self, text: str, label: str, place: str) -> None:
        self.texts.append(text)
        self.labels.append(label)
        self.places.append(place)


def _load_classes(reader: Pairs, request: Request) -> Loaded:
    (shape,) = request.only("pairs", "text", target="label")
    spelling = Spelling.of(reader)
    path = request.place.find_any(reader.path)
    if request.target is not None and request.target.of is not None and request.target.dims:
        message = f"{path} has one class for each text, and the output {request.target.of} at each step"
        notes = ("`source=` and `target=` name two files of texts",)
        raise error("N404", message, tries=("`last` before the output",), notes=notes)
    lines = _Lines([], [], [])
    counts = [_read(path, reader, request, lines, spelling)]
    for written in (reader.validation, reader.test):
        other = request.place.find_any(written) if isinstance(written, str) else None
        counts.append(_read(other, reader, request, lines, spelling) if other else 0)
    side = Side(str(path), lines.texts, lines.places.__getitem__, shape)
    _ = side.vocabulary
    targets, classes = classes_of(lines.labels, str(path), request, lines.places.__getitem__)
    division = division_of(reader.test, reader.validation, reader.seed, reader.split)
    which = parts_with_files(targets, division, (counts[1], counts[2]))
    prepared = side.fitted(spelling, which.train, request.prepared(Tokens))
    inputs = filled(side.numbers(prepared, spelling, request.most_bytes), side.steps)
    between = 0 if reader.split == "time" else None
    whole = Dataset(inputs.array, targets, between, side.lengths_of(inputs))
    validation = whole.take(which.validation) if which.validation is not None else None
    return Loaded(whole.take(which.train), whole.take(which.test), validation, classes, prepared)


def _read(path: Path, reader: Pairs, request: Request, found: _Lines, spelling: Spelling) -> int:
    """Add the lines of a file or a folder; how many there are."""
    before = len(found.texts)
    room = request.most_bytes - spelling.room * sum(map(len, found.texts))
    if path.is_dir():
        _folder(path, reader, request, found, room)
    else:
        _file(path, reader, found, room)
    if len(found.texts) == before:
        raise unreadable(path, "there is no text in it")
    return len(found.texts) - before


def _file(path: Path, reader: Pairs, found: _Lines, room: int) -> None:
    """The lines `text<TAB>label` of a file; raises N702 naming the line."""
    if not path.is_file():
        raise unreadable(path, "it is not an ordinary file")
    for number, line in numbered(read(path, room, reader.level, reader.encoding)):
        cells = line.split("\t")
        if len(cells) != 2:
            signs = f"{len(cells) - 1} tabs" if len(cells) != 1 else "no tab"
            raise unreadable(path, f"line {number} has {signs}; one stands between the text and its label")
        written, label = (cell.strip() for cell in cells)
        if not written or not label:
            raise unreadable(path, f"line {number} has no {'label' if written else 'text'}")
        found.add(written, label, f"line {number}")


def _folder(path: Path, reader: Pairs, request: Request, found: _Lines, room: int) -> None:
    """The lines of the files in a folder, a class each; raises N702 naming the file and the line."""
    files = entries(path, path, _MOST_CLASSES, allow_outside=request.place.allow_outside)
    stray = next((each for each in files if not each.is_file()), None)
    if stray is not None:
        raise unreadable(stray, "it is no file, and here each class has a file of its own")
    for file, label in zip(files, labels_of([each.name for each in files]), strict=True):
        text = read(file, room, reader.level, reader.encoding)
        room -= len(text) * Spelling.of(reader).room
        for number, line in numbered(text):
            found.add(line.strip(), label, f"{file.name}, line {number}")


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


# --- another text


def _load_two(reader: Pairs, request: Request) -> Loaded:
    source, target = _endings(reader)
    shapes = request.only("pairs", "source", "target", target="target")
    spelling = Spelling.of(reader)
    stems = [reader.path, *(each for each in (reader.validation, reader.test) if isinstance(each, str))]
    files = [[_find(request, stem, ending) for ending in (source, target)] for stem in stems]
    texts: tuple[list[str], list[str]] = ([], [])
    places: tuple[list[str], list[str]] = ([], [])
    counts = [_add_lines(paths, reader, spelling, request, texts, places) for paths in files]
    names = [str(path) for path in files[0]]
    sides = (
        Side(names[0], texts[0], places[0].__getitem__, shapes[0], beside_marked=True),
        Side(names[1], texts[1], places[1].__getitem__, shapes[1], marked=True),
    )
    _check_sides(sides, request)
    numbers = iter(counts[1:])
    held, tested = (
        next(numbers) if isinstance(each, str) else 0 for each in (reader.validation, reader.test)
    )
    division = division_of(reader.test, reader.validation, reader.seed, reader.split)
    which = parts_with_files(np.zeros(len(texts[0]), np.float32), division, (held, tested))
    known = request.known(Tokens) or {}
    prepared = {
        name: side.fitted(spelling, which.train, known.get(name))
        for name, side in zip(("source", "target"), sides, strict=True)
    }
    whole = _whole(sides, prepared, spelling, request, 0 if reader.split == "time" else None)
    validation = whole.take(which.validation) if which.validation is not None else None
    classes = prepared["target"].names
    return Loaded(
        whole.take(which.train), whole.take(which.test), validation, classes, request.fitted_to(prepared)
    )


def _endings(reader: Pairs) -> tuple[str, str]:
    if reader.source is None or reader.target is None:
        lacking = "source" if reader.source is None else "target"
        message = f"pairs of two texts are two files, and nothing says what the name of that of the {lacking} ends with"
        raise error("N406", message, tries=(f"`{lacking}=en`",))
    if reader.source == reader.target:
        raise error("N406", f"`source={reader.source}` and `target={reader.target}` are the same file")
    return reader.source, reader.target


def _find(request: Request, stem: str, ending: str) -> Path:
    """The file of one side, plain or packed; raises N701."""
    plain = f"{stem}.{ending}"
    try:
        return request.place.find(plain)
    except SpecError as refused:
        if any(found.code != "N701" for found in refused.diagnostics):
            raise
        try:
            return request.place.find(f"{plain}.gz")
        except SpecError:
            raise refused from None


def _add_lines(
    paths: Sequence[Path],
    reader: Pairs,
    spelling: Spelling,
    request: Request,
    texts: tuple[list[str], list[str]],
    places: tuple[list[str], list[str]],
) -> int:
    """Add the lines of two files, which belong together; how many there are.  Raises N702."""
    room = request.most_bytes - spelling.room * sum(len(text) for side in texts for text in side)
    both = []
    for path in paths:
        text = read(path, room, reader.level, reader.encoding)
        room -= len(text) * spelling.room
        both.append(text.removesuffix("\n").split("\n"))
    if len(both[0]) != len(both[1]):
        counts = f"it has {len(both[1]):,} lines, and {paths[0].name} {len(both[0]):,}"
        raise unreadable(paths[1], f"{counts}: line by line they belong together")
    for path, lines, all_texts, all_places in zip(paths, both, texts, places, strict=True):
        empty = next((number for number, line in enumerate(lines, 1) if not line.strip()), None)
        if empty is not None:
            raise unreadable(
                path, f"line {empty} is empty, and each line of the other file has one of its own"
            )
        all_texts += [line.strip() for line in lines]
        all_places += [f"{path.name}, line {number}" for number in range(1, len(lines) + 1)]
    return len(both[0])


def _check_sides(sides: Sequence[Side], request: Request) -> None:
    """The inputs read tokens, each of a number of its own, and the output says those of the second."""
    source, target = sides
    for side in sides:
        _ = side.vocabulary
    if source.symbol and source.symbol == target.symbol:
        message = f"a text and its translation differ in length, and both inputs have {source.symbol} steps"
        raise error("N404", message, tries=(f"`S of {source.shape.of}`",))
    check_said(target.name, target.shape, request.target)


def _whole(
    sides: Sequence[Side],
    prepared: dict[str, Tokens],
    spelling: Spelling,
    request: Request,
    between: int | None,
) -> Dataset:
    """All examples as arrays, in the order of the inputs."""
    source, target = sides
    first, second = (
        side.numbers(tokens, spelling, request.most_bytes)
        for side, tokens in zip(sides, prepared.values(), strict=True)
    )
    given = filled(first, source.steps)
    told, wanted = said(second, target.steps)
    arrays = {"source": given.array, "target": told.array}
    inputs = tuple(arrays[name] for name in request.roles.inputs)
    lengths = source.lengths_of(given) | target.lengths_of(told)
    return Dataset(inputs, wanted.array, between, lengths, tuple(target.texts))
