"""Tidy: a text in the language's one style, with the shapes of its layers written or left out on demand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from netspec.diagnostics import Diagnostics, SpecError, in_order
from netspec.ir.layer import Layer
from netspec.limits import DEFAULT, Limits
from netspec.passes import analyse, run
from netspec.passes.suggest import suggest
from netspec.source import Source
from netspec.syntax import tree
from netspec.syntax.parser import parse
from netspec.syntax.printer import format_file

_PLACES: Final = re.compile(r"start=\d+, end=\d+(, )?")


def tidy(source: Source, limits: Limits = DEFAULT, *, annotate: bool = False, strip: bool = False) -> str:
    """The text in the one style.  `annotate` states the shape at the end of each layer line, `strip` states none.

    Raises `SpecError` where a line cannot be read; to annotate, the spec has to be right but for its stated shapes.
    """
    file = _parse(source, limits)
    results = _results(source, limits) if annotate else None
    text = format_file(file, source, results=results, strip=strip)
    _check(file, source, text, same=not annotate and not strip)
    return text


def _parse(source: Source, limits: Limits) -> tree.File:
    diagnostics = Diagnostics()
    file = parse(source, diagnostics, limits)
    if not diagnostics:
        return file

    def check(changed: Source) -> tuple[Sequence[Layer], Diagnostics]:
        left = Diagnostics()
        parse(changed, left, limits)
        return (), left

    raise SpecError(*suggest(source, in_order(diagnostics), check))


def _results(source: Source, limits: Limits) -> dict[int, str]:
    """Where the last statement of each line starts, and those that state a shape already: what they give."""
    net, found = run(source, limits)
    if net is None or any(diagnostic.code != "N201" for diagnostic in found):
        analyse(source, limits)
        raise AssertionError("analyse raises what run has found")
    results: dict[int, str] = {}
    above = (0, -1, False)
    for layer in net.layers:
        if layer.origin is None or not layer.inputs:
            continue
        line, start = layer.origin.statement.line, layer.origin.statement.start
        if above[0] == line and above[1] != start and not above[2]:
            del results[above[1]]
        results[start] = "x".join(map(str, layer.shape.dims))
        above = (line, start, layer.origin.result is not None)
    return results


def _check(file: tree.File, source: Source, text: str, *, same: bool) -> None:
    """A formatter that changed what a text says, or that is never content, must not touch a file."""
    printed, diagnostics = Source(text, source.name), Diagnostics()
    again = parse(printed, diagnostics)
    unchanged = not same or _meaning(again) == _meaning(file)
    if diagnostics or not unchanged or format_file(again, printed) != text:
        raise RuntimeError(f"formatting {source.name} would change what it says")


def _meaning(file: tree.File) -> str:
    """The statements without their places."""
    return _PLACES.sub("", repr(file.statements))
