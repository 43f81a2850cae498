"""Expressions read back from their text, as they stand in documents; texts of specs go through the parser."""

from __future__ import annotations

import ast
from typing import Final

from netspec.ir.symbolic import Dim, Symbol

_LONGEST_TEXT: Final = 300


def read(text: str) -> Dim:
    """The expression that a text writes; raises `ValueError`."""
    if len(text) > _LONGEST_TEXT:
        raise ValueError("the expression is too long")
    try:
        return _read(ast.parse(text, mode="eval").body)
    except (SyntaxError, ZeroDivisionError, RecursionError, MemoryError):
        raise ValueError(f"{text} is no expression") from None


def _read(node: ast.AST) -> Dim:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.Name(id=name) if name.isascii() and name.isupper():
            return Symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _read(left) + _read(right)
        case ast.BinOp(op=ast.Sub(), left=left, right=right):
            return _read(left) - _read(right)
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            return _read(left) * _read(right)
        case ast.BinOp(op=ast.FloorDiv(), left=left, right=right):
            return _read(left) // _read(right)
        case ast.BinOp(op=ast.Mod(), left=left, right=right):
            return _read(left) % _read(right)
    raise ValueError("a dimension is made of symbols, whole numbers and + - * // %")
