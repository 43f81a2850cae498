"""Compile-time arithmetic: the value of an expression in parentheses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from netspec.syntax import tree

Number = int | float


class NotConstant(Exception):
    """The expression has no value: the text says why; `node` is the part at fault, `code` the diagnostic's code."""

    def __init__(self, node: tree.Node, message: str, code: str = "N105") -> None:
        super().__init__(message)
        self.node = node
        self.code = code


def _divide(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        if left % right:
            raise ArithmeticError(f"{left} / {right} is not whole; `//` rounds down")
        return left // right
    return left / right


_OPERATORS: Final[dict[str, Callable[[Number, Number], Number]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "//": lambda left, right: left // right,
    "%": lambda left, right: left % right,
}
_LARGEST = 10**18


def evaluate(node: tree.Expression) -> Number:
    """The number that an expression stands for; raises `NotConstant`.  Nesting is bounded by the parser's limit."""
    match node:
        case tree.Number(value=value):
            return value
        case tree.Group(expression=inner):
            return evaluate(inner)
        case tree.Operation(operator="-", operands=(operand,)):
            return -evaluate(operand)
        case tree.Operation(operator=operator, operands=(left, right)) if operator in _OPERATORS:
            return _apply(node, operator, evaluate(left), evaluate(right))
        case tree.Name(text=text) | tree.Symbol(text=text):
            raise NotConstant(node, f"`{text}` in an expression is not supported yet", "N901")
    raise NotConstant(node, "only numbers and + - * / // % can stand here")


def _apply(node: tree.Node, operator: str, left: Number, right: Number) -> Number:
    try:
        value = _OPERATORS[operator](left, right)
    except ZeroDivisionError:
        raise NotConstant(node, "division by zero") from None
    except ArithmeticError as reason:
        raise NotConstant(node, str(reason)) from None
    if abs(value) > _LARGEST:
        raise NotConstant(node, f"the value is larger than {_LARGEST:.0e}")
    return value
