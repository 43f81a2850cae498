"""PyTorch's own optimisers, in their fused form where they have one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, optim
from torch.nn import Parameter
from torch.optim import Optimizer

from netspec.backends.torch.code import rule
from netspec.settings.optimizer import (
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    Adamw,
    Asgd,
    Momentum,
    Nadam,
    Nesterov,
    Radam,
    Rmsprop,
    Rprop,
    Sgd,
)


def memory_of(optimizer: Optimizer, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter: `optimizer.conv1.weight.exp_avg`."""
    return {
        f"optimizer.{name}.{what}": value
        for name, parameter in parameters.items()
        for what, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def set_memory(optimizer: Optimizer, parameters: Mapping[str, Tensor], memory: Mapping[str, Tensor]) -> None:
    """Make an optimiser remember what `memory_of` gave; raises ValueError where another kind of optimiser did.

    Each number keeps its type: PyTorch would give those of a parameter the parameter's, which is another one for what
    it holds in float32 (`eta` of ASGD, `mu_product` of NAdam), and the steps to come would differ.  They lie in memory
    as their parameter does, which fused optimisers take for granted.
    """
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
    for parameter in parameters.values():
        found = state.get(places[id(parameter)], {})
        held = optimizer.state[parameter]
        for what, value in found.items():
            like = parameter if value.shape == parameter.shape else value
            held[what] = torch.empty_like(like, dtype=value.dtype, device=held[what].device).copy_(value)


def _remembered(optimizer: Optimizer, parameter: Tensor) -> set[str]:
    """What an optimiser remembers of a parameter, seen on a small one with as many axes."""
    toy = Parameter(torch.zeros([1] * parameter.ndim, device=parameter.device))
    toy.grad = torch.zeros_like(toy)
    group = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    make: Any = type(optimizer)
    twin: Optimizer = make([{**group, "params": [toy]}])
    with outside_graphs():
        twin.step()
    return {name.rpartition(".")[2] for name in memory_of(twin, {"": toy})}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


@contextmanager
def outside_graphs() -> Iterator[None]:
    """While entered, an optimiser that was made for graphs may take a step outside of one without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This instance was constructed with capturable=True", UserWarning)
        yield


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
    """`optim.Adagrad`, which has a fused form for the CPU."""
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
    return optim.Adagrad(parameters, settings.rate, eps=settings.eps, fused=on_cpu or None)


@rule(Rmsprop)
def rmsprop(settings: Rmsprop, parameters: list[Parameter]) -> Optimizer:
    """`optim.RMSprop`."""
    return optim.RMSprop(
        parameters,
        settings.rate,
        alpha=settings.decay,
        eps=settings.eps,
        momentum=settings.momentum,
        centered=settings.centered,
    )


@rule(Adadelta)
def adadelta(settings: Adadelta, parameters: list[Parameter]) -> Optimizer:
    """`optim.Adadelta`."""
    return optim.Adadelta(parameters, settings.rate, rho=settings.rho, eps=settings.eps)


@rule(Adam)
def adam(settings: Adam, parameters: list[Parameter]) -> Optimizer:
    """`optim.Adam`."""
    return optim.Adam(parameters, **_adam(settings), amsgrad=settings.amsgrad, fused=True)


@rule(Adamw)
def adamw(settings: Adamw, parameters: list[Parameter]) -> Optimizer:
    """`optim.AdamW`."""
    return optim.AdamW(
        parameters, **_adam(settings), weight_decay=settings.decay, amsgrad=settings.amsgrad, fused=True
    )


@rule(Adamax)
def adamax(settings: Adamax, parameters: list[Parameter]) -> Optimizer:
    """`optim.Adamax`."""
    return optim.Adamax(parameters, **_adam(settings))


@rule(Nadam)
def nadam(settings: Nadam, parameters: list[Parameter]) -> Optimizer:
    """`optim.NAdam`."""
    return optim.NAdam(parameters, **_adam(settings), momentum_decay=settings.momentum_decay)


@rule(Radam)
def radam(settings: Radam, parameters: list[Parameter]) -> Optimizer:
    """`optim.RAdam`."""
    return optim.RAdam(parameters, **_adam(settings))


def _adam(settings: Adam | Adamw | Adamax | Nadam | Radam) -> dict[str, Any]:
    """What the optimisers made after Adam have in common."""
    return {"lr": settings.rate, "betas": (settings.beta1, settings.beta2), "eps": settings.eps}


@rule(Asgd)
def asgd(settings: Asgd, parameters: list[Parameter]) -> Optimizer:
    """`optim.ASGD`."""
    return optim.ASGD(parameters, settings.rate, lambd=settings.lambd, alpha=settings.alpha)


@rule(Rprop)
def rprop(settings: Rprop, parameters: list[Parameter]) -> Optimizer:
    """`optim.Rprop`."""
    factors, steps = (settings.shrink, settings.grow), (settings.least, settings.most)
    return optim.Rprop(parameters, settings.rate, etas=factors, step_sizes=steps)


@rule(Adafactor)
def adafactor(settings: Adafactor, parameters: list[Parameter]) -> Optimizer:
    """`optim.Adafactor`."""
    return optim.Adafactor(
        parameters,
        settings.rate,
        beta2_decay=settings.beta2_decay,
        eps=(settings.eps1, settings.eps2),
        d=settings.d,
    )
