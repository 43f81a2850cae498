"""Recurrent layers, and the layers that pick one step of a sequence."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, flag, shared, word
from netspec.ir.layer import Change, Example, Operation, Param, Shapes, Uniform
from netspec.ir.shape import Dim, Shape
from netspec.ir.values import Whole
from netspec.layers.adapters import to_sequence


@shared
class Recurrent(Operation):
    """What the recurrent layers share: weights and biases of `gates` blocks in PyTorch's order, for both directions."""

    units: int = argument(
        Whole(1, example=64), "size of the state, so the features of each step of the result"
    )
    last: bool = flag("last", "keep the state after the last step alone")
    bidirectional: bool = flag(
        "bidirectional", "a second one reads backwards; the results stand side by side"
    )
    reverse: bool = flag(
        "reverse", "read from the last step to the first; the result keeps the input's order"
    )

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    gates: ClassVar[int] = 1
    formula: ClassVar[str] = (
        "output = T x units, 2 * units if bidirectional, without T if last; "
        "parameters = gates * units * (features + units + 2) for each direction"
    )

    @property
    def directions(self) -> int:
        """2 where it reads both ways."""
        return 2 if self.bidirectional else 1

    def result(self, inputs: Shapes) -> Shape:
        features = self.units * self.directions
        return Shape((features,) if self.last else (inputs[0].dims[0], features))

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        features, rows = inputs[0].features, self.gates * self.units
        initial = Uniform(self.units**-0.5)
        return tuple(
            Param(f"{name}_l0{suffix}", shape, initial)
            for suffix in ("", "_reverse")[: self.directions]
            for name, shape in (
                ("weight_ih", (rows, features)),
                ("weight_hh", (rows, self.units)),
                ("bias_ih", (rows,)),
                ("bias_hh", (rows,)),
            )
        )

    def multiply_adds(self, inputs: Shapes) -> Dim:
        steps, features = inputs[0].dims[0], inputs[0].features
        return steps * self.directions * self.gates * self.units * (features + self.units)

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


def _examples(name: str) -> tuple[Example, ...]:
    return (
        Example("5x3", f"{name} 4", "5x4"),
        Example("5x3", f"{name} 4 last", "4"),
        Example("5x3", f"{name} 2 bidirectional", "5x4"),
        Example("5x3", f"{name} 2 bidirectional last", "4"),
        Example("5x3", f"{name} 3 reverse", "5x3"),
        Example("5x3", f"{name} 3 reverse last", "3"),
    )


@word("rnn")
class Rnn(Recurrent):
    """The simple recurrent network: h_t = tanh(W x_t + b + U h_(t-1) + c), the state at first 0.

    `last` is the state after the last step read: with `reverse` that of the sequence's first step, with
    `bidirectional` those of both readings side by side.
    """

    examples: ClassVar[tuple[Example, ...]] = _examples("rnn")


@word("lstm")
class Lstm(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), gates i, f, g, o as in PyTorch.

    i, f, o = sigmoid(W x_t + b + U h + c), g = tanh(...), cell_t = f * cell + i * g, h_t = o * tanh(cell_t).
    `last` is the state after the last step read: with `reverse` that of the sequence's first step, with
    `bidirectional` those of both readings side by side.
    """

    gates: ClassVar[int] = 4
    examples: ClassVar[tuple[Example, ...]] = _examples("lstm")


@word("gru")
class Gru(Recurrent):
    """The gated recurrent unit (Cho et al. 2014), gates r, z, n, the reset after the product, as in PyTorch.

    r, z = sigmoid(W x_t + b + U h + c), n = tanh(W x_t + b + r * (U h + c)), h_t = (1 - z) * n + z * h.
    `last` is the state after the last step read: with `reverse` that of the sequence's first step, with
    `bidirectional` those of both readings side by side.
    """

    gates: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = _examples("gru")


class OneStep(Operation):
    """One step of a sequence."""

    takes: ClassVar[tuple[str, ...]] = ("sequence", "sequence of images")
    formula: ClassVar[str] = "output = the input without T"

    def result(self, inputs: Shapes) -> Shape:
        return Shape(inputs[0].dims[1:])

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


@word("last")
class Last(OneStep):
    """The last step of a sequence."""

    examples: ClassVar[tuple[Example, ...]] = (Example("5x3", "last", "3"),)


@word("first")
class First(OneStep):
    """The first step of a sequence."""

    examples: ClassVar[tuple[Example, ...]] = (Example("5x3", "first", "3"),)
