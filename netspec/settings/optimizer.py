"""Optimisers, with PyTorch's names, defaults and formulas (https://docs.pytorch.org/docs/2.13/optim.html).

g is the gradient, w a weight, t the number of the step counted from 1; all operations are entry by entry.  Of what
PyTorch has, three are left out: LBFGS evaluates a batch many times in one step, SparseAdam is for gradients that are
sparse, and Muon works on matrices alone, so that no network with a bias or a kernel could be trained with it.
PyTorch's `weight_decay` is `regularize` here, for every optimiser alike, and its `lr_decay` is `schedule inverse`.
"""

from __future__ import annotations

from math import prod

from netspec.ir.definition import argument, flag, option, word
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

    def remembers(self, shape: tuple[int, ...]) -> int:
        return prod(shape)


@word("nesterov")
class Nesterov(Optimizer):
    """Nesterov's momentum: v <- momentum * v + g, w <- w - rate * (g + momentum * v).

    The form of Sutskever, Martens, Dahl and Hinton (2013).
    """

    rate: float = argument(RATE, "step size", default=0.01)
    momentum: float = option(DECAY, "how much of the last step is kept", default=0.9)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return prod(shape)


@word("adagrad")
class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer 2011): s <- s + g^2, w <- w - rate * g / (sqrt(s) + eps)."""

    rate: float = argument(RATE, "step size", default=0.01)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-10)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return prod(shape)


@word("rmsprop")
class Rmsprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012): s <- decay * s + (1 - decay) * g^2, w <- w - rate * g / (sqrt(s) + eps).

    `centered` (Graves 2013) takes s - m^2 for s, where m <- decay * m + (1 - decay) * g.  With `momentum`, the
    quotients are gathered in v <- momentum * v + g / (sqrt(s) + eps), and w <- w - rate * v.
    """

    rate: float = argument(RATE, "step size", default=0.01)
    decay: float = option(DECAY, "memory of the squared gradients", default=0.99)
    momentum: float = option(DECAY, "how much of the last step is kept", default=0.0)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)
    centered: bool = flag(
        "centered", "divide by the deviation of the gradients, not their size", default=False
    )

    def remembers(self, shape: tuple[int, ...]) -> int:
        return (1 + self.centered + (self.momentum > 0)) * prod(shape)


@word("adadelta")
class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012): s <- rho * s + (1 - rho) * g^2, u = g * sqrt(a + eps) / sqrt(s + eps), w <- w - rate * u.

    Then a <- rho * a + (1 - rho) * u^2, the size of the steps so far.
    """

    rate: float = argument(RATE, "step size", default=1.0)
    rho: float = option(DECAY, "memory of the squares", default=0.9)
    eps: float = option(SMALL, "keeps the quotient finite, and begins the first step", default=1e-6)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return 2 * prod(shape)


@word("adam")
class Adam(Optimizer):
    """Adam (Kingma and Ba 2014): m and s are decaying means of g and g^2, both corrected for their start at 0.

    w <- w - rate * m' / (sqrt(s') + eps), m' = m / (1 - beta1^t), s' = s / (1 - beta2^t).  `amsgrad` (Reddi, Kale and
    Kumar 2018) takes the largest s so far for s.
    """

    rate: float = argument(RATE, "step size", default=0.001)
    beta1: float = option(DECAY, "memory of the gradients", default=0.9)
    beta2: float = option(DECAY, "memory of the squared gradients", default=0.999)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)
    amsgrad: bool = flag("amsgrad", "divide by the largest mean of squares so far", default=False)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return (2 + self.amsgrad) * prod(shape)


@word("adamw")
class Adamw(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017): first w <- w - rate * decay * w, then adam.

    As in PyTorch the decay is of every parameter, biases and normalisation included; `regularize decay=` is of the
    weights alone, with any optimiser.
    """

    rate: float = argument(RATE, "step size", default=0.001)
    decay: float = option(Real(0), "share of the parameters taken away, times the rate", default=0.01)
    beta1: float = option(DECAY, "memory of the gradients", default=0.9)
    beta2: float = option(DECAY, "memory of the squared gradients", default=0.999)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)
    amsgrad: bool = flag("amsgrad", "divide by the largest mean of squares so far", default=False)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return (2 + self.amsgrad) * prod(shape)


