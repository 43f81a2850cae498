"""The processes of one run, joined by `torch.distributed`: gloo between processors, nccl between GPUs.

Numbers that steer a run go between processors even where the parameters are on GPUs: no step waits for them there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from netspec.backends import Alone, Group, Lost
from netspec.backends.processes import LAUNCHED, TOLD, leave_word
from netspec.backends.torch.device import find_device
from netspec.diagnostics import Diagnostic, SpecError

Array = np.ndarray[Any, np.dtype[Any]]

NETWORK: Final = ("gloo", "nccl", "connection", "socket", "timed out")
"""What the messages say, in lower case, in which a collective operation fails."""
_TYPES: Final = ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
"""The types of arrays that can be gathered, as NumPy calls them."""
_MOST_AXES: Final = 8


class TorchGroup:
    """The default group of `torch.distributed` (see `backends.Group`)."""

    def __init__(self, store: Any = None) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.store = store
        """Where the processes can leave words for one another, even where one of them has gone; None for nowhere."""

    def total(self, numbers: Array) -> Array:
        """See `Group.total`."""
        tensor = torch.tensor(numbers, dtype=torch.float64)
        with connected():
            dist.all_reduce(tensor)
        found: Array = tensor.numpy()
        return found

    def gather(self, array: Array) -> list[Array]:
        """See `Group.gather`; they may differ in their types and in the number of their axes as well."""
        shape = [*array.shape, *[0] * (_MOST_AXES - array.ndim)]
        heads = self._gathered(torch.tensor([_TYPES.index(array.dtype.str[1:]), array.ndim, *shape]))
        kinds = [np.dtype(_TYPES[int(head[0])]) for head in heads]
        shapes = [tuple(head[2 : 2 + int(head[1])].tolist()) for head in heads]
        sizes = [kind.itemsize * int(np.prod(shape)) for kind, shape in zip(kinds, shapes, strict=True)]
        own = torch.zeros(max(sizes), dtype=torch.uint8)
        own[: sizes[self.rank]] = torch.from_numpy(np.frombuffer(array.tobytes(), np.uint8).copy())
        return [
            np.frombuffer(each.numpy()[:size].tobytes(), kind).reshape(shape).copy()
            for each, size, kind, shape in zip(self._gathered(own), sizes, kinds, shapes, strict=True)
        ]

    def _gathered(self, tensor: Tensor) -> list[Tensor]:
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        with connected():
            dist.all_gather(found, tensor)
        return found

    def wait(self) -> None:
        """See `Group.wait`."""
        self.total(np.zeros(1))

    def tells(self, failure: SpecError) -> bool:
        """See `Group.tells`: the first to ask; that another one has gone is told by whoever started them, if he can."""
        if isinstance(failure, Lost) and LAUNCHED in os.environ:
            return False
        try:
            tells = self.store is None or bool(self.store.add(TOLD, 1) == 1)
        except RuntimeError:  # the store went with the process that kept it
            tells = True
        if tells:
            leave_word(TOLD, str(self.rank))
        return tells


@contextmanager
def connected() -> Iterator[None]:
    """Raise `Lost` where a collective operation in here fails because another process has gone."""
    try:
        yield
    except RuntimeError as problem:
        if isinstance(problem, torch.OutOfMemoryError) or not any(
            words in str(problem).lower() for words in NETWORK
        ):
            raise
        message = "another process of this run has ended, or cannot be reached"
        because = str(problem).strip().splitlines()[0]
        raise Lost(Diagnostic("N704", message, because=because)) from problem


def join(name: str) -> Group:
    """The group that this process was started for, on the device of this name.

    Raises `SpecError` N602, `Lost` where the others do not come.
    """
    device = find_device(name)
    with connected():
        store, rank, size = next(rendezvous("env://"))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    words = PrefixStore("netspec", store)
    with connected():
        dist.init_process_group(backend, store=PrefixStore("group", store), rank=rank, world_size=size)
    return TorchGroup(words)


def leave() -> None:
    """End this process's part in its group."""
    if dist.is_initialized():
        dist.destroy_process_group()


def current() -> Group:
    """The group that this process has joined."""
    return TorchGroup() if dist.is_available() and dist.is_initialized() else Alone()
