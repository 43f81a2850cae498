"""PyTorch's own optimisers."""

from __future__ import annotations

from torch import optim
from torch.nn import Parameter
from torch.optim import Optimizer

from netspec.backends.torch.code import rule
from netspec.settings.optimizer import Adagrad, Adam, Adamw, Momentum, Nesterov, Rmsprop, Sgd


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
