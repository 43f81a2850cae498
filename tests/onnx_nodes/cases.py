"""ONNX's node tests as data: a node, its inputs and the outputs expected, by the names that the operator gives them.

Knows nothing of netspec.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from onnx import defs, helper, numpy_helper
from onnx.backend.test.case import node as node_tests

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Node:
    """A case; what an adapter reads of it is remembered."""

    name: str
    operator: str
    attributes: dict[str, Any]
    """Those that are written, and the operator's defaults."""
    written: frozenset[str]
    inputs: dict[str, list[Array]]
    """By the operator's name for them; several where one name stands for any number."""
    outputs: dict[str, list[Array]]
    rtol: float
    atol: float
    unread: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.unread = {*self.written, *self.inputs}

    def __str__(self) -> str:
        return self.name

    def get(self, attribute: str, default: Any = None) -> Any:
        """The value of an attribute."""
        self.unread.discard(attribute)
        return self.attributes.get(attribute, default)

    def skip(self, *attributes: str) -> None:
        """Attributes that say nothing of the results that a layer has, or nothing that the inputs do not say."""
        self.unread.difference_update(attributes)

    def all(self, name: str) -> list[Array]:
        """The inputs of a name, none where they are left out."""
        self.unread.discard(name)
        return self.inputs.get(name, [])

    def given(self, name: str) -> Array | None:
        """An input that may be left out."""
        found = self.all(name)
        return found[0] if found else None

    def __getitem__(self, name: str) -> Array:
        found = self.given(name)
        assert found is not None, f"{self} has no input {name}"
        return found


@cache
def cases(operator: str, module: str) -> tuple[Node, ...]:
    """All cases of an operator, in ONNX's order; `module` is where ONNX keeps them.

    Operators that are defined by others have a second case with the same numbers for each, the definition's many nodes
    in the place of the one: there is no single layer in these, and they are not made.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arithmetic on extremes
        helper_of_definitions = node_tests.function_testcase_helper
        node_tests.function_testcase_helper = lambda *_, **__: ([], 0)
        try:
            import_module(f"{node_tests.__name__}.{module}")
        finally:
            node_tests.function_testcase_helper = helper_of_definitions
    found = [case for case in node_tests._NodeTestCases if case.model.graph.node[0].op_type == operator]
    return tuple(_node(case) for case in found if "_expanded" not in case.name)


def _node(case: Any) -> Node:
    (node,) = case.model.graph.node
    (opset,) = case.model.opset_import
    schema = defs.get_schema(node.op_type, opset.version, node.domain)
    defaults = {
        name: _value(attribute.default_value)
        for name, attribute in schema.attributes.items()
        if attribute.default_value.name
    }
    written = {attribute.name: _value(attribute) for attribute in node.attribute}
    ((inputs, outputs),) = case.data_sets
    return Node(
        case.name.removeprefix("test_"),
        node.op_type,
        defaults | written,
        frozenset(written),
        _named(node.input, schema.inputs, inputs),
        _named(node.output, schema.outputs, outputs),
        case.rtol,
        case.atol,
    )


def _value(attribute: Any) -> Any:
    value = helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _named(written: list[str], formal: Any, values: Any) -> dict[str, list[Array]]:
    """Values by the operator's names; the written ones are empty where something is left out."""
    found: dict[str, list[Array]] = {}
    arrays: Iterator[Any] = iter(values)
    for place, name in enumerate(written):
        if name:
            value = next(arrays)
            array = value if isinstance(value, np.ndarray | np.generic) else numpy_helper.to_array(value)
            found.setdefault(formal[min(place, len(formal) - 1)].name, []).append(np.asarray(array))
    return found
