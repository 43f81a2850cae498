"""Losses and optimisers: a setting of `train:` instead of a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

import netspec
from netspec.ir.training import LEFT_OUT

from .cases import Array, Node
from .layers import Unsaid, number

Outputs = list[Array | None]

MANY: Final = 10**9
"""Steps after which the correction of a mean for its start at 0 is none."""
DOWN: Final = 40.0
"""What is taken off numbers up to 1, so that they are logarithms of probabilities with a sum of 1e-16."""


def softmax_crossentropy(node: Node) -> Outputs:
    """ONNX gives the logarithms of the probabilities with it."""
    scores, found = node["scores"], []
    found.append(_loss(node, scores, node["labels"], 0.0))
    if "log_prob" in node.outputs:
        rows = np.moveaxis(scores, 1, -1)
        flat = rows.reshape(-1, rows.shape[-1])
        predicted = netspec.compile(netspec.parse(f"input {flat.shape[1]}; softmax"), "numpy").predict(flat)
        found.append(np.moveaxis(np.log(predicted).reshape(rows.shape), -1, 1))
    return [*found]


def negative_log_likelihood(node: Node) -> Outputs:
    """The crossentropy of probabilities by their logarithms, which are completed to probabilities.

    The numbers of the cases are logarithms of nothing, as they are above 0.  Moved down they are those of
    probabilities, and a class more has the rest of it, very nearly 1; every term is larger by what they were moved.
    """
    x = node["input"].astype(np.float64) - DOWN
    completed = np.concatenate([x, np.zeros_like(x[:, :1])], axis=1)
    return [_loss(node, completed, node["target"], DOWN)]


def _loss(node: Node, scores: Array, labels: Array, moved: float) -> Array:
    """The crossentropy at each place, their sum or mean.

    Here the mean is over the places, in ONNX over their weights.
    """
    weights, reduction = (
        node.given("weights" if "weights" in node.inputs else "weight"),
        node.get("reduction"),
    )
    classes = scores.shape[1]
    flat, ignored = np.moveaxis(scores, 1, -1).reshape(-1, classes), node.get("ignore_index")
    numbers = [1.0] * classes if weights is None else [*map(float, weights)]
    numbers += [1.0] * (classes - len(numbers))
    options = "" if weights is None else f" weights={','.join(map(number, numbers))}"
    net = netspec.parse(f"input {classes}\nsoftmax\n\ntrain:\n    loss crossentropy{options}\n")
    program = netspec.compile(net, "numpy", dtype=str(scores.dtype))
    assert net.training is not None
    program.begin(net.training)
    inside = labels.ravel() != (LEFT_OUT if ignored is None else ignored)
    targets = np.where(inside, labels.ravel(), LEFT_OUT)
    counts = np.where(inside, np.array(numbers)[targets], 0.0)
    extra = counts * moved

    def mean(places: slice) -> float:
        ((loss,), _) = program.evaluate(flat[places], targets[places])
        return loss

    if reduction == "none":
        found = np.array([mean(slice(place, place + 1)) for place in range(len(flat))]) - extra
        return found.reshape(labels.shape).astype(np.float32)
    total = mean(slice(None)) * max(int(inside.sum()), 1) - extra.sum()
    return np.float32(total if reduction == "sum" else total / counts.sum())[()]


def optimizer(
    state: dict[str, str], line: Callable[[Node], str], *, corrected: bool = False
) -> Callable[[Node], Outputs]:
    """The adapter of an optimiser, whose state has ONNX's names for some of its own.

    A network whose output is its weight times the input, of which the loss is the mean, has the input for its gradient.
    `corrected` says that a mean is corrected for its start, which ONNX leaves out at step 0.
    """

    def adapter(node: Node) -> Outputs:
        rate, step, tensors = float(node["R"]), int(node["T"]), node.all("inputs")
        assert step == 0, "a first step"
        text = f"optimizer {line(node)}"
        rate /= 1 + step * node.get("decay_factor", 0.0)
        penalty = node.get("norm_coefficient")
        if node.get("norm_coefficient_post", 0.0):
            raise Unsaid("weights made smaller after the step")
        count = len(tensors) // (2 + len(state))
        groups = [tensors[start::count] for start in range(count)]
        found = [
            _step(text, rate, penalty, dict(zip(state, states, strict=True)), x, g, MANY if corrected else 0)
            for x, g, *states in groups
        ]
        return [made[place] for place in range(1 + len(state)) for made in found]

    return adapter


def _step(
    text: str, rate: float, penalty: float, states: dict[str, Array], x: Array, g: Array, count: int
) -> list[Array]:
    """The weight and the states after one step."""
    settings = f"train:\n    loss mean\n    {text}\n    regularize l2={number(penalty)}\n"
    net = netspec.parse(f"input {x.size}\ndense 1 nobias as y\n\n{settings}")
    program = netspec.compile(net, "numpy", parameters={"y.weight": x.reshape(1, -1)})
    assert net.training is not None
    program.begin(net.training)
    memory: dict[str, Any] = program.memory()
    memory |= {f"optimizer.{name}": value.ravel() for name, value in states.items()}
    memory["optimizer.count"] = np.array(count)
    program.recall(memory)
    program.train_step(g.reshape(1, -1), np.zeros((1, 1), np.float32), rate)
    after = program.memory()
    kept = [after[f"optimizer.{name}"].reshape(x.shape) for name in states]
    return [program.parameters()["y.weight"].reshape(x.shape), *kept]
