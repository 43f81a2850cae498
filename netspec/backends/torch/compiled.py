"""A function compiled by `torch.compile`, and how long that took."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

import torch
from torch import nn

from netspec.diagnostics import error

KINDS: Final = 2
"""Sizes of batches for which PyTorch compiles: the first one it meets, and then any."""
TF32: Final = "TensorFloat32 tensor cores for float32 matrix multiplication available but not enabled"
"""What the compiler warns of: here, `--precision` says how products are computed."""


class Compiled:
    """A compiled function; `seconds` is the time of the steps in which PyTorch compiled it.

    It compiles at the first step, and once more, for batches of any size, where one has another size, as the last of
    an epoch has.
    """

    def __init__(self, function: Any, module: nn.Module, device: torch.device) -> None:
        recurrent = any(isinstance(each, nn.RNNBase) for each in module.modules())
        if device.type == "cpu":
            _check_compiler(recurrent)
        import torch._dynamo

        torch._dynamo.config.allow_rnn |= recurrent  # PyTorch leaves them out unless it is told not to
        self.function: Any = torch.compile(function)
        self.seconds = 0.0
        self.sizes: set[int] = set()

    def __call__(self, *inputs: torch.Tensor) -> Any:
        """The function's result."""
        return self.function(*inputs)

    @contextmanager
    def timed(self, size: int) -> Iterator[None]:
        """While entered, a step with so many examples is done."""
        if size in self.sizes or len(self.sizes) == KINDS:
            yield
            return
        began = perf_counter()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", TF32, UserWarning)
            yield
        self.sizes.add(size)
        self.seconds += perf_counter() - began


def _check_compiler(recurrent: bool) -> None:
    """Raise `SpecError` N602 for what cannot be compiled on a processor.

    PyTorch 2.13 makes one operation of a recurrent layer there that has no gradient.
    """
    if recurrent:
        message = "PyTorch cannot compile recurrent layers for training on a processor"
        raise error("N602", message, notes=("the same without --compile",))
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        message = "the network cannot be compiled: there is no C++ compiler here"
        notes = ("PyTorch compiles with g++ or clang++ for a processor; the variable CXX names another one",)
        raise error("N602", message, notes=notes) from None
