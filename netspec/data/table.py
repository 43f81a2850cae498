"""`data csv`: a table of numbers and words, and the same for new rows."""

from __future__ import annotations

import csv
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netspec.data.dataset import Loaded, Maker, Request
from netspec.data.files import MOST_BYTES, text_of, unreadable
from netspec.data.fitting import fit, fit_targets
from netspec.data.labels import check_count, classes_of, yes_or_no
from netspec.data.lazy import Array
from netspec.data.parts import Division, parts
from netspec.data.preprocessing import Column, Columns
from netspec.diagnostics import did_you_mean, error
from netspec.ir.shape import Shape
from netspec.settings.data import Csv
from netspec.settings.values import NUMBER, Condition, Delimiter, condition

DELIMITERS: Final[dict[Delimiter, str]] = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_SNIFFED: Final = (",", ";", "\t")

_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_OPPOSITE: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}

_BYTES_PER_CHARACTER: Final = 32
"""What a character of a table of short cells takes in memory once the cells are Python strings."""


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a file as they stand there; `lines[i]` is the line on which row i ends."""

    path: Path
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, name: str, what: str) -> int:
        """The index of a column; raises N108 with the nearest names."""
        if name in self.names:
            return self.names.index(name)
        near = tuple(f"`{each}`" for each in did_you_mean(name, self.names, most=3))
        names = ", ".join(self.names[:40]) + (", ..." if len(self.names) > 40 else "")
        message = f"{self.path} has no column `{name}`, which {what}"
        raise error("N108", message, notes=(f"its columns: {names}",), tries=near)

    def words(self, name: str) -> list[str]:
        """The cells of a column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as numbers; raises N702 naming the first line that has none."""
        cells = self.words(name)
        wrong = [
            row for row, cell in enumerate(cells) if not NUMBER.fullmatch(cell) or not isfinite(float(cell))
        ]
        if wrong:
            cell, line = cells[wrong[0]], self.lines[wrong[0]]
            found = f"`{cell[:40]}`, which is no finite number" if cell else "nothing"
            message = f"line {line} holds {found}, in the column `{name}` of numbers"
            because = f"{len(cells) - len(wrong)} cells of the column are numbers and {len(wrong)} not"
            notes = (
                f'`drop="{name}"` leaves the column out, `categories="{name}"` reads all of it as words',
            )
            raise unreadable(self.path, message, because=because, notes=notes)
        return np.array([float(cell) for cell in cells])

    def is_words(self, name: str) -> bool:
        """No cell of the column is a number."""
        return not any(NUMBER.fullmatch(cell) for cell in self.words(name))


def read_table(path: Path, delimiter: Delimiter | None = None, most_bytes: int = MOST_BYTES) -> Table:
    """The table of a file; `delimiter` is a name of `DELIMITERS`; raises N702 with line and column."""
    text = text_of(path, most_bytes // _BYTES_PER_CHARACTER)
    sign = DELIMITERS[delimiter] if delimiter else _sniff(text)
    reader = csv.reader(StringIO(text, newline=""), delimiter=sign, skipinitialspace=True, strict=True)
    names: tuple[str, ...] = ()
    rows, lines = [], []
    try:
        for cells in reader:
            if not cells:
                continue
            row = [cell.strip() for cell in cells]
            if not names:
                names = _names(path, row, reader.line_num)
                continue
            if len(row) != len(names):
                cells_found = f"line {reader.line_num} has {len(row)} cells"
                raise unreadable(path, f"{cells_found}, and the header {len(names)} ({_named(sign)} between)")
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as problem:
        raise unreadable(path, f"line {reader.line_num}: {problem}") from None
    if not rows:
        raise unreadable(path, "there is no row below the names of the columns" if names else "it is empty")
    return Table(path, names, rows, lines)


def _sniff(text: str) -> str:
    """The sign that divides line 1 into the most cells."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SNIFFED, key=lambda sign: len(next(csv.reader([first], delimiter=sign), ())))


