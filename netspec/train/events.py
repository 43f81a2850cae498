"""What happens in a run, as data, and who wants to hear of it.  Knows nothing of how it comes about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from netspec.ir.net import Net
from netspec.ir.training import Aim
from netspec.train.evaluate import Figures

Part = Literal["val", "test"]
Ended = Literal["done", "patience", "interrupted"]


@dataclass(frozen=True, slots=True)
class Start:
    """What is about to be done."""

    net: Net
    device: str
    examples: int
    """Examples that are learnt from."""
    new_examples: int
    """Examples that the curves are taken on, which nothing is learnt from."""
    part: Part
    epochs: int
    steps: int
    steps_per_epoch: int
    aims: tuple[Aim, ...]
    """The outputs that are trained."""
    done: int = 0
    """Steps that were done before, in a run that is resumed."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done; `number` and `epoch` count from 1, `seconds` since training began."""

    number: int
    epoch: int
    examples: int
    """Examples seen in this epoch."""
    loss: float
    seconds: float
    losses: Mapping[str, float] = field(default_factory=dict)
    """Those of the updates that were done, by the network that each trains; `loss` is their sum."""


@dataclass(frozen=True, slots=True)
class Row:
    """What an epoch came to.

    `loss` is the mean of what was minimised (regularisation included), as it was before each step; `new` the figures
    on the part that is not learnt from; `rate` that of the last step; `gradients` the norm of the last step's gradient
    in each layer; `best` says that no epoch was better so far.
    """

    epoch: int
    step: int
    rate: float
    loss: float
    part: Part
    new: Figures
    seconds: float
    gradients: dict[str, float]
    examples: int
    """Examples that were learnt from in this epoch."""
    best: bool = False
    losses: dict[str, float] = field(default_factory=dict)
    """The losses of the updates by the network that each trains, where there are several; `loss` is their sum."""

    def figures(self) -> dict[str, float]:
        """The figures by the names that `stop` and `plateau` know: `train.loss`, `val.loss`, `val.accuracy`."""
        new = {f"{self.part}.{name}": value for name, value in self.new.named().items()}
        losses = {f"train.loss.{name}": loss for name, loss in self.losses.items()}
        return {"train.loss": self.loss, **losses, **new}

    def to_json(self) -> dict[str, float]:
        """One flat row with stable names."""
        norms = {f"gradient.{layer}": norm for layer, norm in self.gradients.items()}
        place = {"epoch": self.epoch, "step": self.step, "rate": self.rate}
        return {**place, **self.figures(), "seconds": self.seconds, **norms}


class Observer:
    """Sees a run pass by; does nothing with it unless a subclass does."""

    def started(self, start: Start) -> None:
        """Before the first step."""

    def stepped(self, step: Step) -> None:
        """After a step, once its loss was read."""

    def finished_epoch(self, row: Row) -> None:
        """After an epoch; the program holds the weights of its end, or their average where weights are averaged."""

    def close(self) -> None:
        """The run is over, in whatever way."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run.  The program holds the weights of `best_epoch`; `test` is measured with them."""

    rows: tuple[Row, ...]
    ended: Ended
    steps: int
    best_epoch: int
    test: Figures | None
    """None where the run was interrupted."""
    seconds: float
    part: Part


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for JSON, which has neither NaN nor infinity: null stands for them."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in row.items()
    }
