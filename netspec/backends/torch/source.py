"""The source of a network's module: named submodules, one straight line of calls, shapes as comments.

It depends on the layers alone, not on how they were written: a network from a JSON document gives the same text.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch

from netspec.backends.rules import placed
from netspec.backends.torch.code import Code, Site, free, rules, supports
from netspec.backends.torch.forward import Forward
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.layers.output import Probability

_TAKEN = frozenset(dir(torch.nn.Module())) | {"logits"}
_AXES: Final = {1: "(N, F)", 2: "(N, T, F)", 3: "(N, C, H, W)", 4: "(N, T, C, H, W)"}


def class_name(net: Net) -> str:
    """The name of a network in CamelCase: `lecture_cnn` is `LectureCnn`."""
    words = re.findall("[A-Za-z0-9]+", net.name)
    name = "".join(word[0].upper() + word[1:] for word in words)
    taken = {"F", *supports(codes(net).values())}
    unusable = not name or name[0].isdigit() or name in taken or keyword.iskeyword(name)
    return f"Net{name}" if unusable else name


def attributes(net: Net) -> dict[str, str]:
    """The attribute that holds a layer's submodule, for every layer.

    It is the layer's name, with an underscore after it where Python or `nn.Module` has taken that.
    """
    found: dict[str, str] = {}
    taken = set(_TAKEN)
    for layer in net.layers:
        found[layer.name] = free(layer.name, taken)
        taken.add(found[layer.name])
    return found


def codes(net: Net) -> dict[str, Code]:
    """What the rules say to every layer but the inputs."""
    read, uses = {name for layer in net.layers for name in layer.inputs}, _uses(net)
    return {layer.name: _code(net, layer, read, uses) for layer in net.layers if layer.inputs}


def _uses(net: Net) -> dict[str, frozenset[tuple[Shape, ...]]]:
    """What is read by all uses of the layers whose weights are used several times, by their names."""
    uses: dict[str, set[tuple[Shape, ...]]] = {}
    for layer in net.layers:
        if layer.shares:
            own = tuple(net.shapes_into(net.by_name[layer.shares]))
            uses.setdefault(layer.shares, {own}).add(tuple(net.shapes_into(layer)))
    return {name: frozenset(shapes) for name, shapes in uses.items()}


def _code(net: Net, layer: Layer, read: set[str], uses: Mapping[str, frozenset[tuple[Shape, ...]]]) -> Code:
    inputs, operation = tuple(net.shapes_into(layer)), layer.operation
    extras = frozenset(name for name in operation.extras(inputs) if f"{layer.name}.{name}" in read)
    weights = net.weights_of(layer)
    borrowed = {name: weights[name].transposed for name in operation.borrows(inputs)}
    several = uses.get(layer.shares or layer.name, frozenset())
    site: Site[Any] = Site(operation, inputs, layer.shape, extras, borrowed, several)
    with placed(layer):
        code: Code = rules.find(type(operation))(site)
    return code


def modules(net: Net) -> dict[str, str]:
    """The submodule of every layer as an expression; a further use of a layer has that one's."""
    names = attributes(net)
    return {layer.name: f"self.{names[layer.shares or layer.name]}" for layer in net.layers}


def weights(net: Net, layer: Layer) -> dict[str, str]:
    """The weights of other layers that a layer uses, as expressions by its own names for them."""
    if not layer.inputs:
        return {}
    names, used = attributes(net), net.weights_of(layer)
    borrowed = layer.operation.borrows(net.shapes_into(layer))
    split = {name: used[name].name.partition(".") for name in borrowed}
    return {name: f"self.{names[owner]}.{short}" for name, (owner, _, short) in split.items()}


def fused(net: Net) -> list[Layer]:
    """The outputs that are probabilities; where there are some, the module has `logits`.

    These are the outputs with what such a function reads in the place of its result, for losses that take it in.
    """
    return [layer for layer in net.outputs if isinstance(layer.operation, Probability)]


def function_of(net: Net, output: Layer, x: str) -> str:
    """The result of an output that is fused as an expression of its input `x`."""
    (line,) = _code(net, output, set(), {}).lines
    return line.format(x=x, y="", module="").removeprefix(" = ")


def module_source(net: Net) -> str:
    """The source of one file with one class, below the classes that it needs.

    `forward` gives what the network predicts; `logits`, where there is one, is the network without the functions that
    make probabilities of its outputs.
    """
    code = codes(net)
    methods = "\n".join(_methods(net, code))
    support = "".join(f"\n\n{text}\n" for text in dict.fromkeys(supports(code.values()).values()))
    everything = support + methods
    imports = ["import torch"] * bool(re.search(r"\btorch\.", everything)) + ["from torch import nn"]
    imports += ["from torch.nn import functional as F"] * bool(re.search(r"\bF\.", everything))
    head = [f"class {class_name(net)}(nn.Module):", *_docstring(net)]
    return "\n".join([*imports, *support.splitlines(), "", "", *head, "", methods, ""])


def _methods(net: Net, code: dict[str, Code]) -> list[str]:
    functions = {layer.name: layer for layer in fused(net)}
    read = {name.partition(".")[0] for layer in net.layers for name in layer.inputs}
    apart = functions.keys() - read
    body = [layer for layer in net.layers if layer.inputs and layer.name not in apart]
    results = [layer.inputs[0] if layer.name in functions else layer.name for layer in net.outputs]
    given = {layer.name: weights(net, layer) for layer in net.layers}
    forward = Forward(net, code, modules(net), given, body, results)
    arguments = ", ".join(["self", *forward.arguments])
    lines = [
        *_init(net, code),
        *_train(net),
        f"    def {'logits' if functions else 'forward'}({arguments}):",
        *forward.lines(),
    ]
    if not functions:
        return lines
    lines += ["", f"    def forward({arguments}):"]
    raw = f"self.logits({', '.join(forward.arguments)})"
    if len(net.outputs) == 1:
        return [*lines, f"        return {function_of(net, net.outputs[0], raw)}"]
    names = _raw_names(net, forward)
    made = [
        function_of(net, layer, name) if layer.name in functions else name
        for layer, name in zip(net.outputs, names, strict=True)
    ]
    return [*lines, f"        {', '.join(names)} = {raw}", f"        return {', '.join(made)}"]


