"""What a program checks of the targets that it is given: the shape alone, which costs nothing at a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netspec.diagnostics import error
from netspec.ir.training import Aim

ENTRIES: Final = ("numbers", "answers", "distributions")
"""Targets that have an entry for each of the output's."""


def check_alike(aim: Aim, output: Sequence[int], target: Sequence[int]) -> None:
    """Raise `SpecError` N404 where numbers of one shape would be compared with those of another.

    Arithmetic spreads one row over all steps of the other, and says nothing.
    """
    if aim.targets in ENTRIES and tuple(output) != tuple(target):
        one, other = ("x".join(map(str, shape)) for shape in (target, output))
        message = f"the targets of `{aim.output.name}` are {one}, and it gives {other}, the examples first"
        raise error("N404", message)
