"""The doors to what tells mistakes: most texts hold none, and are read without loading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from netspec.diagnostics import Diagnostic, Diagnostics
from netspec.ir.layer import Layer, Problem
from netspec.passes.context import Context
from netspec.source import Source


def misfit() -> Any:
    """The module that tells arguments which do not fit."""
    from netspec.passes import misfit

    return misfit


def report_problem(context: Context, chain: Sequence[Layer], problem: Problem) -> None:
    """See `passes.shapes`."""
    from netspec.passes.shapes import report_problem

    report_problem(context, chain, problem)


def report_result(context: Context, chain: Sequence[Layer]) -> None:
    """See `passes.shapes`."""
    from netspec.passes.shapes import report_result

    report_result(context, chain)


def report_join(context: Context, layer: Layer, ways: Sequence[Sequence[Layer]], problem: Problem) -> None:
    """See `passes.joins`."""
    from netspec.passes.joins import report_join

    report_join(context, layer, ways, problem)


def history(chain: Sequence[Layer]) -> str:
    """See `passes.shapes`."""
    from netspec.passes.shapes import history

    return history(chain)


def with_suggestions(
    source: Source,
    found: Sequence[Diagnostic],
    check: Callable[[Source], tuple[Sequence[Layer], Diagnostics]],
) -> list[Diagnostic]:
    """See `passes.suggest`."""
    from netspec.passes.suggest import suggest

    return suggest(source, found, check)
