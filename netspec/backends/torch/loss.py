"""Losses; those that take in the output's function work on logits.  PyTorch wants classes in axis 1.

Places with the class `LEFT_OUT` are no part of a loss, which is asked for only where there are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from netspec.backends.torch.code import rule
from netspec.ir.training import LEFT_OUT, Aim
from netspec.settings.loss import L1, Bce, Crossentropy, Gaussian, Hinge, Huber, Kl, Mae, Mean, Mse


def class_axis(output: Tensor) -> int:
    """The axis of classes: that of channels, the last one but of images."""
    return output.ndim - 3 if output.ndim > 3 else output.ndim - 1


def added_up(
    aims: Sequence[Aim], shares: Sequence[float], losses: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Tensor:
    """The sum of losses by their weights and shares, all 1 where there are none.

    A loss without a share is that of no place at all, and left out; 0, of the outputs, where all of them are.
    """
    counts = shares or [1.0] * len(aims)
    factors = [aim.loss.weight * share for aim, share in zip(aims, counts, strict=True)]
    terms = [
        loss if factor == 1 else factor * loss for factor, loss in zip(factors, losses, strict=True) if factor
    ]
    first, *others = terms or [output.sum() * 0 for output in outputs]
    return sum(others, first)


@cache
def constant(numbers: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Numbers on a device, brought there once and kept for good: a recorded step knows them by their place alone."""
    with torch.inference_mode(False):  # made while evaluating, they serve in training as well
        return torch.tensor(numbers, device=device, dtype=dtype)


@rule(Crossentropy)
def crossentropy(loss: Crossentropy, output: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target], or with probabilities for targets.

    The mean is that over all places, where PyTorch's own would be one by weight.
    """
    axis = class_axis(output)
    classes = output.movedim(axis, 1)
    target = target.movedim(axis, 1) if target.is_floating_point() else target
    if loss.numbers is None:
        return F.cross_entropy(classes, target, ignore_index=LEFT_OUT, label_smoothing=loss.smoothing)
    losses = F.cross_entropy(
        classes,
        target,
        constant(loss.numbers, output.device, output.dtype),
        ignore_index=LEFT_OUT,
        reduction="none",
        label_smoothing=loss.smoothing,
    )
    return losses.mean() if target.is_floating_point() else losses.sum() / (target != LEFT_OUT).sum()


@rule(Kl)
def kl(loss: Kl, output: Tensor, target: Tensor) -> Tensor:
    """sum_c t_c (log t_c - log softmax(logits)_c) at each place."""
    axis = class_axis(output)
    losses = F.kl_div(F.log_softmax(output, axis), target.to(output.dtype), reduction="none")
    return losses.sum(axis).mean()


@rule(Bce)
def bce(loss: Bce, output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy on logits."""
    positive = None if loss.positive == 1 else output.new_full((), loss.positive)
    return F.binary_cross_entropy_with_logits(output, target.to(output.dtype), pos_weight=positive)


@rule(Mse)
def mse(loss: Mse, output: Tensor, target: Tensor) -> Tensor:
    """The mean squared error."""
    return F.mse_loss(output, target.to(output.dtype))


@rule(Mae, L1)
def mae(loss: Mae, output: Tensor, target: Tensor) -> Tensor:
    """The mean absolute error."""
    return F.l1_loss(output, target.to(output.dtype))


@rule(Huber)
def huber(loss: Huber, output: Tensor, target: Tensor) -> Tensor:
    """A parabola up to delta, a line from there on."""
    return F.huber_loss(output, target.to(output.dtype), delta=loss.delta)


@rule(Hinge)
def hinge(loss: Hinge, output: Tensor, target: Tensor) -> Tensor:
    """The margin on scores: of yes and no where the output is one number, else of classes."""
    axis = class_axis(output)
    if output.shape[axis] == 1:
        return F.relu(loss.margin - (2 * target.to(output.dtype) - 1) * output).mean()
    scores, inside = output.movedim(axis, -1).flatten(0, -2), target.flatten() != LEFT_OUT
    losses = F.multi_margin_loss(scores, target.flatten() * inside, margin=loss.margin, reduction="none")
    return (losses * inside).sum() / inside.sum()


@rule(Gaussian)
def gaussian(loss: Gaussian, output: Tensor, target: Tensor) -> Tensor:
    """sum_j (exp(v_j) + m_j^2 - 1 - v_j) / 2 at each place, of means and log-variances."""
    axis = class_axis(output)
    means, logs = output.chunk(2, axis)
    return (logs.exp() + means.square() - 1 - logs).sum(axis).mean() / 2


@rule(Mean)
def mean(loss: Mean, output: Tensor, target: Tensor) -> Tensor:
    """The mean of the output itself."""
    return output.mean()