def _named(sign: str) -> str:
    return next(name for name, each in DELIMITERS.items() if each == sign)


def _names(path: Path, row: list[str], line: int) -> tuple[str, ...]:
    """The first row as names."""
    if all(NUMBER.fullmatch(cell) for cell in row):
        raise unreadable(path, f"line {line} holds numbers where the names of the columns are expected")
    for place, name in enumerate(row):
        if not name:
            raise unreadable(path, f"line {line}: column {place + 1} has no name")
        if name in row[:place]:
            raise unreadable(
                path, f"line {line}: columns {row.index(name) + 1} and {place + 1} are both called `{name}`"
            )
    return tuple(row)


def load(reader: Csv, request: Request) -> Loaded:
    """A table for a network; raises N701, N702, N404, and N108 for a column that is not there."""
    table = read_table(request.place.find(reader.path), reader.delimiter, request.most_bytes)
    names = _input_names(table, reader)
    predicts = request.roles.target == "y"
    targets, classes = (
        _targets(table, reader, request) if predicts else (np.zeros(len(table), np.float32), ())
    )
    which = parts(targets, Division(reader.test, reader.validation, reader.seed, reader.split))
    preprocessing = request.prepared(Columns) or _fitted(table, names, which.train, reader)
    encoded = encode(
        table.path, cells_of(table, preprocessing.columns), preprocessing.columns, request.most_bytes
    )
    makers: dict[str, Maker] = {
        "x": lambda shape, end: fit(_checked(encoded, table.path, preprocessing, shape, end), shape, end),
        "y": lambda shape, end: targets if end == "output" else fit(targets, shape, end),
    }
    whole = request.made(makers, 0 if reader.split == "time" else None)
    validation = whole.take(which.validation) if which.validation is not None else None
    return Loaded(whole.take(which.train), whole.take(which.test), validation, classes, preprocessing)


def _fitted(table: Table, names: Sequence[str], rows: Array, reader: Csv) -> Columns:
    """The columns, fitted to the training rows."""
    columns = []
    for name in names:
        if name in reader.categories or table.is_words(name):
            words = table.words(name)
            columns.append(Column.of_words(name, [words[row] for row in rows]))
        else:
            numbers = table.numbers(name)
            with np.errstate(all="ignore"):
                columns.append(Column.of_numbers(name, numbers[rows], reader.standardize))
    return Columns(tuple(columns), reader.delimiter)


def cells_of(table: Table, columns: Sequence[Column]) -> dict[str, Any]:
    """The cells of these columns, numbers or words as each wants them; raises N108 and N702."""
    cells: dict[str, Any] = {}
    for column in columns:
        table.place(column.name, "the network reads")
        cells[column.name] = (
            table.numbers(column.name) if column.categories is None else table.words(column.name)
        )
    return cells


def _input_names(table: Table, reader: Csv) -> list[str]:
    asked = condition(reader.target)
    target = asked.column if asked else reader.target.strip()
    table.place(target, "is the target")
    for option, names in (("drop", reader.drop), ("categories", reader.categories)):
        for name in names:
            table.place(name, f"`{option}` names")
    left = [name for name in table.names if name != target and name not in reader.drop]
    if not left:
        raise error("N404", f"{table.path}: no column is left for the input")
    return left


def encode(
    path: Path, cells: dict[str, Any], columns: Sequence[Column], most_bytes: int
) -> NDArray[np.float32]:
    """(rows, width) float32: the columns side by side; raises N702."""
    rows = len(next(iter(cells.values())))
    width = sum(column.width for column in columns)
    needed = rows * width * 4
    if needed > most_bytes:
        widest = max(columns, key=lambda column: column.width)
        taken = f"{rows:,} rows of {width:,} entries take {needed:,} bytes"
        alone = f"the column `{widest.name}` alone is {widest.width:,} entries"
        raise unreadable(path, f"{taken}, and {most_bytes:,} are the limit; {alone}")
    with np.errstate(all="ignore"):
        parts = [column.encode(cells[column.name]) for column in columns]
    for column, part in zip(columns, parts, strict=True):
        if not np.isfinite(part).all():
            raise unreadable(path, f"the numbers of the column `{column.name}` are too large")
    return np.concatenate(parts, axis=1)


