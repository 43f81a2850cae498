"""Infer: the shape of every layer, from its definition's rule.

A layer whose shape cannot be had is unknown, and unknown shapes silence everything below them: one mistake, one
message.  An image is flattened here where a layer wants a vector, so that no backend has to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Final

from netspec.diagnostics import Label
from netspec.ir.asking import Asked
from netspec.ir.catalog import find
from netspec.ir.layer import Change, Layer, Operation, Origin, Problem, Shapes
from netspec.ir.net import add_results
from netspec.ir.shape import Pattern, Shape, described_kind
from netspec.ir.symbolic import Unbound
from netspec.passes.context import Context
from netspec.passes.telling import history, report_join, report_problem, report_result
from netspec.source import Span

BYTES: Final = 4
"""Bytes of one number in float32."""


def infer(context: Context, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers with their shapes, implicit flattens put in; layers that failed are left out and reported."""
    graph = Graph(context, reserved=frozenset(layer.name for layer in layers))
    with Asked():
        for layer in layers:
            owner, place = layer.shares, layer.origin.statement if layer.origin else None
            graph.add((graph.sharing(replace(layer, shares=""), owner, place) or layer) if owner else layer)
    return graph.layers


class Unmade(Operation):
    """Stands for a layer that could not be made; its shape is unknown, which silences what follows."""

    word = "?"
    reads_nothing = True


class Enough(Exception):
    """The network is larger than the limits allow, which has been reported."""


