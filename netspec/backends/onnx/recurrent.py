"""Recurrent layers, and the layers that pick one step of a sequence.

ONNX reads sequences as (steps, batch, features), and has its gates in another order than PyTorch: i, o, f, c for
`LSTM` and z, r, h for `GRU`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from netspec.backends.onnx.code import Array, Site, rule
from netspec.layers.recurrent import First, Gru, Last, Lstm, Recurrent, Rnn

_GATES: Final = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""Where ONNX's gates stand among PyTorch's."""


@rule(Rnn, Lstm, Gru)
def recurrent(site: Site[Recurrent]) -> None:
    """`RNN`, `LSTM` or `GRU` between two turns."""
    operation = site.operation
    turned = site.moved(site.x, (1, 0, 2), "read")
    weights = [
        site.graph.array(f"{site.y}.{name}", value) for name, value in zip("WRB", _weights(site), strict=True)
    ]
    both = operation.bidirectional
    options = {"direction": "bidirectional" if both else "reverse"} if both or operation.reverse else {}
    if both and operation.reverse:
        turned = _backwards(site, turned, "backwards")
    more = {"linear_before_reset": int(operation.reset == "after")} if isinstance(operation, Gru) else {}
    outputs = [f"{site.y}.steps", f"{site.y}.h", *([f"{site.y}.c"] if operation.memories > 1 else [])]
    site.graph.nodes_of(
        operation.word.upper(),
        [turned, *weights, *_start(site)],
        outputs,
        hidden_size=operation.units,
        **options,
        **more,
    )
    if operation.last:
        _side_by_side(site, outputs[1:2], site.y)
    else:
        made = outputs[0]
        if both and operation.reverse:
            made = _backwards(site, made, "forwards")
        steps = site.moved(made, (2, 0, 1, 3), "directions")
        site.node("Reshape", [steps, site.whole("shape", 0, 0, -1)])
    if "state" in site.extras:
        _side_by_side(site, outputs[1:], site.extras["state"])


def _backwards(site: Site[Recurrent], x: str, part: str) -> str:
    """The steps from the last to the first."""
    ends = (
        site.whole(f"{part}.{name}", value) for name, value in (("start", -1), ("end", -(2**31)), ("axis", 0))
    )
    return site.node("Slice", [x, *ends, site.whole(f"{part}.step", -1)], part)


def _weights(site: Site[Recurrent]) -> tuple[Array, Array, Array]:
    """W, R and B of all directions."""
    operation = site.operation
    suffixes = ("", "_reverse")[: operation.directions]
    found: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
    for suffix in suffixes:
        parts = [
            _in_order(site.values[f"{name}_l0{suffix}"], operation)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        found[0].append(parts[0])
        found[1].append(parts[1])
        found[2].append(np.concatenate(parts[2:]))
    return np.stack(found[0]), np.stack(found[1]), np.stack(found[2])


def _in_order(value: Array, operation: Recurrent) -> Array:
    gates = np.split(value, operation.gates)
    return np.concatenate([gates[place] for place in _GATES[operation.word]])


def _start(site: Site[Recurrent]) -> list[str]:
    """The states to start from, out of the vector that holds them side by side."""
    operation = site.operation
    if operation.init is None:
        return []
    shape = site.whole("parts", 0, operation.directions * operation.memories, operation.units)
    parts = site.moved(site.node("Reshape", [site.xs[1], shape], "start"), (1, 0, 2), "starts")
    if operation.memories == 1:
        return ["", parts]
    halves = [f"{site.y}.{name}0" for name in "hc"]
    site.graph.nodes_of("Split", [parts], halves, axis=0, num_outputs=2)
    return ["", *halves]


def _side_by_side(site: Site[Recurrent], states: list[str], result: str) -> None:
    """States (directions, N, units) as one vector for each example."""
    joined = states[0]
    if len(states) > 1:
        joined = site.node("Concat", states, "states", axis=0)
    turned = site.graph.node("Transpose", [joined], f"{result}.turned", perm=[1, 0, 2])
    shape = site.graph.array(f"{result}.shape", np.array([0, -1], np.int64))
    site.graph.node("Reshape", [turned, shape], result)


@rule(Last)
def last(site: Site[Last]) -> None:
    """`Gather` of the step at the end."""
    site.node("Gather", [site.x, site.numbers("place", -1, np.int64)], axis=1)


@rule(First)
def first(site: Site[First]) -> None:
    """`Gather` of the step at the start."""
    site.node("Gather", [site.x, site.numbers("place", 0, np.int64)], axis=1)
