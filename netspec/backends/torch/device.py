"""Devices by name, why one cannot be used, and what there is to say of one."""

from __future__ import annotations

import os
from typing import Final

import torch

from netspec.backends import room
from netspec.diagnostics import did_you_mean, error

KNOWN: Final = ("auto", "cpu", "cuda", "mps", "xpu")
LOCAL_RANK: Final = "LOCAL_RANK"
"""The variable that counts the processes of one run on this machine from 0."""
_MEANT: Final = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps"}


def find_device(name: str) -> torch.device:
    """The device of a name; `auto` is cuda where there is one, each of several processes takes a GPU of its own.

    Raises `SpecError` N602.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and LOCAL_RANK in os.environ:
        name = f"cuda:{os.environ[LOCAL_RANK]}"
    kind, _, number = name.partition(":")
    if kind not in KNOWN[1:] or (number and not number.isdecimal()):
        meant = [_MEANT[kind.lower()]] if kind.lower() in _MEANT else did_you_mean(kind, KNOWN)
        hint = (
            f"did you mean `{meant[0]}`?"
            if meant
            else f"known: {', '.join(KNOWN)}, and `cuda:1` for the second"
        )
        raise error("N602", f"there is no device called `{name}`; {hint}")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError):
        raise error("N602", f"the device `{name}` cannot be used here: {_why(kind)}") from None
    return device


def _why(kind: str) -> str:
    count = torch.cuda.device_count() if kind == "cuda" else 0
    if count:
        return f"PyTorch sees {count} GPU{'s' * (count > 1)}, cuda:0" + f" to cuda:{count - 1}" * (count > 1)
    built = kind != "cuda" or torch.version.cuda or torch.version.hip
    return "PyTorch finds no such device" if built else "this PyTorch was built without CUDA"


def circumstances(device: torch.device, dtype: torch.dtype) -> dict[str, str]:
    """See `Program.circumstances`."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "device": f"{device.type} ({name or torch.backends.cpu.get_cpu_capability()})",
        "dtype": str(dtype).removeprefix("torch."),
        "threads": str(torch.get_num_threads()),
    }


def free_memory(device: torch.device) -> int | None:
    """See `Program.free_memory`."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return room.free_memory() if device.type == "cpu" else None
