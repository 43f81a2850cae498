"""The NumPy backend: an interpreter over a plan made once, forward and backward, no framework underneath.

It is the meaning of the language in plain sight.  Arrays are channels first (N, C, H, W; N, T, F; N, F).
"""

from __future__ import annotations

from typing import Final

from netspec.backends.manner import PLAIN, Manner
from netspec.backends.numpy.program import NumpyProgram
from netspec.ir.net import Net

CAN: Final = frozenset({"reference"})


def compile(net: Net, *, dtype: str, device: str, manner: Manner = PLAIN) -> NumpyProgram:
    """A program for a network; its parameters are zero until loaded.

    In float32 it takes the faster paths of `fast`, unless the manner is that of the reference.
    """
    return NumpyProgram(net, dtype, reference=manner.reference)
