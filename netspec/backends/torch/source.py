"""The source of a network's module: named submodules, one straight line of calls, shapes as comments.

It depends on the layers alone, not on how they were written: a network from a JSON document gives the same text.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from netspec.backends.torch.code import Code, Site, rules
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.layers.output import Probability

WIDTH: Final = 80
"""Longest expression that a following function is written around."""
_TAKEN = frozenset(dir(torch.nn.Module())) | {"logits"}
_AXES = {1: "(N, F)", 2: "(N, T, F)", 3: "(N, C, H, W)", 4: "(N, T, C, H, W)"}


def class_name(net: Net) -> str:
    """The name of a network in CamelCase: `lecture_cnn` is `LectureCnn`."""
    words = re.findall("[A-Za-z0-9]+", net.name)
    name = "".join(word[0].upper() + word[1:] for word in words)
    unusable = not name or name[0].isdigit() or name == "F" or keyword.iskeyword(name)
    return f"Net{name}" if unusable else name


def attributes(net: Net) -> dict[str, str]:
    """The attribute that holds a layer's submodule, for every layer.

    It is the layer's name, with an underscore after it where Python or `nn.Module` has taken that.
    """
    found: dict[str, str] = {}
    taken = set(_TAKEN)
    for layer in net.layers:
        # two underscores in front would have Python add the class's name
        name = f"layer{layer.name}" if layer.name.startswith("__") else layer.name
        while name in taken or keyword.iskeyword(name):
            name += "_"
        taken.add(name)
        found[layer.name] = name
    return found


def codes(net: Net) -> dict[str, Code]:
    """What the rules say to every layer but the inputs."""
    return {layer.name: _code(net, layer) for layer in net.layers if layer.inputs}


def _code(net: Net, layer: Layer) -> Code:
    site: Site[Any] = Site(layer.operation, tuple(net.shapes_into(layer)), layer.shape)
    code: Code = rules.find(type(layer.operation))(site)
    return code


def is_fused(net: Net) -> bool:
    """The output is a probability, so that the module has `logits`, the network without it, which losses take."""
    return isinstance(net.outputs[-1].operation, Probability)


def output_expression(net: Net, x: str) -> str:
    """The last layer's result as an expression of its input `x`."""
    output = net.outputs[-1]
    return _Forward(net, {output.name: _code(net, output)}).result(output, x)


def module_source(net: Net) -> str:
    """The source of one file with one class.

    `forward` gives what the network predicts; `logits`, where there is one, is the network without its last function.
    """
    code = codes(net)
    methods = "\n".join(_methods(net, code))
    helpers = dict.fromkeys(helper for each in code.values() for helper in each.helpers)
    imports = ["import torch"] * bool(re.search(r"\btorch\.", methods)) + ["from torch import nn"]
    imports += ["from torch.nn import functional as F"] * bool(re.search(r"\bF\.", methods))
    head = [f"class {class_name(net)}(nn.Module):", *_docstring(net)]
    return "\n".join([*imports, "", "", *(f"{helper}\n\n" for helper in helpers), *head, "", methods, ""])


def _methods(net: Net, code: dict[str, Code]) -> list[str]:
    names = attributes(net)
    modules = [f"        self.{names[name]} = {each.module}" for name, each in code.items() if each.module]
    body = [layer for layer in net.layers if layer.inputs]
    forward = _Forward(net, code)
    lines = ["    def __init__(self):", "        super().__init__()", *modules, ""] if modules else []
    if is_fused(net):
        lines += ["    def logits(self, x):", *forward.lines(body[:-1]), ""]
        probabilities = forward.result(body[-1], "self.logits(x)")
        return [*lines, "    def forward(self, x):", f"        return {probabilities}"]
    return [*lines, "    def forward(self, x):", *forward.lines(body)]


