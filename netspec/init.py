"""Initial parameters: made once by the core, so that every backend starts from the same numbers.

Each parameter has a generator of its own, keyed by the seed and the parameter's full name: adding a layer leaves the
start of all others as it was.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from netspec.ir.layer import Constant, Normal, Param, Uniform
from netspec.ir.net import Net

Array = np.ndarray[Any, np.dtype[Any]]


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A random generator for one purpose, independent of those for all others."""
    key = sha256(f"{seed}/{purpose}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))


def initial(net: Net, seed: int = 0, dtype: str = "float32") -> dict[str, Array]:
    """Every parameter and state of a network under its full name, in PyTorch's layout."""
    return {
        name: _values(param, generator(seed, name)).astype(dtype) for name, param in net.parameters.items()
    }


def _values(param: Param, random: np.random.Generator) -> Array:
    match param.initial:
        case Uniform(bound=bound):
            return random.uniform(-bound, bound, param.shape)
        case Normal(deviation=deviation):
            return random.normal(0.0, deviation, param.shape)
        case Constant(value=value):
            return np.full(param.shape, value)
