"""Parameters divided among processes by PyTorch's FSDP2, for what does not fit on one device.

Its modules are loaded where somebody asks for it: they double the time that PyTorch takes to start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from torch import Tensor, nn, optim
from torch.optim import Optimizer

from netspec.backends.manner import Manner
from netspec.diagnostics import error

WHOLE: Final = (optim.Adafactor, optim.Rprop)
"""Optimisers with operations that PyTorch has for whole tensors alone."""


def check_shard(manner: Manner) -> None:
    """Raise `SpecError` N602 where divided parameters are to be learnt in a manner that PyTorch has not for them."""
    if manner.precision == "fp16":
        because = "whether a gradient overflowed is known to the process that has this part of it alone"
        raise error("N602", "fp16 cannot be used with --shard", because=because, tries=("--precision bf16",))
    if manner.compiled:
        because = "parameters are gathered between the layers, and no graph goes over that"
        raise error("N602", "--compile cannot be used with --shard", because=because)


def shard(module: nn.Module, source: str) -> None:
    """Divide the parameters of a generated module among the processes, layer by layer.

    While a layer computes, and then again for its gradient, its parameters are gathered.  Those that `source` reads
    elsewhere than in their layer's own call, as in a product with the weights of another layer, are gathered for the
    whole pass, as are those of the module itself.
    """
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    read = set(re.findall(r"self\.(\w+)\b(?!\(| = )", source))
    for name, layer in module.named_children():
        if name not in read and any(True for _ in layer.parameters()):
            fully_shard(layer)
    fully_shard(module, reshard_after_forward=True)  # whoever asks for parameters gets those that count
    if hasattr(module, "logits"):
        register_fsdp_forward_method(module, "logits")


def is_divided(tensor: Tensor) -> TypeGuard[Any]:
    """A tensor is a `DTensor`, of which this process has a part."""
    return hasattr(tensor, "placements")


def is_sharded(module: nn.Module) -> bool:
    """The parameters of a module are divided among processes."""
    return any(map(is_divided, module.parameters()))


def whole(tensor: Tensor) -> Tensor:
    """A tensor, gathered from all processes if it is divided among them: then all of them have to ask."""
    found: Tensor = tensor.full_tensor() if is_divided(tensor) else tensor
    return found


def divided_as(like: Tensor, tensor: Tensor) -> Tensor:
    """A whole tensor, which every process has, divided as another one of its shape is."""
    if not is_divided(like) or tensor.shape != like.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    found: Tensor = distribute_tensor(
        tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )
    return found


def divide(memory: dict[str, Tensor], parameters: Mapping[str, Tensor]) -> None:
    """Divide what an optimiser remembers of parameters, and their averages, as they are."""
    for name, parameter in parameters.items():
        for each in memory:
            if each.startswith(f"optimizer.{name}.") or each == f"average.{name}":
                memory[each] = divided_as(parameter, memory[each])


def adapt(optimizer: Optimizer) -> None:
    """Have an optimiser take its step in several operations: of the fused ones, some take no divided tensors.

    Raises `SpecError` N602 for one that takes none at all.
    """
    if isinstance(optimizer, WHOLE):
        kind = type(optimizer).__name__
        raise error("N602", f"PyTorch's {kind} takes no tensors that are divided, as --shard divides them")
    for group in optimizer.param_groups:
        if "fused" in group:
            group["fused"] = False
