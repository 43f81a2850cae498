"""A network as a single file of PyTorch that runs without netspec."""

from __future__ import annotations

from typing import Final

from netspec.backends.torch.source import class_name, module_source, renamed
from netspec.ir.net import Net

ANY_SIZE: Final = 12
"""What stands for a symbolic dimension in the batch that the file tries, or a size near it that is allowed."""


def export(net: Net) -> str:
    """The source of a file with the network's class, which shows what it does when it is run.

    Raises `SpecError` N601 where a layer has no rule.
    """
    source = module_source(net)
    header = [] if source.startswith("import torch\n") else ["import torch"]
    return "\n".join([*header, source, "", 'if __name__ == "__main__":', *_main(net), ""])


def _main(net: Net) -> list[str]:
    given = net.inputs[0].shape
    sizes = net.constraints.sizes(net.symbols, (ANY_SIZE,)) or {}
    size = ", ".join(map(str, [2, *given.substitute(sizes).channels_first]))
    batch = f"torch.rand({size})" if given.of is None else f"torch.randint({given.of}, ({size}))"
    lines = [f"model = {class_name(net)}().eval()"]
    if net.parameters:
        lines += ["# Weights that netspec has trained:", "# from safetensors.torch import load_file"]
        lines += _load(renamed(net))
    lines += [
        f"batch = {batch}",
        "with torch.no_grad():",
        "    output = model(batch)",
        "parameters = sum(parameter.numel() for parameter in model.parameters())",
        'print(f"{parameters:,} parameters, {tuple(batch.shape)} to {tuple(output.shape)}")',
    ]
    return [f"    {line}" for line in lines]


def _load(names: dict[str, str]) -> list[str]:
    """Comments with the lines that load weights, under the names that the module has for its layers."""
    if not names:
        return ['# model.load_state_dict(load_file("best.safetensors"))']
    return [
        '# weights = load_file("best.safetensors")',
        f"# names = {names!r}".replace("'", '"'),
        '# split = ((name.split("."), value) for name, value in weights.items())',
        '# model.load_state_dict({f"{names.get(layer, layer)}.{name}": value for (layer, name), value in split})',
    ]
