"""The training loop: batches by index, a step size for each step, an evaluation for each epoch, early stopping.

Knows no backend, no file and no terminal.  Whoever wants to see what happens is an `Observer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, isfinite
from time import perf_counter
from typing import Any, Final, Literal, SupportsFloat

import numpy as np

from netspec.backends import Program
from netspec.data import Loaded, split
from netspec.diagnostics import Diagnostic, SpecError
from netspec.init import generator
from netspec.ir.net import Net
from netspec.train.evaluate import Figures, Prepared, evaluate
from netspec.train.metrics import FORMULAS
from netspec.train.options import Options

Array = np.ndarray[Any, np.dtype[Any]]
Part = Literal["val", "test"]
Ended = Literal["done", "patience", "interrupted"]

READ_EVERY: Final = 50
"""Steps after which losses are read from a device that computes while Python goes on; on a CPU each is read at once."""

BROKEN: Final = (MemoryError, RuntimeError, ValueError)
"""What a backend raises where it runs out of memory, or cannot do what a layer asks for with these sizes."""


@dataclass(frozen=True, slots=True)
class Start:
    """What is about to be done."""

    net: Net
    device: str
    examples: int
    """Examples that are learnt from."""
    new_examples: int
    """Examples that the curves are taken on, which nothing is learnt from."""
    part: Part
    epochs: int
    steps: int
    steps_per_epoch: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done; `number` and `epoch` count from 1, `seconds` since training began."""

    number: int
    epoch: int
    examples: int
    """Examples seen in this epoch."""
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """What an epoch came to.

    `loss` is the mean of what was minimised (regularisation included), as it was before each step; `new` the figures
    on the part that is not learnt from; `rate` that of the last step; `gradients` the norm of the last step's gradient
    in each layer; `best` says that no epoch was better so far.
    """

    epoch: int
    step: int
    rate: float
    loss: float
    part: Part
    new: Figures
    seconds: float
    gradients: dict[str, float]
    examples: int
    """Examples that were learnt from in this epoch."""
    best: bool = False

    def figures(self) -> dict[str, float]:
        """The figures by the names that `stop` knows: `train.loss`, `val.loss`, `val.accuracy`."""
        new = {"loss": self.new.loss, **self.new.metrics}
        return {"train.loss": self.loss, **{f"{self.part}.{name}": value for name, value in new.items()}}

    def to_json(self) -> dict[str, float]:
        """One flat row with stable names."""
        norms = {f"gradient.{layer}": norm for layer, norm in self.gradients.items()}
        place = {"epoch": self.epoch, "step": self.step, "rate": self.rate}
        return {**place, **self.figures(), "seconds": self.seconds, **norms}


class Observer:
    """Sees a run pass by; does nothing with it unless a subclass does."""

    def started(self, start: Start) -> None:
        """Before the first step."""

    def stepped(self, step: Step) -> None:
        """After a step, once its loss was read."""

    def finished_epoch(self, row: Row) -> None:
        """After an epoch; the program holds the weights of its end."""

    def close(self) -> None:
        """The run is over, in whatever way."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run.  The program holds the weights of `best_epoch`; `test` is measured with them."""

    rows: tuple[Row, ...]
    ended: Ended
    steps: int
    best_epoch: int
    test: Figures | None
    """None where the run was interrupted."""
    seconds: float
    part: Part


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


