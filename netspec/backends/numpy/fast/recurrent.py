"""An LSTM with one small GEMM a gate and step, of what a step reads all at once: state, input and a one for the bias.

The gates stand in the order o, i, f, g, each a matrix (N, units) of its own, and after them the cell that a step reads,
so that neighbours are multiplied in one call.  With sigmoid(z) = (1 + tanh(z / 2)) / 2 one tanh serves all gates, where
the weights of o, i and f are halved beforehand.  Of these gates twice the value is kept, and of the state too, which
weights halved once more make good:

    a_o, a_i, a_f = 1 + tanh(z), g = tanh(z), cell_t = (a_f * cell + a_i * g) / 2, 2 h_t = a_o * tanh(cell_t).

Gradients are those of these quantities.  Some steps at a time, all that does not need what comes back through time is
worked out beforehand in one call and takes the gates' place, and the weights' gradient afterwards in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np

from netspec.backends.numpy.kernel import Array, Site
from netspec.layers.recurrent import Lstm

Pair: TypeAlias = tuple[Array, Array]

SMALL: Final = 1_000_000
"""Products of a GEMM that OpenBLAS takes as it is, where it packs a larger one first."""
MOST_EXAMPLES: Final = 64
"""Examples at a time, where their GEMMs are small: few enough for a processor's cache."""
BLOCK: Final = 16
"""Steps that a plan has room for at least where nothing goes back."""
ROOM: Final = 1 << 14
"""Numbers in that room, where they are enough for so many steps."""


class LstmSteps:
    """The kernel of an LSTM, also of two that read both ways, for sequences (N, T, features) of one length."""

    def __init__(self, sites: Sequence[Site[Any]], wants_gradient: bool) -> None:
        site = sites[0]
        self.operation: Lstm = site.operation
        self.wants_gradient = wants_gradient
        self.units = self.operation.units
        n, self.steps, _ = site.input_shape()
        suffixes = ("", "_reverse")[: self.operation.directions]
        self.readings = [Reading(site, suffix) for suffix in suffixes]
        # the second direction reads the other way round, whichever that is
        self.orders = [
            slice(None, None, -1 if back else 1)
            for back in (self.operation.reverse, not self.operation.reverse)
        ]
        self.outer, self.whole = site.output_shape(), (n, *self.operation.state.known)
        self.site = site
        if site.learns:
            # held from batch to batch: as large as they are, new ones would take as long as what fills them
            self.y, self.dx = site.empty(*self.outer), site.empty(*site.input_shape()[: 3 * wants_gradient])

    @classmethod
    def length(cls, sites: Sequence[Site[Any]]) -> int:
        """An LSTM whose examples are all of one length."""
        operation = sites[0].operation
        return int(isinstance(operation, Lstm) and operation.lengths is None)

    def forward(self, x: Array, *start: Array, training: bool) -> tuple[Array, Array]:
        y = self.y if self.site.learns else self.site.result(*self.outer)
        state = self.site.empty(*self.whole)
        for index, reading in enumerate(self.readings):
            given = self._memories(start[0], index) if start else None
            states = self._columns(y, index)
            into = states[:, None] if self.operation.last else states[:, self.orders[index]]
            reading.forward(x[:, self.orders[index]], given, into, self._memories(state, index))
        return y, state

    def backward(self, dy: Array | None, dstate: Array | None) -> Array | tuple[Array | None, ...] | None:
        dstart = self.site.empty(*self.whole)
        for index, reading in enumerate(self.readings):
            order = self.orders[index]
            given = None
            if dy is not None:
                dstates = self._columns(dy, index)
                given = dstates[:, None] if self.operation.last else dstates[:, order]
            dfinal = None if dstate is None else self._memories(dstate, index)
            reading.backward(given, dfinal, self._memories(dstart, index))
            if self.wants_gradient:
                reading.to_input(self.dx[:, order], add=index > 0)
        dx = self.dx if self.wants_gradient else None
        return dx if self.operation.init is None else (dx, dstart)

    def _memories(self, state: Array, index: int) -> tuple[Array, Array]:
        """State and cell of one direction in a whole state (N, memories * directions * units)."""
        count = len(self.readings)
        return self._columns(state, index), self._columns(state, index + count)

    def _columns(self, array: Array, index: int) -> Array:
        return array[..., index * self.units : (index + 1) * self.units]


