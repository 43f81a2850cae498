"""The cross-entropy of one class an example, all of them there and alike: one exponential for value and gradient."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array
from netspec.backends.numpy.loss import CrossentropyRule
from netspec.ir.training import LEFT_OUT


class ClassCrossentropy(CrossentropyRule):
    """The plain rule, but for outputs (N, classes) and classes (N,) that nothing weighs or smooths."""

    def value_and_gradient(self, output: Array, target: Array) -> tuple[float, Array]:
        plain = self.loss.numbers is None and not self.loss.smoothing and target.dtype.kind != "f"
        if not plain or output.ndim != 2 or not len(output) or target.min() == LEFT_OUT:
            return super().value_and_gradient(output, target)
        rows = np.arange(len(output))
        shifted = output - output.max(axis=1, keepdims=True)
        gradient = np.exp(shifted)
        totals = gradient.sum(axis=1, keepdims=True)
        value = float(np.log(totals).sum() - shifted[rows, target].sum()) / len(output)
        totals *= len(output)
        gradient /= totals
        gradient[rows, target] -= 1 / len(output)
        return value, gradient
