"""The kinds of value an argument can have: how one is read from the text, written back, and checked in JSON.

A kind is the only place that knows what fits: the binder asks it to read, the JSON door asks it for its pydantic
annotation, messages ask it for its `phrase`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from math import ceil, floor
from typing import Annotated, Any, Literal

from netspec.diagnostics import did_you_mean
from netspec.frozen import frozen
from netspec.syntax import tree

LARGEST = 10**18
"""The largest whole number, in a document as in a text (`Limits.digits`)."""


_PERCENT = 5
"""From here on a whole number in the place of a share is taken for hundredths."""


class Unreadable(Exception):
    """The written value does not fit; the text, if any, says more than the kind's phrase."""


def one(values: tuple[tree.Value, ...]) -> tree.Value:
    """The only value; raises `Unreadable` where there are several."""
    if len(values) != 1:
        raise Unreadable
    return values[0]


@frozen
class Kind:
    """A kind of value.  `words` maps the bare words that are values of this kind to what they mean."""

    @property
    def phrase(self) -> str:
        """What fits, as it stands in a message: `a whole number of 1 or more`."""
        raise NotImplementedError

    @property
    def sample(self) -> str:
        """A value that fits, as it stands in an example."""
        raise NotImplementedError

    @property
    def words(self) -> Mapping[str, object]:
        """Bare words that stand for a value without naming the argument."""
        return {}

    @property
    def only_words(self) -> bool:
        """There are no values but the bare words."""
        return False

    @property
    def takes_any_word(self) -> bool:
        """A bare word in this position is a value, whatever it is."""
        return False

    @property
    def many(self) -> bool:
        """Any number of values may stand in its position."""
        return False

    @property
    def names_layers(self) -> bool:
        """Its values are names of layers."""
        return False

    @property
    def is_shape(self) -> bool:
        """Its values are shapes, which may hold symbols."""
        return False

    def read(self, values: tuple[tree.Value, ...]) -> Any:
        """The value behind the nodes; raises `Unreadable`."""
        raise NotImplementedError

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        """What might have been meant by values that do not fit, likeliest first."""
        return []

    def write(self, value: Any) -> str:
        """The value as the language writes it."""
        return str(value)

    def annotation(self) -> Any:
        """The type with pydantic constraints that a JSON document must meet."""
        raise NotImplementedError


@frozen
class Whole(Kind):
    """A whole number from `low` up to `high`; `example` is one that makes sense in its place."""

    low: int = 1
    high: int | None = None
    example: int = 2

    @property
    def phrase(self) -> str:
        if self.high is not None:
            return f"a whole number from {self.low} to {self.high}"
        return f"a whole number of {self.low} or more"

    @property
    def sample(self) -> str:
        return str(max(self.low, self.example))

    def read(self, values: tuple[tree.Value, ...]) -> int:
        match one(values):
            case tree.Number(value=int(value)) if self.low <= value <= (self.high or LARGEST):
                return value
        raise Unreadable

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Number(value=value),) if 0 < abs(value) < 1e15:
                near = dict.fromkeys((floor(abs(value)), ceil(abs(value))))
                fitting = dict.fromkeys(min(max(number, self.low), self.high or LARGEST) for number in near)
                return [str(number) for number in fitting]
            case (tree.Size(dimensions=(int(first), *_)),) if first >= self.low:
                return [str(first)]
        return [self.sample]

    def annotation(self) -> Any:
        from pydantic import Field

        return Annotated[int, Field(ge=self.low, le=LARGEST if self.high is None else self.high, strict=True)]


@frozen
class Real(Kind):
    """A finite number between `low` and `high`, each of them allowed unless `open_low`, `open_high`.

    `example` is one that makes sense in its place; without it, the middle.
    """

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    example: float | None = None

    @property
    def phrase(self) -> str:
        bounds = []
        if self.low is not None:
            bounds.append(f"{'above' if self.open_low else 'at least'} {self.low:g}")
        if self.high is not None:
            bounds.append(f"{'below' if self.open_high else 'at most'} {self.high:g}")
        return "a number " + " and ".join(bounds) if bounds else "a number"

    @property
    def sample(self) -> str:
        if self.example is not None:
            return f"{self.example:g}"
        low, high = self.low or 0.0, self.high if self.high is not None else 1.0
        return f"{(low + high) / 2:g}"

    def fits(self, value: float) -> bool:
        """The number lies within the bounds."""
        above = self.low is None or (value > self.low if self.open_low else value >= self.low)
        below = self.high is None or (value < self.high if self.open_high else value <= self.high)
        return above and below and abs(value) < float("inf")

    def read(self, values: tuple[tree.Value, ...]) -> float:
        match one(values):
            case tree.Number(value=value) if self.fits(value):
                return float(value)
        raise Unreadable

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Number(value=value),):
                percent = [value / 100] if float(value).is_integer() and value >= _PERCENT else []
                likely = [
                    number for number in (*percent, abs(value)) if number != value and self.fits(number)
                ]
                return [self.write(float(number)) for number in likely] or [self.sample]
        return [self.sample]

    def write(self, value: float) -> str:
        return repr(value) if float(f"{value:g}") != value else f"{value:g}"

    def annotation(self) -> Any:
        from pydantic import Field

        bounds: dict[str, Any] = {
            ("gt" if self.open_low else "ge"): self.low,
            ("lt" if self.open_high else "le"): self.high,
        }
        return Annotated[float, Field(allow_inf_nan=False, strict=True, **bounds)]


