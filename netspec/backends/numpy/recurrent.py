"""Recurrent layers: one GEMM projects all steps at once, then a loop over time; gates in PyTorch's order.

A direction works on arrays with time first, (T, N, ...), each step contiguous, and in the order in which it reads.
"""

from __future__ import annotations

import numpy as np

from netspec.backends.numpy.kernel import Array, Kernel, Site, rule
from netspec.backends.numpy.output import sigmoid
from netspec.layers.recurrent import First, Gru, Last, Lstm, OneStep, Recurrent, Rnn


class Direction:
    """One reading of the sequence: what the three cells share."""

    def __init__(self, site: Site[Recurrent], suffix: str) -> None:
        self.weight, self.state_weight, self.bias, self.state_bias = (
            site.parameters[f"{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        self.gradients = [
            site.gradients[f"{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        n, steps, features = site.input_shape()
        units, rows = site.operation.units, site.operation.gates * site.operation.units
        self.steps, self.units = steps, units
        self.x = site.empty(steps, n, features)
        self.projected = site.empty(steps, n, rows)
        self.states = site.zeros(steps + 1, n, units)
        """The state before each step and after the last; the first is 0."""
        self.dprojected = site.empty(steps, n, rows)
        self.dstate = site.empty(steps, n, rows)
        """The gradient of U h + c; another array than `dprojected` only where the reset gate comes between."""
        self.prepare(site, n)

    def prepare(self, site: Site[Recurrent], batch: int) -> None:
        """Buffers of a cell's own."""

    def step(self, t: int) -> None:
        """Fill `states[t + 1]`."""
        raise NotImplementedError

    def step_back(self, t: int, dh: Array) -> Array:
        """Fill `dprojected[t]` and `dstate[t]`; what of the previous state's gradient does not go through U."""
        raise NotImplementedError

    def forward(self, x: Array) -> Array:
        """The states after each step, (T, N, units), for x (T, N, features) in reading order."""
        np.copyto(self.x, x)
        np.matmul(self.x, self.weight.T, out=self.projected)
        self.projected += self.bias
        for t in range(self.steps):
            self.step(t)
        return self.states[1:]

    def backward(self, dstates: Array) -> Array:
        """The gradient of x, given that of the states after each step; fills the parameters' gradients."""
        dh = np.zeros_like(self.states[0])
        self.start_back()
        for t in reversed(range(self.steps)):
            dh = self.step_back(t, dh + dstates[t]) + self.dstate[t] @ self.state_weight
        rows = self.dprojected.shape[-1]
        flat, flat_state = self.dprojected.reshape(-1, rows), self.dstate.reshape(-1, rows)
        dweight, dstate_weight, dbias, dstate_bias = self.gradients
        np.matmul(flat.T, self.x.reshape(len(flat), -1), out=dweight)
        np.matmul(flat_state.T, self.states[:-1].reshape(len(flat), -1), out=dstate_weight)
        np.sum(flat, axis=0, out=dbias)
        np.sum(flat_state, axis=0, out=dstate_bias)
        return np.matmul(self.dprojected, self.weight)

    def start_back(self) -> None:
        """Called before the first `step_back`."""

    def recurrent(self, t: int) -> Array:
        """U h + c for the state before step t."""
        return np.add(self.states[t] @ self.state_weight.T, self.state_bias)

    def block(self, array: Array, gate: int) -> Array:
        """The columns of one gate."""
        return array[..., gate * self.units : (gate + 1) * self.units]


class RnnDirection(Direction):
    """h = tanh(W x + b + U h + c)."""

    def step(self, t: int) -> None:
        np.tanh(self.projected[t] + self.recurrent(t), out=self.states[t + 1])

    def step_back(self, t: int, dh: Array) -> Array:
        np.multiply(dh, 1 - np.square(self.states[t + 1]), out=self.dprojected[t])
        self.dstate[t] = self.dprojected[t]
        return np.zeros_like(dh)


class LstmDirection(Direction):
    """i, f, o = sigmoid, g = tanh; cell = f * cell + i * g; h = o * tanh(cell)."""

    def prepare(self, site: Site[Recurrent], batch: int) -> None:
        self.cells = site.zeros(self.steps + 1, batch, self.units)
        self.gates = site.empty(*self.projected.shape)
        self.tanh_cells = site.empty(self.steps, batch, self.units)

    def step(self, t: int) -> None:
        total = self.projected[t] + self.recurrent(t)
        i, f, g, o = (self.block(self.gates[t], gate) for gate in range(4))
        for gate, out in ((0, i), (1, f), (3, o)):
            sigmoid(self.block(total, gate), out)
        np.tanh(self.block(total, 2), out=g)
        np.multiply(f, self.cells[t], out=self.cells[t + 1])
        self.cells[t + 1] += i * g
        np.tanh(self.cells[t + 1], out=self.tanh_cells[t])
        np.multiply(o, self.tanh_cells[t], out=self.states[t + 1])

    def start_back(self) -> None:
        self.dcell = np.zeros_like(self.cells[0])

    def step_back(self, t: int, dh: Array) -> Array:
        i, f, g, o = (self.block(self.gates[t], gate) for gate in range(4))
        di, df, dg, do = (self.block(self.dprojected[t], gate) for gate in range(4))
        dcell = self.dcell + dh * o * (1 - np.square(self.tanh_cells[t]))
        np.multiply(dcell * g, i * (1 - i), out=di)
        np.multiply(dcell * self.cells[t], f * (1 - f), out=df)
        np.multiply(dcell * i, 1 - np.square(g), out=dg)
        np.multiply(dh * self.tanh_cells[t], o * (1 - o), out=do)
        self.dstate[t] = self.dprojected[t]
        self.dcell = dcell * f
        return np.zeros_like(dh)


class GruDirection(Direction):
    """r, z = sigmoid; n = tanh(W x + b + r * (U h + c)); h = (1 - z) * n + z * h."""

    def prepare(self, site: Site[Recurrent], batch: int) -> None:
        self.gates = site.empty(*self.projected.shape)
        self.inner = site.empty(self.steps, batch, self.units)
        """U h + c of the candidate n, before the reset."""

    def step(self, t: int) -> None:
        recurrent = self.recurrent(t)
        r, z, n = (self.block(self.gates[t], gate) for gate in range(3))
        for gate, out in ((0, r), (1, z)):
            sigmoid(self.block(self.projected[t], gate) + self.block(recurrent, gate), out)
        self.inner[t] = self.block(recurrent, 2)
        np.tanh(self.block(self.projected[t], 2) + r * self.inner[t], out=n)
        np.multiply(z, self.states[t] - n, out=self.states[t + 1])
        self.states[t + 1] += n

    def step_back(self, t: int, dh: Array) -> Array:
        r, z, n = (self.block(self.gates[t], gate) for gate in range(3))
        dr, dz, dn = (self.block(self.dprojected[t], gate) for gate in range(3))
        np.multiply(dh * (1 - z), 1 - np.square(n), out=dn)
        np.multiply(dh * (self.states[t] - n), z * (1 - z), out=dz)
        np.multiply(dn * self.inner[t], r * (1 - r), out=dr)
        self.dstate[t] = self.dprojected[t]
        self.block(self.dstate[t], 2)[...] = dn * r
        return dh * z


CELLS: dict[type[Recurrent], type[Direction]] = {Rnn: RnnDirection, Lstm: LstmDirection, Gru: GruDirection}


@rule(Rnn, Lstm, Gru)
class RecurrentKernel(Kernel[Recurrent]):
    """One or two directions over a sequence (N, T, features); a reverse reading is that of the reversed sequence."""

    def prepare(self) -> None:
        cell = CELLS[type(self.operation)]
        suffixes = ("", "_reverse")[: self.operation.directions]
        self.directions = [cell(self.site, suffix) for suffix in suffixes]
        # the second direction reads the other way round, whichever that is
        self.orders = [slice(None, None, -1 if self.operation.reverse != bool(i) else 1) for i in range(2)]
        n, self.steps, _ = self.site.input_shape()
        self.units = self.operation.units
        self.y = self.site.empty(n, self.steps, self.units * len(self.directions))
        self.dstates = self.site.empty(self.steps, n, self.units)

    def forward(self, x: Array, training: bool) -> Array:
        ends = []
        for index, (direction, order) in enumerate(zip(self.directions, self.orders, strict=False)):
            states = direction.forward(x.swapaxes(0, 1)[order])
            self.columns(self.y, index)[...] = states[order].swapaxes(0, 1)
            ends.append(states[-1])
        return np.concatenate(ends, axis=1) if self.operation.last else self.y

    def backward(self, dy: Array) -> Array:
        total: Array | None = None
        for index, (direction, order) in enumerate(zip(self.directions, self.orders, strict=False)):
            part = self.columns(dy, index)
            if self.operation.last:
                self.dstates.fill(0)
                self.dstates[-1] = part
            else:
                self.dstates[...] = part.swapaxes(0, 1)[order]
            dx = direction.backward(self.dstates)[order].swapaxes(0, 1)
            total = dx if total is None else total + dx
        assert total is not None
        return total

    def columns(self, array: Array, index: int) -> Array:
        """The features of one direction."""
        return array[..., index * self.units : (index + 1) * self.units]


@rule(Last, First)
class OneStepKernel(Kernel[OneStep]):
    """x[:, -1] or x[:, 0]."""

    def prepare(self) -> None:
        self.index = -1 if isinstance(self.operation, Last) else 0
        self.dx = self.site.zeros(*self.site.input_shape())

    def forward(self, x: Array, training: bool) -> Array:
        return x[:, self.index]

    def backward(self, dy: Array) -> Array:
        self.dx[:, self.index] = dy
        return self.dx
