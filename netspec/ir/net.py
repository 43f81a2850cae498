"""The network: layers in order, joined by name, with shapes once they are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from typing import Any

from netspec.frozen import frozen
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

    def shapes_for(self, dims: tuple[int, ...]) -> dict[str, Shape]:
        """The shape of every layer where the input has these dimensions; the net's own where all are known."""
        given = self.inputs[0].shape
        if given.is_known:
            return {layer.name: layer.shape for layer in self.layers}
        shapes = {self.inputs[0].name: Shape(dims, given.of)}
        for layer in self.layers:
            if layer.inputs:
                shapes[layer.name] = layer.operation.result([shapes[name] for name in layer.inputs])
        return shapes

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
