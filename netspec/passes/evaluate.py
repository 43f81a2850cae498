"""Compile-time arithmetic: the value of an expression in parentheses, in a condition, in a budget.

Names have been replaced by their values before (`passes.scope`); a word that is left stands for itself, which only
`==` and `!=` have a use for.  Arithmetic with symbols gives an expression, which sizes may be; conditions and budgets
need numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Final

from netspec.ir.symbolic import Dim, Expression, Symbol, Unbound, substituted
from netspec.syntax import tree

Number = int | float
Amount = int | float | Expression


class NotConstant(Exception):
    """The expression has no value: the text says why; `node` is the part at fault, `code` the diagnostic's code.

    `instead` are texts that may stand in its place, of which the nearest is proposed.
    """

    def __init__(
        self, node: tree.Node, message: str, code: str = "N105", instead: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.instead = instead
        self.node = node
        self.code = code


def _divide(left: Any, right: Any) -> Any:
    if not isinstance(left, float) and not isinstance(right, float):
        if left % right != 0:
            raise ArithmeticError(f"{left} / {right} is not whole; `//` rounds down")
        return left // right
    return left / right


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "//": lambda left, right: left // right,
    "%": lambda left, right: left % right,
}
_ORDER: Final[dict[str, Callable[[Number, Number], bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_EQUALITY: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}
_LOGIC: Final[dict[str, Callable[[bool, bool], bool]]] = {
    "and": lambda left, right: left and right,
    "or": lambda left, right: left or right,
}
_LARGEST = 10**18
_WANTED: Final = "only numbers, names and + - * / // % can stand here"


def amount(node: tree.Expression, sizes: Mapping[str, int] | None = None, *, real: bool = False) -> Amount:
    """The number that an expression stands for, or its canonical form where it has symbols; raises `NotConstant`.

    Symbols that have a size are numbers.  Of `real` numbers `1 / 2` is a half, where it else is not whole.
    """
    value = _value(node, sizes or {}, real=real)
    if isinstance(value, bool):
        raise NotConstant(node, "a number is wanted here, and this is a condition")
    if not isinstance(value, (int, float, Expression)):
        raise NotConstant(node, _no(node))
    return value


def evaluate(node: tree.Expression, *, real: bool = False) -> Number:
    """The number that an expression stands for; raises `NotConstant`."""
    value = amount(node, real=real)
    if isinstance(value, Expression):
        raise _unbound(node, value)
    return value


def holds(node: tree.Expression, sizes: Mapping[str, int], replaced: Container[int] = ()) -> bool:
    """Whether a condition holds with the sizes of symbols; raises `NotConstant` where it is none.

    `replaced` says where values stand in the place of names: a word is compared with one of them.
    """
    value = _value(node, sizes, replaced)
    if not isinstance(value, bool):
        raise NotConstant(node, "a condition is a comparison, such as `stride != 1`")
    return value


def compare(operator: str, left: Number, right: Number) -> bool:
    """Whether a comparison of two numbers holds."""
    found: bool = (_ORDER | _EQUALITY)[operator](left, right)
    return found


def _value(
    node: tree.Expression, sizes: Mapping[str, int], replaced: Container[int] = (), *, real: bool = False
) -> Any:
    """The number, expression, truth or word of an expression.

    Operands are computed before their operation by means of a list, not of recursion: a sum may have any length.
    """
    todo: list[tuple[Any, bool]] = [(node, False)]
    values: list[Any] = []
    while todo:
        part, ready = todo.pop()
        match part:
            case tree.Number(value=value):
                values.append(float(value) if real else value)
            case tree.Group(expression=inner):
                todo.append((inner, False))
            case tree.Operation(operands=operands) if not ready:
                todo += [(part, True), *((operand, False) for operand in reversed(operands))]
            case tree.Operation(operator="not"):
                values.append(not _typed(part.operands[0], values.pop(), bool, "yes or no"))
            case tree.Operation(operator=operator, operands=(operand,)):
                number = _typed(operand, values.pop(), Amount, "a number")
                values.append(-number if operator == "-" else number)
            case tree.Operation():
                right, left = values.pop(), values.pop()
                _check_words(part, left, right, replaced)
                values.append(_apply(part, left, right))
            case tree.Name(text=text):
                values.append(text)
            case tree.Symbol(text=text):
                values.append(sizes.get(text, Symbol(text)))
            case tree.Size():
                values.append(_dimension(part, sizes))
            case tree.Text(value=value):
                values.append(value)
            case _:
                raise NotConstant(part, _WANTED)
    return values.pop()


def _dimension(size: tree.Size, sizes: Mapping[str, int]) -> Dim:
    """The value of a parameter that has symbols."""
    dims: tuple[Any, ...] = size.dimensions
    if len(dims) == 1 and isinstance(dims[0], Expression):
        return substituted(dims[0], sizes)
    raise NotConstant(size, _WANTED)


def _no(node: tree.Node) -> str:
    name = f"`{node.text[:40]}` " if isinstance(node, tree.Name) else "this "
    return f"{name}is no number, and no parameter bears that name"


def _unbound(node: tree.Node, value: Expression) -> NotConstant:
    ways = " ".join(f"--bind {name}=NUMBER" for name in value.symbols())
    return NotConstant(node, f"`{value}` has no number yet; `{ways}` gives it one")


def _typed(node: tree.Node, value: Any, kind: Any, what: str) -> Any:
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        raise NotConstant(node, _no(node))
    raise NotConstant(node, f"{what} is wanted here")


def _check_words(node: tree.Operation, left: Any, right: Any, replaced: Container[int]) -> None:
    """A word is compared with a word, and one of the two is what a parameter stands for."""
    if node.operator not in _EQUALITY:
        return
    sides = list(zip(node.operands, (left, right), strict=True))
    words = [(operand, value) for operand, value in sides if isinstance(value, str)]
    strangers = [(operand, value) for operand, value in words if operand.start not in replaced]
    if len(words) == 1 and not strangers:
        (_, word), (_, other) = words[0], next(side for side in sides if not isinstance(side[1], str))
        raise NotConstant(node, f"`{word}` is a word and {other} is none: they are never equal")
    if (strangers and len(strangers) == len(sides)) or len(words) == 1:
        operand, word = strangers[0]
        raise NotConstant(operand, f"no parameter is called `{word[:40]}`", "N108")


def _apply(node: tree.Operation, left: Any, right: Any) -> Any:
    operator, (first, second) = node.operator, node.operands
    if operator in _EQUALITY | _ORDER:
        for operand, value in ((first, left), (second, right)):
            if isinstance(value, Expression):
                raise _unbound(operand, value)
    if operator in _EQUALITY:
        return _EQUALITY[operator](left, right)
    if operator in _LOGIC:
        sides = (_typed(first, left, bool, "yes or no"), _typed(second, right, bool, "yes or no"))
        return _LOGIC[operator](*sides)
    numbers = (_typed(first, left, Amount, "a number"), _typed(second, right, Amount, "a number"))
    if operator in _ORDER:
        return _ORDER[operator](*numbers)
    if any(isinstance(each, Expression) for each in numbers) and any(
        isinstance(each, float) for each in numbers
    ):
        raise NotConstant(node, "symbols stand for whole numbers, which the others have to be, too")
    try:
        value = _ARITHMETIC[operator](*numbers)
    except ZeroDivisionError:
        raise NotConstant(node, "division by zero") from None
    except Unbound as unbound:
        raise NotConstant(node, f"`{operator}` needs a number, not {unbound.expression}") from None
    except ArithmeticError as reason:
        raise NotConstant(node, str(reason)) from None
    if (
        not isinstance(value, Expression) and not abs(value) <= _LARGEST
    ):  # nor is it a number at all: inf - inf
        raise NotConstant(node, f"the value is larger than {_LARGEST:.0e}")
    return value