@frozen
class Choice(Kind):
    """One of a few words, which may stand bare."""

    names: tuple[str, ...]

    @property
    def phrase(self) -> str:
        return "one of " + ", ".join(self.names)

    @property
    def sample(self) -> str:
        return self.names[0]

    @property
    def only_words(self) -> bool:
        return True

    @property
    def words(self) -> Mapping[str, object]:
        return {name: name for name in self.names}

    def read(self, values: tuple[tree.Value, ...]) -> str:
        match one(values):
            case tree.Name(text=text) if text in self.names:
                return text
        raise Unreadable

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Name(text=text),):
                return did_you_mean(text, self.names) or list(self.names[:1])
        return list(self.names[:1])

    def annotation(self) -> Any:
        return Literal[self.names]


@frozen
class Flag(Kind):
    """A word that stands or does not; standing, it means `value`."""

    word: str
    value: bool = True

    @property
    def phrase(self) -> str:
        return f"the bare word {self.word}"

    @property
    def sample(self) -> str:
        return self.word

    @property
    def only_words(self) -> bool:
        return True

    @property
    def words(self) -> Mapping[str, object]:
        return {self.word: self.value}

    def read(self, values: tuple[tree.Value, ...]) -> bool:
        raise Unreadable

    def write(self, value: bool) -> str:
        return self.word

    def annotation(self) -> Any:
        from pydantic import StrictBool

        return StrictBool


@frozen
class Word(Kind):
    """Any word: a name of the user's own."""

    meaning: str = "a name"

    @property
    def phrase(self) -> str:
        return self.meaning

    @property
    def sample(self) -> str:
        return "name"

    @property
    def takes_any_word(self) -> bool:
        return True

    def read(self, values: tuple[tree.Value, ...]) -> str:
        match one(values):
            case tree.Name(text=text):
                return text
        raise Unreadable

    def annotation(self) -> Any:
        from pydantic import Field

        return Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.]*$")]


@frozen
class Reference(Word):
    """The name of a layer above.  What is meant is its result, or with `weights` its weight.

    The passes put the layer's full name in the place of the written one.
    """

    meaning: str = "the name of a layer above"
    weights: bool = False
    example: str = "skip"
    spoken: bool = False
    """It stands behind the option's name without `=`: `over memory`."""

    @property
    def sample(self) -> str:
        return self.example

    @property
    def names_layers(self) -> bool:
        return True


@frozen
class References(Reference):
    """The names of any number of layers, by position: `add a b`."""

    @property
    def many(self) -> bool:
        return True

    @property
    def phrase(self) -> str:
        return "names of layers above"

    def read(self, values: tuple[tree.Value, ...]) -> Any:
        if not all(isinstance(value, tree.Name) for value in values):
            raise Unreadable
        return tuple(value.text for value in values if isinstance(value, tree.Name))

    def write(self, value: Any) -> str:
        return " ".join(value)

    def annotation(self) -> Any:
        name: Any = super().annotation()
        return tuple[name, ...]


@frozen
class String(Kind):
    """Text in double quotes."""

    meaning: str = "text in double quotes"
    example: str = field(default="file.csv")

    @property
    def phrase(self) -> str:
        return self.meaning

    @property
    def sample(self) -> str:
        return f'"{self.example}"'

    def read(self, values: tuple[tree.Value, ...]) -> str:
        match one(values):
            case tree.Text(value=value):
                return value
        raise Unreadable

    def write(self, value: str) -> str:
        return f'"{value}"'

    def annotation(self) -> Any:
        from pydantic import Field

        return Annotated[str, Field(pattern=r'^[^"\n]*$', strict=True)]
