"""The source of a network's module: named submodules, one straight line of calls, shapes as comments."""

from __future__ import annotations

import keyword
from typing import Any

import torch

from netspec.backends.torch.code import Code, Site, rules
from netspec.ir.layer import Layer
from netspec.ir.net import Net

HEADER = """import torch
from torch import nn
from torch.nn import functional as F
"""
_TAKEN = frozenset(dir(torch.nn.Module())) | {"logits"}


def attribute(layer: str) -> str:
    """The attribute that holds a layer's submodule: its name, but for names that Python or `nn.Module` has taken."""
    return f"{layer}_" if keyword.iskeyword(layer) or layer in _TAKEN else layer


def class_name(net: Net) -> str:
    """The name of a network in CamelCase: `lecture_cnn` is `LectureCnn`."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in net.name).split()
    name = "".join(word[0].upper() + word[1:] for word in words) or "Net"
    return name if name[0].isalpha() else f"Net{name}"


def module_source(net: Net) -> str:
    """The source of one file with one class.

    `forward` gives what the network predicts.  Where the output is a softmax or sigmoid, `logits` is the network
    without it, which is what losses take.
    """
    codes = {layer.name: _code(net, layer) for layer in net.layers if layer.inputs}
    modules = [
        f"        self.{attribute(name)} = {code.module}" for name, code in codes.items() if code.module
    ]
    output = net.outputs[-1]
    body = [layer for layer in net.layers if layer.inputs]
    fused = output.word in ("softmax", "sigmoid")
    lines = [
        HEADER,
        "",
        f"class {class_name(net)}(nn.Module):",
        f'    """{net.name}: {net.inputs[0].shape} to {output.shape}, {net.parameter_count:,} parameters.',
        "",
        f"    Reads batches {_batch(net.inputs[0])}, gives {_batch(output)}.",
        '    """',
        "",
    ]
    if modules:
        lines += ["    def __init__(self):", "        super().__init__()", *modules, ""]
    if fused:
        lines += ["    def logits(self, x):", *_forward(net, body[:-1], codes), ""]
        final = codes[output.name].lines[0].format(x="self.logits(x)", y="", module="").removeprefix(" = ")
        lines += ["    def forward(self, x):", f"        return {final}"]
    else:
        lines += ["    def forward(self, x):", *_forward(net, body, codes)]
    return "\n".join(lines) + "\n"


def _code(net: Net, layer: Layer) -> Code:
    site: Site[Any] = Site(layer.operation, tuple(net.shapes_into(layer)), layer.shape)
    code: Code = rules.find(type(layer.operation))(site)
    return code


def _forward(net: Net, body: list[Layer], codes: dict[str, Code]) -> list[str]:
    """The lines of a forward pass.  In a chain every value is `x`; elsewhere values bear their layer's name."""
    chain = all(layer.inputs == (before.name,) for before, layer in zip(net.layers, body, strict=False))
    names = {layer.name: "x" if chain or not layer.inputs else f"{layer.name}_" for layer in net.layers}
    lines = []
    for layer in body:
        code = codes[layer.name]
        values = {"x": names[layer.inputs[0]], "y": names[layer.name], "module": f"self.{attribute(layer.name)}"}
        texts = [line.format(**values) for line in code.lines]
        texts[-1] = f"{texts[-1]}  # {layer.shape}"
        lines += [f"        {text}" for text in texts if not text.startswith("x = x  #")]
    result = names[body[-1].name] if body else "x"
    return [*lines, f"        return {result}"]


def _batch(layer: Layer) -> str:
    letters = {1: "(N, F)", 2: "(N, T, F)", 3: "(N, C, H, W)", 4: "(N, T, C, H, W)"}
    dims = ", ".join(str(dim) for dim in layer.shape.channels_first)
    name = "(N, T)" if layer.shape.of is not None else letters.get(len(layer.shape.dims), "(N, ...)")
    return f"{name} = (N, {dims})"
