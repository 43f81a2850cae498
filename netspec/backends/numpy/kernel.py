"""What a rule of this backend is: a kernel, made for one layer and one batch size, that computes forward and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from sys import getrefcount
from typing import Any, Final, Generic, TypeVar

import numpy as np

from netspec.backends.rules import Rules
from netspec.ir.layer import Operation
from netspec.ir.shape import Shape
from netspec.ir.sizes import Sides

Array = np.ndarray[Any, np.dtype[Any]]
O = TypeVar("O", bound=Operation)  # noqa: E741


def _references(held: list[Array]) -> list[int]:
    """How many hold each array; a view of it, or a view of that, is one of them."""
    return [getrefcount(array) for array in held]


_ALONE: Final = _references([np.empty(1)])[0]
"""What is counted where the list alone holds it."""


@dataclass(frozen=True, slots=True)
class Site(Generic[O]):
    """Where a kernel works: its operation, its concrete shapes, its views of parameters and gradients.

    `gradients` are filled, not added to, by `backward`; states (running means) are in `parameters` alone.
    """

    operation: O
    inputs: tuple[Shape, ...]
    output: Shape
    batch: int
    dtype: np.dtype[Any]
    parameters: dict[str, Array]
    gradients: dict[str, Array]
    random: np.random.Generator
    learns: bool = True
    """A backward pass follows: what it reads is kept."""
    sends: bool = True
    """The gradient of what it reads is wanted."""
    shared: dict[tuple[object, ...], Any] = field(default_factory=dict)
    """Room that kernels of a plan use one after another: nothing in it is wanted after a call."""

    def empty(self, *shape: int) -> Array:
        """Room for numbers, for as long as somebody holds it."""
        return np.empty(shape, self.dtype)

    def result(self, *shape: int) -> Array:
        """Room for a result; where nothing goes back, that of an earlier one which nobody holds any more.

        Large room that is new takes as long as what fills it: the system hands it over page by page.
        """
        if self.learns:
            return self.empty(*shape)
        held: list[Array] = self.shared.setdefault(("result", prod(shape)), [])
        for place, references in enumerate(_references(held)):
            if references == _ALONE:
                return held[place].reshape(shape)
        held.append(self.empty(prod(shape)))
        return held[-1].reshape(shape)

    def zeros(self, *shape: int) -> Array:
        """The same, filled with zeros."""
        return np.zeros(shape, self.dtype)

    def input_shape(self, index: int = 0) -> tuple[int, ...]:
        """The shape of an input array: batch, then channels first."""
        return (self.batch, *Shape(self.inputs[index].channels_first).known)

    @property
    def broadcast(self) -> tuple[int, ...]:
        """The shape in which a number a channel is joined with the (first) input: 1 but for the channel axis."""
        rank, channel = len(self.inputs[0].dims) + 1, self.channel_axis
        return tuple(-1 if axis == channel else 1 for axis in range(rank))

    @property
    def other_axes(self) -> tuple[int, ...]:
        """All axes of the (first) input array but that of the channels."""
        return tuple(axis for axis in range(len(self.inputs[0].dims) + 1) if axis != self.channel_axis)

    def output_shape(self) -> tuple[int, ...]:
        """The shape of the output array: batch, then channels first."""
        return (self.batch, *Shape(self.output.channels_first).known)

    def padding(self) -> Sides:
        """The layer's padding in numbers: top, bottom, left, right."""
        top, bottom, left, right = Shape(self.operation.padding(self.inputs) or (0, 0, 0, 0)).known
        return top, bottom, left, right

    @property
    def channel_axis(self) -> int:
        """The axis of the input array that holds channels or features."""
        rank = len(self.inputs[0].dims)
        return rank - 2 if rank > 2 else rank


class Kernel(Generic[O]):
    """The rule of a layer.  Arrays that it returns are good until its next call, and may be its own buffers.

    `forward` puts what `backward` needs into `kept`, which the plan empties when nobody will read it any more; a
    large array is made where it is filled and let go of, so that it lives no longer than `passes.lifetimes` says; where
    new room would take as long as what fills it, a plan that learns holds it, and one that predicts asks `Site.result`.
    `backward` follows the `forward` that it belongs to, once.
    A kernel may return what it is given (or a view of it), from `backward` too; it must not write into it.
    """

    kept: Any = None
    """What of the last `forward` the `backward` reads, however the rule likes to hold it."""

    def __init__(self, site: Site[O]) -> None:
        self.site = site
        self.operation = site.operation
        self.prepare()

    def prepare(self) -> None:
        """Work out what is the same for every batch: called once, when the plan is made."""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The output for the inputs, in training mode or not (`training`); with its further results, a tuple."""
        raise NotImplementedError

    def backward(self, *gradients: Any) -> Any:
        """The gradient of the input (a tuple for several) for that of the output; fills `site.gradients`.

        A layer with further results is given the gradients of all, None for those that nothing reads.
        """
        raise NotImplementedError


rules: Rules[Any] = Rules("numpy", "netspec.backends.numpy")
rule = rules.rule
