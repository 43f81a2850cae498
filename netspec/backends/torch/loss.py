"""Losses; those that take in the output's function work on logits."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from netspec.backends.torch.code import rule
from netspec.settings.loss import Bce, Crossentropy, Mse


@rule(Crossentropy)
def crossentropy(output: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target], or with probabilities for targets; PyTorch wants the classes in axis 1."""
    axis = output.ndim - 3 if output.ndim > 3 else output.ndim - 1
    return F.cross_entropy(
        output.movedim(axis, 1), target.movedim(axis, 1) if target.is_floating_point() else target
    )


@rule(Bce)
def bce(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy on logits."""
    return F.binary_cross_entropy_with_logits(output, target.to(output.dtype))


@rule(Mse)
def mse(output: Tensor, target: Tensor) -> Tensor:
    """The mean squared error."""
    return F.mse_loss(output, target.to(output.dtype))
