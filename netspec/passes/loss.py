"""Check that a loss fits the output that it is of."""

from __future__ import annotations

import re

from netspec.diagnostics import Edit, Fix, Label
from netspec.ir.training import Aim, Training, key_of
from netspec.passes.context import Context
from netspec.passes.objective import implied_loss
from netspec.source import Span


def check_loss(context: Context, aim: Aim, training: Training) -> None:
    """A loss of probabilities comes after the function that it takes in, one of scores after none."""
    output, loss = aim.output, aim.loss
    key = key_of("loss", loss)
    span = training.spans.get(key)
    if span is None or output.origin is None:
        return
    statement, origin = output.origin.statement, output.origin
    if output.shape.of is not None:
        message = f"`{loss.word}` is of numbers, and the output is {output.shape.described}"
        context.diagnostics.report("N403", message, Label(span), Label(statement, f"gives {output.shape}"))
    elif loss.fuses and output.word != loss.fuses:
        message = f"`{loss.word}` wants probabilities from `{loss.fuses}`, and the output is `{output.word}`"
        labels = Label(span, f"needs `{loss.fuses}`"), Label(statement, f"gives {output.shape}")
        end = statement.source.span(statement.end, statement.end)
        added = Fix((Edit(end, f"; {loss.fuses}"),), f"`{statement.text}; {loss.fuses}`")
        if loss.on and "units" in origin.arguments:
            text = f"{loss.fuses} {origin.arguments['units'].text}"
            added = Fix((Edit(origin.word, loss.fuses),), f"`{text}`")
        other = implied(aim, span, alone=len(training.losses) == 1)
        fixes = (other,) if implied_loss(output).fuses else (added, other)
        context.diagnostics.report("N403", message, *labels, fixes=fixes)
    elif loss.raw and implied_loss(output).fuses:
        message = f"`{loss.word}` wants scores without bounds, and the output is `{output.word}`"
        labels = Label(span, "needs scores"), Label(origin.word, "gives probabilities")
        scores = Fix((Edit(statement, ""),), f"line {statement.line} without `{output.word}`")
        if "units" in origin.arguments:
            scores = Fix((Edit(origin.word, "dense"),), f"`dense {origin.arguments['units'].text}`")
        other = implied(aim, span, alone=len(training.losses) == 1)
        context.diagnostics.report("N403", message, *labels, fixes=(scores, other))
    elif found := loss.misfit(output.shape):
        argument, message = found
        place = training.place(key, argument) or span
        labels = Label(place), Label(statement, f"gives {output.shape}")
        fix = Fix((Edit(place, ""),), f"without `{place.text}`")
        context.diagnostics.report("N403", message, *labels, fixes=(fix,) if place != span else ())


def implied(aim: Aim, span: Span, *, alone: bool) -> Fix:
    """The fix that gives an output the loss that it implies."""
    implied = implied_loss(aim.output).word
    if alone and not aim.loss.on:
        return Fix((Edit(span, ""),), f"drop line {span.line} (the output implies `loss {implied}`)")
    text = re.sub(rf"\b{aim.loss.word}\b", implied, span.text, count=1)
    return Fix((Edit(span, text),), f"`{text}`")
