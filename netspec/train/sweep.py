"""A sweep: one run for each choice from the sets of a spec's parameters and of settings, compared on validation data.

A folder holds the runs and `sweep.json`, the plan and what came of each trial; with it the same call goes on where the
last one ended.  The test data decide nothing: where the spec has no `stop`, a validation part is held out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Final

from netspec.diagnostics import SpecError, did_you_mean, error
from netspec.ir.catalog import is_higher_better
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.passes import analyse
from netspec.passes.library import SHIPPED
from netspec.passes.objective import figures_of
from netspec.source import Source
from netspec.train.curves import can_draw
from netspec.train.durable import replace_file
from netspec.train.events import Observer
from netspec.train.listing import figure as shown
from netspec.train.options import Options, resolve
from netspec.train.progress import WORTH_SAYING, duration
from netspec.train.resume import Resumed, reopen
from netspec.train.run import Finished, Setup, run
from netspec.train.sampling import Sets, Tried, check_optuna, grid, grid_size, suggest
from netspec.train.sweep_record import Method, Plan, SweepRecord, Trial
from netspec.train.sweep_views import picture

SWEEPS: Final = Path("sweeps")
SETTINGS: Final = "train."
"""What the names of settings begin with; other names are those of parameters."""
VALIDATION: Final = "val."
PICTURE: Final = "sweep.svg"
MISSING: Final = 'no sweep.svg: it needs matplotlib: pip install "netspec[plot]"'


@dataclass(frozen=True)
class Wanted:
    """What a user asks a sweep for."""

    source: Source
    setup: Setup
    """That of every run; `setup.out` is not looked at."""
    limits: Limits = DEFAULT
    values: Mapping[str, str] = field(default_factory=dict)
    """Values of parameters that every trial has."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    changes: Sequence[str] = ()
    """Settings that every trial has: `train.epochs=3`."""
    over: Sets = field(default_factory=dict)
    """What is tried of settings, and of parameters in place of the spec's own sets."""
    figure: str | None = None
    """The figure that decides; by default what `stop` watches, or `val.loss`."""
    method: Method | None = None
    """By default the grid, or Optuna where `trials` are fewer."""
    trials: int | None = None
    folder: Path | None = None
    """By default `sweeps/` and the name of the network."""


@dataclass(frozen=True)
class Swept:
    """A sweep that is over or was interrupted."""

    record: SweepRecord
    exit_code: int
    """0, 1 where every trial failed, or that of the signal that ended it."""

    @property
    def is_interrupted(self) -> bool:
        """A signal ended it."""
        return self.exit_code > 1


# --- the plan


def plan(wanted: Wanted) -> Plan:
    """What will be tried.

    Raises `SpecError`: what is wrong with the spec or a setting, N405 where nothing varies, N108 for names that are not
    there, N109 for one that is both fixed and varied, N406 and N509 for the number of trials, N604 without Optuna.
    """
    net = analyse(wanted.source, wanted.limits, wanted.values, wanted.sizes)
    sets = _sets(net, wanted)
    options = resolve(net, wanted.changes)
    for name, values in sets.items():
        for value in values if name.startswith(SETTINGS) else ():
            resolve(net, [*wanted.changes, f"{name}={value}"])
    method, trials = _method(wanted, grid_size(sets))
    return Plan(
        net=net.name,
        text=wanted.source.text,
        files={path: text for path, text in net.files.items() if not path.startswith(SHIPPED)},
        sets={name: tuple(values) for name, values in sets.items()},
        method=method,
        trials=trials,
        figure=_figure(wanted.figure, net, options),
        values=dict(wanted.values),
        sizes=dict(wanted.sizes),
        changes=tuple(wanted.changes),
        backend=wanted.setup.backend,
        dtype=wanted.setup.dtype,
        seed=options.seed,
        held_out=options.stop is None and not any(name.startswith("train.stop") for name in sets),
    )


def _sets(net: Net, wanted: Wanted) -> dict[str, Sequence[str]]:
    fixed = {*wanted.values, *(change.partition("=")[0].strip() for change in wanted.changes)}
    for name in wanted.over:
        if name in fixed:
            raise error("N109", f"`{name}` is given one value and is to be varied as well")
        if not name.startswith(SETTINGS) and name not in net.values:
            near = did_you_mean(name, net.values)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(net.values) or 'none'}"
            notes = (hint, "the names of settings begin with `train.`")
            raise error("N108", f"the spec has no parameter `{name}`", notes=notes)
    own = {name: values for name, values in net.choices.items() if name not in fixed}
    sets: dict[str, Sequence[str]] = {
        **own,
        **{name: tuple(dict.fromkeys(values)) for name, values in wanted.over.items()},
    }
    if not sets:
        notes = (
            "a parameter with a set is varied, `param width = 64 in {32, 64, 128}`",
            "or a setting, --over train.optimizer.rate=0.001,0.01",
        )
        raise error("N405", "there is nothing to vary", notes=notes)
    return sets


