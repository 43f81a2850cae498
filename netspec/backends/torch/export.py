"""A network as a single file of PyTorch that runs without netspec."""

from __future__ import annotations

import builtins
from typing import Final

from netspec.backends.torch.code import free, supports
from netspec.backends.torch.source import attributes, class_name, codes, module_source, renamed, tied
from netspec.ir.layer import Layer
from netspec.ir.net import Net

ANY_SIZE: Final = 12
"""What stands for a symbolic dimension in the batch that the file tries, or a size near it that is allowed."""
_TAKEN: Final = frozenset(dir(builtins)) | {"torch", "nn", "F", "model", "batch", "output", "parameters"}
"""Names of the file, which its classes and what it prints read."""


def export(net: Net) -> str:
    """The source of a file with the network's class, which shows what it does when it is run.

    Raises `SpecError` N601 where a layer has no rule.
    """
    source = module_source(net)
    header = [] if source.startswith("import torch\n") else ["import torch"]
    return "\n".join([*header, source, "", 'if __name__ == "__main__":', *_main(net), ""])


def _main(net: Net) -> list[str]:
    lines = [f"model = {class_name(net)}().eval()"]
    if net.parameters:
        lines += ["# Weights that netspec has trained:", "# from safetensors.torch import load_file"]
        lines += _load(renamed(net), tied(net), ", strict=False" * bool(net.networks))
    names = _variables(net)
    batches = ["batch"] if len(net.inputs) == 1 else [names[layer.name] for layer in net.inputs]
    lines += [f"{name} = {_random(layer)}" for name, layer in zip(batches, net.inputs, strict=True)]
    outputs = ["output"] if len(net.outputs) == 1 else [names[layer.name] for layer in net.outputs]
    given, made = (" and ".join(f"{{tuple({name}.shape)}}" for name in each) for each in (batches, outputs))
    lines += [
        "with torch.no_grad():",
        f"    {', '.join(outputs)} = model({', '.join(batches)})",
        "parameters = sum(parameter.numel() for parameter in model.parameters())",
        f'print(f"{{parameters:,}} parameters, {given} to {made}")',
    ]
    return [f"    {line}" for line in lines]


def _variables(net: Net) -> dict[str, str]:
    """The variables that hold inputs and outputs, as nearly called like their layers' submodules as can be."""
    names, taken = attributes(net), {*_TAKEN, class_name(net), *supports(codes(net).values())}
    found: dict[str, str] = {}
    for layer in (*net.inputs, *net.outputs):
        if layer.name not in found:
            found[layer.name] = free(names[layer.name], taken)
            taken.add(found[layer.name])
    return found


def _random(layer: Layer) -> str:
    """An expression for two examples of an input."""
    given = layer.shape
    sizes = [dim if isinstance(dim, int) else ANY_SIZE for dim in given.channels_first]
    size = (2, *sizes)
    return f"torch.rand{size}" if given.of is None else f"torch.randint({given.of}, {size})"


def _load(names: dict[str, str], copies: dict[str, str], among: str) -> list[str]:
    """Comments with the lines that load weights, under the names that the module has for its layers.

    `among` is what lets the file have the weights of other networks too.
    """
    if copies:
        further = ", ".join(f'"{copy}": weights["{owner}"]' for copy, owner in copies.items())
        return [*_renaming(names), f"# model.load_state_dict(weights | {{{further}}}{among})"]
    if not names:
        return [f'# model.load_state_dict(load_file("best.safetensors"){among})']
    return [*_renaming(names), f"# model.load_state_dict(weights{among})"]


def _renaming(names: dict[str, str]) -> list[str]:
    """The weights under the module's names."""
    lines = ['# weights = load_file("best.safetensors")']
    if names:
        lines += [
            f"# names = {names!r}".replace("'", '"'),
            '# split = ((name.partition("."), value) for name, value in weights.items())',
            '# weights = {f"{names.get(layer, layer)}.{name}": value for (layer, _, name), value in split}',
        ]
    return lines
