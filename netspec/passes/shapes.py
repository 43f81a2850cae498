"""How a shape that does not work out is told: places, formula, history, and changes that may help.

A chain is the layers from the input to the one at fault, which is its last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, short
from netspec.ir.layer import Change, Layer, Origin, Problem
from netspec.passes.context import Context
from netspec.source import Source, Span

_SHOWN: Final = 7
"""Shapes shown in a history before it is cut."""
_MOST_DROPS: Final = 8
"""Layers of which each is tried to be dropped, the nearest ones."""


def report_problem(context: Context, chain: Sequence[Layer], problem: Problem) -> None:
    """Report a shape rule that does not hold."""
    layer = chain[-1]
    origin = _origin(layer)
    place = origin.arguments.get(problem.argument, origin.word)
    others = [
        Label(span, text)
        for party, text in problem.others.items()
        if (span := _party(chain, party)) is not None
    ]
    fixes = [_changed(layer, change) for change in problem.changes]
    if problem.argument == "from":
        fixes += _one_source(place)
    if problem.shrinks:
        fixes += _drops(chain)
    context.diagnostics.report(
        problem.code,
        problem.message,
        Label(place, problem.label),
        *others,
        because=problem.because,
        history=history(chain[:-1]) if problem.argument != "from" else "",
        notes=problem.notes,
        fixes=tuple(fixes),
    )


def _origin(layer: Layer) -> Origin:
    assert layer.origin is not None
    return layer.origin


def _party(chain: Sequence[Layer], party: str) -> Span | None:
    """The place of another party: an argument of the layer, or (without a name) what made its input."""
    origin = _origin(chain[-1])
    if party:
        return origin.arguments.get(party)
    maker = _maker(chain[:-1])
    if maker is None or maker.origin is None:
        return None
    statement = maker.origin.statement
    return statement if statement != origin.statement else maker.origin.word


def _maker(chain: Sequence[Layer]) -> Layer | None:
    """The layer that made the shape at the end of a chain: the last that changed it."""
    for before, after in reversed(list(pairwise(chain))):
        if before.shape != after.shape:
            return after
    return chain[0] if chain else None


def _changed(layer: Layer, change: Change) -> Fix:
    """The fix that gives an argument another text, adds it, or (without an argument) puts a line before."""
    origin = _origin(layer)
    say, line = change.say or f"`{change.text}`", origin.word.line
    if not change.argument:
        start = origin.statement.start
        at = origin.statement.source.span(start, start)
        return Fix(
            (Edit(at, f"{change.text}; "),), lambda shape: f"`{change.text}` before it" + _gives(shape)
        )
    if change.argument in origin.arguments:
        edit = Edit(origin.arguments[change.argument], change.text)
    else:
        end = max([origin.word.end, *(span.end for span in own_spans(origin).values())])
        edit = Edit(origin.word.source.span(end, end), f" {change.text}")
    return Fix((edit,), lambda shape: f"{say} on line {line}" + _gives(shape))


def own_spans(origin: Origin) -> dict[str, Span]:
    """The places of a layer's own arguments."""
    return {name: span for name, span in origin.arguments.items() if name != "from"}


def _gives(shape: str) -> str:
    return f" (gives {shape})" if shape else ""


def _one_source(place: Span) -> list[Fix]:
    """The fixes that leave one of the names after `from`."""
    names = dict.fromkeys(name.strip() for name in place.text.removeprefix("from").split(","))
    return [Fix((Edit(place, f"from {name}"),), f"`from {name}`") for name in names]


def _drops(chain: Sequence[Layer]) -> list[Fix]:
    """The fixes that take away one line which makes the image smaller, the one at fault included."""
    fixes = []
    for before, after in pairwise(chain):
        if after.origin is None or not after.operation.may_be_dropped:
            continue
        statement = after.origin.statement
        alone = statement.text.split()[0] == after.word and statement.start == after.origin.word.start
        shrinks = after is chain[-1] or after.shape.dims[:-1] != before.shape.dims[:-1]
        if alone and shrinks:
            fixes.append(Fix((Edit(statement, ""),), str(statement.line), f"drop one `{after.word}`"))
    return fixes[-_MOST_DROPS:]


def history(chain: Sequence[Layer]) -> str:
    """The shapes along a chain, with the lines that changed them; empty where nothing did."""
    main = chain[0].origin.statement.source if chain and chain[0].origin else None
    steps = [
        (_line(after, main), after.shape) for before, after in pairwise(chain) if before.shape != after.shape
    ]
    if not steps:
        return ""
    texts = [f"-{line}-> {shape}" for line, shape in steps]
    if len(texts) >= _SHOWN:
        texts = ["...", *texts[-_SHOWN + 1 :]]
    return " ".join([str(chain[0].shape), *texts])


def _line(layer: Layer, main: Source | None) -> str:
    """The line of a layer; a colon before it says that it is another file's, as in tables."""
    if layer.origin is None:
        return "0"
    return f"{':' * (layer.origin.statement.source is not main)}{layer.origin.statement.line}"


def report_result(context: Context, chain: Sequence[Layer]) -> None:
    """Report that the last layer's shape is not as stated."""
    layer = chain[-1]
    origin = _origin(layer)
    assert origin.result is not None
    words = _before_arrow(origin.statement, origin.result)
    labels = Label(origin.result, f"stated {layer.stated}"), Label(words, f"gives {layer.shape}")
    shapes = {each.name: each.shape for each in chain}
    maker = _maker(chain) or layer
    because = maker.operation.explain([shapes[name] for name in maker.inputs]) if maker.inputs else ""
    truth = Fix((Edit(origin.result, str(layer.shape)),), f"`-> {layer.shape}`")
    message = f"this line gives {layer.shape}, not {layer.stated}"
    context.diagnostics.report(
        "N201",
        message,
        *labels,
        because=because,
        history=history(chain),
        fixes=(truth, *_as_stated(layer, maker, words)),
    )


def _as_stated(layer: Layer, maker: Layer, words: Span) -> list[Fix]:
    """Changes of the layer that may give what is stated: another number, or an option left out."""
    origin = _origin(maker)
    if layer.stated is None or origin.statement != _origin(layer).statement:
        return []
    edits = []
    wanted = list(zip(layer.shape.dims, layer.stated.dims, strict=False))
    for argument in maker.operation.arguments():
        span = origin.arguments.get(argument.name)
        if span is None:
            continue
        value = getattr(maker.operation, argument.name)
        if argument.positional:
            swaps = [str(theirs) for mine, theirs in wanted if mine == value != theirs and theirs is not None]
            edits += [Edit(span, text) for text in swaps[-1:]]
        elif not argument.required:
            edits.append(Edit(span, ""))
    return [Fix((edit,), f"`{_with(words, edit)}`") for edit in edits]


def _with(words: Span, edit: Edit) -> str:
    """A statement with an edit made."""
    before = words.source.text[words.start : edit.span.start]
    after = words.source.text[edit.span.end : words.end]
    return short(" ".join(f"{before}{edit.text}{after}".split()), 60)


def _before_arrow(statement: Span, result: Span) -> Span:
    """What stands before `->` in a statement."""
    text = statement.source.text[statement.start : result.start]
    return statement.source.span(statement.start, statement.start + len(text.rstrip("-> \t")))