def train(
    net: Net,
    program: Program,
    loaded: Loaded,
    options: Options,
    *,
    observers: Sequence[Observer] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train a program on data.  It ends with the best weights where a validation part decides, else with the last.

    The validation part is `loaded.validation`, or, where `stop` is set, held out from the training examples.  Without
    one the test examples give the curves, and decide nothing.  A last batch of one example is joined to the one
    before it: batch normalisation has no variance of one.  `should_stop` is asked after each step.

    Raises `SpecError` N704 where the loss is not finite or the backend fails.
    """
    return _Run(net, program, loaded, options, observers, should_stop).run()


class _Run:
    def __init__(
        self,
        net: Net,
        program: Program,
        loaded: Loaded,
        options: Options,
        observers: Sequence[Observer],
        should_stop: Callable[[], bool],
    ) -> None:
        self.net, self.program, self.options = net, program, options
        self.observers, self.should_stop = observers, should_stop
        learnt, held = loaded.train, loaded.validation
        if held is None and options.stop:
            learnt, held = split(learnt, options.stop.validation, options.seed)
        self.part: Part = "test" if held is None else "val"
        self.data = Prepared.of(learnt)
        self.test = Prepared.of(loaded.test)
        self.new = self.test if held is None else Prepared.of(held)
        self.bounds = batches(len(self.data), options.batch)
        self.per_epoch = len(self.bounds)
        self.steps = options.steps or (options.epochs or 1) * self.per_epoch
        self.epochs = ceil(self.steps / self.per_epoch)
        figure = options.stop.on if options.stop else "val.loss"
        metrics = {metric.word: FORMULAS.get(type(metric)) for metric in options.metrics}
        formula = metrics.get(figure.partition(".")[2])
        self.best = _Best(figure, bool(formula and formula.higher_is_better))
        self.rows: list[Row] = []
        self.step = 0
        self.pending: list[tuple[int, int, SupportsFloat]] = []
        """Losses that were not read yet: step, number of examples, loss."""
        self.read_every = 1 if program.device.startswith("cpu") else READ_EVERY

    def run(self) -> Result:
        self.began = perf_counter()
        self.program.begin(self.options.training)
        start = Start(
            self.net,
            self.program.device,
            len(self.data),
            len(self.new),
            self.part,
            self.epochs,
            self.steps,
            self.per_epoch,
        )
        for observer in self.observers:
            observer.started(start)
        ended: Ended = "done"
        for epoch in range(1, self.epochs + 1):
            if not self.epoch(epoch):
                ended = "interrupted"
                break
            stop = self.options.stop
            if stop and epoch - self.best.epoch >= stop.patience and self.step < self.steps:
                ended = "patience"
                break
        return self.result(ended)

    def result(self, ended: Ended) -> Result:
        best_epoch = len(self.rows)
        test = None
        if ended != "interrupted" and self.part == "val":
            best_epoch = self.best.epoch
            self.program.load(self.best.weights)
            test = self.evaluate(self.test)
        elif ended != "interrupted":
            test = self.rows[-1].new
        seconds = perf_counter() - self.began
        return Result(tuple(self.rows), ended, self.step, best_epoch, test, seconds, self.part)

    def epoch(self, epoch: int) -> bool:
        """One pass over the examples; False where it was broken off."""
        began = perf_counter()
        order = generator(self.options.seed, f"order/{epoch}").permutation(len(self.data))
        self.total, self.seen = 0.0, 0
        rate = 0.0
        for start, end in self.bounds:
            if self.step >= self.steps:
                break
            rate = self.options.schedule.rate(self.options.optimizer.rate, self.step, self.steps)
            chosen = order[start:end]
            try:
                loss = self.program.train_step(self.data.inputs[chosen], self.data.targets[chosen], rate)
            except BROKEN as problem:
                raise self.failure(f"the backend failed: {problem}", self.step + 1, epoch) from problem
            self.step += 1
            self.pending.append((self.step, len(chosen), loss))
            if len(self.pending) >= self.read_every:
                self.read(epoch)
            if self.should_stop():
                return False
        self.read(epoch)
        self.finish_epoch(epoch, rate, began)
        return True

    def read(self, epoch: int) -> None:
        """Read the losses that are due; raises N704 at the first that is not finite."""
        seconds = perf_counter() - self.began
        for step, count, late in self.pending:
            loss = float(late)
            if not isfinite(loss):
                raise self.failure(f"the loss is {loss}", step, epoch, self.blame())
            self.total += loss * count
            self.seen += count
            for observer in self.observers:
                observer.stepped(Step(step, epoch, self.seen, loss, seconds))
        self.pending.clear()

    def finish_epoch(self, epoch: int, rate: float, began: float) -> None:
        norms = self.program.gradient_norms()
        new = self.evaluate(self.new)
        if not isfinite(new.loss):
            name = "validation" if self.part == "val" else "test"
            raise self.failure(f"the loss on the {name} data is {new.loss}", self.step, epoch, self.blame())
        loss = self.total / max(self.seen, 1)
        row = Row(epoch, self.step, rate, loss, self.part, new, perf_counter() - began, norms, self.seen)
        if self.part == "val":
            value = row.figures()[self.best.figure]
            if self.best.improves(value):
                weights = self.program.parameters()
                self.best = _Best(self.best.figure, self.best.higher, value, epoch, weights)
                row = replace(row, best=True)
        self.rows.append(row)
        for observer in self.observers:
            observer.finished_epoch(row)

    def evaluate(self, data: Prepared) -> Figures:
        """Larger batches than in training fit: no gradient is kept."""
        try:
            return evaluate(self.program, data, self.options.metrics, 2 * self.options.batch)
        except BROKEN as problem:
            epoch = max(ceil(self.step / self.per_epoch), 1)
            raise self.failure(f"the backend failed: {problem}", self.step, epoch) from problem

    def blame(self) -> str:
        """The layers in which the numbers are not finite, or else the one with the largest gradient."""
        norms = self.program.gradient_norms()
        bad = [layer for layer, norm in norms.items() if not isfinite(norm)]
        weights = [name for name, value in self.program.parameters().items() if not np.isfinite(value).all()]
        words = []
        if bad:
            words.append(f"the gradient is not finite in {_listed(bad)}")
        if weights:
            words.append(
                f"nor are the weights of {_listed(_layers(weights))}"
                if bad
                else f"not finite: {_listed(weights)}"
            )
        last = self.rows[-1].gradients if self.rows else {}
        if not words and norms:
            last = norms
        if last:
            largest = max(last, key=lambda layer: last[layer])
            when = f"at the end of epoch {self.rows[-1].epoch} " if words else ""
            words.append(f"{when}the largest gradient was that of `{largest}`, {last[largest]:.3g}")
        return "; ".join(words)

    def failure(self, what: str, step: int, epoch: int, because: str = "") -> SpecError:
        within = step - (epoch - 1) * self.per_epoch
        place = f"at step {step:,} (epoch {epoch}, step {within:,} of {self.per_epoch:,})"
        rate = self.options.optimizer.rate
        less = f"a smaller step size (--lr {rate / 10:g}; it is {rate:g})"
        clip = "" if self.options.training.get("clip") else " or `clip norm=1`"
        notes = (f"{less}{clip} may help",) if "loss" in what else ()
        return SpecError(Diagnostic("N704", f"{what} {place}", because=because, notes=notes))


def batches(examples: int, size: int) -> list[tuple[int, int]]:
    """Start and end of each batch in an epoch's order; a last one of a single example is joined to the one before."""
    starts = list(range(0, examples, size))
    if len(starts) > 1 and size > 1 and examples - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], examples], strict=True))


def _layers(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + more


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for JSON, which has neither NaN nor infinity: null stands for them."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in row.items()
    }
