"""What stands for a CUDA graph where there is no GPU: the operations of a step, kept with their tensors and done again.

As of a graph, recording changes nothing, and a replay does the same operations with the same numbers of the host on the
same memory.  What a step decides in Python, or takes from Python, is therefore as frozen as in a graph.  An operation
that looks at a number on its way, or that brings one from the host, is refused as it is while a GPU records.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from traceback import walk_stack
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

LOOKS = frozenset({"_local_scalar_dense", "nonzero", "masked_select", "unique2", "equal", "is_nonzero"})
BRINGS = frozenset({"lift_fresh", "lift_fresh_copy"})


class Tape(TorchDispatchMode):
    """Operations while they are recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, Any, Any, dict[int, Tensor]]] = []
        self.born: set[int] = set()
        self.before: dict[int, tuple[Tensor, Tensor]] = {}
        """What lay in each memory that was there before: a tensor over all of it, and a copy."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        if name in LOOKS or (name.startswith("index") and self._has_mask(args)):
            raise RuntimeError(f"operation not permitted when stream is capturing: {name}")
        if name in BRINGS and not _is_counting():
            raise RuntimeError(f"a number is brought from the host while a stream is capturing: {name}")
        for tensor in _tensors((args, kwargs)):
            memory = tensor.untyped_storage()
            if memory.data_ptr() not in self.born | self.before.keys() and memory.nbytes():
                over = torch.empty(0, dtype=tensor.dtype).set_(memory)
                self.before[memory.data_ptr()] = over, over.clone()
        found = func(*args, **kwargs)
        made = _tensors(found)
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
        fresh = {
            place: tensor.detach()
            for place, tensor in enumerate(made)
            if tensor.untyped_storage().data_ptr() not in given
        }
        self.born |= {tensor.untyped_storage().data_ptr() for tensor in fresh.values()}
        writes = any(each.alias_info and each.alias_info.is_write for each in func._schema.arguments)
        if fresh or writes or not made:
            self.steps.append((func, _still(args), _still(kwargs), fresh))
        return found

    @staticmethod
    def _has_mask(args: Any) -> bool:
        return any(tensor.dtype is torch.bool for tensor in _tensors(args[1:]))

    def undo(self) -> None:
        """Put everything back that was there before."""
        for tensor, copy in self.before.values():
            tensor.copy_(copy)

    def replay(self) -> None:
        """Do it all again, each result in the memory of the first one."""
        for func, args, kwargs, fresh in self.steps:
            found = _tensors(func(*args, **kwargs))
            for place, old in fresh.items():
                old.copy_(found[place])


def _is_counting() -> bool:
    """An optimiser counts its steps: with a number of the host, but only where the count is on the host as well."""
    return any(Path(frame.f_code.co_filename).parent.name == "optim" for frame, _ in walk_stack(None))


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def _still(tree: Any) -> Any:
    """The same tensors without what autograd knows of them."""
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, tree)


class Event:
    """Every copy is done at once here; whether somebody asked is kept."""

    def __init__(self) -> None:
        self.marked = self.asked = 0

    def synchronize(self) -> None:
        self.asked += 1


class TapeRecorder:
    """`Recorder` with tapes for graphs."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.tapes: list[Tape] = []
        self.done = 0

    def place(self, like: Tensor) -> Tensor:
        return torch.empty_like(like)

    def event(self) -> Event:
        return Event()

    def mark(self, event: Event) -> None:
        assert event.asked == event.marked + 1, "a place was written to before it was read"
        event.marked += 1

    def run(self, step: Callable[[], Tensor]) -> Tensor:
        self.done += 1
        return step()

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        tape, draws = Tape(), torch.get_rng_state()
        self.tapes.append(tape)
        try:
            with tape:
                found = step()
        finally:
            tape.undo()
            torch.set_rng_state(draws)
        return tape.replay, found.detach()
