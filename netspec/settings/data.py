"""Where the examples come from: the words after `data`.  The readers themselves are in `netspec.data`."""

from __future__ import annotations

import re
from math import isfinite
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, get_args

from netspec.frozen import frozen
from netspec.ir.definition import argument, flag, option, word
from netspec.ir.shape import Shape
from netspec.ir.training import Reader
from netspec.ir.values import Choice, Real, String, Unreadable, Whole
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

FRACTION: Final = Real(0, 1, open_low=True, open_high=True)
SEED: Final = Whole(0, 2**63 - 1)


@word("mnist")
class Mnist(Reader):
    """Handwritten digits (LeCun, Cortes and Burges 1998): 60,000 images 28x28x1 to train on and 10,000 to test on.

    They are looked for in the folder `mnist` of the folder that NETSPEC_DATA names, then in the user's cache, and
    downloaded into it where they are not. Pixels are numbers from 0 to 1. Where there is neither file nor network,
    `data mnist else digits` goes on with other data and says so.
    """

    def target_shape(self) -> Shape:
        return Shape((), of=10)


@word("digits")
class Digits(Reader):
    """The 1,797 handwritten digits 8x8 that come with scikit-learn, stretched to the size of the network's input.

    1,437 of them are to train on and 360 to test on, always the same ones. Pixels are numbers from 0 to 1,
    interpolated bilinearly; a vector as input is filled with a square image.
    """

    def target_shape(self) -> Shape:
        return Shape((), of=10)


@word("csv")
class Csv(Reader):
    """A table: a line of column names, then a line for each example.

    A column of numbers is one entry of the input, with mean 0 and deviation 1 over the training part. A column of
    words is one entry for each of its words in the training part, 1 where the word stands and 0 elsewhere. A column
    that mixes both is an error unless `categories` names it. The columns keep their order; the target's own column
    is left out. The file is looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(String("the path of a file in double quotes", "table.csv"), "the file")
    target: str = option(Target(), "what is to be predicted")
    drop: tuple[str, ...] = option(Columns(), "columns that are left out", default=())
    categories: tuple[str, ...] = option(Columns(), "columns of numbers that are read as words", default=())
    delimiter: Delimiter | None = option(
        Choice(get_args(Delimiter)),
        "what separates the cells, seen from line 1 unless set",
        default=None,
    )
    standardize: bool = flag("raw", "leave numbers as they are", default=True)
    test: float = option(FRACTION, "share of the rows that is kept to test on", default=0.2)
    validation: float | None = option(
        FRACTION, "share of the other rows that is held out while training", default=None
    )
    seed: int = option(SEED, "decides which rows these are", default=0)


@word("npz")
class Npz(Reader):
    """Arrays in NumPy's own format: `x_train`, `y_train`, `x_test`, `y_test`, or `x` and `y` to be divided.

    The first axis counts the examples, the others are as the spec writes them (H x W x C). Bytes (uint8) are taken
    for pixels and divided by 255. A target of whole numbers is one of classes where the output is a softmax. The
    file is looked for beside the spec, then in the folder that NETSPEC_DATA names.
    """

    path: str = argument(String("the path of a file in double quotes", "arrays.npz"), "the file")
    test: float | None = option(
        FRACTION, "share kept to test on where the file does not say, 0.2 unless set", default=None
    )
    validation: float | None = option(
        FRACTION, "share of the others that is held out while training", default=None
    )
    seed: int = option(SEED, "decides which examples these are", default=0)
