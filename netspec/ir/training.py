"""The training half of a network: what `train:` says, as data.

The bases of the settings live here, so that a network can hold them; the settings themselves are defined in
`netspec.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Final

from netspec.frozen import frozen
from netspec.ir.definition import Definition
from netspec.ir.shape import Shape
from netspec.source import Span

NAMED: Final = ("data", "loss", "optimizer", "schedule", "metric")
"""Settings whose first word is looked up in a catalog of its own: `optimizer adam 0.003`."""


class Reader(Definition):
    """Where examples come from."""

    def target_shape(self) -> Shape | None:
        """Shape of one example's target where it is known without opening a file.

        A class is `Shape((), of=number of classes)`.
        """
        return None


class Loss(Definition):
    """What training makes small, the mean over examples (and steps)."""

    fuses: ClassVar[str] = ""
    """The output word whose function the loss takes in: it then reads logits."""
    targets: ClassVar[str] = "numbers"
    """What a target is: `numbers` like the output, a class for each place (`classes`), or yes and no (`answers`)."""


class Optimizer(Definition):
    """How a step follows from gradients."""

    rate: float


class Schedule(Definition):
    """How the step size changes while training; a pure function of the step and of what the epochs came to."""

    formula: ClassVar[str] = ""
    """The step size as people write it, in the names of the arguments, `rate` (the optimiser's own), `t` and `T`."""

    @property
    def watches(self) -> str:
        """The figure that it follows, such as `val.loss`; empty where it follows none."""
        return ""

    @property
    def holds_out(self) -> float | None:
        """The share of the training data that this figure needs to be held out, None where it needs none."""
        return None

    def rate(self, base: float, step: int, steps: int, history: tuple[float, ...] = ()) -> float:
        """The step size at a step (counted from 0) of `steps` in all, given the optimiser's own rate `base`.

        `history` is the watched figure after each epoch that is finished.
        """
        raise NotImplementedError

    def formulas(self) -> tuple[str, ...]:
        """The formula of this use, in one line or a few."""
        return (self.formula,)

    def with_numbers(self, base: float, steps: int | None) -> tuple[str, ...]:
        """The same with numbers in the place of names; T stays where `steps` is None."""
        values: dict[str, object] = {each.name: getattr(self, each.name) for each in self.arguments()}
        values |= {"rate": base, "T": steps}
        texts = {
            name: f"{value:g}" if isinstance(value, float) else str(value)
            for name, value in values.items()
            if isinstance(value, int | float)
        }
        # `rate(t)` is the result
        names = re.compile(rf"\b({'|'.join(texts)})\b(?!\()")
        return tuple(names.sub(lambda found: texts[found[1]], line) for line in self.formulas())


class Metric(Definition):
    """A figure that is reported beside the loss."""

    higher_is_better: ClassVar[bool] = False


class Plain(Definition):
    """A setting that stands by itself: `batch 100`."""


@frozen
class Training:
    """The settings of one training run by name (`optimizer`, `batch`, `stop`, ...), each a definition's instance.

    `fallback` is the reader after `else`.
    """

    settings: Mapping[str, Definition]
    fallback: Reader | None = None
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    def get(self, name: str) -> Definition | None:
        """The setting of a name, or None."""
        return self.settings.get(name)
