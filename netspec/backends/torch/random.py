"""The random generators of all processes of a run, as its memory keeps them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from netspec.backends import Array, Group


def draws_of(device: torch.device, group: Group) -> dict[str, Tensor]:
    """The states of the generators, by `random.cpu` and `random.cuda`; those of other ranks by `random.cpu.1`."""
    states = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["random.cuda"] = torch.cuda.get_rng_state(device)
    return {
        _name(name, rank): torch.from_numpy(each)
        for name, state in states.items()
        for rank, each in enumerate(group.gather(state.numpy()))
    }


def set_draws(device: torch.device, group: Group, memory: Mapping[str, Tensor]) -> None:
    """Go on drawing where this rank stood; one that was not there draws from its own seed.  Raises KeyError."""
    known = group.rank == 0 or _name("random.cpu", group.rank) in memory
    if known:
        torch.set_rng_state(memory[_name("random.cpu", group.rank)])
    if known and device.type == "cuda":
        torch.cuda.set_rng_state(memory[_name("random.cuda", group.rank)], device)


def _name(kind: str, rank: int) -> str:
    return f"{kind}.{rank}" if rank else kind


def without_ranks(memory: Mapping[str, Array]) -> dict[str, Array]:
    """What a memory holds whatever the number of processes is."""
    return {
        name: array
        for name, array in memory.items()
        if not (name.startswith("random.") and name.count(".") > 1)
    }
