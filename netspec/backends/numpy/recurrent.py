"""Recurrent layers: one GEMM projects all steps at once, then a loop over time; gates in PyTorch's order.

A direction works on arrays with time first, (T, N, ...), each step contiguous, and in the order in which it reads.
"""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, Site, rule
from netspec.backends.numpy.lengths import ends_of, masked, there, turned
from netspec.backends.numpy.output import sigmoid
from netspec.layers.recurrent import At, First, Gru, Last, Lstm, OneStep, Recurrent, Rnn


class Direction:
    """One reading of the sequence: what the three cells share."""

    state_bias_inside: slice | None = None
    """The rows whose recurrent bias cannot be added to the input's, because something comes between."""

    def __init__(self, site: Site[Recurrent], suffix: str) -> None:
        names = [f"{name}_l0{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        self.weight, self.state_weight, self.bias, self.state_bias = (site.parameters[name] for name in names)
        self.gradients = [site.gradients[name] for name in names]
        n, self.steps, features = site.input_shape()
        self.units, rows = site.operation.units, len(self.bias)
        self.x = site.empty(self.steps, n, features)
        self.gates = site.empty(self.steps, n, rows)
        """The projections of the inputs, which become the values of the gates."""
        self.recurrent = site.empty(n, rows)
        self.states = site.zeros(self.steps + 1, n, self.units)
        """The state before each step and after the last."""
        self.memories = [self.states]
        """All that is carried from step to step; what stands first is 0 unless it is given."""
        self.dprojected = site.empty(self.steps, n, rows)
        """The gradient of W x + b."""
        self.dstate = self.dprojected
        """The gradient of U h + c, the same where both are only added."""
        self.dh = site.empty(n, self.units)
        self.dmemories = [self.dh]
        """The gradients of the memories, from after the last step to before the first."""
        self.dx = site.empty(*self.x.shape)
        self.prepare(site, n)

    def prepare(self, site: Site[Recurrent], batch: int) -> None:
        """Buffers of a cell's own."""

    def step(self, t: int) -> None:
        """Turn `gates[t]` and `recurrent` into the gates' values, and those into `states[t + 1]`."""
        raise NotImplementedError

    def derive(self) -> None:
        """Fill `dprojected` and `dstate` of all steps with derivatives, which `step_back` has only to scale."""
        raise NotImplementedError

    def step_back(self, t: int, dh: Array) -> None:
        """Complete `dprojected[t]` and `dstate[t]`; leave in `dh` what does not go back through U."""
        raise NotImplementedError

    def forward(self, x: Array, start: list[Array]) -> Array:
        """The states after each step, (T, N, units), for x (T, N, features) in reading order.

        `start` holds the memories before the first step, or nothing where these are 0.
        """
        for memory, value in zip(self.memories, start, strict=False):
            memory[0] = value
        np.copyto(self.x, x)
        np.matmul(_rows(self.x), self.weight.T, out=_rows(self.gates))
        self.gates += self._outer_bias()
        turned = np.ascontiguousarray(self.state_weight.T)
        for t in range(self.steps):
            np.matmul(self.states[t], turned, out=self.recurrent)
            self.step(t)
        return self.states[1:]

    def _outer_bias(self) -> Array:
        total = self.bias + self.state_bias
        if self.state_bias_inside is not None:
            total[self.state_bias_inside] = self.bias[self.state_bias_inside]
        return total

    def backward(self, dstates: Array, dfinal: list[Array], ends: Array | None = None) -> Array:
        """The gradient of x, given that of the states after each step; fills the parameters' gradients.

        `dfinal` holds the gradients of the memories after the last step, or nothing; those before the first are left
        in `dmemories`.  The last step of an example is that before its number in `ends`, where these are given.
        """
        for gradient in self.dmemories:
            gradient.fill(0)
        self.derive()
        for t in reversed(range(self.steps)):
            which = ends == t + 1 if ends is not None else slice(None) if t == self.steps - 1 else slice(0)
            for gradient, final in zip(self.dmemories, dfinal, strict=False):
                gradient[which] += final[which]
            self.dh += dstates[t]
            self.step_back(t, self.dh)
            self.dh += self.through_product(t)
        dprojected, dstate = _rows(self.dprojected), _rows(self.dstate)
        dweight, dstate_weight, dbias, dstate_bias = self.gradients
        np.matmul(dprojected.T, _rows(self.x), out=dweight)
        np.matmul(dstate.T, _rows(self.states[:-1]), out=dstate_weight)
        np.sum(dprojected, axis=0, out=dbias)
        np.sum(dstate, axis=0, out=dstate_bias)
        np.matmul(dprojected, self.weight, out=_rows(self.dx))
        return self.dx

    def through_product(self, t: int) -> Array:
        """The gradient of the state before a step that comes through U h."""
        found: Array = self.dstate[t] @ self.state_weight
        return found

    def blocks(self, array: Array) -> list[Array]:
        """Views of the gates' columns, in PyTorch's order."""
        return [array[..., start : start + self.units] for start in range(0, array.shape[-1], self.units)]


def _rows(array: Array) -> Array:
    """All steps and examples of a contiguous array as rows of one matrix: a view."""
    return array.reshape(-1, array.shape[-1])


def _sigmoid_slope(s: Array) -> Array:
    slope: Array = s * (1 - s)
    return slope


class RnnDirection(Direction):
    """h = tanh(W x + b + U h + c)."""

    def step(self, t: int) -> None:
        self.recurrent += self.gates[t]
        np.tanh(self.recurrent, out=self.states[t + 1])

    def derive(self) -> None:
        np.square(self.states[1:], out=self.dprojected)
        np.subtract(1, self.dprojected, out=self.dprojected)

    def step_back(self, t: int, dh: Array) -> None:
        self.dprojected[t] *= dh
        dh.fill(0)


class LstmDirection(Direction):
    """i, f, o = sigmoid, g = tanh; cell = f * cell + i * g; h = o * tanh(cell)."""

    def prepare(self, site: Site[Recurrent], batch: int) -> None:
        self.cells = site.zeros(self.steps + 1, batch, self.units)
        self.tanh_cells = site.empty(self.steps, batch, self.units)
        self.product, self.dcell = site.empty(batch, self.units), site.empty(batch, self.units)
        self.memories, self.dmemories = [self.states, self.cells], [self.dh, self.dcell]
        # sigmoid(x) = tanh(x / 2) / 2 + 1/2, so that one tanh serves all gates
        self.scale, self.shift = (
            np.repeat(np.asarray(values, site.dtype), self.units)
            for values in ((0.5, 0.5, 1, 0.5), (0.5, 0.5, 0, 0.5))
        )

    def step(self, t: int) -> None:
        gates, cell, new = self.gates[t], self.cells[t], self.cells[t + 1]
        gates += self.recurrent
        gates *= self.scale
        np.tanh(gates, out=gates)
        gates *= self.scale
        gates += self.shift
        i, f, g, o = self.blocks(gates)
        np.multiply(f, cell, out=new)
        new += np.multiply(i, g, out=self.product)
        np.tanh(new, out=self.tanh_cells[t])
        np.multiply(o, self.tanh_cells[t], out=self.states[t + 1])

    def derive(self) -> None:
        i, f, g, o = self.blocks(self.gates)
        di, df, dg, do = self.blocks(self.dprojected)
        np.multiply(g, _sigmoid_slope(i), out=di)
        np.multiply(self.cells[:-1], _sigmoid_slope(f), out=df)
        np.multiply(i, 1 - np.square(g), out=dg)
        np.multiply(self.tanh_cells, _sigmoid_slope(o), out=do)
        self.to_cell = o * (1 - np.square(self.tanh_cells))

    def step_back(self, t: int, dh: Array) -> None:
        di, df, dg, do = self.blocks(self.dprojected[t])
        self.dcell += np.multiply(dh, self.to_cell[t], out=self.product)
        di *= self.dcell
        df *= self.dcell
        dg *= self.dcell
        do *= dh
        self.dcell *= self.blocks(self.gates[t])[1]
        dh.fill(0)


class GruDirection(Direction):
    """r, z = sigmoid; n = tanh(W x + b + r * (U h + c)); h = (1 - z) * n + z * h."""

    def prepare(self, site: Site[Recurrent], batch: int) -> None:
        self.state_bias_inside = slice(2 * self.units, None)
        self.inner = site.empty(self.steps, batch, self.units)
        """U h + c of the candidate n, before the reset."""
        self.dstate = site.empty(*self.dprojected.shape)
        self.product = site.empty(batch, self.units)

    def step(self, t: int) -> None:
        inside, inner, new = self.state_bias_inside, self.inner[t], self.states[t + 1]
        both, candidate = self.gates[t, :, : 2 * self.units], self.gates[t, :, inside]
        both += self.recurrent[:, : 2 * self.units]
        sigmoid(both, both)
        r, z, n = self.blocks(self.gates[t])
        np.add(self.recurrent[:, inside], self.state_bias[inside], out=inner)
        candidate += np.multiply(r, inner, out=self.product)
        np.tanh(candidate, out=n)
        np.subtract(self.states[t], n, out=new)
        new *= z
        new += n

    def derive(self) -> None:
        r, z, n = self.blocks(self.gates)
        dr, dz, dn = self.blocks(self.dprojected)
        np.multiply(1 - z, 1 - np.square(n), out=dn)
        np.multiply(self.states[:-1] - n, _sigmoid_slope(z), out=dz)
        np.multiply(dn * self.inner, _sigmoid_slope(r), out=dr)
        np.copyto(self.dstate, self.dprojected)
        self.blocks(self.dstate)[2][...] *= r

    def step_back(self, t: int, dh: Array) -> None:
        for array in (self.dprojected[t], self.dstate[t]):
            for block in self.blocks(array):
                block *= dh
        dh *= self.blocks(self.gates[t])[1]


class ResetFirstDirection(Direction):
    """r, z as above; n = tanh(W x + b + U (r * h) + c)."""

    def prepare(self, site: Site[Recurrent], batch: int) -> None:
        self.kept = site.empty(self.steps, batch, self.units)
        """r * h, of which the candidate n is made."""
        self.dkept = site.empty(batch, self.units)
        self.outer, self.inner = slice(2 * self.units), slice(2 * self.units, None)

    def step(self, t: int) -> None:
        h, new, candidate = self.states[t], self.states[t + 1], self.gates[t, :, self.inner]
        both = self.gates[t, :, self.outer]
        both += self.recurrent[:, self.outer]
        sigmoid(both, both)
        r, z, n = self.blocks(self.gates[t])
        candidate += np.multiply(r, h, out=self.kept[t]) @ self.state_weight[self.inner].T
        np.tanh(candidate, out=n)
        np.subtract(h, n, out=new)
        new *= z
        new += n

    def derive(self) -> None:
        r, z, n = self.blocks(self.gates)
        dr, dz, dn = self.blocks(self.dprojected)
        np.multiply(1 - z, 1 - np.square(n), out=dn)
        np.multiply(self.states[:-1] - n, _sigmoid_slope(z), out=dz)
        np.multiply(self.states[:-1], _sigmoid_slope(r), out=dr)

    def step_back(self, t: int, dh: Array) -> None:
        r, z, _ = self.blocks(self.gates[t])
        dr, dz, dn = self.blocks(self.dprojected[t])
        dz *= dh
        dn *= dh
        np.matmul(dn, self.state_weight[self.inner], out=self.dkept)
        dr *= self.dkept
        dh *= z
        dh += np.multiply(self.dkept, r, out=self.dkept)

    def through_product(self, t: int) -> Array:
        found: Array = self.dprojected[t, :, self.outer] @ self.state_weight[self.outer]
        return found

    def backward(self, dstates: Array, dfinal: list[Array], ends: Array | None = None) -> Array:
        dx = super().backward(dstates, dfinal, ends)
        dcandidate = _rows(self.dprojected)[:, self.inner]
        np.matmul(dcandidate.T, _rows(self.kept), out=self.gradients[1][self.inner])
        return dx


CELLS: dict[type[Recurrent], type[Direction]] = {Rnn: RnnDirection, Lstm: LstmDirection, Gru: GruDirection}


def _cell(operation: Recurrent) -> type[Direction]:
    resets_first = isinstance(operation, Gru) and operation.reset == "before"
    return ResetFirstDirection if resets_first else CELLS[type(operation)]


@rule(Rnn, Lstm, Gru)
class RecurrentKernel(Kernel[Recurrent]):
    """One or two directions over a sequence (N, T, features); a reverse reading is that of the reversed sequence."""

    def prepare(self) -> None:
        cell = _cell(self.operation)
        suffixes = ("", "_reverse")[: self.operation.directions]
        self.directions = [cell(self.site, suffix) for suffix in suffixes]
        # the second direction reads the other way round, whichever that is
        self.backwards = [self.operation.reverse, not self.operation.reverse]
        n, self.steps, features = self.site.input_shape()
        self.rows = np.arange(n)
        self.units = self.operation.units
        self.y = self.site.empty(*self.site.output_shape())
        self.dstates = self.site.zeros(self.steps, n, self.units)
        self.dx = self.site.empty(n, self.steps, features)
        self.state, self.dstart = (self.site.empty(n, *self.operation.state.known) for _ in range(2))
        self.dlengths = [self.site.zeros(*self.site.input_shape(-1))] * (self.operation.lengths is not None)
        self.ends: Array | None = None
        """The number of steps of each example, where they have lengths of their own."""

    def ordered(self, x: Array, index: int) -> Array:
        """A sequence (N, T, ...) in the order in which a direction reads, or such a one put back."""
        if not self.backwards[index]:
            return x
        return x[:, ::-1] if self.ends is None else turned(x, self.ends)

    def forward(self, x: Array, *others: Array, training: bool) -> tuple[Array, Array]:
        start = others[0] if self.operation.init is not None else None
        self.ends = ends_of(others[-1], self.steps) if self.dlengths else None
        last = self.steps if self.ends is None else self.ends
        for index, direction in enumerate(self.directions):
            given = [] if start is None else self.memories(start, index)
            states = direction.forward(self.ordered(x, index).swapaxes(0, 1), given)
            memories = [memory[last, self.rows] for memory in direction.memories]
            for place, memory in zip(self.memories(self.state, index), memories, strict=True):
                place[...] = memory
            columns = self.columns(self.y, index)
            columns[...] = memories[0] if self.operation.last else self.ordered(states.swapaxes(0, 1), index)
        if self.ends is not None and not self.operation.last:
            self.y[...] = masked(self.y, there(self.ends, self.steps))
        return self.y, self.state

    def backward(self, dy: Array | None, dstate: Array | None) -> Array | tuple[Array, ...]:
        self.dx.fill(0)
        if dy is not None and self.ends is not None and not self.operation.last:
            dy = masked(dy, there(self.ends, self.steps))
        for index, direction in enumerate(self.directions):
            self.dstates.fill(0)
            if dy is not None and self.operation.last:
                last = self.steps if self.ends is None else self.ends
                self.dstates[last - 1, self.rows] = self.columns(dy, index)
            elif dy is not None:
                self.dstates[...] = self.ordered(self.columns(dy, index), index).swapaxes(0, 1)
            dfinal = [] if dstate is None else self.memories(dstate, index)
            dx = direction.backward(self.dstates, dfinal, self.ends)
            self.dx += self.ordered(dx.swapaxes(0, 1), index)
            places = self.memories(self.dstart, index)
            for place, gradient in zip(places, direction.dmemories, strict=True):
                place[...] = gradient
        dstart = [self.dstart] * (self.operation.init is not None)
        return (self.dx, *dstart, *self.dlengths) if dstart or self.dlengths else self.dx

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
        self.dx = self.site.empty(*shape)

    def forward(self, x: Array, *lengths: Array, training: bool) -> Array:
        if lengths:
            self.index = ends_of(lengths[0], self.steps) - 1
        self.dlengths = [np.zeros(each.shape, x.dtype) for each in lengths]
        return np.asarray(x[self.rows, self.index])

    def backward(self, dy: Array) -> Array | tuple[Array, ...]:
        self.dx.fill(0)
        self.dx[self.rows, self.index] = dy
        return (self.dx, *self.dlengths) if self.dlengths else self.dx


@rule(At)
class AtKernel(Kernel[At]):
    """x[n, i] for the number i of example n."""

    def prepare(self) -> None:
        self.examples = np.arange(self.site.batch)[:, None]
        self.dx = self.site.zeros(*self.site.input_shape())
        self.dindex = self.site.zeros(*self.site.input_shape(1))  # integers have no gradient

    def forward(self, x: Array, index: Array, *, training: bool) -> Array:
        self.index = np.minimum(index, x.shape[1] - 1)
        return np.asarray(x[self.examples, self.index])

    def backward(self, dy: Array) -> tuple[Array, Array]:
        self.dx.fill(0)
        self.dx[self.examples, self.index] = dy
        return self.dx, self.dindex
