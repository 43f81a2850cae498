"""The generated source of a network made to run."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netspec.backends.torch.direct import direct
from netspec.backends.torch.source import class_name, function_of, fused, module_source
from netspec.ir.net import Net


def build(net: Net) -> nn.Module:
    """The generated module.  Its source is registered, so that tracebacks and debuggers show its lines."""
    source = module_source(net)
    file = f"<netspec {class_name(net)} {sha256(source.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": file}
    # the text is our own: every name in it was validated, every value written by repr
    exec(compile(source, file, "exec"), namespace)
    # the numbers that PyTorch starts with are replaced: its generator is left as it was
    with torch.random.fork_rng(devices=[]):
        module: nn.Module = namespace[class_name(net)]()
    return direct(module)


def output_functions(net: Net) -> dict[str, Callable[[Tensor], Tensor]]:
    """For outputs that are probabilities the functions that make them of what `logits` gives."""
    return {
        layer.name: eval(f"lambda x: {function_of(net, layer, 'x')}", {"torch": torch, "F": F})
        for layer in fused(net)
    }


def put(module: nn.Module, key: str, tensor: Tensor) -> None:
    """Put a tensor in the place of a parameter or buffer, for all submodules that use it."""
    path, _, short = key.rpartition(".")
    own = getattr(module.get_submodule(path), short)
    for each in module.modules():
        tables: tuple[dict[str, Any], ...] = each._parameters, each._buffers
        for table in tables:
            table |= {name: tensor for name, value in table.items() if value is own}
