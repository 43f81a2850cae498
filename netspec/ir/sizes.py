"""The kinds of value that are sizes: of windows, of padding, of shapes (see `values`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from netspec.frozen import frozen
from netspec.ir.notation import read
from netspec.ir.symbolic import Dim, Expression, Symbol, grouped
from netspec.ir.values import LARGEST, Kind, Unreadable, one
from netspec.syntax import tree

Sides: TypeAlias = tuple[int, int, int, int]
"""Top, bottom, left, right."""


@frozen
class Pair(Kind):
    """Height and width: `3x3`, or `3` for both; `example` is a size that makes sense in its place."""

    low: int = 1
    example: str = "2"

    @property
    def phrase(self) -> str:
        return f"a size such as 3x3, or one whole number for both, each {self.low} or more"

    @property
    def sample(self) -> str:
        return self.example

    def read(self, values: tuple[tree.Value, ...]) -> tuple[int, int]:
        match one(values):
            case tree.Number(value=int(value)) if self.low <= value <= LARGEST:
                return value, value
            case tree.Size(dimensions=(int(height), int(width))) if (
                self.low <= min(height, width) and max(height, width) <= LARGEST
            ):
                return height, width
        raise Unreadable

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Number(value=value),) if 0 < abs(value) < 1e15:
                return [str(max(round(abs(value)), self.low))]
            case (tree.Size(dimensions=(int(height), int(width), *_)),):
                return [f"{max(height, self.low)}x{max(width, self.low)}"]
        return [self.sample]

    def write(self, value: tuple[int, int]) -> str:
        return f"{value[0]}x{value[1]}"

    def annotation(self) -> Any:
        from pydantic import Field

        side = Annotated[int, Field(ge=self.low, le=LARGEST, strict=True)]
        return tuple[side, side]


@frozen
class Padding(Kind):
    """`same`, `valid`, or numbers: one for all sides, or top, bottom, left, right."""

    @property
    def phrase(self) -> str:
        return "same, valid, one whole number, or four: top,bottom,left,right"

    @property
    def sample(self) -> str:
        return "1"

    @property
    def words(self) -> Mapping[str, object]:
        return {"same": "same", "valid": "valid"}

    def read(self, values: tuple[tree.Value, ...]) -> str | Sides:
        numbers = tuple(
            node.value for node in values if isinstance(node, tree.Number) and isinstance(node.value, int)
        )
        match values:
            case (tree.Name(text=("same" | "valid") as text),):
                return text
            case _ if len(numbers) == len(values) and min(numbers) >= 0 and max(numbers) <= LARGEST:
                if len(numbers) == 1:
                    return numbers * 4
                if len(numbers) == 4:
                    return numbers
        raise Unreadable

    def write(self, value: str | Sides) -> str:
        return value if isinstance(value, str) else ",".join(str(side) for side in value)

    def annotation(self) -> Any:
        from pydantic import Field

        side = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
        return Literal["same", "valid"] | tuple[side, side, side, side]


@frozen
class Dims(Kind):
    """A shape: `784`, `7x7x128`, `Tx32`."""

    @property
    def phrase(self) -> str:
        return "a shape such as 784, Tx32 or 28x28x1, each dimension 1 or more, 4 at most"

    @property
    def sample(self) -> str:
        return "7x7x128"

    @property
    def is_shape(self) -> bool:
        return True

    def read(self, values: tuple[tree.Value, ...]) -> tuple[Dim, ...]:
        match one(values):
            case tree.Number(value=int(value)) if 1 <= value <= LARGEST:
                return (value,)
            case tree.Symbol(text=text):
                return (Symbol(text),)
            case tree.Size(dimensions=dimensions) if len(dimensions) <= 4:
                dims = tuple(Symbol(dim) if isinstance(dim, str) else dim for dim in dimensions)
                if all(
                    isinstance(dim, Expression) or (isinstance(dim, int) and 1 <= dim <= LARGEST)
                    for dim in dims
                ):
                    return dims  # type: ignore[return-value]
        raise Unreadable

    def repairs(self, values: tuple[tree.Value, ...]) -> list[str]:
        match values:
            case (tree.Number(value=int(value)),) if value:
                return [str(abs(value))]
        return []

    def write(self, value: tuple[Dim, ...]) -> str:
        return "x".join(map(grouped, value))

    def annotation(self) -> Any:
        from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

        side = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
        text = Annotated[str, Field(pattern="^[A-Z0-9_()+*/% -]*[A-Z][A-Z0-9_()+*/% -]*$")]
        return Annotated[
            tuple[side | text, ...],
            Field(min_length=1, max_length=4),
            BeforeValidator(_texts),
            AfterValidator(lambda dims: tuple(read(dim) if isinstance(dim, str) else dim for dim in dims)),
            PlainSerializer(_texts),
        ]


@frozen
class Formula(Dims):
    """One size by a symbol, which stands for what a layer reads and for no size of the network."""

    @property
    def phrase(self) -> str:
        return "arithmetic with one symbol, such as ((T-3)//2+1)"

    @property
    def sample(self) -> str:
        return "((T-3)//2+1)"

    @property
    def is_shape(self) -> bool:
        return False


def _texts(dims: Any) -> list[Any]:
    """Dimensions as documents hold them: numbers, and texts of expressions."""
    return [str(dim) if isinstance(dim, Expression) else dim for dim in dims]


@frozen
class Ends(Kind):
    """Padding of a sequence: `same`, `valid`, `causal`, or numbers: one for both ends, or before, after."""

    @property
    def phrase(self) -> str:
        return "same, valid, causal, one whole number, or two: before,after"

    @property
    def sample(self) -> str:
        return "1"

    @property
    def words(self) -> Mapping[str, object]:
        return {"same": "same", "valid": "valid", "causal": "causal"}

    def read(self, values: tuple[tree.Value, ...]) -> str | tuple[int, int]:
        numbers = [node.value for node in values if isinstance(node, tree.Number)]
        whole = [number for number in numbers if isinstance(number, int) and 0 <= number <= LARGEST]
        match values:
            case (tree.Name(text=text),) if text in self.words:
                return text
            case (_, *_) if len(whole) == len(values) <= 2:
                return whole[0], whole[-1]
        raise Unreadable

    def write(self, value: str | tuple[int, int]) -> str:
        return value if isinstance(value, str) else ",".join(str(end) for end in value)

    def annotation(self) -> Any:
        from pydantic import Field

        end = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
        return Literal["same", "valid", "causal"] | tuple[end, end]
