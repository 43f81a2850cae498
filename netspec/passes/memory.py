"""Memory: what a network takes in bytes, by the lifetimes of its results (`passes.lifetimes`).

- *parameters*: all parameters and states (running means).
- *predicting*, for one example: the most that is there at one time of the input and of what layers give.
- *training*, for one example: the same on the way forward and back, with what the backward pass reads and the
  gradients on their way.
- *gradients* of the parameters that are trained, and what the *optimizer* keeps beside them.
- *step*, where the settings say how large a batch is: the peak of a step, all of these with the examples that it works
  on at a time.  Updates of several networks have none: each of them is a step of its own.

Numbers are of `BYTES` each.  Not counted: the columns of a convolution, the gates of some steps, the weights of some
examples or heads in attention and other scratch space, which the NumPy backend works off in blocks where nothing goes
back; what it holds from batch to batch for speed beside what is told to be kept (of recurrent layers the gradient of
their input); copies and results that a faster path holds; and the program itself.
"""

from __future__ import annotations

from typing import Final

from netspec.frozen import frozen
from netspec.ir.net import Net
from netspec.ir.training import Optimizer
from netspec.passes.lifetimes import most_predicting, most_training
from netspec.settings.plain import Accumulate, Batch

BYTES: Final = 4
"""Bytes of one number in float32."""


@frozen
class Memory:
    """Bytes in float32, as the module's docstring defines them; None where a symbol decides."""

    parameters: int
    predicting: int | None
    training: int | None
    gradients: int
    optimizer: int | None = None
    """None where there is no one optimizer: without settings, or where networks have theirs."""
    batch: int | None = None
    """Examples that a step works on at a time: of a batch in parts, one part; None where no setting says."""

    @property
    def fixed(self) -> int:
        """What a step takes whatever the batch."""
        return self.parameters + self.gradients + (self.optimizer or 0)

    @property
    def step(self) -> int | None:
        """The peak of a step; None where the batch is not known either."""
        if self.batch is None or self.training is None:
            return None
        return self.fixed + self.batch * self.training


def memory_of(net: Net) -> Memory:
    """The memory that a network takes."""
    return Memory(
        sum(param.size for param in net.parameters.values()) * BYTES,
        _bytes(most_predicting(net)),
        _bytes(most_training(net)),
        net.trained_count * BYTES,
        _remembered(net),
        _together(net),
    )


def _remembered(net: Net) -> int | None:
    if net.training is None or net.training.updates:
        return None
    optimizer = net.training.get("optimizer")
    if not isinstance(optimizer, Optimizer):
        return 0  # plain descent
    trained = (param.shape for param in net.parameters.values() if param.trainable)
    return sum(map(optimizer.remembers, trained)) * BYTES


def _together(net: Net) -> int | None:
    if net.training is None or net.training.updates:
        return None
    batch, accumulate = net.training.get("batch"), net.training.get("accumulate")
    if not isinstance(batch, Batch):
        return None
    return -(-batch.size // accumulate.parts) if isinstance(accumulate, Accumulate) else batch.size


def _bytes(numbers: int | None) -> int | None:
    return None if numbers is None else numbers * BYTES
