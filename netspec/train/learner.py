"""What learns in a run: the programs of its updates, all of which work on one set of parameters.

Training a network by itself is the case of one update, whose inputs and targets are those of the batch.  Where several
networks are trained, each update is a network of its own (`passes.updates`) with a program of its own, an optimiser
included; it borrows the parameters of the networks that it does not change.  No update knows of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, SupportsFloat

import numpy as np

from netspec.backends import (
    Array,
    Group,
    Piece,
    Program,
    as_given,
    as_tuple,
    channels_first,
    channels_last,
    inside,
    under,
)
from netspec.diagnostics import Diagnostic, Label, SpecError, error
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Expression
from netspec.ir.training import Aim, Optimizer, Training
from netspec.ir.updates import Field, Noise, Update
from netspec.passes.fields import filled_up
from netspec.passes.ragged import steps_of, symbols
from netspec.passes.updates import Derived, made, updates
from netspec.train.evaluate import Batch, Figures, Prepared, evaluate
from netspec.train.noise import Draws
from netspec.train.options import Options


class Turn:
    """One update: the program that does it, and what it is given of a batch."""

    def __init__(
        self, program: Program, derived: Derived | None = None, update: Update | None = None
    ) -> None:
        self.program, self.derived = program, derived
        self.name = update.network if update else ""
        self.every = update.every if update else 1
        self.own = update.optimizer if update else None
        """Its optimiser, None where that is the one of the settings."""
        self.dtype = program.circumstances()["dtype"]

    def begin(self, training: Training, steps: int) -> None:
        """See `Program.begin`."""
        if self.derived:
            training = self.derived.training(training, self.own)
            steps = steps // self.every
        self.program.begin(training, steps)

    def batch(self, given: Batch, draws: Draws) -> Batch:
        """The inputs and targets of the program, from those of the examples and noise."""
        derived = self.derived
        if derived is None:
            return given
        first, last = (as_tuple(each)[0] for each in given)
        inputs = [
            channels_first(draws.of(each, len(first)))
            if isinstance(each, Noise)
            else (last if each.last else first)
            for each in derived.inputs
        ]
        shapes = derived.net.shapes_for(*(channels_last(each).shape[1:] for each in inputs))
        pairs = zip(derived.aims, derived.targets, strict=True)
        targets = [
            (last if target.last else first)
            if isinstance(target, Field)
            else self.filled(len(first), target, aim, shapes)
            for aim, target in pairs
        ]
        return as_given(inputs), as_given(targets)

    def filled(self, count: int, number: float | None, aim: Aim, shapes: Mapping[str, Shape]) -> Array:
        """A number as the target of every place; nothing where the batch gives no target."""
        if number is None:
            return np.empty((count, 0), self.dtype)
        shape = shapes[aim.output.name]
        if aim.targets == "classes":
            return np.full((count, *shape.known[:-1]), int(number))
        return np.full((count, *Shape(shape.channels_first).known), number, self.dtype)


class Learner:
    """The programs of a run.

    `whole` holds the parameters of all networks, and does no step where updates do them; `show` is of what `make` says.
    """

    def __init__(self, whole: Program, turns: Sequence[Turn], show: Turn | None = None) -> None:
        self.whole, self.turns, self.show = whole, turns, show
        self.net: Net = whole.net
        self.device = whole.device
        self.group: Group = whole.group
        self.seed = 0

    @classmethod
    def of(cls, program: Program, show: Turn | None = None) -> Learner:
        """A network that is trained by itself."""
        return cls(program, [Turn(program)], show)

    def begin(self, options: Options, steps: int = 0) -> None:
        """See `Program.begin`; the seed is that of the noise too."""
        self.seed = options.seed
        for turn in self.turns:
            turn.begin(options.training, steps)

    def step(
        self, number: int, batch: Batch, rate: Callable[[Optimizer | None], float], piece: Piece
    ) -> dict[str, SupportsFloat]:
        """Do the updates of a step, counted from 1, in their order; the loss of each that was due.

        `rate` is the step size of an update by its own optimiser, of the settings' one for None.
        """
        draws, losses = Draws(self.seed, str(number)), {}
        for turn in self.turns:
            if number % turn.every == 0:
                inputs, targets = turn.batch(batch, draws)
                losses[turn.name] = turn.program.train_step(inputs, targets, rate(turn.own), piece)
        return losses

    def evaluate(self, data: Prepared, metrics: Sequence[Any], batch: int) -> Figures:
        """The figures on examples that are not learnt from; of several updates the sum of the losses, and each."""
        if self.turns[0].derived is None:
            return evaluate(self.whole, data, metrics, batch)
        found: dict[str, float] = {}
        for turn in self.turns:
            given = partial(self._unseen, turn)
            found[turn.name] = evaluate(turn.program, data, (), batch, given).loss
        return Figures(sum(found.values()), {}, len(data), found if len(found) > 1 else {})

    def _unseen(self, turn: Turn, batch: Batch, start: int) -> Batch:
        return turn.batch(batch, Draws(self.seed, f"evaluation/{start}"))

    def made(self, count: int, data: Prepared) -> tuple[tuple[Array, ...], Array]:
        """What `make` shows, so many times and always from the same noise: what it reads, and the result.

        Both are as the spec writes them; fields are those of the first examples of `data`.
        """
        assert self.show is not None
        inputs, _ = self.show.batch(data.batch(slice(0, count)), Draws(self.seed, "samples"))
        written = tuple(channels_last(each) for each in as_tuple(inputs))
        return written, np.asarray(self.show.program.predict(as_given(written)))

    # --- as of one program

    def parameters(self) -> dict[str, Array]:
        """See `Program.parameters`."""
        return self.whole.parameters()

    def load(self, values: Mapping[str, Array]) -> None:
        """See `Program.load`."""
        self.whole.load(values)

    def use_average(self, on: bool) -> None:
        """See `Program.use_average`."""
        for turn in self.turns:
            turn.program.use_average(on)

    def gradient_norms(self) -> dict[str, float]:
        """See `Program.gradient_norms`."""
        norms: dict[str, float] = {}
        for turn in self.turns:
            norms |= turn.program.gradient_norms()
        return norms

    def memory(self) -> dict[str, Array]:
        """See `Program.memory`; that of an update is under its name."""
        memory: dict[str, Array] = {}
        for turn in self.turns:
            own = turn.program.memory()
            memory |= under(turn.name, own) if turn.name else own
        return memory

    def recall(self, memory: Mapping[str, Array]) -> None:
        """See `Program.recall`."""
        names = {turn.name for turn in self.turns}
        strangers = [each for each in memory if each.partition(".")[0] not in names]
        if strangers and "" not in names:
            message = f"the saved state does not belong to these updates: it has a `{strangers[0]}`"
            raise error("N703", message)
        for turn in self.turns:
            turn.program.recall(inside(turn.name, memory) if turn.name else memory)

    def circumstances(self) -> dict[str, str]:
        """See `Program.circumstances`."""
        return self.whole.circumstances()

    def free_memory(self) -> int | None:
        """See `Program.free_memory`."""
        return self.whole.free_memory()


def learner_for(net: Net, works: Net, compiled: Callable[[Net], Program]) -> Learner:
    """What learns in a run of a network, its programs made by `compiled`; `works` is what `network_for` made of it.

    Each update's program holds what that update trains, and borrows everything else.  Raises `SpecError` N409 where
    updates are to be done on examples of different lengths, N602 where several processes are to do them.
    """
    derived, show = updates(net), made(net)
    if not derived or net.training is None:
        whole = compiled(works)
        return Learner.of(whole, _shown(show, compiled, whole))
    if works is not net:
        raise _differing(net)
    whole = compiled(net)
    if whole.group.size > 1:
        raise error("N602", "updates cannot be done in several processes", notes=("without --devices",))
    turns = [
        Turn(compiled(each.net), each, update)
        for each, update in zip(derived, net.training.updates, strict=True)
    ]
    for turn, each in zip(turns, derived, strict=True):
        whole.borrow(turn.program, each.trained)
    for turn, each in zip(turns, derived, strict=True):
        _borrow(turn.program, whole, set(each.trained))
    return Learner(whole, turns, _shown(show, compiled, whole))


def _differing(net: Net) -> SpecError:
    """Data of which only the files tell that their examples differ in length."""
    names = symbols(net)
    origins = (layer.origin for layer in net.inputs if isinstance(steps_of(layer.shape), Expression))
    labels = tuple(Label(origin.statement, "reads them") for origin in origins if origin)
    message = "updates cannot be done on examples of different lengths, as these data have them"
    return SpecError(Diagnostic("N409", message, labels, notes=(filled_up(names),)))


def _shown(show: Derived | None, compiled: Callable[[Net], Program], whole: Program) -> Turn | None:
    """What `make` shows, with the parameters of what is trained; nothing where processes have a part of them each."""
    if show is None or "sharded" in whole.circumstances():
        return None
    shown = Turn(compiled(show.net), show)
    _borrow(shown.program, whole, set())
    return shown


def _borrow(program: Program, whole: Program, own: set[str]) -> None:
    program.borrow(whole, [name for name in program.net.parameters if name not in own])
