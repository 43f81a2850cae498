"""The NumPy backend: an interpreter over a plan made once, forward and backward, no framework underneath.

It is the meaning of the language in plain sight.  Arrays are channels first (N, C, H, W; N, T, F; N, F).
"""

from __future__ import annotations

from netspec.backends.numpy.program import NumpyProgram
from netspec.ir.net import Net


def compile(net: Net, *, dtype: str, device: str) -> NumpyProgram:
    """A program for a network; its parameters are zero until loaded."""
    return NumpyProgram(net, dtype)
