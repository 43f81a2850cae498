"""Layers that join, scale, turn or pick numbers: normalisation, dense layers, activations, joins, shapes.

Which axis is the batch is the adapter's choice, as the language writes shapes without it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from netspec.backends import channels_last

from .cases import Array, Node
from .layers import Unsaid, as_batch, in_training, layer, number

Outputs = list[Array | None]


def activation(line: str, attribute: str = "") -> Callable[[Node], Outputs]:
    """The adapter of a function entry by entry, whose attribute is the layer's argument."""

    def adapter(node: Node) -> Outputs:
        x = node.all("X")[0] if "X" in node.inputs else node["input"]
        text = f"{line} {number(node.get(attribute))}" if attribute else line
        return [layer(text, as_batch(x)).reshape(x.shape)]

    return adapter


def gelu(node: Node) -> Outputs:
    return activation("gelu approximate" if node.get("approximate") == "tanh" else "gelu")(node)


def constant(line: str, **values: float) -> Callable[[Node], Outputs]:
    """The adapter of a function that has numbers in ONNX where it has these and no others in the language."""

    def adapter(node: Node) -> Outputs:
        for attribute, wanted in values.items():
            if not np.isclose(node.get(attribute), wanted, rtol=1e-6):
                raise Unsaid(f"`{line}` with another {attribute} than {wanted:.5g}")
        return activation(line)(node)

    return adapter


def unknown(function: str) -> Callable[[Node], Outputs]:
    """The adapter of an operator that has no layer."""

    def adapter(node: Node) -> Outputs:
        raise Unsaid(function)

    return adapter


def prelu(node: Node) -> Outputs:
    """A slope a channel: slopes for each entry are those of one example that has them for channels."""
    x, slope = node["X"], node["slope"]
    if slope.shape == x.shape:
        return [layer("prelu", x.reshape(1, -1), weights={"weight": slope.ravel()}).reshape(x.shape)]
    return [layer("prelu", x, weights={"weight": slope})]


# --- normalisation


def batch_norm(node: Node) -> Outputs:
    """ONNX has the share of the past for `momentum`, and lets the biased variance run, PyTorch the unbiased one."""
    x = node["X"]
    weights = {
        "weight": node["scale"],
        "bias": node["B"],
        "running_mean": node["input_mean"],
        "running_var": node["input_var"],
    }
    past = node.get("momentum")
    line = f"batchnorm eps={number(node.get('epsilon'))} momentum={number(1 - past)}"
    if not node.get("training_mode"):
        return [layer(line, x, weights=weights)]
    y, after = in_training(line, x, weights)
    count = x.size // x.shape[1]
    kept = past * node["input_var"]
    return [y, after["running_mean"], kept + (after["running_var"] - kept) * ((count - 1) / count)]


def over_last_axes(word: str) -> Callable[[Node], Outputs]:
    """The adapter of a layer that works on the last axis: all axes from `axis` on are made one."""

    def adapter(node: Node) -> Outputs:
        x, scale = node["X"], node["Scale" if word == "layernorm" else "scale"]
        node.skip("stash_type")
        first = node.get("axis") % x.ndim
        weights = {"weight": scale.ravel()}
        if word == "layernorm":
            weights["bias"] = node["B"].ravel()
        rows = x.reshape(-1, prod(x.shape[first:]))
        y = layer(f"{word} eps={number(node.get('epsilon'))}", rows, weights=weights).reshape(x.shape)
        return [y, *[None] * (len(node.outputs) - 1)]

    return adapter


def group_norm(node: Node) -> Outputs:
    node.skip("stash_type")
    weights = {"weight": node["scale"], "bias": node["bias"]}
    return [
        layer(
            f"groupnorm {node.get('num_groups')} eps={number(node.get('epsilon'))}",
            node["X"],
            weights=weights,
        )
    ]


def instance_norm(node: Node) -> Outputs:
    """As many groups as channels."""
    x, weights = node["input"], {"weight": node["scale"], "bias": node["B"]}
    return [layer(f"groupnorm {x.shape[1]} eps={number(node.get('epsilon'))}", x, weights=weights)]


def lrn(node: Node) -> Outputs:
    names = {"alpha": "alpha", "beta": "beta", "k": "bias"}
    options = " ".join(f"{name}={number(node.get(attribute))}" for name, attribute in names.items())
    return [layer(f"lrn {node.get('size')} {options}", node["X"])]


# --- dense layers


def gemm(node: Node) -> Outputs:
    """Alpha and beta are taken into weight and bias."""
    a, b, c = node["A"], node["B"], node.given("C")
    a, b = (each.T if node.get(name) else each for each, name in ((a, "transA"), (b, "transB")))
    units = b.shape[1]
    weights, beta = {"weight": node.get("alpha") * b.T}, node.get("beta")
    if c is None:
        return [layer(f"dense {units} nobias", a, weights=weights)]
    if c.ndim == 2 and len(c) > 1:
        raise Unsaid("a bias for each example of a batch")
    weights["bias"] = np.broadcast_to(beta * c.ravel(), (units,))
    return [layer(f"dense {units}", a, weights=weights)]


