"""Ragged: the network for examples of different lengths, with these lengths as further inputs.

A symbol on the first axis of an input may differ among the examples of a batch, which are then filled up to the
longest.  Every layer that has to know where an example ends is told: it reads the lengths of its sequence, which are an
input, or worked out from one where the sequence became shorter on the way.  Parameters and their names stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from netspec.diagnostics import Diagnostic, Label, SpecError
from netspec.ir.catalog import find
from netspec.ir.layer import Layer, Operation
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Dim, Symbol, symbols_of
from netspec.passes.fields import filled_up
from netspec.passes.objective import aims_of
from netspec.settings.augment import Augment

MOST_STEPS: Final = 10**9
"""Lengths are below this, as far as a network says."""


def symbols(net: Net) -> tuple[str, ...]:
    """The symbols that may differ among examples: those on the first axis of sequences that the network reads."""
    return tuple(dict.fromkeys(name for layer in net.inputs for name in _symbols(layer.shape)))


def steps_of(shape: Shape) -> Dim | None:
    """The number of steps of a sequence, also of integers or images; None of anything else."""
    is_sequence = shape.kind in ("sequence", "sequence of images")
    is_words = shape.of is not None and len(shape.dims) == 1
    return shape.dims[0] if is_sequence or is_words else None


def _symbols(shape: Shape) -> tuple[str, ...]:
    """The symbols of the number of steps."""
    steps = steps_of(shape)
    return () if steps is None else symbols_of(steps)


def ragged(net: Net, *, to_train: bool = True) -> Net:
    """The network that reads, after its own inputs, the lengths of its examples: one number for each of `symbols`.

    Where there is no such symbol, that is the network itself.  Raises `SpecError` N409 for a layer that cannot work on
    examples of different lengths, and for a loss that cannot unless it is not `to_train`.
    """
    differing = symbols(net)
    if not differing:
        return net
    _check_inputs(net, differing)
    if to_train:
        _check_training(net, differing)
    return replace(net, layers=_Rewriting(net, differing).layers())


class _Rewriting:
    """The layers, told the lengths of what they read."""

    def __init__(self, net: Net, differing: Sequence[str]) -> None:
        self.net, self.differing = net, frozenset(differing)
        self.taken = {layer.name for layer in net}
        made = _operation("input", of=MOST_STEPS)
        self.given = [
            Layer(self.own(f"lengths_{name.lower()}"), made, (), Shape((), MOST_STEPS)) for name in differing
        ]
        self.known: dict[Dim, str] = {
            Symbol(name): layer.name for name, layer in zip(differing, self.given, strict=True)
        }
        """The layer with the lengths of sequences of a size."""
        self.told = self._told()
        self.worked_out: list[Layer] = []

    def own(self, name: str) -> str:
        """A name that no layer has."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def differ(self, result: str) -> tuple[str, ...]:
        """The symbols that say how many steps of a result there are, where these differ."""
        found = _symbols(self.net.shapes[result])
        return found if self.differing.intersection(found) else ()

    def _told(self) -> frozenset[str]:
        """The layers that are told lengths, by the layer whose parameters they use."""
        read = {name for layer in self.net for name in layer.inputs}
        return frozenset(layer.shares or layer.name for layer in self.net if self._asks(layer, read))

    def _asks(self, layer: Layer, read: set[str]) -> bool:
        """A layer has to know where examples end; raises N409 where it cannot be told."""
        operation = layer.operation
        if not layer.inputs or not any(map(self.differ, layer.inputs)):
            return False
        if "lengths" not in operation.lookup().named:
            if operation.along_time() == "whole" and operation.needs_ends:
                raise self.refusal(layer)
            return False
        measured = operation.measured()
        if not self.differ(layer.inputs[measured]) or getattr(operation, "lengths", None) is not None:
            return False
        extras = operation.extras(self.net.shapes_into(layer))
        is_read = any(f"{layer.name}.{extra}" in read for extra in extras)
        return operation.along_time() != "past" or measured > 0 or is_read

    def layers(self) -> tuple[Layer, ...]:
        """The inputs, the lengths, what works lengths out, and the rest in its order."""
        rest = [
            self.with_lengths(layer) if self.is_told(layer) else layer for layer in self.net if layer.inputs
        ]
        return (*self.net.inputs, *self.given, *self.worked_out, *rest)

    def is_told(self, layer: Layer) -> bool:
        """A layer is to have the option, and does not have it yet."""
        return (layer.shares or layer.name) in self.told and getattr(layer.operation, "lengths", "") is None

    def with_lengths(self, layer: Layer) -> Layer:
        """A layer with its option."""
        measured = layer.inputs[layer.operation.measured()]
        if len(self.differ(measured)) != 1:  # none where the weights are those of a layer that is told
            raise self.refusal(layer)
        named: Any = {"lengths": self.lengths_of(self.net.shapes[measured].dims[0])}
        operation = replace(layer.operation, **named)
        others = layer.inputs[: len(layer.inputs) - len(layer.operation.references())]
        return replace(layer, operation=operation, inputs=(*others, *operation.references()))

    def lengths_of(self, steps: Dim) -> str:
        """The layer with the lengths of sequences of a size, made when first wanted."""
        if steps not in self.known:
            (symbol,) = symbols_of(steps)
            name = self.own(f"lengths{len(self.worked_out) + 1}")
            operation = _operation("lengths", steps=(steps,))
            self.worked_out.append(
                Layer(name, operation, (self.known[Symbol(symbol)],), Shape((), MOST_STEPS))
            )
            self.known[steps] = name
        return self.known[steps]

    def refusal(self, layer: Layer) -> SpecError:
        """A layer that cannot be told where examples end."""
        names = dict.fromkeys(name for each in layer.inputs for name in self.differ(each))
        message = f"`{layer.word}` cannot work on examples of different lengths: {_differ(names)}"
        if not names:
            owner = layer.shares or next(each.name for each in self.net if each.shares == layer.name)
            message = f"`{layer.word}` shares the weights of `{owner}`, and of one alone the examples differ in length"
        labels = (
            [Label(layer.origin.word, f"reads {self.net.shapes[layer.inputs[0]]}")] if layer.origin else []
        )
        notes = (
            "`global avg`, `last` and recurrent layers with `last` make a vector of any number of steps",
        )
        return _refusal(message, labels, tuple(names) or tuple(self.differing), notes)


