"""A network with its weights as an ONNX model, built from its layers and through no other framework.

Every layer becomes one node where ONNX has one, named after it; weights keep their names and their layout, but for
those of recurrent layers, whose gates ONNX has in another order and in arrays of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper

from netspec.backends import check_values
from netspec.backends.onnx.code import TYPES, Graph, Site, rules
from netspec.backends.rules import placed
from netspec.diagnostics import error
from netspec.init import initial
from netspec.ir.layer import Layer, Operation
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Unbound

Array = np.ndarray[Any, np.dtype[Any]]

OPSET: Final = 23
"""The first with `Attention` and `RMSNormalization`."""
IR: Final = 11
"""The version of the file format that goes with it."""


def model(net: Net, parameters: Mapping[str, Array] | None = None, dtype: str = "float32") -> ModelProto:
    """The model of a network, with the given parameters or those that follow from seed 0; checked.

    Raises `SpecError` N601 where a layer has no meaning in ONNX, N703 where the parameters are not the network's.
    """
    values = initial(net, 0, dtype) if parameters is None else dict(parameters)
    check_values(net, values)
    graph = Graph()
    read = {name for layer in net.layers for name in layer.inputs}
    for layer in net.layers:
        if layer.inputs:
            with placed(layer):
                _add(layer.operation, _site(net, layer, graph, values, read, np.dtype(dtype)))
    used = {name for node in graph.nodes for name in node.input}
    for name in net.parameters:
        if name in used:
            graph.array(name, values[name].astype(dtype))
    proto = helper.make_graph(
        graph.nodes,
        net.name,
        [_value(layer, layer.shape, dtype) for layer in net.inputs],
        [_value(layer, layer.shape, dtype) for layer in net.outputs],
        graph.initializers(),
    )
    made: ModelProto = helper.make_model(
        proto,
        producer_name="netspec",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    checker.check_model(made, full_check=True)
    return made


def _add(operation: Operation, site: Site[Any]) -> None:
    """Add a layer's nodes; of one that is told where each example ends, no rule here speaks yet."""
    if getattr(operation, "lengths", None) is not None:
        message = f"the backend `onnx` has no rule for `{operation.word}` with `lengths`"
        notes = ("without it, and examples of one length in a batch, the results are the same",)
        raise error("N601", message, notes=notes)
    try:
        rules.find(type(operation))(site)
    except Unbound:
        message = f"ONNX cannot say `{operation.written()}` for any size; --bind gives it numbers"
        raise error("N601", message) from None


def _site(
    net: Net, layer: Layer, graph: Graph, values: Mapping[str, Array], read: set[str], dtype: np.dtype[Any]
) -> Site[Any]:
    inputs, weights = tuple(net.shapes_into(layer)), net.weights_of(layer)
    extras = {
        name: f"{layer.name}.{name}"
        for name in layer.operation.extras(inputs)
        if f"{layer.name}.{name}" in read
    }
    return Site(
        graph,
        layer.operation,
        inputs,
        layer.shape,
        layer.inputs,
        layer.name,
        extras,
        {short: weight.name for short, weight in weights.items()},
        {
            short: (values[weight.name].T if weight.transposed else values[weight.name]).astype(dtype)
            for short, weight in weights.items()
        },
        frozenset(short for short, weight in weights.items() if weight.transposed),
        dtype,
    )


def _value(layer: Layer, shape: Shape, dtype: str) -> ValueInfoProto:
    """An input or output of the graph: its name, type and axes, N and those that are symbols by name."""
    kind = TensorProto.INT64 if shape.of is not None else TYPES[dtype]
    sizes = ["N", *(dim if isinstance(dim, int) else str(dim) for dim in shape.channels_first)]
    value: ValueInfoProto = helper.make_tensor_value_info(layer.name, kind, sizes)
    return value
