"""What a rule of this backend is: a function that adds a layer's nodes to a graph.

Arrays are laid out as in the PyTorch backend, channels first, and so are weights, under the network's own names
wherever ONNX has a place for them as they are (`recurrent` says where it has none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from netspec.backends.rules import Rules
from netspec.ir.layer import Operation
from netspec.ir.shape import Shape

Array = np.ndarray[Any, np.dtype[Any]]
O = TypeVar("O", bound=Operation)  # noqa: E741

TYPES: Final = {"float32": int(TensorProto.FLOAT), "float64": int(TensorProto.DOUBLE)}
"""ONNX's numbers for the types of a model."""


@dataclass(slots=True)
class Graph:
    """The nodes so far, and the arrays that they read."""

    nodes: list[NodeProto] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node with one result, whose name it has; gives that name."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def nodes_of(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """Add a node with several results; one that nobody reads is an empty text."""
        name = next(filter(None, outputs))
        self.nodes.append(helper.make_node(operator, list(inputs), list(outputs), name=name, **attributes))

    def array(self, name: str, value: Array) -> str:
        """Enter an array; gives its name."""
        self.arrays[name] = value
        return name

    def initializers(self) -> list[TensorProto]:
        """The arrays as ONNX holds them."""
        return [
            numpy_helper.from_array(np.array(value, order="C"), name) for name, value in self.arrays.items()
        ]


@dataclass(frozen=True, slots=True)
class Site(Generic[O]):
    """Where a layer stands: its operation and shapes, the names of what it reads and of what it gives."""

    graph: Graph
    operation: O
    inputs: tuple[Shape, ...]
    output: Shape
    xs: tuple[str, ...]
    y: str
    extras: Mapping[str, str]
    """The names of further results that something reads, by what the layer calls them."""
    weights: Mapping[str, str]
    """The names of parameters and states, by what the layer calls them."""
    values: Mapping[str, Array]
    """Their values, transposed where the layer uses them so."""
    transposed: frozenset[str]
    """Weights of other layers that are used transposed."""
    dtype: np.dtype[Any]

    @property
    def x(self) -> str:
        """The name of the first input."""
        return self.xs[0]

    @property
    def rank(self) -> int:
        """Axes of one example of the first input."""
        return len(self.inputs[0].dims)

    @property
    def channel_axis(self) -> int:
        """The axis of channels or features in a batch of the first input."""
        return {3: 1, 4: 2}.get(self.rank, self.rank)

    def node(self, operator: str, inputs: Sequence[str], part: str = "", **attributes: Any) -> str:
        """Add a node; it gives the layer's result, or a `part` on the way there."""
        return self.graph.node(operator, inputs, f"{self.y}.{part}" if part else self.y, **attributes)

    def numbers(self, part: str, values: Any, dtype: Any = None) -> str:
        """An array of the layer's own."""
        return self.graph.array(f"{self.y}.{part}", np.asarray(values, dtype or self.dtype))

    def whole(self, part: str, *values: int) -> str:
        """A list of whole numbers, as shapes and axes are."""
        return self.numbers(part, values, np.int64)

    def weight(self, name: str) -> str:
        """The name of a weight as the layer uses it, transposed by a node where it is another layer's."""
        if name not in self.transposed:
            return self.weights[name]
        return self.node("Transpose", [self.weights[name]], name, perm=[1, 0])

    def moved(self, x: str, axes: Sequence[int], part: str = "") -> str:
        """A batch with its axes in another order."""
        return self.node("Transpose", [x], part, perm=list(axes))


Rule: TypeAlias = Callable[[Site[Any]], object]
rules: Rules[Any] = Rules("onnx", "netspec.backends.onnx")
rule = rules.rule