def _checked(encoded: Array, path: Path, preprocessing: Columns, shape: Shape | None, end: str) -> Array:
    """The rows, found to have as many entries as a shape."""
    if shape is None or not shape.is_known or shape.size == preprocessing.width:
        return encoded
    numeric = sum(column.categories is None for column in preprocessing.columns)
    words = [column for column in preprocessing.columns if column.categories is not None]
    because = f"{numeric} columns of numbers = {numeric} entries"
    if words:
        entries = preprocessing.width - numeric
        because += f", {len(words)} columns of words = {entries} entries (one for each word)"
    message = f"a row of {path} is {preprocessing.width} entries, and the {end} is {shape}"
    word = "input" if end == "input" else "dense"
    raise error("N404", message, because=because, tries=(f"`{word} {preprocessing.width}`",))


def _targets(table: Table, reader: Csv, request: Request) -> tuple[Array, tuple[str, ...]]:
    """The targets of all rows and the names of their classes."""
    wanted = request.target
    asked = condition(reader.target)
    if asked is not None:
        return yes_or_no(_answers(table, asked, reader.categories), _both(asked), wanted)
    name = reader.target.strip()
    if name in reader.categories or table.is_words(name):
        said = f"{table.path}: the column `{name}`"
        return classes_of(table.words(name), said, request, lambda row: f"line {table.lines[row]}")
    numbers = table.numbers(name)
    if wanted is None or wanted.of is None:
        return fit_targets(numbers, wanted), ()
    if request.classes:
        words = [f"{number:g}" for number in numbers]
        return classes_of(
            words, f"{table.path}: the column `{name}`", request, lambda row: f"line {table.lines[row]}"
        )
    return _numbered(name, numbers, wanted)


def _both(asked: Condition) -> tuple[str, str]:
    """No and yes in words: `G3 < 10` and `G3 >= 10`."""
    value = f"{asked.value:g}" if isinstance(asked.value, float) else asked.value
    return f"{asked.column} {_OPPOSITE[asked.operator]} {value}", f"{asked.column} {asked.operator} {value}"


def _answers(table: Table, asked: Condition, categories: Sequence[str]) -> NDArray[np.bool_]:
    """The condition on every row; raises N404 where it is always the same."""
    values: Any
    value: Any = asked.value
    if isinstance(value, float) and asked.column not in categories and not table.is_words(asked.column):
        values = table.numbers(asked.column)
    elif asked.operator in ("==", "!="):
        values = np.array(table.words(asked.column), object)
        value = f"{value:g}" if isinstance(value, float) else value
    else:
        message = (
            f"{table.path}: `{asked.operator}` compares numbers, and the column `{asked.column}` holds words"
        )
        raise error("N404", message)
    answers = np.asarray(_OPERATORS[asked.operator](values, value), bool)
    if answers.all() or not answers.any():
        held = _both(asked)[int(answers[0])]
        raise error(
            "N404",
            f"{table.path}: `{held}` holds for every one of the {len(answers)} rows: nothing to tell apart",
        )
    return answers


def _numbered(name: str, numbers: NDArray[np.float64], wanted: Shape) -> tuple[Array, tuple[str, ...]]:
    """A column of numbers as classes: 0 to N - 1 as they are, else one class for each number that occurs."""
    assert wanted.of is not None
    if (numbers % 1 == 0).all() and numbers.min() >= 0 and numbers.max() < wanted.of:
        return fit_targets(numbers.astype(np.int64), wanted), tuple(
            str(number) for number in range(wanted.of)
        )
    values, labels = np.unique(numbers, return_inverse=True)
    classes = tuple(f"{value:g}" for value in values)
    check_count(f"the column `{name}`", classes, wanted)
    return fit_targets(labels, wanted), classes
