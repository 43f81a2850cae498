"""Check what holds between parts: the network and its output, its loss, its data.  All before anything runs."""

from __future__ import annotations

from netspec.diagnostics import Edit, Fix, Label
from netspec.ir.catalog import find
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.ir.training import Loss, Reader, Training
from netspec.passes.bind import Bound
from netspec.passes.context import Context
from netspec.source import Span


def check_structure(context: Context, bound: Bound) -> None:
    """One input, and no result that nobody reads."""
    layers = bound.layers
    if not layers:
        message = "there is no layer" if context.source.text.strip() else "the file is empty"
        context.diagnostics.report(
            "N006", message, notes=("a spec starts with a line such as  input 28x28x1",)
        )
        return
    inputs = [layer for layer in layers if layer.operation.reads_nothing and layer.word != "?"]
    if len(inputs) > 1:
        first, second = (layer.origin for layer in inputs[:2])
        assert first is not None and second is not None
        fix = Fix((Edit(second.statement, ""),), f"drop line {second.statement.line}")
        labels = Label(second.statement, "again"), Label(first.statement, "first")
        context.diagnostics.report(
            "N302", "one input is expected; several are not supported yet", *labels, fixes=(fix,)
        )
        return
    read = {name for layer in layers for name in layer.inputs}
    for layer in layers[:-1]:
        if layer.name not in read and layer.word != "?" and layer.origin and not context.diagnostics:
            context.diagnostics.report(
                "N305", f"nothing reads the result of this line ({layer.name})", layer.origin.statement
            )


def loss_of(net: Net, training: Training | None) -> Loss:
    """The loss that is set, or the one that the output implies: softmax - crossentropy, sigmoid - bce, else mse."""
    loss = training.get("loss") if training else None
    if isinstance(loss, Loss):
        return loss
    word = net.outputs[-1].word
    implied = find("loss", {"softmax": "crossentropy", "sigmoid": "bce"}.get(word, "mse"))
    assert implied is not None
    made = implied()
    assert isinstance(made, Loss)
    return made


def check_training(context: Context, net: Net, training: Training) -> None:
    """The settings agree with one another, the loss with the output, the data with both ends of the network."""
    settings, spans = training.settings, training.spans
    if "epochs" in settings and "steps" in settings:
        labels = Label(spans["steps"], "the one"), Label(spans["epochs"], "the other")
        fix = Fix((Edit(spans["steps"], ""),), "one of the two")
        context.diagnostics.report(
            "N406", "the length is set by `epochs` or by `steps`, not both", *labels, fixes=(fix,)
        )
    output = net.outputs[-1]
    loss = loss_of(net, training)
    _check_loss(context, output, loss, spans)
    reader = settings.get("data")
    if isinstance(reader, Reader):
        _check_reader(context, net, reader, spans["data"])


def _check_loss(context: Context, output: Layer, loss: Loss, spans: object) -> None:
    if not loss.fuses or output.word == loss.fuses or not isinstance(spans, dict) or "loss" not in spans:
        return
    assert output.origin is not None
    span: Span = spans["loss"]
    message = f"`{loss.word}` wants probabilities from `{loss.fuses}`, and the output is `{output.word}`"
    labels = Label(span, f"needs `{loss.fuses}`"), Label(output.origin.statement, "the output")
    end = output.origin.statement.end
    fixes = [
        Fix((Edit(span, ""),), "without this line: the output implies its loss"),
        Fix((Edit(span.source.span(end, end), f"; {loss.fuses}"),), f"`{loss.fuses}` after the last layer"),
    ]
    context.diagnostics.report("N403", message, *labels, fixes=tuple(fixes))


def _check_reader(context: Context, net: Net, reader: Reader, span: Span) -> None:
    target, output = reader.target_shape(), net.outputs[-1]
    if target is None or output.origin is None:
        return
    classes = target.of
    if classes is None or output.word != "softmax" or output.shape.dims == (classes,):
        return
    width = output.shape.dims[-1]
    message = f"`{reader.word}` has {classes} classes, and the output has {width}"
    units = output.origin.arguments.get("units")
    labels = (
        Label(units or output.origin.statement, f"{width} probabilities"),
        Label(span, f"{classes} classes"),
    )
    fixes = (Fix((Edit(units, str(classes)),), f"`{output.word} {classes}`"),) if units else ()
    context.diagnostics.report("N404", message, *labels, fixes=fixes)
