"""What is done to gradients between the loss and the optimiser: the penalty on weights, clipping, decay.

The penalty is no part of what is differentiated: its gradient is known, and adding it takes a call a weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netspec.backends.torch.shard import whole
from netspec.ir.training import Training
from netspec.settings.plain import Clip, Regularize


class Gradients:
    """The gradients of the parameters that are trained, by the settings of a run.

    Weights are matrices and kernels; vectors are biases, scales and shifts, which are not regularised.
    """

    def __init__(self, training: Training, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = parameters
        self.weights = [parameter for parameter in parameters if parameter.ndim > 1]
        regularize, clip = training.get("regularize"), training.get("clip")
        self.regularize = regularize if isinstance(regularize, Regularize) else Regularize()
        self.clipped = clip if isinstance(clip, Clip) else None

    def clear(self) -> None:
        """Forget those of the step before."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def penalty(self) -> Tensor | float:
        """What the penalty adds to the loss: l2 / 2 * sum w^2 + l1 * sum |w|."""
        l2, l1 = self.regularize.l2, self.regularize.l1
        total: Tensor | float = 0.0
        for weight in self.weights if l2 or l1 else ():
            total = total + (l2 / 2 * whole(weight.square().sum()) if l2 else 0.0)
            total = total + (l1 * whole(weight.abs().sum()) if l1 else 0.0)
        return total

    @torch.no_grad()
    def penalize(self, parameter: Tensor, gradient: Tensor) -> None:
        """Add the penalty's gradient, l2 * w + l1 * sign w, to that of a parameter, if it is a weight."""
        if parameter.ndim > 1 and self.regularize.l2:
            gradient.add_(parameter, alpha=self.regularize.l2)
        if parameter.ndim > 1 and self.regularize.l1:
            gradient.add_(parameter.sign(), alpha=self.regularize.l1)

    def penalize_all(self) -> None:
        """The same for the gradients that the weights have; one that the loss does not reach has none yet."""
        for weight in self.weights if self.regularize.l2 or self.regularize.l1 else ():
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            self.penalize(weight, weight.grad)

    def clip(self) -> None:
        """Make the gradient smaller, entries before the norm."""
        if self.clipped is not None and self.clipped.value is not None:
            nn.utils.clip_grad_value_(self.parameters, self.clipped.value)
        if self.clipped is not None and self.clipped.norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.clipped.norm)

    @torch.no_grad()
    def decay(self, rate: float | Tensor) -> None:
        """Take the decay of a step away from the weights."""
        if self.regularize.decay:
            exact = rate.double() if isinstance(rate, Tensor) else rate
            kept = 1 - exact * self.regularize.decay
            for weight in self.weights:
                weight.mul_(kept)
