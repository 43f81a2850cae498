"""Recurrent cells: one GEMM projects a block of steps at once, then a loop over time; gates in PyTorch's order.

A pass works on arrays with time first, (T, N, ...), each step contiguous, and in the order in which it reads.  A plan
that learns holds one for all steps, as the way back needs them; one that predicts makes one for a block, goes through
all steps with it, and lets go of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from netspec.backends.numpy.kernel import Array, Site
from netspec.backends.numpy.output import sigmoid
from netspec.layers.recurrent import Gru, Lstm, Recurrent, Rnn

MOST: Final = 1 << 16
"""Numbers in the gates of a block of steps: enough for a GEMM to pay, few enough for a processor's cache."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The parameters of one direction, their gradients, and how many steps of a batch make a block."""

    weight: Array
    state_weight: Array
    bias: Array
    state_bias: Array
    gradients: list[Array]
    units: int
    block: int
    sends: bool
    """The gradient of what is read is wanted."""

    @classmethod
    def of(cls, site: Site[Recurrent], suffix: str) -> Weights:
        """Those of a layer whose names end so."""
        names = [f"{name}_l0{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        weight, state_weight, bias, state_bias = (site.parameters[name] for name in names)
        block = max(1, MOST // (site.batch * len(bias)))
        gradients = [site.gradients[name] for name in names]
        return cls(weight, state_weight, bias, state_bias, gradients, site.operation.units, block, site.sends)

    def blocks(self, steps: int) -> list[slice]:
        """So many steps in blocks."""
        return [slice(start, min(start + self.block, steps)) for start in range(0, steps, self.block)]


class Pass:
    """Some steps of one reading of the sequence: what the cells share."""

    state_bias_inside: slice | None = None
    """The rows whose recurrent bias cannot be added to the input's, because something comes between."""

    def __init__(self, weights: Weights, shape: tuple[int, int, int], learns: bool) -> None:
        """For x (T, N, features)."""
        self.weights, self.units = weights, weights.units
        self.state_weight, self.state_bias = weights.state_weight, weights.state_bias
        self.steps, self.batch, _ = shape
        self.gates = self.empty(self.steps, self.batch, len(weights.bias))
        """The projections of the inputs, which become the values of the gates."""
        self.recurrent = self.empty(self.batch, len(weights.bias))
        self.states = self.empty(self.steps + 1, self.batch, self.units)
        """The state before each step and after the last."""
        self.memories = [self.states]
        """All that is carried from step to step."""
        self.prepare()
        if not learns:
            return
        self.dh = np.empty_like(self.states[0])
        self.dmemories = [self.dh]
        """The gradients of the memories, from after the last step to before the first."""
        self.dprojected = np.empty_like(self.gates[: weights.block])
        """The gradient of W x + b in a block of steps."""
        self.dstate = self.dprojected
        """The gradient of U h + c, the same where both are only added."""
        self.dx = self.empty(*shape) if weights.sends else None
        self.prepare_back()

    def prepare(self) -> None:
        """Buffers of a cell's own."""

    def prepare_back(self) -> None:
        """Buffers of a cell's own for the way back."""

    def empty(self, *shape: int) -> Array:
        """Room for numbers."""
        return np.empty(shape, self.weights.bias.dtype)

    def step(self, t: int) -> None:
        """Turn `gates[t]` and `recurrent` into the gates' values, and those into `states[t + 1]`."""
        raise NotImplementedError

    def derive(self, some: slice) -> None:
        """Fill `dprojected` and `dstate` with the derivatives of some steps, which `step_back` has only to scale."""
        raise NotImplementedError

    def step_back(self, t: int, place: int, dh: Array) -> None:
        """Complete `dprojected` and `dstate` of step t at their `place`; leave in `dh` what does not go through U."""
        raise NotImplementedError

    def forward(self, x: Array, start: list[Array]) -> Array:
        """The states after each step, (T, N, units), for x in reading order.

        `start` holds the memories before the first step, or nothing where these are 0.
        """
        for index, memory in enumerate(self.memories):
            memory[0] = start[index] if start else 0
        weight, bias = self.weights.weight.T, self._outer_bias()
        turned = np.ascontiguousarray(self.state_weight.T)
        for some in self.weights.blocks(len(x)):
            gates = self.gates[some]
            np.matmul(_rows(np.ascontiguousarray(x[some])), weight, out=_rows(gates))
            gates += bias
            for t in range(some.start, some.stop):
                np.matmul(self.states[t], turned, out=self.recurrent)
                self.step(t)
        return self.states[1 : len(x) + 1]

    def _outer_bias(self) -> Array:
        bias = self.weights.bias
        total = bias + self.state_bias
        if self.state_bias_inside is not None:
            total[self.state_bias_inside] = bias[self.state_bias_inside]
        return total

    def backward(
        self, x: Array, dstates: Array | None, dfinal: list[Array], ends: Array | None = None
    ) -> Array | None:
        """The gradient of x if it is wanted, given that of the states after each step; fills the parameters' gradients.

        `dfinal` holds the gradients of the memories after the last step, or nothing; those before the first are left
        in `dmemories`.  The last step of an example is that before its number in `ends`, where these are given.
        """
        for gradient in self.dmemories:
            gradient.fill(0)
        self._end(slice(None), dfinal if ends is None else [])
        for some in reversed(self.weights.blocks(self.steps)):
            self.derive(some)
            for t in reversed(range(some.start, some.stop)):
                if ends is not None:
                    self._end(ends == t + 1, dfinal)
                if dstates is not None:
                    self.dh += dstates[t]
                place = t - some.start
                self.step_back(t, place, self.dh)
                self.dh += self.through_product(place)
            self._fill(x, some)
        return self.dx

    def _end(self, which: Array | slice, dfinal: list[Array]) -> None:
        """Have the memories of some examples begin with the gradients of those after their last step."""
        for gradient, final in zip(self.dmemories, dfinal, strict=False):
            gradient[which] += final[which]

    def _fill(self, x: Array, some: slice) -> None:
        """The gradients of what some steps read and, added to those of the steps after, of the parameters."""
        count = some.stop - some.start
        dprojected, dstate = _rows(self.dprojected[:count]), _rows(self.dstate[:count])
        found = (
            dprojected.T @ _rows(np.ascontiguousarray(x[some])),
            self.to_state_weight(some, dstate),
            np.sum(dprojected, axis=0),
            np.sum(dstate, axis=0),
        )
        for gradient, part in zip(self.weights.gradients, found, strict=True):
            if some.stop == self.steps:
                gradient[...] = part
            else:
                gradient += part
        if self.dx is not None:
            np.matmul(dprojected, self.weights.weight, out=_rows(self.dx[some]))

    def to_state_weight(self, some: slice, dstate: Array) -> Array:
        """The gradient of U in some steps."""
        found: Array = dstate.T @ _rows(self.states[some])
        return found

    def through_product(self, place: int) -> Array:
        """The gradient of the state before a step that comes through U h."""
        found: Array = self.dstate[place] @ self.state_weight
        return found

    def blocks(self, array: Array) -> list[Array]:
        """Views of the gates' columns, in PyTorch's order."""
        return [array[..., start : start + self.units] for start in range(0, array.shape[-1], self.units)]

    def derivatives(self, some: slice) -> tuple[list[Array], list[Array]]:
        """The gates of some steps, and where their derivatives go."""
        return self.blocks(self.gates[some]), self.blocks(self.dprojected[: some.stop - some.start])


def _rows(array: Array) -> Array:
    """All steps and examples of a contiguous array as rows of one matrix: a view."""
    return array.reshape(-1, array.shape[-1])


def _sigmoid_slope(s: Array) -> Array:
    slope: Array = s * (1 - s)
    return slope


class RnnPass(Pass):
    """h = tanh(W x + b + U h + c)."""

    def step(self, t: int) -> None:
        self.recurrent += self.gates[t]
        np.tanh(self.recurrent, out=self.states[t + 1])

    def derive(self, some: slice) -> None:
        slope = self.dprojected[: some.stop - some.start]
        np.square(self.states[some.start + 1 : some.stop + 1], out=slope)
        np.subtract(1, slope, out=slope)

    def step_back(self, t: int, place: int, dh: Array) -> None:
        self.dprojected[place] *= dh
        dh.fill(0)


@lru_cache
def _sigmoids(units: int, dtype: np.dtype[np.generic]) -> tuple[Array, Array]:
    """Factor and summand of each gate: sigmoid(x) = tanh(x / 2) / 2 + 1/2, so that one tanh serves all gates."""
    scale, shift = (
        np.repeat(np.asarray(values, dtype), units) for values in ((0.5, 0.5, 1, 0.5), (0.5, 0.5, 0, 0.5))
    )
    return scale, shift


class LstmPass(Pass):
    """i, f, o = sigmoid, g = tanh; cell = f * cell + i * g; h = o * tanh(cell)."""

    def prepare(self) -> None:
        self.cells = self.empty(*self.states.shape)
        self.tanh_cells = self.empty(self.steps, self.batch, self.units)
        self.product = np.empty_like(self.cells[0])
        self.memories = [self.states, self.cells]
        self.scale, self.shift = _sigmoids(self.units, self.gates.dtype)

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

    def prepare_back(self) -> None:
        self.dcell = np.empty_like(self.dh)
        self.dmemories = [self.dh, self.dcell]

    def derive(self, some: slice) -> None:
        (i, f, g, o), (di, df, dg, do) = self.derivatives(some)
        np.multiply(g, _sigmoid_slope(i), out=di)
        np.multiply(self.cells[some], _sigmoid_slope(f), out=df)
        np.multiply(i, 1 - np.square(g), out=dg)
        np.multiply(self.tanh_cells[some], _sigmoid_slope(o), out=do)
        self.to_cell = o * (1 - np.square(self.tanh_cells[some]))

    def step_back(self, t: int, place: int, dh: Array) -> None:
        di, df, dg, do = self.blocks(self.dprojected[place])
        self.dcell += np.multiply(dh, self.to_cell[place], out=self.product)
        di *= self.dcell
        df *= self.dcell
        dg *= self.dcell
        do *= dh
        self.dcell *= self.blocks(self.gates[t])[1]
        dh.fill(0)


class GruPass(Pass):
    """r, z = sigmoid; n = tanh(W x + b + r * (U h + c)); h = (1 - z) * n + z * h."""

    def prepare(self) -> None:
        self.state_bias_inside = slice(2 * self.units, None)
        self.inner = self.empty(self.steps, self.batch, self.units)
        """U h + c of the candidate n, before the reset."""
        self.product = np.empty_like(self.states[0])

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

    def prepare_back(self) -> None:
        self.dstate = np.empty_like(self.dprojected)

    def derive(self, some: slice) -> None:
        (r, z, n), (dr, dz, dn) = self.derivatives(some)
        np.multiply(1 - z, 1 - np.square(n), out=dn)
        np.multiply(self.states[some] - n, _sigmoid_slope(z), out=dz)
        np.multiply(dn * self.inner[some], _sigmoid_slope(r), out=dr)
        dstate = self.dstate[: len(r)]
        np.copyto(dstate, self.dprojected[: len(r)])
        self.blocks(dstate)[2][...] *= r

    def step_back(self, t: int, place: int, dh: Array) -> None:
        for array in (self.dprojected[place], self.dstate[place]):
            for block in self.blocks(array):
                block *= dh
        dh *= self.blocks(self.gates[t])[1]


class ResetFirstPass(Pass):
    """r, z as above; n = tanh(W x + b + U (r * h) + c)."""

    def prepare(self) -> None:
        self.reset = self.empty(self.steps, self.batch, self.units)
        """r * h, of which the candidate n is made."""
        self.outer, self.inner = slice(2 * self.units), slice(2 * self.units, None)

    def step(self, t: int) -> None:
        h, new, candidate = self.states[t], self.states[t + 1], self.gates[t, :, self.inner]
        both = self.gates[t, :, self.outer]
        both += self.recurrent[:, self.outer]
        sigmoid(both, both)
        r, z, n = self.blocks(self.gates[t])
        candidate += np.multiply(r, h, out=self.reset[t]) @ self.state_weight[self.inner].T
        np.tanh(candidate, out=n)
        np.subtract(h, n, out=new)
        new *= z
        new += n

    def prepare_back(self) -> None:
        self.dreset = np.empty_like(self.dh)

    def derive(self, some: slice) -> None:
        (r, z, n), (dr, dz, dn) = self.derivatives(some)
        np.multiply(1 - z, 1 - np.square(n), out=dn)
        np.multiply(self.states[some] - n, _sigmoid_slope(z), out=dz)
        np.multiply(self.states[some], _sigmoid_slope(r), out=dr)

    def step_back(self, t: int, place: int, dh: Array) -> None:
        r, z, _ = self.blocks(self.gates[t])
        dr, dz, dn = self.blocks(self.dprojected[place])
        dz *= dh
        dn *= dh
        np.matmul(dn, self.state_weight[self.inner], out=self.dreset)
        dr *= self.dreset
        dh *= z
        dh += np.multiply(self.dreset, r, out=self.dreset)

    def through_product(self, place: int) -> Array:
        found: Array = self.dprojected[place, :, self.outer] @ self.state_weight[self.outer]
        return found

    def to_state_weight(self, some: slice, dstate: Array) -> Array:
        found = super().to_state_weight(some, dstate)
        np.matmul(dstate[:, self.inner].T, _rows(self.reset[some]), out=found[self.inner])
        return found


CELLS: dict[type[Recurrent], type[Pass]] = {Rnn: RnnPass, Lstm: LstmPass, Gru: GruPass}


def cell_of(operation: Recurrent) -> type[Pass]:
    """The cell of a layer."""
    resets_first = isinstance(operation, Gru) and operation.reset == "before"
    return ResetFirstPass if resets_first else CELLS[type(operation)]
