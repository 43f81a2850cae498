"""The network: layers in order, joined by name, with shapes once they are inferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netspec.frozen import frozen
from netspec.ir.generation import Generation
from netspec.ir.layer import Layer, Param
from netspec.ir.shape import Shape
from netspec.ir.training import Training
from netspec.ir.updates import Network, lines_of

if TYPE_CHECKING:
    from netspec.ir.constraints import Constraints

VERSION = 1
"""The version of the JSON form."""


@frozen
class Weight:
    """A parameter in use: its full name, and whether the layer works with it transposed."""

    name: str
    transposed: bool = False


def add_results(shapes: dict[str, Shape], layer: Layer, inputs: Sequence[Shape], shape: Shape) -> None:
    """Enter the results of a layer into a table of shapes by name."""
    shapes[layer.name] = shape
    if layer.inputs:
        for extra, extra_shape in layer.operation.extras(inputs).items():
            shapes[f"{layer.name}.{extra}"] = extra_shape


@frozen
class Net:
    """A validated network: every layer has a shape, every name resolves.  Made by `netspec.parse` and `netspec.load`.

    Equality is that of the layers, the training settings and what is generated; where they were written does not count.
    """

    name: str
    layers: tuple[Layer, ...]
    training: Training | None = None
    named_outputs: tuple[str, ...] = ()
    """The results that the text names as outputs; that of the last line is one without being named."""
    text: str = field(default="", compare=False, repr=False)
    """The text that it was read from, with the values in force for its parameters; empty where there was none."""
    files: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """The other texts that it took blocks from, by path: what it imported, and the blocks that ship with netspec."""
    sizes: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """The numbers that were put in place of symbols of its text."""
    values: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """The values in force for the parameters of its text (`param width = 64`), as they are written."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    """The values that its text says are worth trying (`in {32, 64, 128}`), of each parameter that has such a set."""
    generation: Generation | None = None
    networks: tuple[Network, ...] = ()
    """The networks of a file that has no layers of its own: each is a part of the graph by itself."""

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """Layers by name."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def inputs(self) -> tuple[Layer, ...]:
        """The `input` layers."""
        return tuple(layer for layer in self.layers if not layer.inputs)

    @cached_property
    def outputs(self) -> tuple[Layer, ...]:
        """The layers whose result nothing else reads, and those named as outputs; the main one is the last.

        An input that nothing reads is none, unless there is nothing else.
        """
        read = {name.partition(".")[0] for layer in self.layers for name in layer.inputs}
        found = [layer for layer in self.layers if layer.name not in read or layer.name in self.named_outputs]
        made = [layer for layer in found if layer.inputs or layer.name in self.named_outputs]
        return tuple(made or found)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The names of the symbols in its layers, in order."""
        if all(layer.shape.is_known for layer in self.layers):
            return ()
        from netspec.ir.binding import symbols_in

        return symbols_in(self.layers)

    @cached_property
    def constraints(self) -> Constraints:
        """What the layers need the sizes of the symbols to be."""
        from netspec.ir.constraints import Constraints

        found = Constraints()
        with found:
            for layer in self.layers if self.symbols else ():
                layer.operation.result(self.shapes_into(layer))
        return found

    def sizes_for(self, *dims: tuple[int, ...]) -> dict[str, int]:
        """The sizes of the symbols where the inputs have these dimensions; raises N208 if they do not fit."""
        if not self.symbols:
            return {}
        from netspec.ir.binding import matched

        given = zip((layer.shape for layer in self.inputs), dims, strict=True)
        return matched(given, self.symbols, self.constraints)

    def shapes_for(self, *dims: tuple[int, ...]) -> dict[str, Shape]:
        """The shape of every result where the inputs have these dimensions; the net's own where all are known."""
        sizes = self.sizes_for(*dims)
        return (
            {name: shape.substitute(sizes) for name, shape in self.shapes.items()} if sizes else self.shapes
        )

    def bind(self, **sizes: int) -> Net:
        """The network with numbers in place of symbols: `net.bind(T=100)`.

        Raises `SpecError` N108 where it has no such symbol, N208 where a size breaks one of its constraints.
        """
        from netspec.ir.binding import all_sizes, bound_layers, check_sizes

        check_sizes(self.symbols, sizes)
        what = ", ".join(f"{name} = {size}" for name, size in sizes.items())
        found = all_sizes(self.symbols, sizes, self.constraints, what)
        layers = tuple(bound_layers(self.layers, found))
        return replace(self, layers=layers, sizes={**self.sizes, **found})

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every result, further results (`lstm1.state`) included."""
        shapes: dict[str, Shape] = {}
        for layer in self.layers:
            add_results(shapes, layer, [shapes[name] for name in layer.inputs], layer.shape)
        return shapes

    def shapes_into(self, layer: Layer) -> list[Shape]:
        """The shapes that a layer reads."""
        return [self.shapes[name] for name in layer.inputs]

    def parameters_of(self, layer: Layer) -> tuple[Param, ...]:
        """The parameters that a layer has of its own, under their short names; a further use of a layer has none."""
        if layer.shares or not layer.inputs:
            return ()
        own = layer.operation.parameters(self.shapes_into(layer))
        if not layer.frozen:
            return own
        return tuple(replace(param, trainable=False, frozen=param.trainable) for param in own)

    def weights_of(self, layer: Layer) -> dict[str, Weight]:
        """All parameters that a layer works with under their short names, those of other layers included."""
        if not layer.inputs:
            return {}
        shapes, owner = self.shapes_into(layer), layer.shares or layer.name
        weights = {
            param.name: Weight(f"{owner}.{param.name}") for param in layer.operation.parameters(shapes)
        }
        for name, (lender, _) in layer.operation.borrows(shapes).items():
            other = self.by_name[lender]
            weights[name] = Weight(f"{other.shares or lender}.weight", other.operation.lends == "transposed")
        return weights

    @cached_property
    def parameters(self) -> dict[str, Param]:
        """All parameters and states under their full names (`conv1.weight`), in order."""
        return {
            f"{layer.name}.{param.name}": param
            for layer in self.layers
            for param in self.parameters_of(layer)
        }

    @cached_property
    def parameter_count(self) -> int:
        """Number of parameters, frozen ones included and states left out."""
        return sum(param.size for param in self.parameters.values() if not param.is_state)

    @cached_property
    def trained_count(self) -> int:
        """Number of those that are trained."""
        return sum(param.size for param in self.parameters.values() if param.trainable)

    @cached_property
    def keeping_states(self) -> frozenset[str]:
        """The layers whose running statistics stay: they work with these in training too."""
        return frozenset(
            layer.name
            for layer in self.layers
            if layer.frozen
            and any(param.is_state for param in layer.operation.parameters(self.shapes_into(layer)))
        )

    def layers_of(self, network: str) -> tuple[Layer, ...]:
        """The layers of one of its networks, in order: the inputs and what depends on them."""
        within = {name for each in self.networks if each.name == network for name in each.inputs}
        for layer in self.layers:
            if any(name.partition(".")[0] in within for name in layer.inputs):
                within.add(layer.name)
        return tuple(layer for layer in self.layers if layer.name in within)

    @property
    def said(self) -> tuple[list[str], str]:
        """What is said of its networks, in the language: the lines of `train:`, and what `make` shows."""
        updates = self.training.updates if self.training else ()
        return lines_of(updates, self.generation.make if self.generation else None)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def to_json(self) -> dict[str, Any]:
        """The network as a JSON document (see `schema`)."""
        from netspec.ir.document import to_document

        return to_document(self)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The JSON Schema of `to_json`."""
        from netspec.ir.document import schema

        return schema()

    def to_text(self) -> str:
        """The network in the language, one core layer a line."""
        from netspec.ir.text import to_text

        return to_text(self)
