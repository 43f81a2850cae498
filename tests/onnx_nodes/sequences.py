"""Recurrent layers and attention.

ONNX reads sequences as (steps, batch, features), has its gates in another order than PyTorch (i, o, f, c of `LSTM`,
z, r, h of `GRU`), and leaves the dense layers around attention to others: they are made to change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .cases import Array, Node
from .layers import Unsaid, Weights, final_state, layer

Outputs = list[Array | None]
GATES: Final = {"rnn": (0,), "lstm": (0, 2, 3, 1), "gru": (1, 0, 2)}
"""Where PyTorch's gates stand among ONNX's."""


def recurrent(word: str) -> Callable[[Node], Outputs]:
    """The adapter of `rnn`, `lstm` or `gru`."""

    def adapter(node: Node) -> Outputs:
        x, first = node["X"], node.get("layout") == 1
        x = x if first else x.swapaxes(0, 1)
        if node.given("P") is not None:
            raise Unsaid("an lstm that looks at its cells through peepholes")
        weights, units = _weights(node, word), node.get("hidden_size")
        directions = len(node["W"])
        line = (
            f"{word} {units}"
            + {"forward": "", "reverse": " reverse", "bidirectional": " bidirectional"}[node.get("direction")]
        )
        if word == "gru":
            line += " reset=after" if node.get("linear_before_reset") else " reset=before"
        made: Outputs = []
        if "Y" in node.outputs:
            y = layer(line, x, weights=weights)  # (N, T, directions * units)
            y = y.reshape(*y.shape[:2], directions, units)
            made.append(y if first else y.transpose(1, 2, 0, 3))
        if "Y_h" in node.outputs:
            h = layer(f"{line} last", x, weights=weights).reshape(len(x), directions, units)
            made.append(h if first else h.swapaxes(0, 1))
        if "Y_c" in node.outputs:
            _, cells = np.split(final_state(line, x, weights), 2, axis=1)
            cells = cells.reshape(len(x), directions, units)
            made.append(cells if first else cells.swapaxes(0, 1))
        return made

    return adapter


def _weights(node: Node, word: str) -> Weights:
    w, r, b = node["W"], node["R"], node.given("B")
    b = np.zeros((len(w), 2 * w.shape[1]), w.dtype) if b is None else b
    found = {}
    for suffix, *parts in zip(("", "_reverse"), w, r, *np.split(b, 2, axis=1), strict=False):
        for name, part in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), parts, strict=True):
            gates = np.split(part, len(GATES[word]))
            found[f"{name}_l0{suffix}"] = np.concatenate([gates[place] for place in GATES[word]])
    return found


REFUSED: Final = {
    "attn_mask": "attention with a mask other than `causal` and `lengths`",
    "past_key": "attention to keys and values that another run has left, which `generate:` alone has",
}
SWITCHES: Final = {
    "softcap": (0.0, "attention with a soft cap on its scores"),
    "left_window_size": (-1, "attention to a window of steps"),
    "right_window_size": (-1, "attention to a window of steps"),
}


def attention(node: Node) -> Outputs:
    """`attention over`: the keys and the values, side by side, are the sequence that it looks at."""
    parts = [_steps(node, name) for name in "QKV"]
    for name, reason in REFUSED.items():
        if node.given(name) is not None:
            raise Unsaid(reason)
    for attribute, (nothing, reason) in SWITCHES.items():
        if node.get(attribute, nothing) != nothing:
            raise Unsaid(reason)
    node.skip("qk_matmul_output_mode", "softmax_precision")
    (query, heads), (key, others), (value, _) = parts
    size, width = query.shape[2] // heads, value.shape[2] // others
    scale = node.get("scale")
    factor = 1.0 if scale is None else scale * size**0.5
    weights = {
        "query.weight": np.eye(heads * size) * factor,
        "key.weight": np.pad(_spread(heads, others, size), ((0, 0), (0, value.shape[2]))),
        "value.weight": np.pad(_spread(heads, others, width), ((0, 0), (key.shape[2], 0))),
        "out.weight": np.eye(heads * width),
    }
    memory = np.concatenate([key, value], axis=2)
    line = f"attention {heads * width} heads={heads} over a key={size} value={width} nobias"
    line += " causal" * bool(node.get("is_causal"))
    if "nonpad_kv_seqlen" in node.inputs and node.get("is_causal"):
        raise Unsaid("attention that is causal from the end of each example on")
    y = layer(line, query, memory, weights=weights)
    y = y if node["Q"].ndim == 3 else y.reshape(*y.shape[:2], heads, width).swapaxes(1, 2)
    return [y, *[None] * (len(node.outputs) - 1)]


def _steps(node: Node, name: str) -> tuple[Array, int]:
    """Queries, keys or values as a sequence, all heads side by side, and the number of these."""
    x = node[name]
    heads: Any = node.get("q_num_heads" if name == "Q" else "kv_num_heads")
    if x.ndim == 3:
        return x, heads
    n, heads, steps, size = x.shape
    return x.swapaxes(1, 2).reshape(n, steps, heads * size), heads


def _spread(heads: int, others: int, size: int) -> Array:
    """The dense layer that hands each of `others` heads to as many of `heads` that lie side by side."""
    return np.kron(np.repeat(np.eye(others), heads // others, axis=0), np.eye(size))