def _operation(word: str, **arguments: Any) -> Operation:
    found = find("layer", word)
    assert found is not None and issubclass(found, Operation)
    return found(**arguments)


def _differ(names: Iterable[str]) -> str:
    """Which lengths differ, in words."""
    texts = [f"`{name}`" for name in names]
    return f"{' and '.join(texts)} differ{'s' * (len(texts) == 1)}"


def _refusal(message: str, labels: Sequence[Label], names: Sequence[str], notes: Sequence[str]) -> SpecError:
    return SpecError(Diagnostic("N409", message, tuple(labels), notes=(*notes, filled_up(names))))


def _check_inputs(net: Net, differing: Sequence[str]) -> None:
    """A length is a length alone, and not the size of something else as well."""
    for layer in net.inputs:
        others = layer.shape.dims if steps_of(layer.shape) is None else layer.shape.dims[1:]
        for name in (name for dim in others for name in symbols_of(dim) if name in differing):
            message = f"`{name}` differs among the examples, and is a size of another axis of `{layer.name}`"
            labels = [Label(layer.origin.word, f"is {layer.shape}")] if layer.origin else []
            raise _refusal(message, labels, (name,), ())


def _check_training(net: Net, differing: Sequence[str]) -> None:
    """The losses at each step can leave out what only fills up, and no example is mixed with another one."""
    for aim in aims_of(net, net.training):
        names = [name for name in _symbols(aim.output.shape) if name in differing]
        if names and aim.targets != "classes":
            what = f"`{aim.loss.word}` of `{aim.output.name}`"
            message = f"{what} cannot leave out the steps beyond the end of an example"
            origin = aim.output.origin
            labels = [Label(origin.word, f"gives {aim.output.shape}")] if origin else []
            notes = ("a loss of classes can: `softmax 2` with `crossentropy` tells yes from no",)
            raise _refusal(message, labels, names, notes)
    augment = net.training.get("augment") if net.training else None
    if isinstance(augment, Augment) and augment.mixup:
        message = f"`augment mixup` cannot mix examples of different lengths: {_differ(differing)}"
        span = net.training.spans.get("augment") if net.training else None
        raise _refusal(message, [Label(span)] if span else [], differing, ())