def _raw_names(net: Net, forward: Forward) -> list[str]:
    """The variables that hold what `logits` gives for the outputs; where one hands on another, it has its own."""
    names: list[str] = []
    for output in net.outputs:
        name = forward.values.get(output.name, "x")
        if output is net.outputs[-1] and isinstance(output.operation, Probability):
            name = "logits"
        names.append(forward.own(output.name) if name == "x" or name in names else name)
    return names


def _init(net: Net, code: dict[str, Code]) -> list[str]:
    """`__init__`: a submodule for every layer that has one of its own."""
    module_of = modules(net)
    lines = []
    for layer in net.layers:
        if layer.inputs and code[layer.name].module and not layer.shares:
            names = {"module": module_of[layer.name], **weights(net, layer)}
            lines.append(f"{names['module']} = {code[layer.name].module}")
            lines += [line.format(**names) for line in code[layer.name].setup]
            lines += _frozen(net, layer, names["module"])
    if not lines:
        return []
    body = [f"        {line}" for line in ("super().__init__()", *lines)]
    return ["    def __init__(self):", *body, ""]


def _frozen(net: Net, layer: Layer, module: str) -> list[str]:
    """What takes the parameters of a frozen layer from training, and leaves alone what it borrows."""
    own = [param.name for param in net.parameters_of(layer) if param.frozen]
    lines = [f"{module}.requires_grad_(False)"] * bool(own)
    if layer.operation.borrows(net.shapes_into(layer)):
        lines = [f"{module}.{name}.requires_grad_(False)" for name in own]
    return [*lines, f"{module}.eval()"] if layer.name in net.keeping_states else lines


def _train(net: Net) -> list[str]:
    """`train`, where running statistics are frozen: it leaves the modules with them as they predict."""
    module_of = modules(net)
    still = dict.fromkeys(module_of[layer.name] for layer in net.layers if layer.name in net.keeping_states)
    if not still:
        return []
    body = ["super().train(mode)", *(f"{module}.eval()  # frozen" for module in still), "return self"]
    return ["    def train(self, mode=True):", *(f"        {line}" for line in body), ""]


def _docstring(net: Net) -> list[str]:
    title = re.sub(r"[^\w .+-]", "_", net.name)  # a file's name may hold anything
    given, made = (_named(net, layers) for layers in (net.inputs, net.outputs))
    reads = "integers" if net.inputs[0].shape.of is not None else "batches"
    gives = "probabilities" if fused(net) else "results"
    losses = " Losses take `logits`." if fused(net) else ""
    shapes = [", ".join(str(layer.shape) for layer in layers) for layers in (net.inputs, net.outputs)]
    trained = f", {net.trained_count:,} of them trained" * (net.trained_count < net.parameter_count)
    lines = [f'    """{title}: {shapes[0]} to {shapes[1]}, {net.parameter_count:,} parameters{trained}.', ""]
    if len(net.inputs) == len(net.outputs) == 1:
        lines.append(f"    Reads {reads} {given[0]}, gives {gives} {made[0]}.{losses}")
    else:
        lines += [f"    Reads {each}" for each in given]
        lines += [f"    Gives {each}" for each in made]
        lines += [f"   {losses}"] * bool(losses)
    if net.parameters:
        among = ", strict=False" * bool(net.networks)  # the file has the weights of other networks too
        load = f'model.load_state_dict(safetensors.torch.load_file("best.safetensors"){among})'
        lines.append(f"    Weights: `{load}`.")
        lines += [
            f"    There, the weights of `{new}` are called `{old}`." for old, new in renamed(net).items()
        ]
        lines += [
            f"    `{copy}` is `{owner}`: the file has the latter alone." for copy, owner in tied(net).items()
        ]
    return [*lines, '    """']


def _named(net: Net, layers: Sequence[Layer]) -> list[str]:
    """The batches of some layers, with their names where there are several."""
    if len(net.inputs) == len(net.outputs) == 1:
        return [batch(layer) for layer in layers]
    return [f"{layer.name} {batch(layer)}{' of integers' * (layer.shape.of is not None)}" for layer in layers]


def renamed(net: Net) -> dict[str, str]:
    """Layers with parameters whose attribute could not bear their name, and the attribute."""
    names = attributes(net)
    holders = dict.fromkeys(name.partition(".")[0] for name in net.parameters)
    return {layer: names[layer] for layer in holders if names[layer] != layer}


def tied(net: Net) -> dict[str, str]:
    """The keys of a state dict that are further names of a weight, and the key of that weight."""
    code, found = codes(net), {}
    for layer in net.layers:
        if layer.inputs and not layer.shares:
            for name, expression in weights(net, layer).items():
                if code[layer.name].setup:
                    found[f"{attributes(net)[layer.name]}.{name}"] = expression.removeprefix("self.")
    return found


def batch(layer: Layer) -> str:
    """The axes of a batch of a layer's results, with their sizes: `(N, C, H, W) = (N, 1, 28, 28)`."""
    sizes = ", ".join(["N", *map(str, layer.shape.channels_first)])
    axes = _AXES.get(len(layer.shape.dims)) if layer.shape.of is None else None
    return f"{axes} = ({sizes})" if axes else f"({sizes})"
