"""The training loop: batches by index, a step size for each step, an evaluation for each epoch, early stopping.

Knows no backend, no file and no terminal.  Whoever wants to see what happens is an `Observer`; `Saving` is given the
run as it stands, after each epoch and now and then between, and `train` goes on from there if it is handed back.

Nothing random is remembered: the order of an epoch's examples, and that of its batches where examples differ in length,
follow from the seed and the epoch.  Where several
processes work on one run, each learns from its share of every batch, and all come to the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil, isfinite
from time import perf_counter
from typing import Any, Final, SupportsFloat

import numpy as np

from netspec.backends import Piece, Program
from netspec.backends.room import is_out_of_memory
from netspec.data import Dataset, Loaded, split
from netspec.diagnostics import Diagnostic, SpecError
from netspec.init import generator
from netspec.ir.net import Net
from netspec.ir.training import Optimizer
from netspec.passes.objective import figures_of
from netspec.train import fits
from netspec.train.blame import blamed
from netspec.train.ends import Ends
from netspec.train.evaluate import Figures, Prepared
from netspec.train.events import Ended, Observer, Part, Result, Row, Start, Step
from netspec.train.learner import Learner
from netspec.train.options import Options
from netspec.train.position import Moment, Position
from netspec.train.targets import balanced

Array = np.ndarray[Any, np.dtype[Any]]

READ_EVERY: Final = 50
"""Steps after which losses are read from a device that computes while Python goes on; on a CPU each is read at once."""

SAVE_SECONDS: Final = 300.0
"""The work that a killed process may lose, unless the user says how much."""

BROKEN: Final = (MemoryError, RuntimeError, ValueError)
"""What a backend raises where it runs out of memory, or cannot do what a layer asks for with these sizes."""


@dataclass(slots=True)
class _Best:
    """The best epoch by the watched figure, with its weights."""

    figure: str
    higher: bool
    value: float | None = None
    epoch: int = 0
    weights: dict[str, Array] = field(default_factory=dict)

    def improves(self, value: float) -> bool:
        """No epoch had this figure so good."""
        return self.value is None or (value > self.value if self.higher else value < self.value)


@dataclass(frozen=True, slots=True)
class Saving:
    """How a run is kept: by what, and when beside the ends of the epochs."""

    save: Callable[[Moment], None] = lambda moment: None
    every: int | None = None
    """Steps; a number of seconds (`SAVE_SECONDS`) where none are said."""


def train(
    net: Net,
    program: Program | Learner,
    loaded: Loaded,
    options: Options,
    *,
    observers: Sequence[Observer] = (),
    should_stop: Callable[[], bool] = lambda: False,
    saving: Saving | None = None,
    start: Moment | None = None,
) -> Result:
    """Train a program on data, or those of a learner.

    It ends with the best weights where a validation part decides, else with the last.  Where weights are averaged,
    these are averages, and so are those that the figures of an epoch are measured with.

    Where the program is that of `network_for`, and reads lengths too, `net` is the network as it is written.

    The validation part is `loaded.validation`, or held out from the training examples where `stop` or the schedule
    watches a figure on one.  Without one the test examples give the curves, and decide nothing.  A last batch of one
    example is joined to the one before it: batch normalisation has no variance of one.  `should_stop` is asked after
    each step.  From `start`, with the same settings and data, the run goes on as if it had never been interrupted, to
    the last bit.

    Raises `SpecError` N704 where the loss is not finite or the backend fails, N703 where `start` does not fit.
    """
    learner = program if isinstance(program, Learner) else Learner.of(program)
    return _Run(net, learner, loaded, options, observers, should_stop, saving or Saving()).run(start)


class _Run:
    def __init__(
        self,
        net: Net,
        learner: Learner,
        loaded: Loaded,
        options: Options,
        observers: Sequence[Observer],
        should_stop: Callable[[], bool],
        saving: Saving,
    ) -> None:
        self.net, self.learner = net, learner
        self.options = balanced(options, loaded.train.targets)
        self.observers, self.should_stop, self.saving = observers, should_stop, saving
        learnt, held = loaded.train, loaded.validation
        if held is None and options.validation is not None:
            learnt, held = split(learnt, options.validation, options.seed)
        self.part: Part = "test" if held is None else "val"
        self.data = self.prepared(learnt)
        self.test = self.prepared(loaded.test)
        self.new = self.test if held is None else self.prepared(held)
        self.bounds = batches(len(self.data), options.batch, 2 * learner.group.size)
        self.per_epoch = len(self.bounds)
        self.steps = options.steps or (options.epochs or 1) * self.per_epoch
        self.epochs = ceil(self.steps / self.per_epoch)
        figure = options.stop.on if options.stop else "val.loss"
        self.best = _Best(figure, figures_of(net, options.training)[figure])
        self.at = Position()
        self.watched: tuple[float, ...] = ()
        self.pending: list[tuple[int, int, dict[str, SupportsFloat]]] = []
        """Losses that were not read yet: step, number of examples, the loss of each update."""
        self.read_every = 1 if learner.device.startswith("cpu") else READ_EVERY

    def prepared(self, dataset: Dataset) -> Prepared:
        """Examples as the program takes them."""
        return Prepared.of(dataset, Ends.of(dataset, self.net, self.learner.net, self.options.aims))

    def run(self, start: Moment | None) -> Result:
        self.learner.begin(self.options, self.steps)
        if start:
            self.go_on(start)
        self.began = self.saved = perf_counter()
        self.tell_start()
        ended = self.all_epochs()
        if ended == "interrupted":
            self.save()
        return self.result(ended)

    def go_on(self, start: Moment) -> None:
        """Take over a run as it stood."""
        self.learner.load(start.parameters)
        self.learner.recall(start.memory)
        self.at = start.position
        self.best.value, self.best.epoch = self.at.best, self.at.best_epoch
        self.best.weights = dict(start.best)

    def tell_start(self) -> None:
        counts = len(self.data), len(self.new)
        length = self.epochs, self.steps, self.per_epoch
        aims = self.options.aims
        start = Start(self.net, self.learner.device, *counts, self.part, *length, aims, self.at.step)
        for observer in self.observers:
            observer.started(start)

    def all_epochs(self) -> Ended:
        for epoch in range(self.at.epoch, self.epochs + 1):
            if self.has_lost_patience():
                return "patience"
            if not self.epoch(epoch):
                return "interrupted"
        return "done"

    def has_lost_patience(self) -> bool:
        stop, done = self.options.stop, len(self.at.rows)
        return stop is not None and done > 0 and done - self.best.epoch >= stop.patience

    def result(self, ended: Ended) -> Result:
        rows = self.at.rows
        best_epoch = len(rows)
        test: Figures | None
        if ended != "interrupted" and self.part == "val":
            best_epoch = self.best.epoch
            self.learner.load(self.best.weights)
            test = self.evaluate(self.test)
        else:
            self.learner.use_average(True)
            test = None if ended == "interrupted" else rows[-1].new
        return Result(rows, ended, self.at.step, best_epoch, test, self.seconds(), self.part)

    def seconds(self) -> float:
        """The time that training has taken, before an interruption too."""
        return self.at.seconds + perf_counter() - self.began

    def lap(self) -> None:
        """Enter the time that has gone by."""
        now = perf_counter()
        past, self.began = now - self.began, now
        at = self.at
        self.at = replace(at, seconds=at.seconds + past, epoch_seconds=at.epoch_seconds + past)

    def epoch(self, epoch: int) -> bool:
        """What is left of one pass over the examples; False where it was broken off."""
        random = generator(self.options.seed, f"order/{epoch}")
        order, bounds = random.permutation(len(self.data)), self.bounds
        if self.data.ends is not None:
            order, bounds = self.data.ends.alike(order, bounds, random)
        for start, end in bounds[self.at.step - (epoch - 1) * self.per_epoch :]:
            if self.at.step >= self.steps:
                break
            self.step(order[start:end])
            stop, save = self.wishes()
            if stop:
                return False
            if save:
                self.save()
        self.read()
        self.finish_epoch()
        self.save()
        return True

    def step(self, chosen: Array) -> None:
        """Learn from the examples of one batch, of which this process takes its share."""
        group, whole = self.learner.group, len(chosen)
        # even places: mixup mixes neighbours
        places = [whole * rank // group.size // 2 * 2 for rank in range(group.size)]
        start, end = [*places, whole][group.rank : group.rank + 2]
        batch = self.data.batch(chosen[start:end])
        piece = Piece(start, whole, self.data.places(chosen, self.options.aims))
        try:
            losses = self.learner.step(self.at.step + 1, batch, self.rate, piece)
        except BROKEN as problem:
            at_once = min(self.options.at_once, end - start)
            raise self.broken(problem, self.at.step + 1, at_once, whole) from problem
        rate = self.rate(self.learner.turns[0].own)
        self.at = replace(self.at, step=self.at.step + 1, rate=rate, gradients={})
        self.pending.append((self.at.step, whole, losses))
        if len(self.pending) >= self.read_every:
            self.read()

    def rate(self, optimizer: Optimizer | None) -> float:
        """The step size of an update by its own optimiser, or by that of the settings."""
        base: float = (optimizer or self.options.optimizer).rate
        return self.options.schedule.rate(base, self.at.step, self.steps, self.history())

    def history(self) -> tuple[float, ...]:
        """The figure that the schedule watches, after each epoch so far."""
        if watched := self.options.schedule.watches:
            new = self.at.rows[len(self.watched) :]
            self.watched = (*self.watched, *(row.figures()[watched] for row in new))
        return self.watched

    def wishes(self) -> tuple[bool, bool]:
        """Whether the run is to stop, and whether it is to be saved: if any of the processes says so, all do it."""
        every = self.saving.every
        due = self.at.step % every == 0 if every else perf_counter() - self.saved > SAVE_SECONDS
        wishes = self.should_stop(), due
        if self.learner.group.size == 1:
            return wishes
        stop, save = self.learner.group.total(np.array(wishes, float))
        return bool(stop), bool(save)

    def read(self) -> None:
        """Read the losses that are due; raises N704 at the first that is not finite."""
        flat = [float(loss) for *_, losses in self.pending for loss in losses.values()]
        found = iter(self.learner.group.total(np.array(flat)).tolist())
        seconds = self.seconds()
        total, seen, totals = self.at.total, self.at.seen, dict(self.at.totals)
        for step, count, given in self.pending:
            losses = {name: next(found) for name in given}
            loss = sum(losses.values())
            if not isfinite(loss):
                raise self.failure(f"the loss is {loss}", step, self.blame())
            total += loss * count
            seen += count
            named = {name: each for name, each in losses.items() if name}
            for name, each in named.items():
                before, examples = totals.get(name, (0.0, 0))
                totals[name] = before + each * count, examples + count
            for observer in self.observers:
                observer.stepped(Step(step, self.at.epoch, seen, loss, seconds, named))
        self.pending.clear()
        self.at = replace(self.at, total=total, seen=seen, totals=totals)

    def finish_epoch(self) -> None:
        norms = self.norms()
        with self.averaged():
            new = self.evaluate(self.new)
        self.lap()
        at = self.at
        if not isfinite(new.loss):
            name = "validation" if self.part == "val" else "test"
            raise self.failure(f"the loss on the {name} data is {new.loss}", at.step, self.blame())
        losses = {name: total / examples for name, (total, examples) in at.totals.items()}
        loss = sum(losses.values()) if losses else at.total / max(at.seen, 1)
        losses = losses if len(self.learner.turns) > 1 else {}
        seconds, seen = at.epoch_seconds, at.seen
        row = Row(at.epoch, at.step, at.rate, loss, self.part, new, seconds, norms, seen, losses=losses)
        if self.part == "val":
            value = row.figures()[self.best.figure]
            if self.best.improves(value):
                with self.averaged():
                    weights = self.learner.parameters()
                self.best = _Best(self.best.figure, self.best.higher, value, at.epoch, weights)
                row = replace(row, best=True)
        self.at = Position(
            at.step, at.epoch + 1, rate=at.rate, gradients=norms, rows=(*at.rows, row), seconds=at.seconds
        )
        with self.averaged():
            for observer in self.observers:
                observer.finished_epoch(row)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights are in the place of those that are trained, where weights are averaged."""
        self.learner.use_average(True)
        try:
            yield
        finally:
            self.learner.use_average(False)

    def norms(self) -> dict[str, float]:
        """Those of the last step, which may have been done before an interruption."""
        return self.at.gradients or self.learner.gradient_norms()

    def save(self) -> None:
        """Have the run kept as it stands."""
        self.read()
        self.lap()
        found, epoch = self.best.value, self.best.epoch
        at = self.at = replace(self.at, gradients=self.norms(), best=found, best_epoch=epoch)
        parameters = self.learner.parameters()
        if not all(np.isfinite(value).all() for value in parameters.values()):
            raise self.failure("the weights are not finite", at.step, self.blame())
        self.saving.save(Moment(at, parameters, self.learner.memory(), self.best.weights))
        self.saved = perf_counter()

    def evaluate(self, data: Prepared) -> Figures:
        """Larger batches than in training fit: no gradient is kept."""
        try:
            return self.learner.evaluate(data, self.options.metrics, 2 * self.options.at_once)
        except BROKEN as problem:
            raise self.broken(problem, self.at.step, 2 * self.options.at_once) from problem

    def broken(self, problem: BaseException, step: int, examples: int, batch: int = 0) -> SpecError:
        """What a backend says it could not do with so many examples at a time, of a batch where it is a step."""
        if not is_out_of_memory(problem):
            return self.failure(f"the backend failed: {problem}", step)
        dtype = self.learner.circumstances()["dtype"]
        because, tries = fits.explain(
            self.net, examples, dtype, self.learner.free_memory(), batch, self.learner.group.size
        )
        return self.failure("out of memory", step, because, tries)

    def blame(self) -> str:
        """The layers in which the numbers are not finite, or else the one with the largest gradient."""
        return blamed(self.norms(), self.learner.parameters(), self.at.rows)

    def failure(self, what: str, step: int, because: str = "", tries: tuple[str, ...] = ()) -> SpecError:
        epoch = max(ceil(step / self.per_epoch), 1)
        within = step - (epoch - 1) * self.per_epoch
        place = f"at step {step:,} (epoch {epoch}, step {within:,} of {self.per_epoch:,})"
        rate = self.options.optimizer.rate
        less = f"a smaller step size (--lr {rate / 10:g}; it is {rate:g})"
        if any(turn.own for turn in self.learner.turns):
            less = "a smaller step size in the updates"
        clip = "" if self.options.training.get("clip") else " or `clip norm=1`"
        notes = () if tries or "backend" in what else (f"{less}{clip} may help",)
        return SpecError(Diagnostic("N704", f"{what} {place}", because=because, notes=notes, tries=tries))


def batches(examples: int, size: int, least: int = 2) -> list[tuple[int, int]]:
    """Start and end of each batch in an epoch's order; a last one of fewer than `least` is joined to the one before."""
    starts = list(range(0, examples, size))
    if len(starts) > 1 and size > 1 and examples - starts[-1] < least:
        starts.pop()
    return list(zip(starts, [*starts[1:], examples], strict=True))