class Graph:
    """The network so far: layers in order, each with its shape as soon as it is added.

    What the layers ask of symbolic sizes goes to the `Asked` that is open, one for the whole network.
    """

    def __init__(self, context: Context, reserved: frozenset[str] = frozenset()) -> None:
        self.context = context
        self.reserved = reserved
        """Names that will be given."""
        self.names: set[str] = set()
        """Names that are taken, those of layers that failed included."""
        self.symbols: dict[str, None] = {}
        """The symbols for which there may be numbers: those that the layers' arguments name."""
        self.done: dict[str, Layer] = {}
        self.results: dict[str, Shape] = {}
        """The shapes of all results by name."""
        self.stated: dict[str, Shape] = {}
        """What the text says of layers whose `->` is wrong, and what follows from that: lines that agree with it
        are not wrong a second time."""
        self.parameters = 0
        self.entries = 0
        self.known: dict[tuple[object, ...], tuple[Shape, int, Operation]] = {}
        """Shapes and numbers of parameters by operation and what it reads; keeping the operation keeps its identity."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that could be made."""
        return tuple(self.done.values())

    def add(self, layer: Layer) -> None:
        """Add a layer and find its shape; reports what does not work out, raises `Enough` beyond the limit."""
        self.names.add(layer.name)
        if len(self.names) > self.context.limits.layers:
            self.context.report_limit(len(self.names), layer.origin.statement if layer.origin else None)
            raise Enough
        if self.context.sizes:
            from netspec.ir.binding import bound_layers, symbols_in

            self.symbols |= dict.fromkeys(symbols_in((layer,)))
            (layer,) = bound_layers((layer,), self.context.sizes)
        if not isinstance(layer.operation, Unmade) and all(name in self.results for name in layer.inputs):
            self.infer(layer)

    def infer(self, layer: Layer) -> None:
        inputs = self.shapes(layer)
        if len(inputs) == 1 and layer.operation.flattens and inputs[0].kind == "image":
            layer = self.flattened(layer, inputs[0])
            inputs = self.shapes(layer)
        try:
            shape, own = self.worked_out(layer, inputs)
            self.count(0 if layer.shares else own, shape)
        except Problem as problem:
            if self.follows_from_stated(layer):
                return
            if layer.operation.joins and problem.code == "N204":
                report_join(self.context, layer, self.chains(layer), problem)
            else:
                report_problem(self.context, self.chain(layer), problem)
            return
        except (Unbound, OverflowError) as problem:
            report_problem(self.context, self.chain(layer), _unbound(layer, problem))
            return
        # not `replace`, which takes several times as long
        layer = Layer(
            layer.name,
            layer.operation,
            layer.inputs,
            shape,
            layer.shares,
            layer.stated,
            layer.origin,
            layer.frozen and own > 0,
        )
        self.done[layer.name] = layer
        add_results(self.results, layer, inputs, shape)
        if layer.stated is not None or self.stated:
            self.check_result(layer)

    def worked_out(self, layer: Layer, inputs: Shapes) -> tuple[Shape, int]:
        """The shape of a layer and the number of its parameters; raises `Problem`."""
        operation = layer.operation
        key = (id(operation), *((shape.dims, shape.of) for shape in inputs))
        found = self.known.get(key)
        if found is None:
            self.check_inputs(operation, inputs)
            self.check_borrowed(layer, inputs)
            shape = operation.result(inputs)
            found = shape, sum(param.size for param in operation.parameters(inputs)), operation
            # a symbol's questions are asked each time, and what other layers lend may change
            if shape.is_known and not operation.lookup().references:
                self.known[key] = found
        return found[0], found[1]

    def shapes(self, layer: Layer) -> list[Shape]:
        return [self.results[name] for name in layer.inputs]

    def flattened(self, layer: Layer, image: Shape) -> Layer:
        """The layer reading a flattened image, the flatten put in before it."""
        flatten = find("layer", "flatten")
        assert flatten is not None and issubclass(flatten, Operation)
        name = f"flatten_{layer.name}"
        while name in self.names or name in self.reserved:
            name += "_"
        self.names.add(name)
        operation = flatten()
        origin = layer.origin and replace(layer.origin, implicit=True, result=None)
        self.done[name] = Layer(name, operation, layer.inputs, operation.result([image]), origin=origin)
        self.results[name] = self.done[name].shape
        if layer.inputs[0] in self.stated:
            self.stated[name] = operation.result([self.stated[layer.inputs[0]]])
        return replace(layer, inputs=(name,))

    @staticmethod
    def check_inputs(operation: Operation, inputs: Shapes) -> None:
        """One input, or for a join and what has references several, the first of a kind that the layer takes."""
        if len(inputs) > 1 and not operation.joins and len(inputs) > 1 + len(operation.references()):
            raise Problem(
                "N304",
                f"`{operation.word}` reads one layer, and {len(inputs)} are named",
                argument="from",
                label="one name is expected",
            )
        if not inputs or inputs[0].kind in operation.takes:
            return
        shape = inputs[0]
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

    def count(self, own: int, shape: Shape) -> None:
        """Add up what the network takes; raises `Problem` beyond the limits."""
        limits = self.context.limits
        entries = prod([dim if isinstance(dim, int) else 1 for dim in shape.dims])
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
            with Asked():  # what is only believed asks nothing of the sizes
                layer.operation.result(self.believed(layer))
        except (Problem, Unbound, OverflowError):
            return False
        return True

    def believed(self, layer: Layer) -> list[Shape]:
        return [self.stated.get(name, self.results[name]) for name in layer.inputs]

    def check_result(self, layer: Layer) -> None:
        """The shape is as stated; a line that is wrong only because one above is, is not reported."""
        believed = layer.shape
        if any(name in self.stated for name in layer.inputs):
            try:
                with Asked():
                    believed = layer.operation.result(self.believed(layer))
            except (Problem, Unbound, OverflowError):
                believed = layer.shape
        if layer.stated and not layer.stated.matches(layer.shape) and not layer.stated.matches(believed):
            report_result(self.context, self.chain(layer))
            believed = layer.stated.filled(layer.shape)
        if believed != layer.shape:
            self.stated[layer.name] = believed

    def state(self, name: str, pattern: Pattern, origin: Origin) -> None:
        """Hold a result against the shape that the use of a block states."""
        if name in self.done:
            layer = replace(self.done[name], stated=pattern, origin=origin)
            if not pattern.matches(layer.shape):
                report_result(self.context, [*self.chain(self.done[name])[:-1], layer])

    # --- weights of other layers

    def sharing(self, layer: Layer, owner: str, place: Span | None = None) -> Layer | None:
        """The layer as a further use of the weights of another, its equal; None after a report that it is not."""
        if owner not in self.done or not all(name in self.results for name in layer.inputs):
            return layer
        first = self.done[owner]
        first = self.done[first.shares] if first.shares else first
        inputs = self.shapes(layer)
        if len(inputs) == 1 and layer.operation.flattens and inputs[0].kind == "image":
            inputs = [Shape((inputs[0].size,))]
        theirs = first.operation.parameters(self.shapes(first)) if first.inputs else ()
        if not theirs:
            return layer
        try:
            self.worked_out(layer, inputs)
            mine = layer.operation.parameters(inputs)
        except (Problem, Unbound, OverflowError):
            return layer  # which is reported when it is added
        if first.operation == layer.operation and mine == theirs:
            return replace(layer, shares=first.name, frozen=first.frozen)
        assert layer.origin is not None and first.origin is not None
        pairs = [(a.shape, b.shape) for a, b in zip(mine, theirs, strict=False) if a != b]
        numbers = [" and ".join("x".join(map(str, shape)) for shape in pair) for pair in pairs[:1]]
        label = f"weights of {numbers[0]}" if numbers else "another layer"
        made_for = ", ".join(map(str, self.shapes(first)))
        frames = [*(first.origin.frame.chain() if first.origin.frame else ())]
        self.context.diagnostics.report(
            "N204",
            f"`{layer.word}` cannot use the weights of `{first.name}`: they are not of one shape",
            Label(place or layer.origin.word, label),
            Label(frames[-1].statement if frames else first.origin.statement, f"made them for {made_for}"),
            history=history(self.chain(layer)[:-1]),
        )
        return None

    def holder(self, name: str) -> str:
        """The layer of a line that has a `weight`: `dense 30 sigmoid as code` names the sigmoid and means the dense."""
        layer = self.done.get(name.partition(".")[0])
        while layer is not None and not layer.operation.lends and len(layer.inputs) == 1:
            above = self.done[layer.inputs[0].partition(".")[0]]
            if not layer.origin or not above.origin or above.origin.statement != layer.origin.statement:
                break
            layer = above
        return layer.name if layer is not None and layer.operation.lends else name

    def check_borrowed(self, layer: Layer, inputs: Shapes) -> None:
        """The weight of another layer has the shape that is needed; raises `Problem`."""
        for argument, (lender, needed) in layer.operation.borrows(inputs).items():
            other = self.done.get(lender)
            if other is None:
                raise Problem("N108", f"`{lender}` has no weights of its own", argument="tied")
            if not other.operation.lends:
                raise Problem(
                    "N204",
                    f"`{layer.word}` cannot be tied to `{other.word}`: only the weights of dense and embed are lent",
                    argument="tied",
                    label=f"names a `{other.word}`",
                )
            own = {param.name: param.shape for param in other.operation.parameters(self.shapes(other))}
            if argument not in own:
                message = f"`{lender}` has no weights of its own: it is tied to another layer itself"
                raise Problem("N108", message, argument="tied", label="name that layer here as well")
            have = own[argument]
            turned = have[::-1] if other.operation.lends == "transposed" else have
            if turned != needed:
                texts = ["x".join(map(str, shape)) for shape in (turned, needed)]
                raise Problem(
                    "N204",
                    f"the {argument} of `{lender}` does not fit: it gives {texts[0]}, and {texts[1]} is needed",
                    argument="tied",
                    label=f"{texts[0]}, {other.operation.lends}",
                    because=f"{texts[1]}: {needed[0]} units from {needed[1]} inputs",
                )

    def chain(self, layer: Layer) -> list[Layer]:
        """The layers from the input to this one."""
        chain = [layer]
        while chain[-1].inputs:
            chain.append(self.done[chain[-1].inputs[0].partition(".")[0]])
        return chain[::-1]

    def chains(self, layer: Layer) -> list[list[Layer]]:
        """The layers from the input to each of the results that this one reads."""
        return [self.chain(self.done[name.partition(".")[0]]) for name in layer.inputs]


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
