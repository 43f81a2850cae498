"""The stepper: the programs of a prelude and of a step, and what is remembered between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np

from netspec.backends import Program, as_given, as_tuple, compile_net
from netspec.backends.room import free_memory
from netspec.diagnostics import error
from netspec.generate.room import check_room, counted
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.passes.stepped import Stepped, stepped
from netspec.settings.generate import Feed

Array = np.ndarray[Any, np.dtype[Any]]

NOTHING: Final[Mapping[str, Array]] = {}
"""No further inputs."""
COPIES: Final = 4
"""How often memories are there at once: before and after a step, in the program, and as they are reordered."""
WEIGHED: Final = 8
"""How often the probabilities of a step are there at once while a token is chosen."""
WIDTH: Final = 8
"""Bytes of a probability then."""


class Stepper:
    """A network that is run a step at a time on a batch of examples, with the parameters of a program as they are.

    The examples make their steps together.  `begin` comes first; `select` puts others of the examples in their places.
    """

    def __init__(
        self, program: Program, division: Stepped, *, backend: str = "torch", dtype: str = "float32"
    ) -> None:
        self.division, self.dtype = division, np.dtype(dtype)
        values = program.parameters()

        def made(net: Net) -> Program:
            own = {name: values[name] for name in net.parameters}
            borrower = compile_net(net, backend, dtype=dtype, device=program.device, parameters=own)
            borrower.borrow(program, list(own))
            return borrower

        self.prelude = made(division.prelude) if division.prelude is not None else None
        self.program = made(division.step)
        self._outputs = [layer.name for layer in division.step.outputs]
        self._begun: dict[str, Array] = {}
        """The inputs of the step that stay, and what memories are at first, by their names outside."""
        self._memories: dict[str, Array] = {}
        self._fed: list[Array] = []
        """What was fed in this row of steps, where it may have to be fed again."""
        self._owners = np.arange(0)
        """The example that each one of the batch was at the beginning."""
        self.steps = 0
        """The steps since the beginning, or since the last time that the network began anew."""

    @classmethod
    def of(
        cls,
        program: Program,
        feed: Feed,
        most: int | None = None,
        *,
        backend: str = "torch",
        dtype: str = "float32",
    ) -> Stepper:
        """The stepper of a program for `most` steps in a row, `feed.max` unless given; raises `SpecError` N410.

        The tokens of a prompt are steps too: for `feed.max` tokens after it `most` is the sum of both.  `backend`
        and `dtype` are those of the program.
        """
        return cls(program, stepped(program.net, feed, most), backend=backend, dtype=dtype)

    @property
    def tokens(self) -> int | None:
        """How many different tokens are fed; None where rows of numbers are."""
        return self.division.step.by_name[self.division.feed].shape.of

    @property
    def can_go_on(self) -> bool:
        """It may begin anew when its memories are full: its steps are not those of a sequence that is given."""
        return not self.division.anchored

    @property
    def most(self) -> int | None:
        """How many steps can be made in a row; None where there is no end."""
        rows = [self._begun[self.division.given[name]].shape[1] for name in self.division.aligned]
        return min([*([] if self.division.most is None else [self.division.most]), *rows], default=None)

    def begin(self, inputs: Mapping[str, Array] = NOTHING, examples: int = 1, follows: int = 1) -> None:
        """Begin anew with so many examples, or with those that the network's other inputs hold.

        `inputs` are these by their names (`division.inputs` at least), as the spec writes them, the example axis first.
        Raises `SpecError` N507 where what is to be remembered does not fit into memory, `follows` times of each example
        where so many beginnings are to be selected.
        """
        given = {name: inputs[name] for name in self.division.inputs}
        examples = next((len(each) for each in given.values()), examples)
        self._check_room(examples, follows)
        self._owners, self._begun = np.arange(examples), given
        if self.prelude is not None:
            found = as_tuple(
                self.prelude.predict(as_given([given[each.name] for each in self.prelude.net.inputs]))
            )
            names = (layer.name for layer in self.prelude.net.outputs)
            self._begun = given | dict(zip(names, found, strict=True))
        if follows > 1:
            again = sum(value.nbytes for value in self._begun.values()) * follows
            what = f"{counted(follows, 'beginning')} of each of {counted(examples, 'example')} read what is made before"
            check_room(what, again, self.free_memory())
        self._restart()

    def free_memory(self) -> int | None:
        """Bytes that can be taken both here and where the programs run; None where nothing says so."""
        found = (self.program.free_memory(), free_memory())
        return min((each for each in found if each is not None), default=None)

    def _check_room(self, examples: int, follows: int) -> None:
        """What is remembered and, of tokens, the probabilities of a step; raises `SpecError` N507."""
        each = sum(prod(memory.shape.known) for memory in self.division.memories) * self.dtype.itemsize
        own = f"{follows:,} beginnings of {each:,}" if follows > 1 else f"{each:,}"
        what = f"{counted(examples, 'example')} at a time, each with {own} bytes to remember"
        step = COPIES * each + WEIGHED * WIDTH * (self.tokens or 0)
        check_room(what, step * examples * follows, self.free_memory())

    def _restart(self) -> None:
        self._memories = {
            memory.name: self._first(memory.first, memory.shape) for memory in self.division.memories
        }
        self._fed, self.steps = [], 0

    def _first(self, name: str, shape: Shape) -> Array:
        if name:
            return self._begun[name].astype(self.dtype, copy=False)
        return np.zeros((len(self._owners), *shape.known), self.dtype)

    def step(self, fed: Array) -> Array:
        """What comes next after a token (n,) or a row (n, features) of each example: (n, tokens) or (n, features).

        Where no more steps can be made in a row, the last half of them is made again from the beginning, so that it
        goes on for ever with that much to look back on.  Raises `SpecError` N410 where it cannot.
        """
        most = self.most
        if most is not None and self.steps >= most:
            self._go_on(most)
        if self.division.most is not None:
            self._fed.append(fed)
        return self._run(fed)

    def _go_on(self, most: int) -> None:
        if not self.can_go_on:
            message = (
                f"{most} steps can be made and no more: that many are given of a sequence with a row for each"
            )
            raise error("N410", message)
        again = self._fed[len(self._fed) - most // 2 :]
        self._restart()
        for fed in again:
            self._fed.append(fed)
            self._run(fed)

    def _run(self, fed: Array) -> Array:
        division = self.division
        values = {division.feed: fed[:, None], **self._memories}
        values |= {name: self._begun[outside] for name, outside in division.given.items()}
        if division.count:
            values[division.count] = np.full((len(fed), 1), self.steps, np.int64)
        arrays = [values[layer.name] for layer in division.step.inputs]
        found = dict(zip(self._outputs, as_tuple(self.program.predict(as_given(arrays))), strict=True))
        self._memories = {memory.name: found[memory.then] for memory in division.memories}
        self.steps += 1
        output: Array = found[division.output][:, 0]
        return output

    def select(self, examples: Array) -> None:
        """Go on with these examples of the batch, by their places in it; one may stand several times."""
        owners = self._owners[examples]
        if not np.array_equal(owners, self._owners):
            self._begun = {name: value[examples] for name, value in self._begun.items()}
        self._owners = owners
        self._memories = {name: value[examples] for name, value in self._memories.items()}
        self._fed = [fed[examples] for fed in self._fed]
