"""The formulas of the metrics, each in three steps, so that they are exact over many batches and processes.

`state` makes numbers of one batch, `join` puts those of several together, and `figure` works out what is shown.  Most
states add up; some (a variance, a rank) are joined in another way, and none depends on where batches begin.

Outputs and targets are as the spec writes them (N, ..., C): class targets (N, ...) integers, others the output's shape.
Places with the class `LEFT_OUT` are no part of a metric.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from math import exp, inf, log10, nan, sqrt
from typing import Any, ClassVar, Final

import numpy as np

from netspec.backends import Group
from netspec.diagnostics import error
from netspec.ir.training import LEFT_OUT, Aim, Metric
from netspec.settings.metric import (
    F1,
    R2,
    TOP,
    Accuracy,
    Auroc,
    Bleu,
    Exact,
    Mae,
    Perplexity,
    Psnr,
    Rmse,
    Ssim,
    Top5,
)
from netspec.train.text_metrics import Texts, text_figure

Array = np.ndarray[Any, np.dtype[Any]]

ELSEWHERE: Final = {"torchmetrics": "netspec.backends.torch.metrics"}
"""Packages that compute metrics, and the module that calls them."""


class Formula:
    """How a metric is computed of one output."""

    by_place: ClassVar[bool] = True
    """Its state is of places, wherever they stand, and not of whole examples."""

    def __init__(self, metric: Metric, aim: Aim) -> None:
        self.metric, self.aim = metric, aim

    def state(self, output: Array, target: Array) -> Array:
        """What is kept of a batch, in float64."""
        raise NotImplementedError

    def join(self, states: Sequence[Array]) -> Array:
        """The state of several batches together, in their order."""
        return np.asarray(np.sum(states, axis=0))

    def figure(self, state: Array) -> float:
        """The metric of all examples that went into a state."""
        raise NotImplementedError

    # --- what several of them ask

    @property
    def tells_classes(self) -> bool:
        """There is one class at each place, and no yes and no."""
        return self.aim.compared in ("classes", "distributions")

    def said(self, output: Array) -> Array:
        """The class of each place, or yes for each entry."""
        return output.argmax(axis=-1) if self.tells_classes else output >= self.aim.loss.boundary

    def meant(self, target: Array) -> Array:
        """The right class of each place, or the right answer for each entry."""
        if self.aim.compared == "classes":
            return target
        return target.argmax(axis=-1) if self.tells_classes else target >= 0.5


class Mean(Formula):
    """The mean of terms; the state is their sum and their number."""

    def terms(self, output: Array, target: Array) -> Array:
        """The terms of a batch."""
        raise NotImplementedError

    def state(self, output: Array, target: Array) -> Array:
        """See `Formula.state`."""
        terms = self.terms(output, target)
        return np.array([terms.sum(dtype="float64"), terms.size])

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        total, count = state.tolist()
        return float(total / max(count, 1))


class AccuracyFormula(Mean):
    """1 where what is said is right."""

    def terms(self, output: Array, target: Array) -> Array:
        """See `Mean.terms`."""
        return np.asarray(self.said(output) == self.meant(target))


class TopFormula(Mean):
    """1 where fewer than five classes are more probable than the right one."""

    def terms(self, output: Array, target: Array) -> Array:
        """See `Mean.terms`; of equally probable classes the first counts as the more probable one, as in accuracy."""
        right = self.meant(target)[..., None]
        own = np.take_along_axis(output, right, axis=-1)
        before = (output == own) & (np.arange(output.shape[-1]) < right)
        return np.asarray(((output > own) | before).sum(axis=-1) < TOP)


def difference(output: Array, target: Array) -> Array:
    """Output minus target in float64; a class counts as 1 in its own place and 0 elsewhere."""
    if target.dtype.kind in "iu":
        target = np.arange(output.shape[-1]) == target[..., None]
    return np.subtract(output, target, dtype="float64")


class MaeFormula(Mean):
    """|output - target|."""

    def terms(self, output: Array, target: Array) -> Array:
        """See `Mean.terms`."""
        return np.abs(difference(output, target))


class RmseFormula(Mean):
    """sqrt(mean (output - target)^2)."""

    def terms(self, output: Array, target: Array) -> Array:
        """See `Mean.terms`."""
        return np.square(difference(output, target))

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        return sqrt(super().figure(state))


class PsnrFormula(RmseFormula):
    """-10 log10(mean (output - target)^2), infinite where there is no difference."""

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        error = Mean.figure(self, state)
        return -10 * log10(error) if error > 0 else inf


class PerplexityFormula(Mean):
    """exp(mean -log p of the right class)."""

    def terms(self, output: Array, target: Array) -> Array:
        """See `Mean.terms`."""
        right = np.take_along_axis(output, target[..., None], axis=-1)
        return np.asarray(-np.log(np.maximum(right, np.finfo(output.dtype).tiny).astype("float64")))

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        return exp(super().figure(state))


class R2Formula(Formula):
    """1 - sum (y - output)^2 / sum (y - mean y)^2 by entry of the last axis.

    The state has a row each for the number of targets, their mean, their squared deviations from it, and the squared
    errors.  Deviations of batches are joined without the difference of large squares (Chan, Golub and LeVeque 1983).
    """

    def state(self, output: Array, target: Array) -> Array:
        """See `Formula.state`."""
        wanted = target.reshape(-1, target.shape[-1]).astype("float64")
        mean = wanted.mean(axis=0)
        errors = np.square(wanted - output.reshape(wanted.shape)).sum(axis=0)
        count = np.full_like(mean, len(wanted))
        return np.stack([count, mean, np.square(wanted - mean).sum(axis=0), errors])

    def join(self, states: Sequence[Array]) -> Array:
        """See `Formula.join`."""
        counts, means, deviations, errors = np.moveaxis(np.stack(states), 1, 0)
        count = counts.sum(axis=0)
        mean = (counts * means).sum(axis=0) / count
        between = (counts * np.square(means - mean)).sum(axis=0)
        return np.stack([count, mean, deviations.sum(axis=0) + between, errors.sum(axis=0)])

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        _, _, deviations, errors = state
        varies = deviations > 0
        return float((1 - errors[varies] / deviations[varies]).mean()) if varies.any() else nan


class F1Formula(Formula):
    """2 TP / (2 TP + FP + FN) by class or entry; the state has a row each for TP and FP + FN."""

    def state(self, output: Array, target: Array) -> Array:
        """See `Formula.state`."""
        said, meant, count = self.said(output), self.meant(target), output.shape[-1]
        if self.tells_classes:
            hits, guesses, there = (
                np.bincount(each.ravel(), minlength=count) for each in (meant[said == meant], said, meant)
            )
        else:
            yes, wanted = (each.reshape(-1, count) for each in (said, meant))
            hits, guesses, there = (each.sum(axis=0) for each in (yes & wanted, yes, wanted))
        return np.stack([hits, guesses + there - 2 * hits]).astype("float64")

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        hits, misses = state
        seen = hits + misses > 0
        scores = np.divide(2 * hits, 2 * hits + misses, out=np.zeros_like(hits), where=seen)
        if self.tells_classes:
            scores = scores[seen]
        return float(scores.mean()) if scores.size else 0.0


class AurocFormula(Formula):
    """The share of pairs of a yes and a no in which the yes is given more; the state keeps every output and target.

    It is (R - P (P + 1) / 2) / (P N) with the sum R of the ranks of the P yes among all P + N, ties sharing the mean
    of their ranks (Hanley and McNeil 1982).
    """

    def state(self, output: Array, target: Array) -> Array:
        """See `Formula.state`: a row an example, its outputs, then its class or its answers."""
        scores = output.reshape(-1, output.shape[-1])
        meant = self.meant(target).reshape(len(scores), -1)
        return np.concatenate([scores, meant], axis=1, dtype="float64")

    def join(self, states: Sequence[Array]) -> Array:
        """See `Formula.join`."""
        return np.concatenate(states)

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        count = self.aim.output.shape.features
        scores, meant = np.split(state, [count], axis=1)
        right = meant == np.arange(count) if self.tells_classes else meant > 0
        areas = [_area(scores[:, each], right[:, each]) for each in range(count)]
        known = [area for area in areas if area is not None]
        return sum(known) / len(known) if known else nan


def _area(scores: Array, yes: Array) -> float | None:
    """The area under the curve of one question, None where all answers are the same."""
    positive = int(yes.sum())
    negative = len(yes) - positive
    if not positive or not negative:
        return None
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    return float((ranks[yes].sum() - positive * (positive + 1) / 2) / (positive * negative))


class SsimFormula(Mean):
    """The similarity of each image."""

    def terms(self, output: Array, target: Array) -> Array:
        """See `Mean.terms`."""
        return np.asarray(elsewhere(self.metric).ssim(output, target))


class TextFormula(Formula):
    """Texts of the most probable classes, and those of the target.

    The state has a row a word: 1 where an example begins, else 0, the word said, and that of the target.
    """

    by_place: ClassVar[bool] = False

    def state(self, output: Array, target: Array) -> Array:
        """See `Formula.state`."""
        meant = self.meant(target)
        inside = meant != LEFT_OUT
        begins = np.cumsum(inside, axis=1) == 1
        return np.stack([each[inside] for each in (begins, self.said(output), meant)], axis=1).astype(
            "float64"
        )

    def join(self, states: Sequence[Array]) -> Array:
        """See `Formula.join`."""
        return np.concatenate(states)

    def figure(self, state: Array) -> float:
        """See `Formula.figure`."""
        begins, *words = state.astype("int64").T
        starts = np.flatnonzero(begins)[1:]
        said, meant = ([each.tolist() for each in np.split(some, starts)] for some in words)
        return text_figure(self.metric, Texts(said, meant))


FORMULAS: Final[dict[type[Metric], Callable[[Any, Aim], Formula]]] = {
    Accuracy: AccuracyFormula,
    Top5: TopFormula,
    Mae: MaeFormula,
    Rmse: RmseFormula,
    R2: R2Formula,
    F1: F1Formula,
    Auroc: AurocFormula,
    Perplexity: PerplexityFormula,
    Psnr: PsnrFormula,
    Ssim: SsimFormula,
    Bleu: TextFormula,
    Exact: TextFormula,
}


def formula(metric: Metric, aim: Aim) -> Formula:
    """The formula of a metric of an output; raises N901 where there is none, N604 where its package is missing."""
    found = FORMULAS.get(type(metric))
    if found is None:
        raise error("N901", f"the metric `{metric.word}` cannot be computed yet")
    check_package(metric)
    return found(metric, aim)


def check_package(metric: Metric) -> None:
    """Raise N604 where what computes a metric is not installed."""
    if metric.needs and find_spec(metric.needs) is None:
        message = f'the metric `{metric.word}` needs {metric.needs}: pip install "netspec[metrics]"'
        raise error("N604", message)


def elsewhere(metric: Metric) -> Any:
    """The module that calls the package which computes a metric."""
    return import_module(ELSEWHERE[metric.needs])


def _there(output: Array, target: Array) -> tuple[Array, Array]:
    """Output and target at the places that are there, which then stand side by side where some are left out."""
    if target.dtype.kind not in "iu" or (inside := target != LEFT_OUT).all():
        return output, target
    return output[inside], target[inside]


class Tally:
    """Metrics over many batches and processes, as if they were one batch in one."""

    def __init__(self, metrics: Sequence[Metric], aims: Sequence[Aim]) -> None:
        by_name = {aim.output.name: number for number, aim in enumerate(aims)}
        self.formulas: dict[str, tuple[int, Formula]] = {}
        for metric in metrics:
            number = by_name[metric.on] if metric.on else len(aims) - 1
            self.formulas[metric.name] = number, formula(metric, aims[number])
        self.states: dict[str, list[Array]] = {name: [] for name in self.formulas}

    def add(self, outputs: Sequence[Array], targets: Sequence[Array]) -> None:
        """Take in a batch: output and target of each aim."""
        there = [_there(*pair) for pair in zip(outputs, targets, strict=True)]
        for name, (number, each) in self.formulas.items():
            output, target = there[number] if each.by_place else (outputs[number], targets[number])
            if target.size:
                self.states[name].append(each.state(output, target))

    def gather(self, group: Group) -> None:
        """Take in what the other processes of a group found; some of them may have had no example."""
        for name, (_, each) in self.formulas.items():
            own = self.states[name]
            found = group.gather(each.join(own) if own else np.zeros(0))
            self.states[name] = [state for state in found if state.size]

    def result(self) -> dict[str, float]:
        """The figures by the metrics' names; NaN where there was no example."""
        return {
            name: each.figure(each.join(self.states[name])) if self.states[name] else nan
            for name, (_, each) in self.formulas.items()
        }
