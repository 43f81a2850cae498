"""Losses with their gradients; those that take in the output's function work on logits."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np

from netspec.backends.numpy.kernel import Array, rule
from netspec.backends.numpy.output import sigmoid, softmax
from netspec.ir.training import LEFT_OUT, Loss
from netspec.settings.loss import L1, Bce, Crossentropy, Gaussian, Hinge, Huber, Kl, Mae, Mean, Mse

L = TypeVar("L", bound=Loss)


class LossRule(Generic[L]):
    """A loss: the mean over a batch, and its gradient with respect to the network's (raw) output.

    Places with the class `LEFT_OUT` are no part of it; the mean over none is 0.
    """

    def __init__(self, loss: L) -> None:
        self.loss = loss

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        """The loss of outputs (N, ..., channels first) against targets."""
        raise NotImplementedError


def class_axis(output: Array) -> int:
    """The axis of classes: that of channels, the last one but of images."""
    return output.ndim - 3 if output.ndim > 3 else output.ndim - 1


def log_softmax(output: Array, axis: int) -> Array:
    """From the logits themselves: a probability may have rounded to 0."""
    shifted = output - output.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def along(numbers: Array, axis: int, rank: int) -> Array:
    """A number a class, in the shape in which it joins an array of so many axes."""
    return numbers.reshape([-1 if each == axis else 1 for each in range(rank)])


@rule(Crossentropy)
class CrossentropyRule(LossRule[Crossentropy]):
    """-log softmax(logits)[target], target integers (N, ...) without the channel axis.

    With smoothing and weights it is sum_c a_c (-log p_c) with numbers a_c for each place; its gradient is
    p sum_c a_c - a.  Numbers of the output's own shape are probabilities of the classes, and the a_c follow from them.
    """

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        axis, smoothing, numbers = class_axis(output), self.loss.smoothing, self.loss.numbers
        if target.dtype.kind == "f":
            return self._of_probabilities(output, target, axis)
        probabilities = softmax(output, axis, np.empty_like(output))
        inside = np.expand_dims(target != LEFT_OUT, axis)
        chosen, places = np.expand_dims(target, axis) * inside, max(int(inside.sum()), 1)
        logs = log_softmax(output, axis)
        weights = np.ones(output.shape[axis]) if numbers is None else np.array(numbers)
        own = ((1 - smoothing) * weights[chosen] * inside).astype(output.dtype, copy=False)
        value = -float((own * np.take_along_axis(logs, chosen, axis)).sum()) / places
        gradient = probabilities
        if smoothing:
            share = along(weights * (smoothing / len(weights)), axis, output.ndim) * inside
            share = share.astype(output.dtype)
            value -= float((share * logs).sum()) / places
            gradient = probabilities * (own + share.sum(axis=axis, keepdims=True)) - share
        elif numbers is not None or not inside.all():
            gradient = probabilities * own
        np.put_along_axis(gradient, chosen, np.take_along_axis(gradient, chosen, axis) - own, axis)
        gradient /= places
        return value, gradient

    def _of_probabilities(self, output: Array, target: Array, axis: int) -> tuple[float, Array]:
        smoothing, numbers = self.loss.smoothing, self.loss.numbers
        classes = output.shape[axis]
        if smoothing:
            target = (1 - smoothing) * target + smoothing / classes
        if numbers is not None:
            target = target * along(np.array(numbers), axis, output.ndim)
        target, count = target.astype(output.dtype, copy=False), output.size // classes
        logs = log_softmax(output, axis)
        gradient = np.exp(logs) * target.sum(axis=axis, keepdims=True) - target
        return -float((target * logs).sum()) / count, gradient / count


@rule(Kl)
class KlRule(LossRule[Kl]):
    """sum_c t_c (log t_c - log softmax(logits)_c), targets with the channel axis; 0 log 0 is 0."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        axis = class_axis(output)
        places, target = output.size // output.shape[axis], target.astype(output.dtype, copy=False)
        own = np.log(target, out=np.zeros_like(target), where=target > 0)
        value = float((target * (own - log_softmax(output, axis))).sum()) / places
        gradient = (
            softmax(output, axis, np.empty_like(output)) * target.sum(axis=axis, keepdims=True) - target
        )
        return value, gradient / places


