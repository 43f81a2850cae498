"""Convolutions over time."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from netspec.ir.asking import at_least
from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import AlongTime, Change, Example, Operation, Param, Problem, ReadBack, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.sizes import Ends
from netspec.ir.stepping import Stepping
from netspec.ir.symbolic import largest
from netspec.ir.values import Whole
from netspec.layers.adapters import to_sequence
from netspec.layers.division import indivisible
from netspec.layers.initial import INIT, SPREAD, spread
from netspec.layers.lengths import LENGTHS, MEANING, NUMBERED, check_lengths


@word("conv1d")
class Conv1d(Operation):
    """Slides kernels over the steps of a sequence; each sees all features of its group and makes one of the result.

    `same` pads so that there are ceil(steps / stride) results, the odd step after.  `causal` pads before the first
    step only, so that result t sees nothing after step t * stride. With `lengths` there are zeros beyond the end of
    each example, and `same` pads each by its own length.
    Weights and bias start evenly spread over +-1/sqrt(inputs of one kernel), as in PyTorch's `nn.Conv1d`, the weights
    with `glorot` or `he` as those of a `conv`.
    """

    features: int = argument(Whole(1, example=8), "number of kernels, so the features of the result")
    kernel: int = argument(Whole(1, example=3), "steps that a kernel sees")
    stride: int = option(Whole(1), "step of the kernel", default=1)
    dilation: int = option(Whole(1), "distance between the kernel's entries", default=1)
    groups: int = option(Whole(1), "groups of features that do not see one another", default=1)
    pad: str | tuple[int, int] = option(Ends(), "steps of zeros around the sequence", default="same")
    bias: bool = flag("nobias", "leave the bias out", default=True)
    init: str = option(INIT, SPREAD, default="pytorch")
    lengths: str | None = option(LENGTHS, MEANING, default=None)

    takes: ClassVar[tuple[str, ...]] = ("sequence",)
    formula: ClassVar[str] = (
        "steps = floor((T + padding - dilation * (kernel - 1) - 1) / stride) + 1; "
        "same and causal: ceil(T / stride)"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("9x3", "conv1d 4 3", "9x4"),
        Example("9x2", "conv1d 3 4 stride2", "5x3"),
        Example("5x2", "conv1d 3 2 he", "5x3"),
        Example("8x4", "conv1d 6 3 causal groups=2 nobias", "8x6"),
        Example("9x2", "conv1d 3 2 stride2 dilation2 causal", "5x3"),
        Example("9x2", "conv1d 3 3 dilation2 valid", "5x3"),
        Example("7x2", "conv1d 2 4 stride3 pad=0,2", "2x2"),
        Example("9x3", "conv1d 4 3 lengths=counts", "9x4", NUMBERED),
        Example("9x2", "conv1d 3 4 stride3 lengths=counts", "3x3", NUMBERED),
        Example("9x2", "conv1d 3 2 stride4 lengths=counts", "3x3", NUMBERED),
        Example("9x2", "conv1d 3 3 dilation2 valid lengths=counts", "5x3", NUMBERED),
        Example("9x2", "conv1d 3 3 causal stride2 lengths=counts", "5x3", NUMBERED),
        Example("7x4", "conv1d 2 4 stride3 pad=0,2 groups=2 lengths=counts", "2x2", NUMBERED),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    @property
    def reach(self) -> int:
        """Steps from the first to the last that a kernel touches."""
        return self.dilation * (self.kernel - 1) + 1

    def ends(self, sequence: Shape) -> tuple[Dim, Dim]:
        """Steps of zeros before and after; of a symbolic length they may depend on it."""
        if not isinstance(self.pad, str):
            return self.pad
        if self.pad == "valid":
            return 0, 0
        missing: Dim = self.reach - 1
        if self.pad == "causal":
            return missing, 0
        if self.stride > 1 and self.reach > 1:
            steps = sequence.dims[0]
            missing = largest((-(-steps // self.stride) - 1) * self.stride + self.reach - steps, 0)
        return missing // 2, missing - missing // 2

    def along_time(self) -> AlongTime:
        if self.stride > 1:
            return "whole"
        # without a stride the padding is the same for any length
        return "past" if self.ends(Shape((1, 1))) == (self.reach - 1, 0) else "whole"

    def stepwise(self) -> tuple[Change, ...]:
        return (Change("causal", "pad"),)

    def stepped(self, step: Stepping) -> str:
        """The kernels see a window that has moved on by one step."""
        if self.along_time() == "whole":
            return super().stepped(step)
        window = step.memory("window", Shape((self.reach, step.inputs[0].features)))
        moved = step.layer(Slide(), window, step.now(0), name="slide")
        step.remember(window, moved)
        return step.layer(replace(self, pad="valid"), moved)

    def result(self, inputs: Shapes) -> Shape:
        sequence = inputs[0]
        check_lengths(self, self.lengths, inputs)
        features = sequence.features
        for number, what, party in ((features, "input features", ""), (self.features, "kernels", "features")):
            if number % self.groups:
                raise indivisible(number, self.groups, what, "groups", party, "groups=")
        return Shape((self._steps(sequence), self.features))

    def _steps(self, sequence: Shape) -> Dim:
        steps = sequence.dims[0]
        if self.pad in ("same", "causal"):
            return -(-steps // self.stride)
        before, after = self.ends(sequence)
        room = before + after - self.reach
        if not at_least(steps + room, 0):
            raise Problem(
                "N203",
                "the kernel is larger than its input",
                argument="kernel",
                label=f"{self.reach} steps do not fit in {steps}",
                because=f"steps = floor(({steps} + {before + after} - {self.reach}) / {self.stride}) + 1 "
                f"= {(steps + room) // self.stride + 1}",
                changes=[Change("same", "pad", "`same`")],
                shrinks=True,
            )
        return (steps + room) // self.stride + 1

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        per_group = inputs[0].features // self.groups
        shape = (self.features, per_group, self.kernel)
        weight = Param("weight", shape, spread(self.init, shape))
        bias = Param("bias", (self.features,), spread("pytorch", shape))
        return (weight, bias) if self.bias else (weight,)

    def multiply_adds(self, inputs: Shapes) -> Dim:
        return self.result(inputs).dims[0] * self.parameters(inputs)[0].size

    def explain(self, inputs: Shapes) -> str:
        steps, result = inputs[0].dims[0], self.result(inputs).dims[0]
        if self.pad in ("same", "causal"):
            return f"steps = ceil({steps} / {self.stride}) = {result}"
        pads = sum(self.ends(inputs[0]))
        return f"steps = floor(({steps} + {pads} - {self.reach}) / {self.stride}) + 1 = {result}"

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        return to_sequence(given)


@word("slide")
class Slide(Operation):
    """Leaves the first row of a window out and puts a new one at its end: networks of one step use it."""

    joins: ClassVar[bool] = True
    formula: ClassVar[str] = "output = the first input"

    def along_time(self) -> AlongTime:
        return "whole"

    def result(self, inputs: Shapes) -> Shape:
        return inputs[0]
