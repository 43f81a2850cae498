"""How results that do not fit together are told: the way of each since they parted, and what makes the difference.

A way is the layers from the input to one of the results that a join reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from netspec.diagnostics import Edit, Fix, Label
from netspec.ir.layer import Layer, Problem
from netspec.ir.shape import Shape
from netspec.passes.context import Context
from netspec.passes.shapes import history, own_spans

Way = Sequence[Layer]
Step = tuple[Layer, Shape]
"""A layer, and the shape that it reads."""


def report_join(context: Context, layer: Layer, ways: Sequence[Way], problem: Problem) -> None:
    """Report that the results which a layer reads do not fit together."""
    assert layer.origin is not None
    origin = layer.origin
    first, other = _apart(ways, problem.shapes)
    steps = [_own(first, other), _own(other, first)]
    place = origin.arguments.get(problem.argument, origin.word)
    labels = [Label(place, problem.label)]
    for way, own in ((first, steps[0]), (other, steps[1])):
        maker = own[-1][0] if own else way[-1]
        if maker.origin and maker.origin.statement != origin.statement:
            labels.append(Label(maker.origin.statement, f"gives {way[-1].shape}"))
    histories = dict.fromkeys(history(way) or str(way[-1].shape) for way in (first, other))
    context.diagnostics.report(
        problem.code,
        problem.message,
        *_distinct(labels),
        because=_cause(steps[0], steps[1]),
        history="\n".join(histories),
        notes=problem.notes,
        fixes=tuple(_fixes(first, other, steps)),
    )


def _distinct(labels: Sequence[Label]) -> list[Label]:
    return list({label.span: label for label in labels}.values())


def _apart(ways: Sequence[Way], shapes: Sequence[Shape]) -> tuple[Way, Way]:
    """The ways of the two shapes that do not fit; the first way and one of another shape where that is not said."""
    if len(shapes) == 2:
        one = next((way for way in ways if way[-1].shape == shapes[0]), None)
        two = next((way for way in ways if way is not one and way[-1].shape == shapes[1]), None)
        if one is not None and two is not None:
            return one, two
    first, *others = ways
    last = first[-1].shape
    by_size = [way for way in others if way[-1].shape.dims[:-1] != last.dims[:-1]]
    by_shape = [way for way in others if way[-1].shape != last]
    return first, (by_size or by_shape or others)[0]


def _own(way: Way, other: Way) -> list[Step]:
    """The layers of a way that change the shape and that the other does not share."""
    common = len(list(takewhile(lambda pair: pair[0] is pair[1], zip(way, other, strict=False))))
    start = max(common - 1, 0)
    return [(after, before.shape) for before, after in pairwise(way[start:]) if before.shape != after.shape]


def _resizing(steps: Sequence[Step]) -> list[Step]:
    """Those that change more than the last dimension."""
    return [(layer, given) for layer, given in steps if layer.shape.dims[:-1] != given.dims[:-1]]


def _cause(first: Sequence[Step], other: Sequence[Step]) -> str:
    """What makes the difference, where it can be known."""
    sizes = [_resizing(first), _resizing(other)]
    if any(sizes):
        texts = [_explained(steps) for steps in sizes]
        if all(texts):
            alone = all(len(steps) == 1 for steps in sizes)
            differs = ("ceil(" in texts[0]) != ("ceil(" in texts[1]) and "floor(" in "".join(texts)
            rounding = "; one rounds up, the other down" if alone and differs else ""
            return f"{'; '.join(texts)}{rounding}"
        (steps,) = [steps for steps in sizes if steps] or [sizes[0]]
        return f"{_explained(steps)}, and nothing changes the size on the other way"
    makers = [
        f"{layer.shape.dims[-1]} on line {_line(layer)}"
        for steps in (first, other)
        for layer, _ in steps[-1:]
    ]
    return "the last dimension is made " + " and ".join(makers) if len(makers) == 2 else ""


def _explained(steps: Sequence[Step]) -> str:
    """The formulas of some steps with their numbers, by line."""
    texts = []
    for layer, given in steps:
        formula = layer.operation.explain([given]) if len(layer.inputs) == 1 else ""
        height = formula.split(", width")[0]
        texts.append(f"line {_line(layer)}: {height or f'{given} becomes {layer.shape}'}")
    return ", ".join(texts[-3:])


def _line(layer: Layer) -> int:
    return layer.origin.word.line if layer.origin else 0


def _fixes(first: Way, other: Way, steps: Sequence[Sequence[Step]]) -> Iterator[Fix]:
    """Changes that may make the results fit: the other's channels, no stride or padding of its own on one way."""
    wanted = (other[-1].shape, first[-1].shape)
    for own, shape in zip(steps, wanted, strict=True):
        for layer, given in reversed(own):
            origin = layer.origin
            if origin is None:
                continue
            for name, span in own_spans(origin).items():
                value = getattr(layer.operation, name, None)
                if name in ("channels", "units") and value == layer.shape.dims[-1] != shape.dims[-1]:
                    text = str(shape.dims[-1])
                    yield Fix((Edit(span, text),), f"`{text}` on line {span.line}")
                elif name in ("stride", "pad", "ceil") and layer.shape.dims[:-1] != given.dims[:-1]:
                    yield Fix((Edit(span, ""),), f"line {span.line} without `{span.text}`")
    for own in steps:
        spans = [
            span
            for layer, _ in _resizing(own)
            for name, span in (own_spans(layer.origin) if layer.origin else {}).items()
            if name in ("stride", "pad")
        ]
        if len(spans) > 1:
            texts = ", ".join(f"`{span.text}` (line {span.line})" for span in spans)
            yield Fix(tuple(Edit(span, "") for span in spans), f"without {texts}")
    for own in steps:
        for layer, _ in _resizing(own):
            pads = layer.origin and "pad" not in layer.origin.arguments and hasattr(layer.operation, "pad")
            if layer.origin and pads:
                end = max([layer.origin.word.end, *(span.end for span in own_spans(layer.origin).values())])
                at = layer.origin.word.source.span(end, end)
                yield Fix((Edit(at, " same"),), f"`same` after `{layer.word}` on line {at.line}")
