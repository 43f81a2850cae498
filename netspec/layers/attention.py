"""Attention: each step of a sequence takes what it needs from all steps of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import AlongTime, Change, Example, Operation, Param, Problem, ReadBack, Shapes, Uniform
from netspec.ir.shape import Dim, Shape, described_kind
from netspec.ir.stepping import Stepping
from netspec.ir.values import Reference, Whole
from netspec.layers.adapters import to_sequence
from netspec.layers.division import indivisible
from netspec.layers.lengths import LENGTHS, MEANING, NUMBERED, check_lengths

REMEMBERED: Final = ("keys", "values")
"""What is remembered of the steps that attention looks at, (T, heads * size) each."""


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

    projects: ClassVar[tuple[str, ...]] = ("query", "key", "value", "out")
    """Its dense layers."""

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def keeps(self, inputs: Shapes) -> Dim:
        steps, others = inputs[0].dims[0], self.memory(inputs).dims[0]
        return (steps + others) * sum(self.widths) + self.heads * steps * others

    @property
    def sizes(self) -> tuple[int, int]:
        """Size of keys and of values in a head."""
        even = self.features // self.heads
        return self.key or even, self.value or even

    @property
    def widths(self) -> tuple[int, int]:
        """Features of keys and of values, all heads side by side."""
        key, value = self.sizes
        return key * self.heads, value * self.heads

    def along_time(self) -> AlongTime:
        return "past" if self.causal else "whole"

    def measured(self) -> int:
        return 0 if self.over is None else 1

    def memory(self, inputs: Shapes) -> Shape:
        """The sequence that keys and values come from."""
        return inputs[self.measured()]

    def stepwise(self) -> tuple[Change, ...]:
        return (Change("causal", "causal"),)

    def stepped(self, step: Stepping) -> str:
        """Keys and values are remembered, or made once of a sequence that is not fed."""
        memory = self.measured()
        sizes = self.features, self.heads, None, *self.sizes, self.causal, self.bias
        if not step.fed[memory]:
            keys = step.before(AttentionKeys(*sizes), memory)
            more = [step.count(anchored=True)] if self.causal else []
            more += [step.now(memory + 1)] if self.lengths is not None else []
            return step.layer(AttentionOver(*sizes, self.lengths), step.now(0), *keys, *more)
        if not self.causal:
            return super().stepped(step)
        kept = [
            step.memory(name, Shape((step.most, width)))
            for name, width in zip(REMEMBERED, self.widths, strict=True)
        ]
        now = step.now(0), step.now(memory)
        result = step.layer(AttentionStep(*sizes), *now, *kept, step.count())
        for name, each in zip(REMEMBERED, kept, strict=True):
            step.remember(each, f"{result}.{name}")
        return result

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
        return self.projections(inputs[0].features, self.memory(inputs).features)

    def projections(self, given: int, memory: int) -> tuple[Param, ...]:
        """The parameters of the dense layers that it has, for features of the queries' side and of the other."""
        key, value = self.widths
        parts = {
            "query": (key, given),
            "key": (key, memory),
            "value": (value, memory),
            "out": (self.features, value),
        }
        found = []
        for name in self.projects:
            units, features = parts[name]
            initial = Uniform(features**-0.5)
            found.append(Param(f"{name}.weight", (units, features), initial))
            found += [Param(f"{name}.bias", (units,), initial)] * self.bias
        return tuple(found)

    def multiply_adds(self, inputs: Shapes) -> Dim:
        """The four projections, and both products in every head."""
        steps, others = inputs[0].dims[0], self.memory(inputs).dims[0]
        given, memory = inputs[0].features, self.memory(inputs).features
        key, value = self.widths
        projections = steps * (given * key + value * self.features) + others * memory * (key + value)
        return projections + steps * others * (key + value)

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


class Part(Attention):
    """A part of attention that stands in its place where a sequence is made step by step."""

    joins: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = ()

    def along_time(self) -> AlongTime:
        return "whole"


@word("attention_keys")
class AttentionKeys(Part):
    """Keys and values of a sequence that is looked at at every step: what networks of one step have made before."""

    projects: ClassVar[tuple[str, ...]] = ("key", "value")
    formula: ClassVar[str] = "output = S x heads * key, and S x heads * value"

    def result(self, inputs: Shapes) -> Shape:
        return Shape((inputs[0].dims[0], self.widths[0]))

    def extras(self, inputs: Shapes) -> Mapping[str, Shape]:
        return {"values": Shape((inputs[0].dims[0], self.widths[1]))}

    def multiply_adds(self, inputs: Shapes) -> Dim:
        return inputs[0].size * sum(self.widths)


@word("attention_over")
class AttentionOver(Part):
    """Attention of one step over keys and values that are there; networks of one step use it.

    Further inputs are, with `causal`, the number of steps before this one, of which it sees one more, and `lengths`.
    """

    projects: ClassVar[tuple[str, ...]] = ("query", "out")
    formula: ClassVar[str] = "output = 1 x features"

    def result(self, inputs: Shapes) -> Shape:
        return Shape((inputs[0].dims[0], self.features))

    def multiply_adds(self, inputs: Shapes) -> Dim:
        key, value = self.widths
        return inputs[0].features * key + value * self.features + inputs[1].dims[0] * (key + value)


@word("attention_step")
class AttentionStep(Part):
    """Causal attention of one step, which adds its key and value to those of the steps before.

    It reads what queries come from, what keys and values come from, the keys and values so far, and their number; it
    gives the keys and the values with its own as further results.
    """

    formula: ClassVar[str] = "output = 1 x features; keys and values as they were"

    def result(self, inputs: Shapes) -> Shape:
        return Shape((1, self.features))

    def extras(self, inputs: Shapes) -> Mapping[str, Shape]:
        return dict(zip(REMEMBERED, inputs[2:4], strict=True))

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return self.projections(inputs[0].features, inputs[1].features)

    def multiply_adds(self, inputs: Shapes) -> Dim:
        key, value = self.widths
        own = inputs[0].features * key + value * self.features + inputs[1].features * (key + value)
        return own + inputs[2].dims[0] * (key + value)