@rule(Bce)
class BceRule(LossRule[Bce]):
    """Binary cross-entropy on logits: max(x, 0) - x y + log(1 + exp(-|x|)), a yes times its weight."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        more = self.loss.positive - 1
        tail = np.log1p(np.exp(-np.abs(output)))
        losses = np.maximum(output, 0) - output * target + tail
        gradient = sigmoid(output, np.empty_like(output)) - target
        if more:
            losses += more * target * (np.maximum(-output, 0) + tail)
            gradient -= more * target * sigmoid(-output, np.empty_like(output))
        return float(losses.mean()), (gradient / output.size).astype(output.dtype, copy=False)


@rule(Mse)
class MseRule(LossRule[Mse]):
    """(output - target)^2."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        difference = output - target
        gradient = (difference * (2 / output.size)).astype(output.dtype, copy=False)
        return float(np.square(difference).mean()), gradient


@rule(Mae, L1)
class MaeRule(LossRule[Mae]):
    """|output - target|, with the gradient 0 where they are equal."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        difference = output - target
        gradient = (np.sign(difference) / output.size).astype(output.dtype, copy=False)
        return float(np.abs(difference).mean()), gradient


@rule(Huber)
class HuberRule(LossRule[Huber]):
    """A parabola up to delta, a line from there on."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        delta, difference = self.loss.delta, output - target
        size, slope = np.abs(difference), np.clip(difference, -delta, delta)
        losses = np.where(size <= delta, np.square(difference) / 2, delta * (size - delta / 2))
        return float(losses.mean()), (slope / output.size).astype(output.dtype, copy=False)


@rule(Hinge)
class HingeRule(LossRule[Hinge]):
    """The margin on scores: of yes and no where the output is one number, else of classes."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        axis = class_axis(output)
        if output.shape[axis] == 1:
            return self.answers(output, target)
        inside = np.expand_dims(target != LEFT_OUT, axis)
        chosen = np.expand_dims(target, axis) * inside
        entries = max(int(inside.sum()), 1) * output.shape[axis]
        lost = (self.loss.margin - np.take_along_axis(output, chosen, axis) + output) * inside
        np.put_along_axis(lost, chosen, 0, axis)
        over = (lost > 0).astype(output.dtype)
        value = float(lost[lost > 0].sum()) / entries
        np.put_along_axis(over, chosen, -over.sum(axis=axis, keepdims=True), axis)
        return value, over / entries

    def answers(self, output: Array, target: Array) -> tuple[float, Array]:
        """max(0, margin - t x) with t = 2 y - 1."""
        signs = 2 * target - 1
        lost = self.loss.margin - signs * output
        gradient = np.where(lost > 0, -signs, 0) / output.size
        return float(np.maximum(lost, 0).mean()), gradient.astype(output.dtype, copy=False)


@rule(Gaussian)
class GaussianRule(LossRule[Gaussian]):
    """sum_j (exp(v_j) + m_j^2 - 1 - v_j) / 2 of means and log-variances: the gradients are m and (exp(v) - 1) / 2."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        axis = class_axis(output)
        means, logs = np.split(output, 2, axis)
        variances, places = np.exp(logs), output.size // output.shape[axis]
        value = float((variances + np.square(means) - 1 - logs).sum()) / (2 * places)
        gradient = np.concatenate([means, (variances - 1) / 2], axis) / places
        return value, gradient.astype(output.dtype, copy=False)


@rule(Mean)
class MeanRule(LossRule[Mean]):
    """The mean, and the same gradient everywhere."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        return float(output.mean()), np.full_like(output, 1 / output.size)
