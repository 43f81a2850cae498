"""Where a run stands: with the program's parameters and memory, all that decides how it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np

from netspec.train.events import Row

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Position:
    """A run after `step` steps.

    `epoch` (counted from 1) is the one in which the next step lies; `seen` examples of it were learnt from, their
    losses add up to `total`.  The order of the examples, the step sizes and whatever else is random in a step follow
    from the seed and from these numbers.
    """

    step: int = 0
    epoch: int = 1
    total: float = 0.0
    seen: int = 0
    rate: float = 0.0
    """The size of the last step."""
    gradients: dict[str, float] = field(default_factory=dict)
    """The norm of the last step's gradient in each layer."""
    seconds: float = 0.0
    """The time that training has taken so far."""
    epoch_seconds: float = 0.0
    """The time that this epoch has taken so far."""
    rows: tuple[Row, ...] = ()
    best: float | None = None
    """The best value so far of the figure that decides, None where there is none."""
    best_epoch: int = 0
    totals: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Of each update what its losses in this epoch add up to, and over how many examples, where there are updates."""

    # numbers that are not finite are written as texts, which JSON has for them nothing else than
    __pydantic_config__: ClassVar[Any] = {"ser_json_inf_nan": "strings"}

    def to_json(self) -> str:
        """The position as a JSON text, floating-point numbers to the last bit."""
        return str(_adapter().dump_json(self), "utf-8")

    @classmethod
    def from_json(cls, text: str) -> Position:
        """The inverse of `to_json`; raises pydantic's `ValidationError` (a ValueError) on anything else."""
        found: Position = _adapter().validate_json(text)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A run that can be gone on with: where it stands, and the numbers that it has then."""

    position: Position
    parameters: Mapping[str, Array]
    memory: Mapping[str, Array]
    """The program's own, see `Program.memory`."""
    best: Mapping[str, Array]
    """The parameters of the best epoch; empty where there is none."""


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Position)
