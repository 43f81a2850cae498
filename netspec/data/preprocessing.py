"""What makes numbers of a file: fitted once on the training part, kept with the weights, used on new files.

`Preprocessing` is the columns of a table, the scale of numbers, an alphabet, the vocabulary of texts or the windows of
a series, or, where several fields of the data are prepared, such a one for each. All of it is plain data that travels
as JSON in the header of a weight file, where it is not trusted: what is read back is checked to the last number. How a
new file is read with one is the matter of `netspec.data.new`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from netspec.data.fitted import Preprocessing
from netspec.data.vocabulary import Subwords, Vocabulary
from netspec.ir.shape import Shape
from netspec.settings.values import Delimiter

_CONSTANT: Final = 1e-12
"""A deviation this small beside the mean is the rounding of a number that never changes."""


def deviation_of(mean: float, deviation: float) -> float:
    """What is divided by: the deviation, or 1 where the numbers are all the same."""
    return deviation if deviation > _CONSTANT * abs(mean) else 1.0


def _check_moments(means: Sequence[float], deviations: Sequence[float]) -> None:
    if len(means) != len(deviations):
        raise ValueError(f"{len(means)} means and {len(deviations)} deviations")
    if not all(map(isfinite, (*means, *deviations))) or not all(each > 0 for each in deviations):
        raise ValueError("a mean is not finite, or a deviation not above 0")


# --- tables


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a number (minus `mean`, over `deviation`), or one entry for each word in `categories`."""

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_moments([self.mean], [self.deviation])

    @classmethod
    def of_numbers(cls, name: str, values: NDArray[np.float64], standardize: bool) -> Column:
        """Fitted to the training rows; a column of one value only is left with deviation 1."""
        if not standardize:
            return cls(name)
        mean, deviation = float(values.mean()), float(values.std())
        if not isfinite(mean) or not isfinite(deviation):
            return cls(name)  # `encode` finds the numbers too large
        return cls(name, mean, deviation_of(mean, deviation))

    @classmethod
    def of_words(cls, name: str, words: Sequence[str]) -> Column:
        """Fitted to the training rows: the words that occur, sorted."""
        return cls(name, categories=tuple(sorted(set(words))))

    @property
    def width(self) -> int:
        """Number of entries that the column becomes."""
        return 1 if self.categories is None else len(self.categories)

    def encode(self, values: NDArray[np.float64] | Sequence[str]) -> NDArray[np.float32]:
        """(rows, width): standardised numbers, or a 1 under each row's word; a word that is not known has no 1."""
        if self.categories is None:
            numbers = (np.asarray(values, np.float64) - self.mean) / self.deviation
            return numbers.astype(np.float32)[:, None]
        places = {word: place for place, word in enumerate(self.categories)}
        encoded = np.zeros((len(values), self.width), np.float32)
        for row, word in enumerate(values):
            place = places.get(str(word))
            if place is not None:
                encoded[row, place] = 1
        return encoded


@dataclass(frozen=True, slots=True)
class Columns(Preprocessing):
    """All columns that feed the network, in order, and the name of the delimiter where the spec sets one."""

    said: ClassVar[str] = "the columns of a table"

    columns: tuple[Column, ...]
    delimiter: Delimiter | None = None
    kind: Literal["columns"] = "columns"

    @property
    def width(self) -> int:
        """Number of entries of one encoded row."""
        return sum(column.width for column in self.columns)


# --- arrays and pictures


