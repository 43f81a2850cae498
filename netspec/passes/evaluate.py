"""Compile-time arithmetic: the value of an expression in parentheses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from netspec.ir.symbolic import Expression, Symbol, Unbound
from netspec.syntax import tree

Number = int | float
Amount = int | float | Expression


class NotConstant(Exception):
    """The expression has no value: the text says why; `node` is the part at fault, `code` the diagnostic's code."""

    def __init__(self, node: tree.Node, message: str, code: str = "N105") -> None:
        super().__init__(message)
        self.node = node
        self.code = code


def _divide(left: Any, right: Any) -> Any:
    if not isinstance(left, float) and not isinstance(right, float):
        if left % right != 0:
            raise ArithmeticError(f"{left} / {right} is not whole; `//` rounds down")
        return left // right
    return left / right


_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "//": lambda left, right: left // right,
    "%": lambda left, right: left % right,
}
_LARGEST = 10**18


def evaluate(node: tree.Expression) -> Amount:
    """The number that an expression stands for, or its canonical form where it has symbols; raises `NotConstant`.

    Operands are computed before their operation by means of a list, not of recursion: a sum may have any length.
    """
    todo: list[tuple[tree.Expression, bool]] = [(node, False)]
    values: list[Amount] = []
    while todo:
        part, ready = todo.pop()
        match part:
            case tree.Number(value=value):
                values.append(value)
            case tree.Group(expression=inner):
                todo.append((inner, False))
            case tree.Operation(operands=operands) if not ready:
                if part.operator not in _OPERATORS:
                    raise NotConstant(part, f"`{part.operator}` cannot stand here, only + - * / // %")
                todo += [(part, True), *((operand, False) for operand in reversed(operands))]
            case tree.Operation(operator=operator, operands=(_,)):
                values.append(-values.pop() if operator == "-" else values.pop())
            case tree.Operation(operator=operator):
                right, left = values.pop(), values.pop()
                values.append(_apply(part, operator, left, right))
            case tree.Symbol(text=text):
                values.append(Symbol(text))
            case tree.Name(text=text):
                raise NotConstant(part, f"`{text[:40]}` in an expression is not supported yet", "N901")
            case _:
                raise NotConstant(part, "only numbers and + - * / // % can stand here")
    return values.pop()


def _apply(node: tree.Node, operator: str, left: Amount, right: Amount) -> Amount:
    symbolic = isinstance(left, Expression) or isinstance(right, Expression)
    if symbolic and (isinstance(left, float) or isinstance(right, float)):
        raise NotConstant(node, "symbols stand for whole numbers, which the others have to be, too")
    try:
        value: Amount = _OPERATORS[operator](left, right)
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
