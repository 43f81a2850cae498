"""The PyTorch backend: writes the source of one `nn.Module`, as an engineer would by hand, and runs that."""

from __future__ import annotations

from netspec.backends.torch.program import TorchProgram
from netspec.ir.net import Net


def compile(net: Net, *, dtype: str, device: str) -> TorchProgram:
    """A program for a network on a device (`auto`: cuda where there is one)."""
    return TorchProgram(net, dtype, device)
