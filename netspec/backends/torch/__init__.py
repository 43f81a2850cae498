"""The PyTorch backend: writes the source of one `nn.Module`, as an engineer would by hand, and runs that."""

from __future__ import annotations

from typing import Final

from netspec.backends.manner import PLAIN, Manner
from netspec.backends.torch.group import join, leave
from netspec.backends.torch.launch import check_devices, launch
from netspec.backends.torch.program import TorchProgram
from netspec.ir.net import Net

__all__ = ["CAN", "check_devices", "compile", "join", "launch", "leave"]

CAN: Final = frozenset({"precision", "compiled", "sharded", "graphed", "processes"})
"""See `netspec.backends.manner`."""


def compile(net: Net, *, dtype: str, device: str, manner: Manner = PLAIN) -> TorchProgram:
    """A program for a network on a device (`auto`: cuda where there is one); one of a group where one was joined."""
    return TorchProgram(net, dtype, device, manner)
