"""Attention: each step of a sequence takes what it needs from all steps of a sequence."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import AlongTime, Change, Example, Operation, Param, Problem, Shapes, Uniform
from netspec.ir.shape import Dim, Shape, described_kind
from netspec.ir.values import Reference, Whole
from netspec.layers.adapters import to_sequence
from netspec.layers.division import indivisible
from netspec.layers.lengths import LENGTHS, MEANING, NUMBERED, check_lengths


@word("attention")
class Attention(Operation):
    """Multi-head attention (Vaswani et al. 2017): a head gives softmax(Q K' / sqrt(key)) V.

    Queries come from the input, keys and values from the input too, or from the sequence named by `over`.  `causal`
    hides from step t all steps after t, `lengths` the steps that only fill up.  The heads' results, side by side, go
    through a last dense layer, `out`.
    Weights and biases start as those of `dense`.
    """

    features: int = argument(Whole(1, example=512), "features of each step of the result")
    heads: int = option(Whole(1, example=8), "number of heads", default=1)
    over: str | None = option(
        Reference(example="memory", spoken=True), "the sequence that keys and values come from", default=None
    )
    key: int | None = option(
        Whole(1, example=64), "size of keys and queries in a head; features / heads by default", default=None
    )
    value: int | None = option(
        Whole(1, example=64), "size of values in a head; features / heads by default", default=None
    )
    causal: bool = flag("causal", "a step sees none after it", default=False)
    bias: bool = flag("nobias", "leave the four biases out", default=True)
    lengths: str | None = option(LENGTHS, f"{MEANING}; of the sequence that keys come from", default=None)

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    formula: ClassVar[str] = "output = T x features; parameters = four dense layers: query, key, value, out"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("5x4", "attention 6 heads=2", "5x6"),
        Example("5x4", "attention 4 heads=2 causal nobias", "5x4"),
        Example("5x4", "attention 3 heads=2 key=3 value=1", "5x3"),
        Example("5x4", "attention 6 heads=3 over memory", "5x6", (("memory", "3x2"),)),
        Example("4x4", "attention 4 over memory causal", "4x4", (("memory", "6x3"),)),
        Example("5x4", "attention 6 heads=2 lengths=counts", "5x6", NUMBERED),
        Example("5x4", "attention 4 heads=2 causal nobias lengths=counts", "5x4", NUMBERED),
        Example("5x4", "attention 4 over memory lengths=counts", "5x4", (("memory", "6x3"), *NUMBERED)),
        Example(
            "5x4", "attention 2 over memory causal lengths=counts", "5x2", (("memory", "4x3"), *NUMBERED)
        ),
    )

    @property
    def sizes(self) -> tuple[int, int]:
        """Size of keys and of values in a head."""
        even = self.features // self.heads
        return self.key or even, self.value or even

    def along_time(self) -> AlongTime:
        return "past" if self.causal else "whole"

    def measured(self) -> int:
        return 0 if self.over is None else 1

    def memory(self, inputs: Shapes) -> Shape:
        """The sequence that keys and values come from."""
        return inputs[self.measured()]

    def result(self, inputs: Shapes) -> Shape:
        memory = self.memory(inputs)
        if memory.kind != "sequence":
            raise Problem(
                "N202",
                f"`over` reads {described_kind('sequence')}, not {memory.described}",
                argument="over",
                label=f"gives {memory.described}",
            )
        check_lengths(self, self.lengths, inputs)
        if (self.key is None or self.value is None) and self.features % self.heads:
            raise indivisible(self.features, self.heads, "features", "heads", "features", "heads=")
        return Shape((inputs[0].dims[0], self.features))

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        given, memory = inputs[0].features, self.memory(inputs).features
        key, value = (size * self.heads for size in self.sizes)
        parts = (
            ("query", key, given),
            ("key", key, memory),
            ("value", value, memory),
            ("out", self.features, value),
        )
        found = []
        for name, units, features in parts:
            initial = Uniform(features**-0.5)
            found.append(Param(f"{name}.weight", (units, features), initial))
            found += [Param(f"{name}.bias", (units,), initial)] * self.bias
        return tuple(found)

    def multiply_adds(self, inputs: Shapes) -> Dim:
        """The four projections, and both products in every head."""
        steps, others = inputs[0].dims[0], self.memory(inputs).dims[0]
        given, memory = inputs[0].features, self.memory(inputs).features
        key, value = (size * self.heads for size in self.sizes)
        projections = steps * (given * key + value * self.features) + others * memory * (key + value)
        return projections + steps * others * (key + value)

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)
