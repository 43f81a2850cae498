"""Optimisers, with PyTorch's names, defaults and formulas (https://docs.pytorch.org/docs/stable/optim.html)."""

from __future__ import annotations

from netspec.ir.definition import argument, option, word
from netspec.ir.training import Optimizer
from netspec.ir.values import Real

RATE = Real(0, open_low=True, example=0.001)
DECAY = Real(0, 1, open_high=True)
SMALL = Real(0, open_low=True)


@word("sgd")
class Sgd(Optimizer):
    """Stochastic gradient descent: w <- w - rate * g."""

    rate: float = argument(RATE, "step size", default=0.01)


@word("momentum")
class Momentum(Optimizer):
    """Gradient descent with momentum (Polyak 1964): v <- momentum * v + g, w <- w - rate * v."""

    rate: float = argument(RATE, "step size", default=0.01)
    momentum: float = option(DECAY, "how much of the last step is kept", default=0.9)


@word("nesterov")
class Nesterov(Optimizer):
    """Nesterov's momentum: v <- momentum * v + g, w <- w - rate * (g + momentum * v)."""

    rate: float = argument(RATE, "step size", default=0.01)
    momentum: float = option(DECAY, "how much of the last step is kept", default=0.9)


@word("adagrad")
class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011): s <- s + g^2, w <- w - rate * g / (sqrt(s) + eps)."""

    rate: float = argument(RATE, "step size", default=0.01)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-10)


@word("rmsprop")
class Rmsprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012): s <- decay * s + (1 - decay) * g^2, w <- w - rate * g / (sqrt(s) + eps)."""

    rate: float = argument(RATE, "step size", default=0.01)
    decay: float = option(DECAY, "memory of the squared gradients", default=0.99)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)


@word("adam")
class Adam(Optimizer):
    """Adam (Kingma and Ba 2014): m and s are decaying means of g and g^2, both corrected for their start at 0.

    w <- w - rate * m' / (sqrt(s') + eps), m' = m / (1 - beta1^t), s' = s / (1 - beta2^t).
    """

    rate: float = argument(RATE, "step size", default=0.001)
    beta1: float = option(DECAY, "memory of the gradients", default=0.9)
    beta2: float = option(DECAY, "memory of the squared gradients", default=0.999)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)


@word("adamw")
class Adamw(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017): first w <- w - rate * decay * w, then adam."""

    rate: float = argument(RATE, "step size", default=0.001)
    decay: float = option(Real(0), "share of the weights taken away, times the rate", default=0.01)
    beta1: float = option(DECAY, "memory of the gradients", default=0.9)
    beta2: float = option(DECAY, "memory of the squared gradients", default=0.999)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)
