"""PyTorch's own optimisers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, optim
from torch.nn import Parameter
from torch.optim import Optimizer

from netspec.backends.torch.code import rule
from netspec.settings.optimizer import Adagrad, Adam, Adamw, Momentum, Nesterov, Rmsprop, Sgd


def memory_of(optimizer: Optimizer, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter: `optimizer.conv1.weight.exp_avg`."""
    return {
        f"optimizer.{name}.{what}": value
        for name, parameter in parameters.items()
        for what, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def set_memory(optimizer: Optimizer, parameters: Mapping[str, Tensor], memory: Mapping[str, Tensor]) -> None:
    """Make an optimiser remember what `memory_of` gave; its own names for it are those that the memory has."""
    places = {id(parameter): place for place, parameter in enumerate(optimizer.param_groups[0]["params"])}
    state: dict[int, dict[str, Tensor]] = {}
    for name, parameter in parameters.items():
        prefix = f"optimizer.{name}."
        found = {key.removeprefix(prefix): value for key, value in memory.items() if key.startswith(prefix)}
        if found:
            state[places[id(parameter)]] = found
            wanted = _remembered(optimizer, parameter)
            if wanted != set(found):
                kind = type(optimizer).__name__
                raise ValueError(
                    f"{kind} remembers {_listed(wanted)} of `{name}`, and it holds {_listed(found)}"
                )
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _remembered(optimizer: Optimizer, parameter: Tensor) -> set[str]:
    """What an optimiser remembers of a parameter, seen on a small one with as many axes."""
    toy = Parameter(torch.zeros([1] * parameter.ndim))
    toy.grad = torch.zeros_like(toy)
    group = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    make: Any = type(optimizer)
    twin: Optimizer = make([{**group, "params": [toy]}])
    twin.step()
    return {name.rpartition(".")[2] for name in memory_of(twin, {"": toy})}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


@rule(Sgd)
def sgd(settings: Sgd, parameters: list[Parameter]) -> Optimizer:
    """`optim.SGD`."""
    return optim.SGD(parameters, settings.rate, fused=True)


@rule(Momentum, Nesterov)
def momentum(settings: Momentum | Nesterov, parameters: list[Parameter]) -> Optimizer:
    """`optim.SGD` with momentum."""
    nesterov = isinstance(settings, Nesterov)
    return optim.SGD(parameters, settings.rate, momentum=settings.momentum, nesterov=nesterov, fused=True)


@rule(Adagrad)
def adagrad(settings: Adagrad, parameters: list[Parameter]) -> Optimizer:
    """`optim.Adagrad`."""
    return optim.Adagrad(parameters, settings.rate, eps=settings.eps)


@rule(Rmsprop)
def rmsprop(settings: Rmsprop, parameters: list[Parameter]) -> Optimizer:
    """`optim.RMSprop`."""
    return optim.RMSprop(parameters, settings.rate, alpha=settings.decay, eps=settings.eps)


@rule(Adam)
def adam(settings: Adam, parameters: list[Parameter]) -> Optimizer:
    """`optim.Adam`."""
    betas = (settings.beta1, settings.beta2)
    return optim.Adam(parameters, settings.rate, betas=betas, eps=settings.eps, fused=True)


@rule(Adamw)
def adamw(settings: Adamw, parameters: list[Parameter]) -> Optimizer:
    """`optim.AdamW`."""
    betas, decay = (settings.beta1, settings.beta2), settings.decay
    return optim.AdamW(
        parameters, settings.rate, betas=betas, eps=settings.eps, weight_decay=decay, fused=True
    )