def _docstring(net: Net) -> list[str]:
    (given, *_), output = net.inputs, net.outputs[-1]
    title = re.sub(r"[^\w .+-]", "_", net.name)  # a file's name may hold anything
    gives = "probabilities" if is_fused(net) else "results"
    reads = "integers" if given.shape.of is not None else "batches"
    losses = " Losses take `logits`." if is_fused(net) else ""
    lines = [
        f'    """{title}: {given.shape} to {output.shape}, {net.parameter_count:,} parameters.',
        "",
        f"    Reads {reads} {batch(given)}, gives {gives} {batch(output)}.{losses}",
    ]
    if net.parameters:
        lines.append('    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.')
        lines += [
            f"    There, the weights of `{new}` are called `{old}`." for old, new in renamed(net).items()
        ]
    return [*lines, '    """']


def renamed(net: Net) -> dict[str, str]:
    """Layers with parameters whose attribute could not bear their name, and the attribute."""
    names = attributes(net)
    holders = dict.fromkeys(name.rpartition(".")[0] for name in net.parameters)
    return {layer: names[layer] for layer in holders if names[layer] != layer}


def batch(layer: Layer) -> str:
    """The axes of a batch of a layer's results, with their sizes: `(N, C, H, W) = (N, 1, 28, 28)`."""
    sizes = ", ".join(["N", *map(str, layer.shape.channels_first)])
    axes = _AXES.get(len(layer.shape.dims)) if layer.shape.of is None else None
    return f"{axes} = ({sizes})" if axes else f"({sizes})"


@dataclass
class _Statement:
    """A layer's lines, the last one apart: `target = expression  # shape`."""

    layer: Layer
    before: list[str]
    target: str
    expression: str
    is_call: bool
    """Nothing binds more tightly than the expression: it can stand where a name can."""


class _Forward:
    """Writes the body of a forward pass.

    In a chain every value is `x`; elsewhere values bear their layer's name.  A function is written around the call
    that it follows: `x = F.relu(self.conv1(x))`.
    """

    def __init__(self, net: Net, code: dict[str, Code]) -> None:
        self.code = code
        self.modules = {name: f"self.{attribute}" for name, attribute in attributes(net).items()}
        chain = all(len(layer.inputs) < 2 for layer in net) and len(net.inputs) == len(net.outputs) == 1
        self.values = {layer.name: "x" if chain or not layer.inputs else f"{layer.name}_" for layer in net}
        self.readers = Counter(name for layer in net for name in layer.inputs)

    def lines(self, body: Sequence[Layer]) -> list[str]:
        """The lines from the first layer's input to `return`."""
        statements = self._statements(body)
        lines = []
        for statement in statements:
            line = f"{statement.target} = {statement.expression}  # {statement.layer.shape}"
            lines += [*statement.before, line]
        result = self.values[body[-1].name] if body else "x"
        if statements and statements[-1].target == result:
            lines[-1] = "return" + lines[-1].removeprefix(f"{result} =")
        else:
            lines.append(f"return {result}")
        return [f"        {line}" for line in lines]

    def result(self, layer: Layer, x: str) -> str:
        """The result of a layer of one expression, as an expression of the input `x`."""
        (line,) = self.code[layer.name].lines
        return line.format(x=x, y="", module=self.modules[layer.name]).removeprefix(" = ")

    def _statements(self, body: Sequence[Layer]) -> list[_Statement]:
        statements: list[_Statement] = []
        for layer in body:
            code = self.code[layer.name]
            x, y = self.values[layer.inputs[0]], self.values[layer.name]
            if code.lines == ("{y} = {x}",):
                self.values[layer.name] = x
            elif not (statements and code.follows and self._joins(statements[-1], layer)):
                texts = [line.format(x=x, y=y, module=self.modules[layer.name]) for line in code.lines]
                target, _, expression = texts[-1].partition(" = ")
                is_call = target == y and bool(code.module or code.follows)
                statements.append(_Statement(layer, texts[:-1], target, expression, is_call))
        return statements

    def _joins(self, statement: _Statement, layer: Layer) -> bool:
        """Write a layer around the call that it follows, if that fits."""
        before = statement.layer.name
        if not statement.is_call or layer.inputs != (before,) or self.readers[before] > 1:
            return False
        expression = self.result(layer, statement.expression)
        if len(expression) > WIDTH:
            return False
        statement.layer, statement.target, statement.expression = layer, self.values[layer.name], expression
        return True
