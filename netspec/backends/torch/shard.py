"""Parameters divided among processes by PyTorch's FSDP2, for what does not fit on one device.

Its modules are loaded where somebody asks for it: they double the time that PyTorch takes to start.
"""

from __future__ import annotations

import re
from typing import Any, TypeGuard

from torch import Tensor, nn


def shard(module: nn.Module, source: str) -> None:
    """Divide the parameters of a generated module among the processes, layer by layer.

    While a layer computes, and then again for its gradient, its parameters are gathered.  Those that `source` reads
    elsewhere than in their layer's own call, as in a product with the weights of another layer, are gathered for the
    whole pass, as are those of the module itself.
    """
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    read = set(re.findall(r"self\.(\w+)\.", source))
    for name, layer in module.named_children():
        if name not in read and any(True for _ in layer.parameters()):
            fully_shard(layer)
    fully_shard(module)
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


def own(tensor: Tensor) -> Tensor:
    """This process's part of a tensor: all of it where it is not divided."""
    found: Tensor = tensor.to_local() if is_divided(tensor) else tensor
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
