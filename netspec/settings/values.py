"""The kinds of value that only data have: columns, conditions on one, parts of the examples, scales, fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

from netspec.frozen import frozen
from netspec.ir.values import LARGEST, Kind, Real, String, Unreadable, Whole, Word
from netspec.syntax import tree

NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
"""A number as a table or a condition writes it."""

_CONDITION: Final = re.compile(r"([^<>=!]+)(<=|>=|==|!=|<|>)([^<>=!]+)")
_MISSPELT: Final = {"=>": ">=", "=<": "<=", "<>": "!="}


class Condition(NamedTuple):
    """A question about one column; the value is a number where it reads as one."""

    column: str
    operator: str
    value: float | str


def condition(text: str) -> Condition | None:
    """What a target such as `G3 >= 10` asks, None where it is the name of a column; raises ValueError.

    >>> condition("G3 >= 10")
    Condition(column='G3', operator='>=', value=10.0)
    """
    if not text.strip():
        raise ValueError("it is empty")
    if not re.search("[<>=!]", text):
        return None
    match = _CONDITION.fullmatch(text)
    column, operator, written = (part.strip() for part in match.groups()) if match else ("", "", "")
    if not column or not written:
        raise ValueError("a condition is a column, one of < <= > >= == !=, and a number or a word")
    if NUMBER.fullmatch(written) and isfinite(float(written)):
        return Condition(column, operator, float(written))
    if operator not in ("==", "!="):
        raise ValueError(f"`{operator}` compares numbers, and `{written}` is none")
    return Condition(column, operator, written)


@frozen
class Target(String):
    """A column, or a condition on one; held as its text."""

    meaning: str = 'a column or a condition on one, in double quotes, such as "G3 >= 10"'
    example: str = "y"

    def read(self, values: tuple[tree.Value, ...]) -> str:
        text = super().read(values)
        try:
            condition(text)
        except ValueError as problem:
            raise Unreadable(str(problem)) from None
        return text

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Text(value=text),):
                likely = re.sub(
                    "=>|=<|<>|(?<![<>=!])=(?![<>=])", lambda sign: _MISSPELT.get(sign[0], "=="), text
                )
                return [self.write(likely)] if likely != text else []
            case (tree.Name(text=text) | tree.Symbol(text=text),):
                return [self.write(text)]
        return []

    def annotation(self) -> Any:
        from pydantic import AfterValidator

        def checked(text: str) -> str:
            condition(text)
            return text

        return Annotated[super().annotation(), AfterValidator(checked)]


@frozen
class Columns(String):
    """Names of columns, separated by commas."""

    meaning: str = 'names of columns in double quotes, separated by commas, such as "G1,G2"'
    example: str = "a,b"

    def read(self, values: tuple[tree.Value, ...]) -> tuple[str, ...]:  # type: ignore[override]
        names = tuple(name.strip() for name in super().read(values).split(","))
        if not all(names):
            raise Unreadable("a name is empty")
        return names

    def write(self, value: tuple[str, ...]) -> str:  # type: ignore[override]
        return super().write(",".join(value))

    def annotation(self) -> Any:
        from pydantic import Field

        return tuple[Annotated[str, Field(pattern=r'^[^",\n]+$', strict=True)], ...]


Delimiter: TypeAlias = Literal["comma", "semicolon", "tab", "bar"]
"""What separates the cells of a table."""

Split: TypeAlias = Literal["stratified", "random", "time"]
"""How the examples that are held out are chosen."""

Encoding: TypeAlias = Literal["utf8", "latin1"]
"""How the bytes of a text are read."""

Held: TypeAlias = float | tuple[int, int]
"""A share of the examples, or the first row and the one after the last, counted from 0."""

FRACTION: Final = Real(0, 1, open_low=True, open_high=True)
SEED: Final = Whole(0, 2**63 - 1)


@frozen
class Part(Kind):
    """The examples that are held out: a share of them (`0.2`), or the rows from one up to another (`800,1000`)."""

    @property
    def phrase(self) -> str:
        return "a share above 0 and below 1, or two numbers of rows such as 800,1000 (from 800 up to 999)"

    @property
    def sample(self) -> str:
        return "0.2"

    def read(self, values: tuple[tree.Value, ...]) -> Held:
        match values:
            case (tree.Number(value=int(first)), tree.Number(value=int(end))):
                if not first < end:
                    raise Unreadable("the first row comes before the second number, the row after the last")
                return first, end
        return FRACTION.read(values)

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Number(value=int(first)), tree.Number(value=int(end))) if end < first:
                return [self.write((end, first))]
        return FRACTION.repairs(values)

    def write(self, value: Held) -> str:
        return ",".join(map(str, value)) if isinstance(value, tuple) else FRACTION.write(value)

    def annotation(self) -> Any:
        from pydantic import AfterValidator, Field

        def checked(rows: tuple[int, int]) -> tuple[int, int]:
            if not rows[0] < rows[1]:
                raise ValueError("the first row comes before the second number")
            return rows

        row = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
        return FRACTION.annotation() | Annotated[tuple[row, row], AfterValidator(checked)]


@frozen
class PartOrFile(Part):
    """The examples that are held out, or the path of a file that holds them."""

    @property
    def phrase(self) -> str:
        return f"{super().phrase}, or the path of a file in double quotes"

    def read(self, values: tuple[tree.Value, ...]) -> Any:
        match values:
            case (tree.Text(value=path),):
                return path
        return super().read(values)

    def write(self, value: Any) -> str:
        return f'"{value}"' if isinstance(value, str) else super().write(value)

    def annotation(self) -> Any:
        return super().annotation() | String().annotation()


@frozen
class Ending(String):
    """What the name of a file ends with: a word, or text in double quotes."""

    meaning: str = 'what the name of a file ends with, such as de or "src.txt"'
    example: str = "de"

    @property
    def sample(self) -> str:
        return self.write(self.example)

    def read(self, values: tuple[tree.Value, ...]) -> str:
        match values:
            case (tree.Name(text=text),):
                return text
        text = super().read(values)
        if not text or re.search(r"[/\\\0]", text):
            raise Unreadable("it is the end of a name, without folders")
        return text

    def write(self, value: str) -> str:
        return (
            value if re.fullmatch("[a-z_][a-z0-9_]*", value) and value not in tree.KEYWORDS else f'"{value}"'
        )

    def annotation(self) -> Any:
        from pydantic import Field

        return Annotated[str, Field(pattern=r'^[^"\n/\\]+$', strict=True)]


@frozen
class FieldNames(Word):
    """Names of fields of the data, by position: `inputs image label`."""

    meaning: str = "names of fields of the data"

    @property
    def sample(self) -> str:
        return "image"

    @property
    def many(self) -> bool:
        return True

    def read(self, values: tuple[tree.Value, ...]) -> Any:
        return (super().read(values),)

    def write(self, value: tuple[str, ...]) -> str:
        return " ".join(value)

    def annotation(self) -> Any:
        name: Any = super().annotation()
        return tuple[name, ...]


@frozen
class Scale(Real):
    """What numbers are divided by; `raw` is 1."""

    @property
    def words(self) -> Mapping[str, object]:
        return {"raw": 1.0}


PART: Final = Part()
SCALE: Final = Scale(0, open_low=True, example=255)
