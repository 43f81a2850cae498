"""The backend `numpy64`: the NumPy backend that computes in double precision, whatever precision is asked for.

A backend is a module with `compile`; what that returns follows the protocol `netspec.backends.Program`.  This one
borrows the rules of another backend, and so has one for every layer that that one has a rule for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netspec.backends import Alone, Arrays, Piece, on_each
from netspec.backends.numpy.program import NumpyProgram
from netspec.ir.net import Net
from netspec.ir.training import Aim, Training

Array = np.ndarray[Any, np.dtype[Any]]


def compile(net: Net, *, dtype: str, device: str) -> Program64:
    """A program for a network; its parameters are zero until loaded."""
    return Program64(net, dtype)


class Program64:
    """Computes in float64; what it is given and gives has the type asked for."""

    def __init__(self, net: Net, dtype: str) -> None:
        self.net = net
        self.device = "cpu"
        self.group = Alone()
        self.dtype = dtype
        self.program = NumpyProgram(net, "float64")

    @property
    def aims(self) -> tuple[Aim, ...]:
        """See `Program.aims`."""
        return self.program.aims

    def _out(self, arrays: Arrays) -> Any:
        return on_each(self._as_asked, arrays)

    def _as_asked(self, array: Array) -> Array:
        return array.astype(self.dtype) if np.issubdtype(array.dtype, np.floating) else array

    def predict(self, inputs: Arrays) -> Any:
        """See `Program.predict`."""
        return self._out(self.program.predict(inputs))

    def begin(self, training: Training, steps: int = 0) -> None:
        """See `Program.begin`."""
        self.program.begin(training, steps)

    def train_step(self, inputs: Arrays, targets: Arrays, rate: float, piece: Piece | None = None) -> float:
        """See `Program.train_step`."""
        return float(self.program.train_step(inputs, targets, rate, piece))

    def loss_and_gradients(self, inputs: Arrays, targets: Arrays) -> tuple[float, dict[str, Array]]:
        """See `Program.loss_and_gradients`."""
        loss, gradients = self.program.loss_and_gradients(inputs, targets)
        return loss, {name: self._out(value) for name, value in gradients.items()}

    def evaluate(self, inputs: Arrays, targets: Arrays) -> tuple[tuple[float, ...], Any]:
        """See `Program.evaluate`."""
        losses, outputs = self.program.evaluate(inputs, targets)
        return losses, self._out(outputs)

    def gradient_norms(self) -> dict[str, float]:
        """See `Program.gradient_norms`."""
        return self.program.gradient_norms()

    def parameters(self) -> dict[str, Array]:
        """See `Program.parameters`."""
        return {name: self._out(value) for name, value in self.program.parameters().items()}

    def load(self, values: Mapping[str, Array]) -> None:
        """See `Program.load`."""
        self.program.load(values)

    def use_average(self, on: bool) -> None:
        """See `Program.use_average`."""
        self.program.use_average(on)

    def memory(self) -> dict[str, Array]:
        """See `Program.memory`."""
        return self.program.memory()

    def recall(self, memory: Mapping[str, Array]) -> None:
        """See `Program.recall`."""
        self.program.recall(memory)

    def free_memory(self) -> int | None:
        """See `Program.free_memory`."""
        return self.program.free_memory()

    def circumstances(self) -> dict[str, str]:
        """See `Program.circumstances`."""
        return self.program.circumstances()
