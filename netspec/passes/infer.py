"""Infer: the shape of every layer, from its definition's rule.

A layer whose shape cannot be had is unknown, and unknown shapes silence everything below them: one mistake, one
message.  An image is flattened here where a layer wants a vector, so that no backend has to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

from netspec.diagnostics import Edit, Fix, Label
from netspec.ir.catalog import find
from netspec.ir.layer import Layer, Operation, Problem, Shapes
from netspec.ir.shape import Shape, SymbolicArithmetic, described_kind
from netspec.passes.bind import Unknown
from netspec.passes.context import Context
from netspec.source import Span

BYTES = 4
"""Bytes of one number in float32."""
_SHOWN = 7
"""Shapes shown in a history before it is cut."""


def infer(context: Context, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers with their shapes, implicit flattens put in; layers that failed are left out and reported."""
    return _Infer(context).run(layers)


class _Infer:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.done: dict[str, Layer] = {}
        self.parameters = 0
        self.entries = 0

    def run(self, layers: Sequence[Layer]) -> tuple[Layer, ...]:
        for layer in layers:
            if isinstance(layer.operation, Unknown) or any(name not in self.done for name in layer.inputs):
                continue
            self.layer(layer)
        return tuple(self.done.values())

    def layer(self, layer: Layer) -> None:
        if len(layer.inputs) > 1:
            self.report(
                layer, Problem("N304", f"`{layer.word}` reads one layer, not {len(layer.inputs)}"), []
            )
            return
        inputs = [self.done[name].shape for name in layer.inputs]
        if inputs and layer.operation.flattens and inputs[0].kind == "image":
            layer = self.flattened(layer, inputs[0])
            inputs = [self.done[name].shape for name in layer.inputs]
        try:
            self.check_kind(layer.operation, inputs)
            shape = layer.operation.result(inputs)
            numbers = layer.operation.parameters(inputs)
            self.parameters += sum(param.size for param in numbers)
            self.entries += prod(dim if isinstance(dim, int) else 1 for dim in shape.dims)
            self.check_limits()
        except Problem as problem:
            self.report(layer, problem, inputs)
            return
        except SymbolicArithmetic as symbol:
            message = f"`{layer.word}` on the symbolic size {symbol} is not supported yet; write a number for {symbol}"
            self.report(layer, Problem("N901", message), inputs)
            return
        self.done[layer.name] = replace(layer, shape=shape)
        if layer.stated and not layer.stated.matches(shape):
            self.wrong_result(self.done[layer.name], inputs)

    def flattened(self, layer: Layer, image: Shape) -> Layer:
        """The layer reading a flattened image, the flatten put in before it."""
        flatten = find("layer", "flatten")
        assert flatten is not None and issubclass(flatten, Operation)
        name = f"flatten_{layer.name}"
        operation = flatten()
        origin = layer.origin and replace(layer.origin, implicit=True, result=None)
        self.done[name] = Layer(name, operation, layer.inputs, operation.result([image]), origin=origin)
        return replace(layer, inputs=(name,))

    @staticmethod
    def check_kind(operation: Operation, inputs: Shapes) -> None:
        if not inputs:
            return
        shape = inputs[0]
        if shape.kind in operation.takes:
            return
        wanted = " or ".join(described_kind(kind) for kind in operation.takes)
        if shape.kind == "integers" or "integers" in operation.takes:
            message = f"`{operation.word}` reads {wanted}, not {shape.described}"
            raise Problem("N206", message, label=f"reads {shape}", changes=operation.adapters(shape))
        raise Problem(
            "N202",
            f"`{operation.word}` reads {wanted}, not {shape.described}",
            label=f"reads {shape.described}",
            changes=operation.adapters(shape),
        )

    def check_limits(self) -> None:
        limits = self.context.limits
        if self.parameters > limits.parameters:
            count = f"{self.parameters:,}"
            raise Problem(
                "N506", f"with this layer the network has {count} parameters, more than {limits.parameters:,}"
            )
        if self.entries * BYTES > limits.activations:
            size = self.entries * BYTES
            raise Problem(
                "N507", f"with this layer one example takes {size:,} bytes, more than {limits.activations:,}"
            )

    def report(self, layer: Layer, problem: Problem, inputs: Shapes) -> None:
        origin = layer.origin
        assert origin is not None
        place = origin.arguments.get(problem.argument, origin.word)
        fixes = [self.fix(layer, change.argument, change.text, change.say) for change in problem.changes]
        if problem.shrinks:
            fixes += self.drops(layer)
        self.context.diagnostics.report(
            problem.code,
            problem.message,
            Label(place, problem.label),
            because=problem.because,
            history=self.history(layer),
            fixes=tuple(fixes),
        )

    def fix(self, layer: Layer, argument: str, text: str, say: str) -> Fix:
        """The fix that gives an argument another text, adds it, or (without an argument) puts a line before."""
        origin = layer.origin
        assert origin is not None
        if not argument:
            at = origin.statement.source.span(origin.statement.start, origin.statement.start)
            return Fix((Edit(at, f"{text}; "),), say or f"`{text}` before it")
        line = origin.word.line
        if argument in origin.arguments:
            edit = Edit(origin.arguments[argument], text)
        else:
            end = max([origin.word.end, *(span.end for span in origin.arguments.values())])
            edit = Edit(origin.word.source.span(end, end), f" {text}")
        return Fix(
            (edit,),
            lambda shape: f"{say or f'`{text}`'} on line {line}" + (f" (gives {shape})" if shape else ""),
        )

    def drops(self, layer: Layer) -> list[Fix]:
        """The fixes that take away one layer above that makes the image smaller."""
        fixes = []
        for above in self.chain(layer)[:-1]:
            if not above.inputs or above.origin is None:
                continue
            before = self.done[above.inputs[0]].shape
            if len(before.dims) == len(above.shape.dims) and above.shape.dims[:-1] != before.dims[:-1]:
                statement = above.origin.statement
                alone = statement.text.split()[0] == above.word and above.operation.may_be_dropped
                if alone:
                    fixes.append(Fix((Edit(statement, ""),), str(statement.line), f"drop one `{above.word}`"))
        return fixes

    def chain(self, layer: Layer) -> list[Layer]:
        """The layers from the input to this one."""
        chain = [layer]
        while chain[-1].inputs:
            chain.append(self.done[chain[-1].inputs[0]])
        return chain[::-1]

    def history(self, layer: Layer) -> str:
        """The shapes on the way to a layer, with the lines that changed them."""
        chain = self.chain(layer)[:-1]
        if not chain:
            return ""
        text = [str(chain[0].shape)]
        for above, below in pairwise(chain):
            if below.shape != above.shape:
                line = below.origin.statement.line if below.origin else 0
                text.append(f"-{line}-> {below.shape}")
        if len(text) > _SHOWN:
            text = [text[0], "...", *text[-_SHOWN + 1 :]]
        return " ".join(text)

    def wrong_result(self, layer: Layer, inputs: Shapes) -> None:
        origin = layer.origin
        assert origin is not None and origin.result is not None
        labels = [Label(origin.result, f"stated {layer.stated}")]
        words = Span(
            origin.statement.source, origin.statement.start, _before_arrow(origin.statement, origin.result)
        )
        labels.append(Label(words, f"gives {layer.shape}"))
        culprit = self.culprit(layer)
        because = culprit.operation.explain([self.done[name].shape for name in culprit.inputs])
        fix = Fix((Edit(origin.result, str(layer.shape)),), f"`-> {layer.shape}`")
        message = f"this line gives {layer.shape}, not {layer.stated}"
        self.context.diagnostics.report(
            "N201", message, *labels, because=because, history=self.history(layer), fixes=(fix,)
        )

    def culprit(self, layer: Layer) -> Layer:
        """The layer of the same line that made the shape: the last that changed it."""
        for above in reversed(self.chain(layer)):
            if not above.inputs or self.done[above.inputs[0]].shape != above.shape:
                return above
        return layer


def _before_arrow(statement: Span, result: Span) -> int:
    """The end of what stands before `->`."""
    text = statement.source.text[statement.start : result.start]
    return statement.start + len(text.rstrip("-> \t"))
