"""How images lie in memory: this changes the last bits of numbers, and the time that convolutions take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from netspec.backends.torch.arrays import tensors_in
from netspec.ir.net import Net


def layout_of(net: Net, device: torch.device) -> torch.memory_format:
    """The layout in which a network is given its images.

    On a processor convolutions are faster, up to twice, where the channels of a pixel lie side by side, and their
    results lie as their inputs do.  Other networks would pay for the copy and gain nothing.
    """
    convolves = any(len(param.shape) == 4 for param in net.parameters.values())
    return torch.channels_last if convolves and device.type == "cpu" else torch.preserve_format


def results(
    function: Callable[..., Any], inputs: Sequence[Tensor], layout: torch.memory_format
) -> tuple[Tensor, ...]:
    """What a function of a batch gives, its images in a layout."""
    given = (each.to(memory_format=layout) if each.ndim == 4 else each for each in inputs)
    return tensors_in(function(*given))
