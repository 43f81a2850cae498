"""Recurrent layers, and the layers that pick one step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from netspec.ir.definition import argument, flag, option, shared, word
from netspec.ir.layer import AlongTime, Change, Example, Operation, Param, Problem, Shapes, Uniform
from netspec.ir.shape import Dim, Shape
from netspec.ir.stepping import Stepping
from netspec.ir.values import Choice, Reference, Whole
from netspec.layers.adapters import to_sequence
from netspec.layers.lengths import LENGTHS, MEANING, NUMBERED, check_lengths


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
    init: str | None = option(
        Reference(example="state"),
        "a vector, the state to start from instead of 0: what `state as` names, h (for an lstm then the cells) of "
        "each direction",
        default=None,
    )
    lengths: str | None = option(LENGTHS, MEANING, default=None)

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    gates: ClassVar[int] = 1
    memories: ClassVar[int] = 1
    """Vectors of `units` that make up the state of a direction."""
    biases: ClassVar[Mapping[str, int]] = {"keras": 1, "paper": 1}
    """Biases of each gate, of the two that PyTorch has, that another convention lacks."""
    formula: ClassVar[str] = (
        "output = T x units, 2 * units if bidirectional, without T if last; "
        "parameters = gates * units * (features + units + 2) for each direction"
    )

    def keeps(self, inputs: Shapes) -> Dim:
        return inputs[0].dims[0] * self.directions * self.units * (self.gates + self.memories)

    @property
    def directions(self) -> int:
        """2 where it reads both ways."""
        return 2 if self.bidirectional else 1

    def step(self, inputs: Shapes) -> None:
        return None

    def along_time(self) -> AlongTime:
        return "whole" if self.last or self.reverse or self.bidirectional else "past"

    def stepwise(self) -> tuple[Change, ...]:
        flags = ("last", "bidirectional", "reverse")
        return tuple(Change("", flag, f"no `{flag}`") for flag in flags if getattr(self, flag))

    def stepped(self, step: Stepping) -> str:
        if self.along_time() == "whole":
            return super().stepped(step)
        memory = step.memory("state", self.state, first=None if self.init is None else 1)
        name = step.layer(replace(self, init=memory), step.now(0), memory)
        step.remember(memory, f"{name}.state")
        return name

    @property
    def state(self) -> Shape:
        """The shape of the whole state: h of each direction, for an lstm then the cells of each."""
        return Shape((self.units * self.directions * self.memories,))

    def extras(self, inputs: Shapes) -> Mapping[str, Shape]:
        return {"state": self.state}

    def result(self, inputs: Shapes) -> Shape:
        check_lengths(self, self.lengths, inputs)
        features = self.units * self.directions
        if self.init is not None and inputs[1] != self.state:
            parts = [str(self.units), *(["2 directions"] * (self.directions - 1))]
            parts += ["2 for state and cell"] * (self.memories - 1)
            raise Problem(
                "N204",
                f"the state of this `{self.word}` is {self.state.described}, and `init` is {inputs[1].described}",
                argument="init",
                label=f"gives {inputs[1]}",
                because=f"{' * '.join(parts)} = {self.state}" if len(parts) > 1 else "",
                others={"units": f"{self.units} units"},
            )
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

    def uncounted(self, inputs: Shapes, convention: str) -> int:
        """One bias a gate in the papers and in Keras, whose `GRU` resets after the product and has two as well."""
        return self.biases[convention] * self.directions * self.gates * self.units

    def multiply_adds(self, inputs: Shapes) -> Dim:
        steps, features = inputs[0].dims[0], inputs[0].features
        return steps * self.directions * self.gates * self.units * (features + self.units)

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


def _examples(name: str, memories: int = 1) -> tuple[Example, ...]:
    both = f"{name} 2 bidirectional reverse"
    return (
        Example("5x3", f"{name} 4", "5x4"),
        Example("5x3", f"{name} 4 last", "4"),
        Example("5x3", f"{name} 2 bidirectional", "5x4"),
        Example("5x3", f"{name} 2 bidirectional last", "4"),
        Example("5x3", f"{name} 3 reverse", "5x3"),
        Example("5x3", f"{name} 3 reverse last", "3"),
        Example("5x3", f"{name} 4 init=start", "5x4", (("start", f"{4 * memories}"),)),
        Example("5x3", f"{name} 2 bidirectional last init=start", "4", (("start", f"{4 * memories}"),)),
        Example("5x3", f"{name} 4 state as memory; {name} 4 last init=memory", "4"),
        Example("5x3", f"{both} state as memory; {both} init=memory", "5x4"),
        Example("5x3", f"{name} 4 lengths=counts", "5x4", NUMBERED),
        Example("5x3", f"{name} 3 reverse last lengths=counts", "3", NUMBERED),
        Example("5x3", f"{name} 2 bidirectional last lengths=counts", "4", NUMBERED),
        Example("5x3", f"{name} 4 lengths=counts state as memory; {name} 4 init=memory", "5x4", NUMBERED),
        Example(
            "5x3",
            f"{both} last init=start lengths=counts",
            "4",
            (("start", f"{4 * memories}"), *NUMBERED),
        ),
    )


@word("rnn")
class Rnn(Recurrent):
    """The simple recurrent network: h_t = tanh(W x_t + b + U h_(t-1) + c), the state at first 0.

    `last` is the state after the last step read: with `reverse` that of the sequence's first step, with
    `bidirectional` those of both readings side by side.  With `lengths` an example ends with its own last step, where
    a reverse reading begins; what stands beyond is 0.
    """

    examples: ClassVar[tuple[Example, ...]] = _examples("rnn")


@word("lstm")
class Lstm(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), gates i, f, g, o as in PyTorch.

    i, f, o = sigmoid(W x_t + b + U h + c), g = tanh(...), cell_t = f * cell + i * g, h_t = o * tanh(cell_t).
    `last` is the state after the last step read: with `reverse` that of the sequence's first step, with
    `bidirectional` those of both readings side by side.  With `lengths` an example ends with its own last step, where
    a reverse reading begins; what stands beyond is 0.
    """

    gates: ClassVar[int] = 4
    memories: ClassVar[int] = 2
    examples: ClassVar[tuple[Example, ...]] = _examples("lstm", memories=2)


