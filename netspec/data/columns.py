"""How the columns of a table become numbers: fitted once on the training rows, kept with the run, used on new rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.settings.data import Delimiter


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a number (minus `mean`, over `deviation`), or one entry for each word in `categories`."""

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] | None = None

    @classmethod
    def of_numbers(cls, name: str, values: NDArray[np.float64], standardize: bool) -> Column:
        """Fitted to the training rows; a column of one value only is left with deviation 1."""
        if not standardize:
            return cls(name)
        deviation = float(values.std())
        return cls(name, float(values.mean()), deviation if deviation > 0 else 1.0)

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
class Preprocessing:
    """All columns that feed the network, in order, and the name of the delimiter where the spec sets one."""

    columns: tuple[Column, ...]
    delimiter: Delimiter | None = None

    @property
    def width(self) -> int:
        """Number of entries of one encoded row."""
        return sum(column.width for column in self.columns)

    def to_json(self) -> dict[str, Any]:
        """A JSON document that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_json`; raises pydantic's `ValidationError` (a ValueError) on anything else."""
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_python(document)
