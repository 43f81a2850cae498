"""The network: layers in order, joined by name, with shapes once they are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from typing import Any

from netspec.frozen import frozen
from netspec.ir.binding import all_sizes, bound_layers, check_sizes, matched, symbols_in
from netspec.ir.constraints import Constraints
from netspec.ir.layer import Layer, Param
from netspec.ir.shape import Shape
from netspec.ir.training import Training

VERSION = 1
"""The version of the JSON form."""


@frozen
class Net:
    """A validated network: every layer has a shape, every name resolves.  Made by `netspec.parse` and `netspec.load`.

    Equality is that of the layers and the training settings; where they were written does not count.
    """

    name: str
    layers: tuple[Layer, ...]
    training: Training | None = None
    text: str = field(default="", compare=False, repr=False)
    """The text that it was read from, empty where it was not."""

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
        """The layers whose result nothing else reads."""
        read = {name for layer in self.layers for name in layer.inputs}
        return tuple(layer for layer in self.layers if layer.name not in read)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The names of the symbols in its layers, in order."""
        return symbols_in(self.layers)

    @cached_property
    def constraints(self) -> Constraints:
        """What the layers need the sizes of the symbols to be."""
        with Constraints() as found:
            for layer in self.layers if self.symbols else ():
                layer.operation.result(self.shapes_into(layer))
        return found

    def sizes_for(self, *dims: tuple[int, ...]) -> dict[str, int]:
        """The sizes of the symbols where the inputs have these dimensions; raises N208 if they do not fit."""
        given = zip((layer.shape for layer in self.inputs), dims, strict=True)
        return matched(given, self.symbols, self.constraints) if self.symbols else {}

    def shapes_for(self, *dims: tuple[int, ...]) -> dict[str, Shape]:
        """The shape of every layer where the inputs have these dimensions; the net's own where all are known."""
        sizes = self.sizes_for(*dims)
        return {layer.name: layer.shape.substitute(sizes) if sizes else layer.shape for layer in self.layers}

    def bind(self, **sizes: int) -> Net:
        """The network with numbers in place of symbols: `net.bind(T=100)`.

        Raises `SpecError` N108 where it has no such symbol, N208 where a size breaks one of its constraints.
        """
        check_sizes(self.symbols, sizes)
        what = ", ".join(f"{name} = {size}" for name, size in sizes.items())
        found = all_sizes(self.symbols, sizes, self.constraints, what)
        return Net(self.name, tuple(bound_layers(self.layers, found)), self.training)

    def shapes_into(self, layer: Layer) -> list[Shape]:
        """The shapes that a layer reads."""
        return [self.by_name[name].shape for name in layer.inputs]

    def parameters_of(self, layer: Layer) -> tuple[Param, ...]:
        """The parameters of one layer under their short names."""
        return layer.operation.parameters(self.shapes_into(layer)) if layer.inputs else ()

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
        """Number of trainable parameters."""
        return sum(param.size for param in self.parameters.values() if param.trainable)

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
        from netspec.ir.document import to_text

        return to_text(self)