def matmul(node: Node) -> Outputs:
    """The factor that is one matrix, or one vector, holds the weights; the other is the batch."""
    a, b = node["A"], node["B"]
    if b.ndim <= 2:
        weight = b.reshape(len(b), -1).T
        y = layer(f"dense {len(weight)} nobias", a.reshape(-1, len(b)), weights={"weight": weight})
        return [y.reshape((*a.shape[:-1], *b.shape[1:]))]
    if a.ndim == 1:
        turned = b.swapaxes(-1, -2)
        y = layer("dense 1 nobias", turned.reshape(-1, len(a)), weights={"weight": a[None]})
        return [y.reshape(turned.shape[:-1])]
    raise Unsaid("the product of two results, a matrix for each example")


def dropout(node: Node) -> Outputs:
    """The mask is no result of the layer."""
    x, ratio = node["data" if "data" in node.inputs else "input"], node.given("ratio")
    node.skip("seed")
    share = float(node.get("ratio", 0.5)) if ratio is None else float(ratio)
    trains = node.given("training_mode")
    aside = [None] * (len(node.outputs) - 1)
    if trains is None or not trains:
        return [layer(f"dropout {number(share)}", as_batch(x)).reshape(x.shape), *aside]
    if share:
        raise Unsaid("draws of another generator, the old one of NumPy from the seed 0")
    y, _ = in_training("dropout 0", x)
    return [y, *aside]


# --- joins and shapes


def join(word: str) -> Callable[[Node], Outputs]:
    """The adapter of `add`, `mul` or `mean`; a vector that spreads is the same in every example."""

    def adapter(node: Node) -> Outputs:
        inputs = node.all("data_0") or [node["A"], node["B"]]
        shape = inputs[0].shape
        if len(inputs) == 1:
            raise Unsaid("a join of one result")
        terms = [
            as_batch(each) if each.shape == shape else np.broadcast_to(each, (shape[0], *each.shape))
            for each in inputs
        ]
        *others, last = terms
        names = " ".join("abcdefgh"[: len(others)])
        return [layer(f"{word} x {names}", last, *others).reshape(shape)]

    return adapter


def concat(node: Node) -> Outputs:
    """Side by side along the last axis, which the axis of the node is made."""
    axis = node.get("axis")
    *others, last = (as_batch(np.moveaxis(each, axis, -1)) for each in node.all("inputs"))
    names = " ".join("abcdefgh"[: len(others)])
    y = channels_last(layer(f"concat {names} x", channels_first_of(last), *map(channels_first_of, others)))
    rank = node.all("inputs")[0].ndim
    return [np.moveaxis(y.reshape(y.shape[-rank:]), -1, axis)]


def channels_first_of(array: Array) -> Array:
    """An array whose last axis is that of channels, as backends hold it."""
    return np.moveaxis(array, -1, -3) if array.ndim >= 4 else array


def softmax(node: Node) -> Outputs:
    """Over the last axis, which the axis of the node is made."""
    x, axis = node["input"], node.get("axis")
    return [np.moveaxis(layer("softmax", np.moveaxis(x, axis, -1)), -1, axis)]


def flatten(node: Node) -> Outputs:
    """The axes before `axis` are the batch."""
    x = node["input"]
    first = node.get("axis") % x.ndim
    return [layer("flatten", x.reshape(-1, *x.shape[first:]))]


def reshape(node: Node) -> Outputs:
    """The whole array is one example; 0 is the axis as it was and -1 what is left over."""
    x, dims = node["data"], list(node["shape"])
    if not node.get("allowzero"):
        dims = [x.shape[place] if dim == 0 else dim for place, dim in enumerate(dims)]
    rest = x.size // max(abs(prod(int(dim) for dim in dims)), 1)
    shape = tuple(rest if dim == -1 else int(dim) for dim in dims)
    if not x.size:
        raise Unsaid("an array without entries")
    text = "x".join(map(str, channels_last(np.empty((1, *shape))).shape[1:]))
    return [layer(f"reshape {text}", x[None])[0]]


def gather(node: Node) -> Outputs:
    """`embed`, whose table has a vector for each place along the axis."""
    data, indices, axis = node["data"], node["indices"], node.get("axis")
    if (indices < 0).any():
        raise Unsaid("integers that are counted from the end")
    table = np.moveaxis(data, axis, 0)
    rows = table.reshape(len(table), -1)
    y = layer(f"embed {rows.shape[1]}", as_batch(indices), weights={"weight": rows}, of=len(rows))
    found = y.reshape(*indices.shape, *table.shape[1:])
    places = range(indices.ndim)
    return [np.moveaxis(found, places, [axis + place for place in places])]
