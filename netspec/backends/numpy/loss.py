"""Losses with their gradients; those that take in the output's function work on logits."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, rule
from netspec.backends.numpy.output import sigmoid, softmax
from netspec.ir.training import Loss
from netspec.settings.loss import Bce, Crossentropy, Mse


class LossRule:
    """A loss: the mean over a batch, and its gradient with respect to the network's (raw) output."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        """The loss of outputs (N, ..., channels first) against targets."""
        raise NotImplementedError


@rule(Crossentropy)
class CrossentropyRule(LossRule):
    """-log softmax(logits)[target], target integers (N, ...) without the channel axis.

    Numbers of the output's own shape are probabilities of the classes: -sum target * log softmax(logits).
    """

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        axis = output.ndim - 3 if output.ndim > 3 else output.ndim - 1
        if target.dtype.kind == "f":
            return self._of_probabilities(output, target, axis)
        probabilities = softmax(output, axis, np.empty_like(output))
        chosen = np.expand_dims(target, axis)
        # log softmax from the logits themselves: a probability may have rounded to 0
        shifted = output - output.max(axis=axis, keepdims=True)
        logs = np.take_along_axis(shifted, chosen, axis) - np.log(
            np.exp(shifted).sum(axis=axis, keepdims=True)
        )
        value = -float(logs.mean())
        np.put_along_axis(probabilities, chosen, np.take_along_axis(probabilities, chosen, axis) - 1, axis)
        probabilities /= target.size
        return value, probabilities

    def _of_probabilities(self, output: Array, target: Array, axis: int) -> tuple[float, Array]:
        shifted = output - output.max(axis=axis, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
        count = output.size // output.shape[axis]
        gradient = np.exp(logs) * target.sum(axis=axis, keepdims=True) - target
        return -float((target * logs).sum()) / count, gradient / count


@rule(Bce)
class BceRule(LossRule):
    """Binary cross-entropy on logits: max(x, 0) - x y + log(1 + exp(-|x|))."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        losses = np.maximum(output, 0) - output * target + np.log1p(np.exp(-np.abs(output)))
        gradient = sigmoid(output, np.empty_like(output)) - target
        return float(losses.mean()), (gradient / output.size).astype(output.dtype, copy=False)


@rule(Mse)
class MseRule(LossRule):
    """(output - target)^2."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        difference = output - target
        gradient = (difference * (2 / output.size)).astype(output.dtype, copy=False)
        return float(np.square(difference).mean()), gradient