@word("gru")
class Gru(Recurrent):
    """The gated recurrent unit (Cho et al. 2014), gates r, z, n, the reset after the product, as in PyTorch.

    r, z = sigmoid(W x_t + b + U h + c), n = tanh(W x_t + b + r * (U h + c)), h_t = (1 - z) * n + z * h.
    With `reset=before`, as in the paper, n = tanh(W x_t + b + U (r * h) + c).
    `last` is the state after the last step read: with `reverse` that of the sequence's first step, with
    `bidirectional` those of both readings side by side.  With `lengths` an example ends with its own last step, where
    a reverse reading begins; what stands beyond is 0.
    """

    reset: str = option(
        Choice(("after", "before")), "whether it acts after the product with U, or before", default="after"
    )

    biases: ClassVar[Mapping[str, int]] = {"keras": 0, "paper": 1}
    gates: ClassVar[int] = 3
    examples: ClassVar[tuple[Example, ...]] = (
        *_examples("gru"),
        Example("5x3", "gru 4 reset=before", "5x4"),
        Example("5x3", "gru 2 bidirectional reset=before", "5x4"),
        Example("5x3", "gru 3 reset=before state as memory; gru 3 reset=before init=memory", "5x3"),
        Example("5x3", "gru 3 reset=before reverse last lengths=counts", "3", NUMBERED),
        Example("5x3", "gru 2 bidirectional reset=before lengths=counts", "5x4", NUMBERED),
    )

    def uncounted(self, inputs: Shapes, convention: str) -> int:
        biases = 1 if self.reset == "before" else self.biases[convention]
        return biases * self.directions * self.gates * self.units


class OneStep(Operation):
    """One step of a sequence."""

    takes: ClassVar[tuple[str, ...]] = ("sequence", "sequence of images")
    formula: ClassVar[str] = "output = the input without T"

    def along_time(self) -> AlongTime:
        return "whole"

    def result(self, inputs: Shapes) -> Shape:
        return Shape(inputs[0].dims[1:])

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


@word("last")
class Last(OneStep):
    """The last step of a sequence; with `lengths` that of each example."""

    lengths: str | None = option(LENGTHS, MEANING, default=None)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("5x3", "last", "3"),
        Example("5x3", "last lengths=counts", "3", NUMBERED),
        Example("5x2x3x4", "last lengths=counts", "2x3x4", NUMBERED),
    )

    def result(self, inputs: Shapes) -> Shape:
        check_lengths(self, self.lengths, inputs)
        return super().result(inputs)


@word("first")
class First(OneStep):
    """The first step of a sequence."""

    needs_ends: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (Example("5x3", "first", "3"),)


@word("at")
class At(Operation):
    """The step of a given number, counted from 0, as a sequence of one step; the last one for numbers beyond it.

    Networks of one step use it.
    """

    joins: ClassVar[bool] = True
    formula: ClassVar[str] = "output = 1 x the input without T"

    def along_time(self) -> AlongTime:
        return "whole"

    def result(self, inputs: Shapes) -> Shape:
        return Shape((1, *inputs[0].dims[1:]), inputs[0].of)