class Reading:
    """One direction: its weights as the steps use them, and the examples in chunks."""

    def __init__(self, site: Site[Lstm], suffix: str) -> None:
        names = [f"{name}_l0{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        self.parameters = [site.parameters[name] for name in names]
        self.gradients = [site.gradients[name] for name in names]
        n, steps, features = site.input_shape()
        units = site.operation.units
        self.units, rows = units, units + features + 1
        self.scale = site.empty(4, 1, rows)
        """What weights are multiplied by: those of o, i and f by a half, and those of the state."""
        self.scale.fill(1)
        self.scale[:3] /= 2
        self.scale[:, :, :units] /= 2
        self.weight = site.empty(4, rows, units)
        self.back = site.empty(4, units, rows) if site.learns else self.weight.swapaxes(1, 2)
        """The weights of each gate, (units, units + features + 1)."""
        if site.learns:
            self.dweight, self.product = np.empty_like(self.back), np.empty_like(self.back)
        most = SMALL // (units * rows)
        number = -(-n // min(most, MOST_EXAMPLES)) if most >= MOST_EXAMPLES // 2 else 1
        ends = [n * index // number for index in range(number + 1)]
        self.slices = [slice(*each) for each in pairwise(ends)]
        self.chunks = [self._chunk(site, steps, each.stop - each.start) for each in self.slices]

    def _chunk(self, site: Site[Lstm], steps: int, examples: int) -> Chunk:
        """Room for the steps of so many examples; in predicting, what all such chunks of a plan use."""
        if site.learns:
            return Chunk(site, self.scale.shape[2], steps, examples)
        rows = self.scale.shape[2]
        block = min(steps, max(BLOCK, ROOM // (examples * rows)))
        block += block % 2  # a block that is followed by another leaves its cell where it found one
        key = (Chunk, examples, self.units, rows, block)
        if key not in site.shared:
            site.shared[key] = Chunk(site, rows, block, examples)
        chunk: Chunk = site.shared[key]
        return chunk

    def load(self) -> None:
        """Take the weights as they are now."""
        weight, state_weight, bias, state_bias = (_cut(each) for each in self.parameters)
        units = self.units
        for index, gate in enumerate((3, 0, 1, 2)):
            self.back[index, :, :units] = state_weight[gate]
            self.back[index, :, units:-1] = weight[gate]
            np.add(bias[gate], state_bias[gate], out=self.back[index, :, -1])
        self.back *= self.scale
        if self.back.base is not self.weight:
            np.copyto(self.weight, self.back.swapaxes(1, 2))

    def forward(self, x: Array, start: Pair | None, y: Array, state: Pair) -> None:
        """Fill `y`, the states after all steps or after the last alone, and state and cell after the last."""
        self.load()
        for chunk, where in zip(self.chunks, self.slices, strict=True):
            given = None if start is None else (start[0][where], start[1][where])
            last_state, last_cell = chunk.forward(self.weight, x[where], given, y[where])
            np.multiply(last_state, 0.5, out=state[0][where])
            np.copyto(state[1][where], last_cell)

    def backward(self, dy: Array | None, dfinal: Pair | None, dstart: Pair) -> None:
        """Fill the parameters' gradients and those of the starting state and cell."""
        self.dweight.fill(0)
        for chunk, where in zip(self.chunks, self.slices, strict=True):
            given = None if dfinal is None else (dfinal[0][where], dfinal[1][where])
            chunk.backward(self, None if dy is None else dy[where], given)
            np.multiply(chunk.through_product(self.back, 0), 2, out=dstart[0][where])
            np.copyto(dstart[1][where], chunk.gates[0, 4])
        self.dweight *= self.scale
        dweight, dstate_weight, dbias, dstate_bias = (_cut(each) for each in self.gradients)
        units = self.units
        for index, gate in enumerate((3, 0, 1, 2)):
            dstate_weight[gate] = self.dweight[index, :, :units]
            dweight[gate] = self.dweight[index, :, units:-1]
            dbias[gate] = dstate_bias[gate] = self.dweight[index, :, -1]

    def to_input(self, dx: Array, add: bool) -> None:
        """The gradient of the input, or add it up."""
        for chunk, where in zip(self.chunks, self.slices, strict=True):
            chunk.to_input(self.back[:, :, self.units : -1], dx[where], add)


def _cut(parameter: Array) -> Array:
    """A parameter gate by gate, a view."""
    return parameter.reshape(4, -1, *parameter.shape[1:])


class Chunk:
    """Some examples through all steps, or through one block after another where nothing goes back."""

    def __init__(self, site: Site[Lstm], rows: int, steps: int, examples: int) -> None:
        self.site, self.steps, self.examples = site, steps, examples
        units = self.units = site.operation.units
        self.read = site.zeros(steps + 1, examples, rows)
        """What each step reads: twice the state, the input, a one."""
        self.read[:, :, -1] = 1
        self.inputs, self.states = self.read[:-1, :, units:-1], self.read[1:, :, :units]
        self.products = site.empty(2, examples, units)
        self.half, self.one, self.two = (np.array(number, site.dtype) for number in (0.5, 1, 2))
        slots = steps + 1 if site.learns else 2
        self.gates = site.zeros(slots, 5, examples, units)
        """With the cell that a step reads; for the way back, those of all steps."""
        self.tanh_cells = site.empty(steps if site.learns else 1, examples, units)
        self.views = [self._views(t, slots) for t in range(steps)]
        if site.learns:
            self.through = site.empty(4, examples, units)
            self.stretch = min(max(1, SMALL // (examples * units * rows)), steps)
            """Steps that gradients are worked out of at a time, while they are in the cache."""

    def _views(self, t: int, slots: int) -> tuple[Array, ...]:
        """What a step works on, as `_block` names it: gates are o, i, f, g, then o, i, f, then i, f and their factors.

        The last are g and the cell; the rest is what the step reads, the new cell, its tanh, the gate o, the new state.
        """
        gates, new = self.gates[t % slots], self.gates[(t + 1) % slots, 4]
        tanh_cell = self.tanh_cells[t % len(self.tanh_cells)]
        views = gates[:4], gates[:3], gates[1:3], gates[3:], new, tanh_cell, gates[0]
        return (self.read[t], *views, self.states[t])

    def forward(self, weight: Array, x: Array, start: Pair | None, y: Array) -> Pair:
        """Fill `y` for x (N, T, features) in reading order; twice the state after the last step, and the cell."""
        state, cell = (0, 0) if start is None else start
        np.multiply(state, 2, out=self.read[0, :, : self.units])
        self.gates[0, 4] = cell
        for first in range(0, x.shape[1], self.steps):
            if first:
                np.copyto(self.read[0, :, : self.units], self.states[-1])
            some = slice(first, first + self.steps)
            count = self._block(weight, x[:, some])
            if y.shape[1] == x.shape[1]:
                np.multiply(self.states[:count].swapaxes(0, 1), 0.5, out=y[:, some])
        if y.shape[1] != x.shape[1]:
            np.multiply(self.states[count - 1], 0.5, out=y[:, 0])
        return self.states[count - 1], self.gates[count % len(self.gates), 4]

    def _block(self, weight: Array, x: Array) -> int:
        """Go through the steps of a block; how many these are."""
        np.copyto(self.inputs[: x.shape[1]], x.swapaxes(0, 1))
        matmul, tanh, add, multiply = np.matmul, np.tanh, np.add, np.multiply
        half, one, products = self.half, self.one, self.products
        from_input, from_cell = products
        for read, gates, sigmoids, pair, factors, new, tanh_cell, out_gate, state in self.views[: x.shape[1]]:
            matmul(read, weight, gates)
            tanh(gates, gates)
            add(sigmoids, one, sigmoids)
            multiply(pair, factors, products)
            add(from_input, from_cell, from_input)
            multiply(from_input, half, new)
            tanh(new, tanh_cell)
            multiply(out_gate, tanh_cell, state)
        return x.shape[1]

    def derive(self, stretch: slice, slopes: Array) -> None:
        """Put derivatives in the places of gates, cells and tanh of cells, which gradients have only to scale."""
        gates, tanh_cell = self.gates[stretch], self.tanh_cells[stretch]
        sigmoids, g, slope = gates[:, :3], gates[:, 3], slopes[: len(gates)]
        np.subtract(self.two, sigmoids, out=slope)
        np.multiply(slope, sigmoids, out=slope)
        np.multiply(slope[:, 0], tanh_cell, out=slope[:, 0])
        np.multiply(slope[:, 1:], gates[:, 3:], out=slope[:, 1:])
        for function in (tanh_cell, g):
            np.square(function, out=function)
            np.subtract(self.one, function, out=function)
        np.multiply(tanh_cell, gates[:, 0], out=tanh_cell)
        np.multiply(g, gates[:, 1], out=g)
        np.copyto(gates[:, 4], gates[:, 2])
        np.copyto(sigmoids, slope)

    def backward(self, reading: Reading, dy: Array | None, dfinal: Pair | None) -> None:
        """Turn gates and cells into the gradients of gates before their functions and of cells; add the weights'."""
        dstates = self.site.zeros(self.steps, self.examples, self.units)
        slopes = self.site.empty(self.stretch, 3, self.examples, self.units)
        if dy is not None:
            np.multiply(dy.swapaxes(0, 1), self.half, out=dstates[-dy.shape[1] :])
        self.gates[self.steps, 4] = 0
        if dfinal is not None:
            dstates[-1] += dfinal[0] / 2
            self.gates[self.steps, 4] = dfinal[1]
        for stretch in reversed(self._stretches()):
            self.derive(stretch, slopes)
            for t in reversed(range(stretch.start, stretch.stop)):
                if t < self.steps - 1:
                    np.add(dstates[t], self.through_product(reading.back, t + 1), out=dstates[t])
                self.step_back(t, dstates[t])
            self.add_to(reading, stretch)

    def _stretches(self) -> list[slice]:
        """All steps, some at a time; the last ones are as many as the others."""
        stops = range(self.steps, 0, -self.stretch)
        return [slice(max(stop - self.stretch, 0), stop) for stop in reversed(stops)]

    def step_back(self, t: int, dstate: Array) -> None:
        """Scale the derivatives of a step by the gradient of twice the state after it."""
        gates, dcell = self.gates[t], self.products[0]
        np.multiply(gates[0], dstate, out=gates[0])
        np.multiply(dstate, self.tanh_cells[t], out=dcell)
        np.add(dcell, self.gates[t + 1, 4], out=dcell)
        np.multiply(dcell, self.half, out=dcell)
        np.multiply(gates[1:], dcell, out=gates[1:])

    def through_product(self, back: Array, t: int) -> Array:
        """The gradient of twice the state before a step."""
        np.matmul(self.gates[t, :4], back[:, :, : self.units], out=self.through)
        return np.add.reduce(self.through, axis=0)

    def add_to(self, reading: Reading, stretch: slice) -> None:
        """Add some steps' part of the gradient of the weights."""
        read = self.read[stretch].reshape(-1, self.read.shape[2])
        gates = self.gates[stretch, :4].swapaxes(0, 1).reshape(4, len(read), -1)
        found = np.matmul(gates.swapaxes(1, 2), read, out=reading.product)
        np.add(reading.dweight, found, out=reading.dweight)

    def to_input(self, back: Array, dx: Array, add: bool) -> None:
        """Fill the gradient of the input, (N, T, features), or add it to what is there."""
        for stretch in self._stretches():
            found = np.add.reduce(self.gates[stretch, :4] @ back, axis=1).swapaxes(0, 1)
            if add:
                dx[:, stretch] += found
            else:
                np.copyto(dx[:, stretch], found)
