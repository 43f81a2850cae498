"""The average of the weights over the steps, beside the weights that are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from netspec.settings.plain import Average

COUNTS: Final = ("steps", "count")


class Averaged:
    """Means of tensors by name, parameters and states alike; `before` steps are left out first."""

    def __init__(self, average: Average, tensors: Mapping[str, Tensor], before: int) -> None:
        self.average, self.before = average, before
        self.tensors = {name: tensor.detach() for name, tensor in tensors.items()}
        self.means = {name: torch.zeros_like(tensor) for name, tensor in self.tensors.items()}
        self.steps = self.count = 0
        """Steps that were done, and those of them that are averaged."""
        self.is_used = False

    def step(self) -> None:
        """Take in what a step has made."""
        assert not self.is_used, "the averaged weights are in the place of those that are trained"
        self.steps += 1
        if self.steps <= self.before:
            return
        # nothing is kept of the zeros that the means start as
        kept = self.average.kept(self.count) if self.count else 0.0
        take_in = get_ema_multi_avg_fn(kept)  # type: ignore[no-untyped-call]
        take_in(list(self.means.values()), list(self.tensors.values()), None)
        self.count += 1

    def use(self, on: bool) -> None:
        """Put the means in the place of the tensors, and back."""
        if on == self.is_used or not self.count:
            return
        self.is_used = on
        for name, mean in self.means.items():
            tensor = self.tensors[name]
            kept = tensor.clone()
            tensor.copy_(mean)
            mean.copy_(kept)

    def memory(self) -> dict[str, Tensor]:
        """The means, and the counts."""
        assert not self.is_used, "the averaged weights are in the place of those that are trained"
        return {**{name: torch.tensor(getattr(self, name)) for name in COUNTS}, **self.means}

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Go on from such a memory."""
        self.steps, self.count = (int(memory[name]) for name in COUNTS)
        for name, mean in self.means.items():
            mean.copy_(memory[name])
