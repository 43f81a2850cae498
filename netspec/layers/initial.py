"""How weights start: evenly spread about 0, between bounds that follow from the sizes of their layer."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from netspec.ir.layer import Uniform
from netspec.ir.values import Choice

INIT: Final = Choice(("pytorch", "glorot", "he"))
SPREAD: Final = "how far apart the weights start; the bias starts as in PyTorch"


def spread(init: str, shape: Sequence[int]) -> Uniform:
    """The bounds of weights (outputs, inputs, ...); each entry of a kernel counts as an input, and as an output.

    `pytorch`, 1/sqrt(inputs), is what its layers do; `glorot`, sqrt(6/(inputs + outputs)), keeps the variance of what
    goes forward and of gradients alike (Glorot and Bengio 2010), and `he`, sqrt(6/inputs), that of what goes forward
    through relu (He et al. 2015).  Inputs are those that PyTorch's `nn.init` takes for such: the second axis.
    """
    taps = prod(shape[2:])
    inputs, outputs = shape[1] * taps, shape[0] * taps
    return Uniform({"pytorch": inputs, "glorot": (inputs + outputs) / 6, "he": inputs / 6}[init] ** -0.5)
