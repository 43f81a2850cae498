"""Which values a trial of a sweep takes: those of a grid in order, or what Optuna suggests by the trials before it.

Values are texts and come from the sets alone.  What is suggested follows from the seed, the trial's number and the
figures before it, so that a sweep that was broken off goes on as it would have gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple

from netspec.train.extras import require

Values = Mapping[str, str]
Sets = Mapping[str, Sequence[str]]
"""What may be tried, by name."""

_MOST_STARTUP: Final = 10
"""Trials at random before suggestions follow from figures, at most; the sampler's own number."""
_ASKED: Final = 20
"""Suggestions that are asked for until one is new; then the first of the grid that is."""


class Tried(NamedTuple):
    """A trial that is over, its figure None where it failed."""

    values: Values
    figure: float | None


def grid_size(sets: Sets) -> int:
    """Number of combinations."""
    return prod(len(values) for values in sets.values())


def grid(sets: Sets) -> Iterator[dict[str, str]]:
    """All combinations, the last set changing fastest."""
    for values in product(*sets.values()):
        yield dict(zip(sets, values, strict=True))


def check_optuna() -> None:
    """Raise N604 where Optuna is not installed."""
    require("optuna", "sweep", "a sweep that does not try everything")


def suggest(sets: Sets, tried: Sequence[Tried], *, higher: bool, seed: int, trials: int) -> dict[str, str]:
    """Values that were not tried yet, by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

    There must be some.  `higher` says that a figure is the better the higher it is, `trials` how many there will be.
    Trials that failed count as pruned, which the estimator takes for worse than any figure; it ignores failed ones.
    """
    import optuna

    known = {tuple(each.values[name] for name in sets): each.figure for each in tried}
    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=min(_MOST_STARTUP, max(trials // 3, 2)), seed=(seed + len(tried)) % 2**32
        )
        study = optuna.create_study(direction="maximize" if higher else "minimize", sampler=sampler)
        spaces: dict[str, optuna.distributions.BaseDistribution]
        spaces = {name: optuna.distributions.CategoricalDistribution(tuple(sets[name])) for name in sets}
        states = optuna.trial.TrialState
        for each in tried:
            state = states.PRUNED if each.figure is None else states.COMPLETE
            study.add_trial(
                optuna.trial.create_trial(
                    state=state, params=dict(each.values), distributions=spaces, value=each.figure
                )
            )
        for _ in range(_ASKED):
            trial = study.ask(dict(spaces))
            values = {name: str(trial.params[name]) for name in sets}
            key = tuple(values.values())
            if key not in known:
                return values
            study.tell(trial, known[key], states.PRUNED if known[key] is None else states.COMPLETE)
    finally:
        optuna.logging.set_verbosity(said)
    return next(values for values in grid(sets) if tuple(values.values()) not in known)
