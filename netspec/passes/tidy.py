"""Tidy: a text in the language's one style, with the shapes of its layers written or left out on demand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from netspec.diagnostics import Diagnostics, SpecError, in_order
from netspec.ir.layer import Layer, Origin
from netspec.ir.shape import Pattern, Shape
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
    """Where the last statement of each line starts, and those that state a shape already: what they give.

    A statement that is carried out several times states what is the same each time, `_` for the rest; one in a block
    states nothing, since the next use may be another.
    """
    net, found = run(source, limits)
    if net is None or any(diagnostic.code != "N201" for diagnostic in found):
        analyse(source, limits)
        raise AssertionError("analyse raises what run has found")
    given: dict[int, list[Shape]] = {}
    stated: dict[int, bool] = {}
    above: object = None
    for layer in net.layers:
        origin = layer.origin
        if origin is None or not layer.inputs or origin.statement.source is not source or _in_block(origin):
            continue
        start, turn = origin.statement.start, (origin.statement.start, id(origin.frame))
        shapes = given.setdefault(start, [])
        shapes[len(shapes) - (turn == above) :] = [layer.shape]  # the last layer of a statement speaks for it
        stated[start], above = origin.result is not None, turn
    last = {source.position(start)[0]: start for start in sorted(given)}
    texts = {start: _common(shapes) for start, shapes in given.items()}
    return {
        start: text for start, text in texts.items() if text and (stated[start] or start in last.values())
    }


def _in_block(origin: Origin) -> bool:
    return any(frame.kind in ("block", "network") for frame in (origin.frame.chain() if origin.frame else ()))


def _common(shapes: Sequence[Shape]) -> str:
    """The dimensions that shapes share, `_` for the others; empty where they share none."""
    if len({len(shape.dims) for shape in shapes}) > 1:
        return ""
    dims = [
        each[0] if len(set(each)) == 1 else None
        for each in zip(*(shape.dims for shape in shapes), strict=True)
    ]
    return "" if all(dim is None for dim in dims) else str(Pattern(tuple(dims)))


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
