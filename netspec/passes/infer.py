"""Infer: the shape of every layer, from its definition's rule.

A layer whose shape cannot be had is unknown, and unknown shapes silence everything below them: one mistake, one
message.  An image is flattened here where a layer wants a vector, so that no backend has to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Final

from netspec.ir.binding import bound_layers, check_sizes, symbols_in
from netspec.ir.catalog import find
from netspec.ir.constraints import Constraints
from netspec.ir.layer import Change, Layer, Operation, Problem, Shapes
from netspec.ir.shape import Shape, described_kind
from netspec.ir.symbolic import Unbound
from netspec.passes.bind import Unknown
from netspec.passes.context import Context
from netspec.passes.shapes import report_problem, report_result

BYTES: Final = 4
"""Bytes of one number in float32."""


def infer(context: Context, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers with their shapes, implicit flattens put in; layers that failed are left out and reported."""
    if context.sizes:
        check_sizes(symbols_in(layers), context.sizes)
    with Constraints():
        return _Infer(context, bound_layers(layers, context.sizes)).run()


class _Infer:
    def __init__(self, context: Context, layers: Sequence[Layer]) -> None:
        self.context = context
        self.layers = layers
        self.names = {layer.name for layer in layers}
        self.done: dict[str, Layer] = {}
        self.stated: dict[str, Shape] = {}
        """What the text says of layers whose `->` is wrong, and what follows from that: lines that agree with it
        are not wrong a second time."""
        self.parameters = 0
        self.entries = 0

    def run(self) -> tuple[Layer, ...]:
        for layer in self.layers:
            if not isinstance(layer.operation, Unknown) and all(name in self.done for name in layer.inputs):
                self.layer(layer)
        return tuple(self.done.values())

    def layer(self, layer: Layer) -> None:
        inputs = self.shapes(layer)
        if len(inputs) == 1 and layer.operation.flattens and inputs[0].kind == "image":
            layer = self.flattened(layer, inputs[0])
            inputs = self.shapes(layer)
        try:
            self.check_inputs(layer.operation, inputs)
            shape = layer.operation.result(inputs)
            self.count(layer, inputs, shape)
        except Problem as problem:
            if not self.follows_from_stated(layer):
                report_problem(self.context, self.chain(layer), problem)
            return
        except (Unbound, OverflowError) as problem:
            report_problem(self.context, self.chain(layer), _unbound(layer, problem))
            return
        self.done[layer.name] = layer = replace(layer, shape=shape)
        self.check_result(layer)

    def shapes(self, layer: Layer) -> list[Shape]:
        return [self.done[name].shape for name in layer.inputs]

    def flattened(self, layer: Layer, image: Shape) -> Layer:
        """The layer reading a flattened image, the flatten put in before it."""
        flatten = find("layer", "flatten")
        assert flatten is not None and issubclass(flatten, Operation)
        name = f"flatten_{layer.name}"
        while name in self.names:
            name += "_"
        operation = flatten()
        origin = layer.origin and replace(layer.origin, implicit=True, result=None)
        self.done[name] = Layer(name, operation, layer.inputs, operation.result([image]), origin=origin)
        if layer.inputs[0] in self.stated:
            self.stated[name] = operation.result([self.stated[layer.inputs[0]]])
        return replace(layer, inputs=(name,))

    @staticmethod
    def check_inputs(operation: Operation, inputs: Shapes) -> None:
        """One input, of a kind that the layer takes."""
        if len(inputs) > 1:
            raise Problem(
                "N304",
                f"`{operation.word}` reads one layer, and {len(inputs)} are named",
                argument="from",
                label="one name is expected",
            )
        if not inputs or inputs[0].kind in operation.takes:
            return
        (shape,) = inputs
        about_integers = "integers" in (shape.kind, *operation.takes)
        wanted = " or ".join(described_kind(kind) for kind in operation.takes)
        if operation.takes == Operation.takes:
            wanted = "numbers"
        raise Problem(
            "N206" if about_integers else "N202",
            f"`{operation.word}` reads {wanted}, not {shape.described}",
            label=f"wants {wanted}",
            changes=operation.adapters(shape),
            others={"": f"gives {shape.described}"},
            notes=["integers come from an `input ... of N`"] if "integers" in operation.takes else [],
        )

    def count(self, layer: Layer, inputs: Shapes, shape: Shape) -> None:
        """Add up what the network takes; raises `Problem` beyond the limits."""
        limits = self.context.limits
        own = sum(param.size for param in layer.operation.parameters(inputs))
        entries = prod(dim if isinstance(dim, int) else 1 for dim in shape.dims)
        self.parameters += own
        self.entries += entries
        if self.parameters > limits.parameters:
            raise Problem(
                "N506",
                f"the network has {self.parameters:,} parameters up to here, and the limit is {limits.parameters:,}",
                label=f"{own:,} of them are its own",
                notes=["`--limit parameters=NUMBER` raises the limit"],
            )
        if self.entries * BYTES > limits.activations:
            size, most = self.entries * BYTES, limits.activations
            raise Problem(
                "N507",
                f"the layers up to here take {size:,} bytes for one example, and the limit is {most:,}",
                label=f"{entries * BYTES:,} bytes",
                because=f"{' * '.join(str(dim) for dim in shape.dims)} numbers of {BYTES} bytes",
                notes=["`--limit activations=NUMBER` raises the limit"],
            )

    def follows_from_stated(self, layer: Layer) -> bool:
        """The layer would be fine, were the shapes above as their lines say."""
        if not any(name in self.stated for name in layer.inputs):
            return False
        try:
            self.check_inputs(layer.operation, self.believed(layer))
            with Constraints():  # what is only believed asks nothing of the sizes
                layer.operation.result(self.believed(layer))
        except (Problem, Unbound, OverflowError):
            return False
        return True

    def believed(self, layer: Layer) -> list[Shape]:
        return [self.stated.get(name, self.done[name].shape) for name in layer.inputs]

    def check_result(self, layer: Layer) -> None:
        """The shape is as stated; a line that is wrong only because one above is, is not reported."""
        believed = layer.shape
        if any(name in self.stated for name in layer.inputs):
            try:
                with Constraints():
                    believed = layer.operation.result(self.believed(layer))
            except (Problem, Unbound, OverflowError):
                believed = layer.shape
        if layer.stated and not layer.stated.matches(layer.shape) and not layer.stated.matches(believed):
            report_result(self.context, self.chain(layer))
            believed = layer.stated.filled(layer.shape)
        if believed != layer.shape:
            self.stated[layer.name] = believed

    def chain(self, layer: Layer) -> list[Layer]:
        """The layers from the input to this one."""
        chain = [layer]
        while chain[-1].inputs:
            chain.append(self.done[chain[-1].inputs[0]])
        return chain[::-1]


def _unbound(layer: Layer, problem: Unbound | OverflowError) -> Problem:
    """A number that a layer needs depends on symbols."""
    if isinstance(problem, OverflowError):
        return Problem("N207", f"the sizes of `{layer.word}` make too long an expression", label="here")
    symbols = problem.expression.symbols()
    names = ", ".join(symbols)
    return Problem(
        "N207",
        f"`{layer.word}` needs a number for {problem.expression}, which depends on {names}",
        label="the size of its parameters depends on it",
        changes=[Change("global avg")],
        notes=[
            f"write numbers for {names}, or give them: {' '.join(f'--bind {name}=64' for name in symbols)}"
        ],
    )