@word("adamax")
class Adamax(Optimizer):
    """Adamax (Kingma and Ba 2014): u <- max(beta2 * u, |g| + eps), w <- w - rate * m / ((1 - beta1^t) * u).

    m <- beta1 * m + (1 - beta1) * g, as in adam.
    """

    rate: float = argument(RATE, "step size", default=0.002)
    beta1: float = option(DECAY, "memory of the gradients", default=0.9)
    beta2: float = option(DECAY, "memory of the largest gradient", default=0.999)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return 2 * prod(shape)


@word("nadam")
class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat 2016): the gradient itself stands beside the mean that looks ahead.

    w <- w - rate * ((1 - mu_t) * g / (1 - M_t) + mu_(t+1) * m / (1 - M_(t+1))) / (sqrt(s') + eps), where m and s' are
    those of adam, mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2), and M_t = mu_1 * ... * mu_t.
    """

    rate: float = argument(RATE, "step size", default=0.002)
    beta1: float = option(DECAY, "memory of the gradients", default=0.9)
    beta2: float = option(DECAY, "memory of the squared gradients", default=0.999)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)
    momentum_decay: float = option(Real(0), "how fast the momentum grows to beta1", default=0.004)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return 2 * prod(shape)


@word("radam")
class Radam(Optimizer):
    """Rectified Adam (Liu et al. 2019): adam, times r_t; while the mean of squares is of too few steps, momentum.

    With p = 2 / (1 - beta2) - 1 and p_t = p - 2 t beta2^t / (1 - beta2^t): where p_t > 5, w <- w - rate * r_t * m' *
    sqrt(1 - beta2^t) / (sqrt(s) + eps), r_t^2 = (p_t - 4) (p_t - 2) p / ((p - 4) (p - 2) p_t); else w <- w - rate * m'.
    """

    rate: float = argument(RATE, "step size", default=0.001)
    beta1: float = option(DECAY, "memory of the gradients", default=0.9)
    beta2: float = option(DECAY, "memory of the squared gradients", default=0.999)
    eps: float = option(SMALL, "keeps the quotient finite", default=1e-8)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return 2 * prod(shape)


@word("asgd")
class Asgd(Optimizer):
    """The descent of averaged SGD (Polyak and Juditsky 1992): w <- (1 - lambd * eta) * w - eta * g.

    eta = rate / (1 + lambd * rate * t)^alpha after step t, and the rate itself in the first.  The average that PyTorch
    keeps beside the weights and never uses is `average` here.
    """

    rate: float = argument(RATE, "step size", default=0.01)
    lambd: float = option(Real(0), "pull towards 0", default=1e-4)
    alpha: float = option(Real(0), "how fast the step size falls", default=0.75)


@word("rprop")
class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller and Braun 1993): w <- w - d * sign(g), with a step d for each parameter.

    d, the rate at first, is multiplied by `grow` where g has the sign that it had before, by `shrink` where it has the
    other, and there the weight stays.  d lies between `least` and `most`.  The signs of small batches are mostly noise.
    """

    rate: float = argument(RATE, "first step", default=0.01)
    shrink: float = option(Real(0, 1, True, True), "factor after a change of sign", default=0.5)
    grow: float = option(Real(1, open_low=True, example=1.2), "factor otherwise", default=1.2)
    least: float = option(Real(0), "smallest step", default=1e-6)
    most: float = option(Real(0, open_low=True), "largest step", default=50.0)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return 2 * prod(shape)


@word("adafactor")
class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern 2018): of the squared gradients of a matrix, means of rows and columns are kept.

    v <- b * v + (1 - b) * g^2, b = 1 - t^beta2_decay, of a vector; of more axes v = r c / mean(r), r and c the means
    of v along the last axis and the one before.  With u = g / sqrt(max(v, eps1^2)) and a = max(eps2, rms(w)) *
    min(rate, 1 / sqrt(t)), w <- w - a * u / max(1, rms(u) / d).
    """

    rate: float = argument(RATE, "largest step relative to the weights", default=0.01)
    beta2_decay: float = option(Real(high=0, example=-0.8), "how the memory of squares grows", default=-0.8)
    eps1: float | None = option(
        SMALL, "keeps the quotient finite; the precision of the numbers unless set", default=None
    )
    eps2: float = option(SMALL, "smallest size of a parameter", default=1e-3)
    d: float = option(Real(1), "largest root mean square of u", default=1.0)

    def remembers(self, shape: tuple[int, ...]) -> int:
        return sum(prod(shape) // side for side in shape[-2:]) if len(shape) > 1 else prod(shape)