def _figure(name: str | None, net: Net, options: Options) -> str:
    watched = options.stop.on if options.stop else ""
    found = name or (watched if watched.startswith(VALIDATION) else "val.loss")
    known = [each for each in figures_of(net, options.training) if each.startswith(VALIDATION)]
    if found not in known:
        tries = tuple(f"`{near}`" for near in did_you_mean(found, known))
        notes = (f"known here: {', '.join(known)}", "the test data decide nothing")
        raise error("N108", f"there is no figure `{found}` that could decide", tries=tries, notes=notes)
    return found


def _method(wanted: Wanted, size: int) -> tuple[Method, int]:
    """How trials are chosen, and how many there are."""
    trials = min(wanted.trials or size, size)
    if wanted.method == "grid" and trials < size:
        raise error("N406", f"the grid has {size:,} trials, and --trials wants {trials:,} of them")
    method: Method = "optuna" if wanted.method == "optuna" or trials < size else "grid"
    if trials > wanted.limits.trials:
        notes = (
            f"--trials {wanted.limits.trials} tries some of them, chosen by Optuna",
            "`--limit trials=NUMBER` raises the limit",
        )
        raise error(
            "N509", f"the sweep has {trials:,} trials; {wanted.limits.trials:,} are the limit", notes=notes
        )
    if method == "optuna":
        check_optuna()
    return method, trials


# --- the trials


def sweep(wanted: Wanted, tell: Callable[[str], None]) -> Swept:
    """Run the trials that are not over yet; `tell` takes a line for each, and what must be said aloud.

    A trial whose values make no network, or whose training fails, is recorded as failed and the sweep goes on.  SIGINT
    and SIGTERM end it after the step, to go on later.  Raises `SpecError`: see `plan`; N707 where the folder holds
    another sweep; what would fail every trial alike.
    """
    planned = plan(wanted)
    with SweepRecord.open(wanted.folder or SWEEPS / planned.net, planned) as record:
        return _Sweep(wanted, record, tell).run()


