"""Recurrent layers: `cells` say what a step does, one direction after the other; and the layers that pick steps."""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.cells import Pass, Weights, cell_of
from netspec.backends.numpy.kernel import Array, Kernel, rule
from netspec.backends.numpy.lengths import ends_of, masked, there, turned
from netspec.layers.recurrent import At, First, Gru, Last, Lstm, OneStep, Recurrent, Rnn


@rule(Rnn, Lstm, Gru)
class RecurrentKernel(Kernel[Recurrent]):
    """One or two directions over a sequence (N, T, features); a reverse reading is that of the reversed sequence."""

    def prepare(self) -> None:
        self.cell = cell_of(self.operation)
        suffixes = ("", "_reverse")[: self.operation.directions]
        self.directions = [Weights.of(self.site, suffix) for suffix in suffixes]
        # the second direction reads the other way round, whichever that is
        self.backwards = [self.operation.reverse, not self.operation.reverse]
        n, self.steps, features = self.site.input_shape()
        self.outer = self.site.output_shape()
        self.whole = (n, *self.operation.state.known)
        self.units = self.operation.units
        self.blocks = self.directions[0].blocks(self.steps)
        self.longest = (self.steps if self.site.learns else self.blocks[0].stop, n, features)
        self.passes: list[Pass] = []
        if self.site.learns:
            # held from batch to batch: as large as they are, new ones would take as long as what fills them
            self.blocks = [slice(0, self.steps)]
            self.passes = [self.made(index) for index in range(len(self.directions))]
            self.y = self.site.empty(*self.outer)

    def made(self, index: int) -> Pass:
        """A pass of a direction, for the longest block."""
        return self.cell(self.directions[index], self.longest, self.site.learns)

    def ordered(self, x: Array, index: int, ends: Array | None) -> Array:
        """A sequence (N, T, ...) in the order in which a direction reads, or such a one put back."""
        if not self.backwards[index]:
            return x
        return x[:, ::-1] if ends is None else turned(x, ends)

    def forward(self, x: Array, *others: Array, training: bool) -> tuple[Array, Array]:
        start = others[0] if self.operation.init is not None else None
        ends = ends_of(others[-1], self.steps) if self.operation.lengths is not None else None
        y = self.y if self.site.learns else self.site.result(*self.outer)
        state = self.site.empty(*self.whole)
        read = [self.ordered(x, index, ends).swapaxes(0, 1) for index in range(len(self.directions))]
        for index in range(len(self.directions)):
            given = [] if start is None else self.memories(start, index)
            self.read(index, read[index], given, self.columns(y, index), self.memories(state, index), ends)
        if ends is not None and not self.operation.last:
            y = masked(y, there(ends, self.steps))
        self.kept = read, ends
        return y, state

    def read(
        self, index: int, x: Array, memories: list[Array], y: Array, final: list[Array], ends: Array | None
    ) -> None:
        """Fill what a direction gives, a block of steps at a time, and its memories after the last step."""
        made = self.passes[index] if self.passes else self.made(index)
        into = self.ordered(y, index, None) if ends is None else y
        for some in self.blocks:
            states = made.forward(x[some], memories)
            if not self.operation.last:
                into[:, some] = states.swapaxes(0, 1)
            memories = [memory[len(states)] for memory in made.memories]
            self.finish(some, made, final, ends)
        if self.operation.last:
            y[...] = final[0]
        elif ends is not None:
            y[...] = self.ordered(y, index, ends)

    @staticmethod
    def finish(some: slice, made: Pass, final: list[Array], ends: Array | None) -> None:
        """Take the memories of the examples that end in a block."""
        for place, memory in zip(final, made.memories, strict=True):
            if ends is None:
                place[...] = memory[some.stop - some.start]
            else:
                which = np.flatnonzero((ends > some.start) & (ends <= some.stop))
                place[which] = memory[ends[which] - some.start, which]

    def backward(self, dy: Array | None, dstate: Array | None) -> Array | tuple[Array | None, ...] | None:
        read, ends = self.kept
        if dy is not None and ends is not None and not self.operation.last:
            dy = masked(dy, there(ends, self.steps))
        dstart = self.site.empty(*self.whole)
        dx: Array | None = None
        for index, (made, x) in enumerate(zip(self.passes, read, strict=True)):
            found = made.backward(x, *self.given(dy, dstate, index, ends), ends)
            if found is not None:
                put_back = self.ordered(found.swapaxes(0, 1), index, ends)
                dx = put_back if dx is None else np.add(dx, put_back, out=dx)
            for place, gradient in zip(self.memories(dstart, index), made.dmemories, strict=True):
                place[...] = gradient
        if self.operation.init is None and ends is None:
            return dx
        dlengths = [] if ends is None else [self.site.zeros(*self.site.input_shape(-1))]
        return (dx, *[dstart] * (self.operation.init is not None), *dlengths)

    def given(
        self, dy: Array | None, dstate: Array | None, index: int, ends: Array | None
    ) -> tuple[Array | None, list[Array]]:
        """The gradients of a direction's states after each step, time first, and of its memories after the last."""
        dfinal = [] if dstate is None else self.memories(dstate, index)
        if dy is None:
            return None, dfinal
        columns = self.columns(dy, index)
        if not self.operation.last:
            return self.ordered(columns, index, ends).swapaxes(0, 1), dfinal
        return None, [columns + dfinal[0], *dfinal[1:]] if dfinal else [columns]

    def memories(self, state: Array, index: int) -> list[Array]:
        """The parts of a whole state (N, memories * directions * units) that belong to one direction."""
        count = len(self.directions)
        blocks = range(index, count * self.operation.memories, count)
        return [self.columns(state, block) for block in blocks]

    def columns(self, array: Array, index: int) -> Array:
        """The features of one direction."""
        return array[..., index * self.units : (index + 1) * self.units]


@rule(Last, First)
class OneStepKernel(Kernel[OneStep]):
    """x[:, -1], or that of each example's own last step, or x[:, 0]."""

    def prepare(self) -> None:
        shape = self.site.input_shape()
        self.rows, self.steps = np.arange(shape[0]), shape[1]
        self.index: Array | int = self.steps - 1 if isinstance(self.operation, Last) else 0
        self.shape = shape

    def forward(self, x: Array, *lengths: Array, training: bool) -> Array:
        if lengths:
            self.index = ends_of(lengths[0], self.steps) - 1
        self.dlengths = [np.zeros(each.shape, x.dtype) for each in lengths]
        return np.asarray(x[self.rows, self.index])

    def backward(self, dy: Array) -> Array | tuple[Array, ...]:
        dx = self.site.zeros(*self.shape)
        dx[self.rows, self.index] = dy
        return (dx, *self.dlengths) if self.dlengths else dx


@rule(At)
class AtKernel(Kernel[At]):
    """x[n, i] for the number i of example n."""

    def prepare(self) -> None:
        self.examples = np.arange(self.site.batch)[:, None]

    def forward(self, x: Array, index: Array, *, training: bool) -> Array:
        self.index = np.minimum(index, x.shape[1] - 1)
        return np.asarray(x[self.examples, self.index])

    def backward(self, dy: Array) -> tuple[Array, Array]:
        dx = self.site.zeros(*self.site.input_shape())
        dx[self.examples, self.index] = dy
        return dx, self.site.zeros(*self.site.input_shape(1))  # integers have no gradient
