"""How the weights of convolutions lie in memory: this changes the last bits of numbers, and the time that they take."""

from __future__ import annotations

import torch
from torch import nn


def lay_out(module: nn.Module) -> None:
    """Lay the channels of a weight side by side, for a processor: convolutions take as little as 0.6 of their time so.

    The result of a convolution lies as its weight does, wherever its input came from, and what follows keeps that.
    """
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
