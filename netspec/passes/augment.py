"""Check that what `augment` does can be done to the network's inputs and its targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from netspec.diagnostics import Edit, Fix, Label
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.ir.training import Aim
from netspec.passes.context import Context
from netspec.passes.settings import drops
from netspec.settings.augment import MOVES, ON_IMAGES, ON_NUMBERS, Augment
from netspec.source import Span

IMAGE: Final = 3
"""Dimensions of an image; a sequence of images has one more."""


def check_augment(context: Context, net: Net, augment: Augment, aims: Sequence[Aim], span: Span) -> None:
    """Something is done; moves have an image to move, and leave the target right; what is mixed are numbers."""
    wanted = augment.operations
    if not wanted:
        _nothing(context, net, span)
        return
    numbers = [layer for layer in net.inputs if layer.shape.of is None]
    integers = [layer for layer in net.inputs if layer.shape.of is not None]
    first = " and ".join(layer.shape.described for layer in net.inputs)
    if not numbers:
        why = f"it changes numbers, and the input is {first}"
        _refuse(context, augment, wanted, why, span, net.inputs[0])
        return
    if not any(len(layer.shape.dims) >= IMAGE for layer in numbers):
        why = f"only an image (HxWxC) has pixels, and the input is {first}"
        _refuse(context, augment, ON_IMAGES, why, span, net.inputs[0])
    if integers:
        why = (
            f"only numbers can be mixed, and the input `{integers[0].name}` is {integers[0].shape.described}"
        )
        _refuse(context, augment, ("mixup",), why, span, integers[0])
    for aim in aims:
        _check_target(context, augment, aim, span)


def _check_target(context: Context, augment: Augment, aim: Aim, span: Span) -> None:
    """The target of an output stays right where the examples move, and can be mixed where they are."""
    output = aim.output
    if len(output.shape.dims) >= IMAGE:
        why = f"the output {output.shape} has a place for each pixel, and the target would not move with the input"
        _refuse(context, augment, MOVES, why, span, output)
    if aim.targets == "classes" and not isinstance(output.shape.dims[-1], int):
        why = f"the number of classes is not known, as the output is {output.shape}"
        _refuse(context, augment, ("mixup",), why, span, output)
    elif aim.targets == "classes" and not aim.loss.fuses:
        why = f"`{aim.loss.word}` takes one class for each place, and a mixture is of two"
        _refuse(context, augment, ("mixup",), why, span, output)


def _nothing(context: Context, net: Net, span: Span) -> None:
    is_image = any(len(layer.shape.dims) >= IMAGE for layer in net.inputs)
    examples = ("shift=2", "rotate=10", "flip") if is_image else ("noise=0.05", "mixup=0.2")
    end = span.source.span(span.end, span.end)
    fixes = tuple(Fix((Edit(end, f" {example}"),), f"`{span.text} {example}`") for example in examples)
    known = ", ".join((*ON_IMAGES, *ON_NUMBERS))
    message = f"`augment` does not say what to do: {known}"
    context.diagnostics.report("N405", message, span, fixes=(*fixes, *drops(span)))


def _refuse(
    context: Context, augment: Augment, names: Iterable[str], why: str, span: Span, layer: Layer
) -> None:
    """Report those of the names that are asked for and cannot be done; the repair is a line without them."""
    refused = [name for name in augment.operations if name in names]
    if not refused:
        return
    less = replace(augment, **{name: type(getattr(augment, name))() for name in refused})
    fixes = drops(span)
    if less.operations:
        fixes = (Fix((Edit(span, less.written()),), f"`{less.written()}`"), *fixes)
    labels = [Label(span, f"asks for {', '.join(refused)}")]
    if layer.origin is not None:
        labels.append(Label(layer.origin.statement, f"gives {layer.shape}"))
    listed = " and ".join(filter(None, (", ".join(f"`{name}`" for name in refused[:-1]), f"`{refused[-1]}`")))
    message = f"`augment` cannot do {listed} here: {why}"
    context.diagnostics.report("N407", message, *labels, fixes=fixes)
