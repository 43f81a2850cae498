"""What shape rules ask of sizes: `at_least(room, 0)`, `divides(2, width)`, `agree(left, right)`.

Numbers are answered here.  What holds a symbol goes to what is open for it (`Asked`, or `Constraints` themselves), and
the solver behind it (`ir.constraints`) is loaded with the first such question: most networks ask none.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from netspec.ir.symbolic import Dim, Expression

if TYPE_CHECKING:
    from netspec.ir.constraints import Constraints

AT_LEAST: Final = "at least"
EQUAL: Final = "equal"
DIVISIBLE: Final = "divisible"

_OPEN: ContextVar[Opened | None] = ContextVar("constraints", default=None)


class Opened:
    """What is open for questions inside a `with` block."""

    def __init__(self) -> None:
        self._tokens: list[Token[Opened | None]] = []

    def __enter__(self) -> Any:
        self._tokens.append(_OPEN.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        _OPEN.reset(self._tokens.pop())

    def answer(self, kind: str, value: Expression, divisor: int) -> bool:
        """It holds, or can: then it is kept."""
        raise NotImplementedError


class Asked(Opened):
    """Constraints that are made with the first question."""

    def __init__(self) -> None:
        super().__init__()
        self.constraints: Constraints | None = None

    def answer(self, kind: str, value: Expression, divisor: int) -> bool:
        """See `Opened.answer`."""
        if self.constraints is None:
            from netspec.ir.constraints import Constraints

            self.constraints = Constraints()
        return self.constraints.answer(kind, value, divisor)


def at_least(value: Dim, least: Dim) -> bool:
    """`value >= least`, or what has to hold for it."""
    return _ask(AT_LEAST, value - least)


def agree(one: Dim, other: Dim) -> bool:
    """Both are the same size, or what has to hold for it."""
    return _ask(EQUAL, one - other)


def divides(divisor: int, value: Dim) -> bool:
    """`value` is a multiple of a number, or what has to hold for it."""
    return _ask(DIVISIBLE, value, divisor)


def _ask(kind: str, value: Dim, divisor: int = 1) -> bool:
    if isinstance(value, int):
        return value >= 0 if kind == AT_LEAST else value == 0 if kind == EQUAL else value % divisor == 0
    found = _OPEN.get()
    return (Asked() if found is None else found).answer(kind, value, divisor)
