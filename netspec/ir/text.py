"""A network back in the language, one core layer a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netspec.ir.layer import Layer, Operation
from netspec.ir.net import Net
from netspec.ir.training import line_of


def to_text(net: Net) -> str:
    """The network in the language, one core layer a line; reading it gives an equal network."""
    lines: list[str] = []
    for network in net.networks:
        inside = _lines(net, net.layers_of(network.name), f"{network.name}_")
        lines += [*([""] if lines else []), f"network {network.name}:", *(f"    {line}" for line in inside)]
    if not net.networks:
        lines = _lines(net, net.layers)
    if net.named_outputs:
        lines.append("output " + " ".join(net.named_outputs))
    updates, make = net.said
    if net.training is not None:
        lines += ["", "train:"]
        for name, use in net.training.settings.items():
            text = line_of(name, use)
            if name == "data" and net.training.fallback is not None:
                text += f" else {net.training.fallback.written()}"
            lines.append(f"    {text}")
        lines += [f"    {update}" for update in updates]
    if net.generation is not None:
        uses = [use.written() for use in net.generation.lines.values()]
        lines += ["", "generate:", *(f"    {line}" for line in uses + [f"make {make}"] * bool(make))]
    return "\n".join(lines) + "\n"


def _lines(net: Net, layers: Sequence[Layer], prefix: str = "") -> list[str]:
    """A line for each layer, its names without what those of its network begin with."""
    lines = []
    counts: dict[str, int] = {}
    flattened: dict[str, str] = {}
    above = ""
    for layer in layers:
        read = [flattened.get(each, each) for each in layer.inputs]
        name, inputs = layer.name.removeprefix(prefix), [each.removeprefix(prefix) for each in read]
        if prefix and not inputs:
            lines.append(layer.operation.written())
            above = name
            continue
        counts[layer.word] = counts.get(layer.word, 0) + 1
        if _is_implicit(net, layer):
            counts[layer.word] -= 1
            flattened[layer.name] = read[0]
            continue
        parts = [_within(layer.operation, prefix).written(), *(["frozen"] if _says_frozen(layer) else [])]
        inputs = inputs[: len(inputs) - len(layer.operation.references())]
        if layer.shares:
            parts.append(f"weights={layer.shares.removeprefix(prefix)}")
        if inputs and (inputs[0] != above or len(inputs) > 1):
            parts.append("from " + ", ".join(inputs))
        if name != f"{layer.word}{counts[layer.word]}":
            parts.append(f"as {name}")
        lines.append(" ".join(parts))
        above = name
    return lines


def _within(operation: Operation, prefix: str) -> Operation:
    """An operation that names layers as they are called inside their network."""
    named = {each.name: getattr(operation, each.name) for each in operation.lookup().references if prefix}
    own = {name: value.removeprefix(prefix) for name, value in named.items() if isinstance(value, str)}
    return replace(operation, **own) if own else operation


def _says_frozen(layer: Layer) -> bool:
    """A further use of a layer is frozen because that one is."""
    return layer.frozen and not layer.shares


def _is_implicit(net: Net, layer: Layer) -> bool:
    """A flatten that the compiler put in, which reading the text puts in again."""
    return any(
        reader.inputs == (layer.name,) and layer.name == f"flatten_{reader.name}" for reader in net.layers
    )
