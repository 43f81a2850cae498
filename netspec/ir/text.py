"""A network back in the language, one core layer a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netspec.ir.layer import Layer, Operation
from netspec.ir.net import Net
from netspec.ir.training import line_of
from netspec.ir.updates import input_name


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
    """A line for each layer, its names without what those of its network begin with.

    Inside a network, a line can call those layers alone that the text names.
    """
    lines: dict[str, str] = {}
    called, named = set[str](), set[str]()
    counts: dict[str, int] = {}
    flattened: dict[str, str] = {}
    above = ""
    for layer in layers:
        read = [flattened.get(each, each) for each in layer.inputs]
        name, inputs = layer.name.removeprefix(prefix), [each.removeprefix(prefix) for each in read]
        counts[layer.word] = number = counts.get(layer.word, 0) + 1
        if prefix and not inputs:
            lines[name] = layer.operation.written()
            if name != input_name(number):
                named.add(name)
            above = name
            continue
        if _is_implicit(net, layer):
            counts[layer.word] -= 1
            flattened[layer.name] = read[0]
            continue
        operation = _within(layer.operation, prefix)
        parts = [operation.written(), *(["frozen"] if _says_frozen(layer) else [])]
        inputs, referred = inputs[: len(inputs) - len(operation.references())], _referred(operation)
        if layer.shares:
            referred.append(layer.shares.removeprefix(prefix))
            parts.append(f"weights={referred[-1]}")
        if inputs and (inputs[0] != above or len(inputs) > 1):
            referred += inputs
            parts.append("from " + ", ".join(inputs))
        called.update(each.partition(".")[0] for each in referred)
        if name != f"{layer.word}{counts[layer.word]}":
            named.add(name)
        lines[name] = " ".join(parts)
        above = name
    named |= called if prefix else set()
    return [f"{line} as {name}" if name in named else line for name, line in lines.items()]


def _referred(operation: Operation) -> list[str]:
    """The results and layers that the arguments of an operation name."""
    found = (getattr(operation, each.name) for each in operation.lookup().references)
    return [each for each in found if isinstance(each, str)]


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
