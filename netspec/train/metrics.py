"""The formulas of the metrics, and their means over many batches.

Outputs and targets are as the spec writes them (N, ..., C): class targets (N, ...) integers, others the output's shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, Final, NamedTuple

import numpy as np

from netspec.diagnostics import error
from netspec.ir.training import Metric
from netspec.settings.metric import Accuracy, Mae, Rmse

Array = np.ndarray[Any, np.dtype[Any]]


class Formula(NamedTuple):
    """A metric as `finish(mean of terms)`."""

    terms: Callable[[Array, Array], Array]
    finish: Callable[[float], float] = float
    higher_is_better: bool = False


def right(output: Array, target: Array) -> Array:
    """1 where the most probable class is the right one, or yes/no at one half is; class targets are integers."""
    if target.dtype.kind in "iu":
        return np.asarray(output.argmax(axis=-1) == target)
    return np.asarray((output >= 0.5) == (target >= 0.5))


def difference(output: Array, target: Array) -> Array:
    """Output minus target; a class counts as 1 in its own place and 0 elsewhere."""
    if target.dtype.kind in "iu":
        target = np.arange(output.shape[-1]) == target[..., None]
    return np.asarray(output - target.astype(output.dtype, copy=False))


FORMULAS: Final[dict[type[Metric], Formula]] = {
    Accuracy: Formula(right, higher_is_better=True),
    Mae: Formula(lambda output, target: np.abs(difference(output, target))),
    Rmse: Formula(lambda output, target: np.square(difference(output, target)), sqrt),
}


def formula(metric: Metric) -> Formula:
    """The formula of a metric; raises N901 where there is none."""
    found = FORMULAS.get(type(metric))
    if found is None:
        raise error("N901", f"the metric `{metric.word}` cannot be computed yet")
    return found


def is_higher_better(figure: str) -> bool:
    """Whether a figure such as `val.accuracy` is the better the higher it is; one that nothing is known of is not."""
    word = figure.rpartition(".")[2]
    return any(metric.word == word and known.higher_is_better for metric, known in FORMULAS.items())


class Means:
    """Metrics over many batches, as if they were one."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.formulas = {metric.word: formula(metric) for metric in metrics}
        self._sums = dict.fromkeys(self.formulas, 0.0)
        self._counts = dict.fromkeys(self.formulas, 0)

    def add(self, output: Array, target: Array) -> None:
        """Take in the outputs of one batch."""
        for word, each in self.formulas.items():
            terms = each.terms(output, target)
            self._sums[word] += float(terms.sum(dtype=np.float64))
            self._counts[word] += terms.size

    def result(self) -> dict[str, float]:
        """The figures by the metrics' words."""
        return {
            word: each.finish(self._sums[word] / max(self._counts[word], 1))
            for word, each in self.formulas.items()
        }