@dataclass(frozen=True, slots=True)
class Numbers(Preprocessing):
    """Numbers over `scale` (None: bytes over 255, others as they are), then minus `mean`, over `deviation`.

    `mean` and `deviation` are empty, one number for all entries, or one for each entry of the last axis.
    """

    said: ClassVar[str] = "numbers that were scaled"

    scale: float | None = None
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    kind: Literal["numbers"] = "numbers"

    def __post_init__(self) -> None:
        _check_moments(self.mean, self.deviation)
        if self.scale is not None and not (isfinite(self.scale) and self.scale > 0):
            raise ValueError("a scale is a finite number above 0")

    def fits(self, dims: Sequence[int]) -> bool:
        """There are as many means as the last axis of such examples has entries, or one for all."""
        return len(self.mean) <= 1 or (bool(dims) and dims[-1] == len(self.mean))

    def scaled(self, array: NDArray[Any]) -> NDArray[Any]:
        """The numbers over the scale: bytes as float32, others in their own type where nothing is to be done."""
        scale = self.scale if self.scale is not None else 255.0 if array.dtype == np.uint8 else 1.0
        if array.dtype == np.uint8:
            over: NDArray[Any] = np.divide(array, np.float32(scale), dtype=np.float32)
            return over
        return array if scale == 1 else np.asarray(array / scale)

    def apply(self, array: NDArray[Any]) -> NDArray[Any]:
        """Examples (n, *dims) scaled and standardised, in float32 for bytes, else in no less than their own type."""
        scaled = self.scaled(array)
        if not self.mean:
            return scaled
        kind = scaled.dtype if scaled.dtype.kind == "f" else np.dtype(np.float64)
        mean, deviation = (np.array(each, np.float64) for each in (self.mean, self.deviation))
        with np.errstate(all="ignore"):
            standard: NDArray[Any] = ((scaled - mean) / deviation).astype(kind)
        return standard

    @classmethod
    def fitted(cls, pieces: Callable[[], Any], scale: float | None, *, each: bool) -> Numbers:
        """With the mean and the deviation of all numbers of some pieces, `each` entry of the last axis by itself.

        The pieces are joined as in Chan, Golub and LeVeque 1979 (Updating formulae and a pairwise algorithm).
        """
        plain = cls(scale)
        count, mean, squares = 0, np.zeros(1), np.zeros(1)
        for piece in pieces():
            numbers = np.asarray(plain.scaled(piece), np.float64)
            rows = numbers.reshape(-1, numbers.shape[-1] if each else 1)
            total = count + len(rows)
            with np.errstate(all="ignore"):
                apart = rows.mean(axis=0) - mean
                squares = squares + rows.var(axis=0) * len(rows) + apart**2 * (count * len(rows) / total)
            mean, count = mean + apart * (len(rows) / total), total
        deviations = np.sqrt(squares / max(count, 1))
        if not np.isfinite(mean).all() or not np.isfinite(deviations).all():
            raise OverflowError("the numbers are too large for a mean and a deviation")
        means = tuple(map(float, mean))
        found = tuple(deviation_of(*pair) for pair in zip(means, map(float, deviations), strict=True))
        return cls(scale, means, found)


# --- letters


@dataclass(frozen=True, slots=True)
class Letters(Preprocessing):
    """The place of each letter in an alphabet of large ones."""

    said: ClassVar[str] = "letters"

    alphabet: str
    kind: Literal["letters"] = "letters"

    def __post_init__(self) -> None:
        if not self.alphabet.isalpha() or len(set(self.alphabet.upper())) < len(self.alphabet):
            raise ValueError("an alphabet is of letters, each of them once")

    def written(self, places: NDArray[np.int64], shape: Shape) -> NDArray[Any]:
        """Examples (n, steps) as an input has them: `T of 4` the places, `Tx4` a 1 for each letter."""
        return places if shape.of is not None else np.eye(len(self.alphabet), dtype=np.float32)[places]


# --- series


@dataclass(frozen=True, slots=True)
class Windows(Preprocessing):
    """The columns of a series in order, which of them are predicted, and the number of rows read and predicted."""

    said: ClassVar[str] = "the windows of a series"

    columns: tuple[Column, ...]
    targets: tuple[str, ...]
    window: int
    horizon: int
    delimiter: Delimiter | None = None
    kind: Literal["series"] = "series"

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if not self.targets or not set(self.targets) <= set(names):
            raise ValueError("a target is no column")
        if self.window < 1 or self.horizon < 1:
            raise ValueError("the window and the horizon are 1 or more")
        if any(column.categories is not None for column in self.columns):
            raise ValueError("a column of a series holds numbers")

    @property
    def places(self) -> list[int]:
        """The indices of the targets among the columns."""
        names = [column.name for column in self.columns]
        return [names.index(name) for name in self.targets]

    def original(self, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network says of one example, in the units of the columns; any shape of horizon x targets."""
        columns = [self.columns[place] for place in self.places]
        mean, deviation = (
            np.array([getattr(column, name) for column in columns]) for name in ("mean", "deviation")
        )
        values: NDArray[np.float64] = output.reshape(-1, len(columns)) * deviation + mean
        return values.reshape(output.shape)


# --- all of them


@dataclass(frozen=True, slots=True)
class Fields(Preprocessing):
    """What was fitted to each field of the data that needs it, by the field's name."""

    said: ClassVar[str] = "several fields"

    fields: Mapping[str, Preprocessing]
    kind: Literal["fields"] = "fields"

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValueError("there is no field")


def preprocessing_from(document: Any) -> Preprocessing:
    """The inverse of `Preprocessing.to_json`; raises a ValueError, such as pydantic's, on anything else."""
    from typing import Annotated

    from pydantic import Discriminator, TypeAdapter

    if not isinstance(document, dict) or document.get("kind") != "fields":
        known = Annotated[
            Columns | Letters | Numbers | Vocabulary | Subwords | Windows, Discriminator("kind")
        ]
        found: Preprocessing = TypeAdapter(known).validate_python(document)
        return found
    inside = document.get("fields")
    if not isinstance(inside, dict) or not all(isinstance(each, dict) for each in inside.values()):
        raise ValueError("the fields are no documents by name")
    if any(each.get("kind") == "fields" for each in inside.values()):
        raise ValueError("a field has fields")
    return Fields({name: preprocessing_from(each) for name, each in inside.items()})