class _Sweep:
    def __init__(self, wanted: Wanted, record: SweepRecord, tell: Callable[[str], None]) -> None:
        self.wanted, self.record, self.plan = wanted, record, record.plan
        self.tell = tell
        self.warned: set[str] = set()
        self.higher = is_higher_better(self.plan.figure)

    def run(self) -> Swept:
        self.announce()
        estimated = False
        try:
            for number in range(1, self.plan.trials + 1):
                known = self.record.trial(number)
                if known and known.is_over:
                    continue
                values = known.values if known else self.choose(number)
                code = self.trial(number, values, known.folder if known else None)
                if code:
                    return Swept(self.record, code)
                left = self.record.trials[-1].seconds * (self.plan.trials - number)
                if not estimated and left >= WORTH_SAYING:
                    self.tell(f"about {duration(left)} to go")
                estimated = True
        finally:
            self.draw()
        failed = all(trial.state == "failed" for trial in self.record.trials)
        return Swept(self.record, 1 if failed else 0)

    def announce(self) -> None:
        """What is tried, by what figure, and what was done before."""
        plan, over = self.plan, sum(trial.is_over for trial in self.record.trials)
        how = "chosen by Optuna, " if plan.method == "optuna" else ""
        self.tell(
            f"{plan.net}: {plan.trials:,} trials, {how}compared by {plan.figure}, in {self.record.folder}"
        )
        if plan.held_out:
            self.tell(
                "the spec has no `stop`: in every trial a validation part decides (a tenth of the training data, "
                "unless the data bring one), and the best weights are kept; the test data decide nothing"
            )
        if over:
            self.tell(f"{over:,} of them {'is' if over == 1 else 'are'} over and kept")

    def choose(self, number: int) -> dict[str, str]:
        sets = self.plan.sets
        if self.plan.method == "grid":
            return next(values for place, values in enumerate(grid(sets), 1) if place == number)
        tried = [Tried(trial.values, trial.figure) for trial in self.record.trials if trial.number < number]
        return suggest(sets, tried, higher=self.higher, seed=self.plan.seed, trials=self.plan.trials)

    def trial(self, number: int, values: Mapping[str, str], folder: str | None) -> int:
        """Run one trial and record it; the exit code of the signal that interrupted it, or 0.

        `folder` is that in which it was interrupted before.
        """
        trial = Trial(number=number, values=dict(values), folder=folder)
        self.record.enter(trial)
        began, before = perf_counter(), self.record.folders()
        try:
            net, options = self.settle(values)
        except SpecError as wrong:
            self.enter_failure(trial, wrong, began)
            return 0
        trial = trial.model_copy(update={"parameters": net.parameter_count})
        setup = replace(self.wanted.setup, out=self.record.folder)
        try:
            done = run(net, options, setup, Observer(), self.warn, self.left(trial, net))
        except SpecError as failed:
            if isinstance(failed.__cause__, OSError) or any(
                found.code != "N704" for found in failed.diagnostics
            ):
                raise
            made = min(self.record.folders() - before, default=folder)
            self.enter_failure(trial.model_copy(update={"folder": made}), failed, began)
            return 0
        if done.exit_code:
            self.record.enter(trial.model_copy(update={"folder": done.folder.name}))
            return done.exit_code
        self.enter_result(trial, done)
        return 0

    def left(self, trial: Trial, net: Net) -> Resumed | None:
        """The run of a trial that was interrupted, None where there is none that can be gone on with."""
        if trial.folder is None:
            return None
        try:
            return reopen(self.record.folder / trial.folder, (), net, self.wanted.limits)
        except SpecError as gone:
            self.tell(f"trial {trial.number} begins anew: {gone.diagnostics[0].message}")
            return None

    def settle(self, values: Mapping[str, str]) -> tuple[Net, Options]:
        """The network and the settings of a trial, with a validation part."""
        wanted = self.wanted
        own = {name: value for name, value in values.items() if not name.startswith(SETTINGS)}
        net = analyse(wanted.source, wanted.limits, {**wanted.values, **own}, wanted.sizes)
        settings = [f"{name}={value}" for name, value in values.items() if name.startswith(SETTINGS)]
        changes = [*wanted.changes, *settings]
        options = resolve(net, changes)
        if options.stop is None:
            longest = options.epochs or options.steps
            options = resolve(net, [*changes, f"train.stop=patience={longest} on {self.plan.figure}"])
        return net, options

    def enter_result(self, trial: Trial, done: Finished) -> None:
        result = done.result
        row = next(row for row in result.rows if row.epoch == result.best_epoch)
        figure = row.figures()[self.plan.figure]
        found = {
            "folder": done.folder.name,
            "seconds": round(result.seconds, 3),
            "epochs": len(result.rows),
            "best_epoch": result.best_epoch,
        }
        if isfinite(figure):
            found |= {"state": "done", "figure": figure}
        else:
            found |= {"state": "failed", "failure": f"{self.plan.figure} is {figure}"}
        self.enter(trial.model_copy(update=found))

    def enter_failure(self, trial: Trial, failed: SpecError, began: float) -> None:
        first = failed.diagnostics[0]
        found = {
            "state": "failed",
            "failure": f"{first.code}: {first.message}",
            "seconds": round(perf_counter() - began, 3),
        }
        self.enter(trial.model_copy(update=found))

    def enter(self, trial: Trial) -> None:
        """Record a trial that is over, and say what came of it."""
        self.record.enter(trial)
        came = trial.failure if trial.figure is None else f"{self.plan.figure} {shown(trial.figure)}"
        seconds = duration(trial.seconds) if trial.seconds >= 10 else f"{trial.seconds:.1f} s"
        self.tell(f"trial {trial.number}/{self.plan.trials}  {trial.told()}  {came}  ({seconds})")

    def draw(self) -> None:
        """`sweep.svg` of the trials so far; says what is missing where it cannot be drawn."""
        outcomes = self.record.outcomes()
        if not any(outcome.figure is not None for outcome in outcomes):
            return
        if not can_draw():
            self.tell(MISSING)
            return
        with suppress(OSError):  # the figures are safe in sweep.json
            replace_file(self.record.folder / PICTURE, picture(self.record))

    def warn(self, line: str) -> None:
        """Say what a run says aloud, once."""
        if line not in self.warned:
            self.warned.add(line)
            self.tell(line)
