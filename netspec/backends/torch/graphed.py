"""A step of training as one CUDA graph: recorded once for a size of batch, then handed to the GPU whole.

The operations of a small network take less time than starting them one by one does; a graph starts all of them at once.
Knows no network and no loss: a step is a function of tensors (`Step`) that reads a batch and a step size in the places
where they always lie, and changes what it changes where that lies.  What else PyTorch asks of such a function is said
in https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

from netspec.backends.augmentation import Draws
from netspec.backends.manner import Manner
from netspec.backends.parts import Parts
from netspec.backends.room import is_out_of_memory
from netspec.backends.torch.optimizer import outside_graphs
from netspec.backends.torch.recorder import Recorder
from netspec.diagnostics import SpecError, error

Batch: TypeAlias = tuple[tuple[Tensor, ...], Tensor | tuple[Tensor, ...], tuple[Draws[Tensor], ...]]
"""The inputs, the targets, and what `augment` has drawn for each input, if anything."""
Step: TypeAlias = Callable[[Batch, Tensor], Tensor]
"""A step on a batch with a step size, which gives the loss."""

HOST: Final = torch.device("cpu")
EAGER: Final = 3
"""Steps of a size that are done before one is recorded: libraries and compilers get ready in them.  They count."""
SIZES: Final = 8
"""Sizes of batches that are recorded; the steps of further ones are done operation by operation."""
ON_HOST: Final = {
    "pack_padded_sequence": "its recurrent layers read each sequence up to its length, which the host has to know",
    "RaggedBatchNorm": "its batchnorm works on the steps that are there, and the host has to know how many are",
}
"""What in the source of a module no graph can hold, and why."""
WITHOUT: Final = ("the same without --graph",)
RECORDERS: Final[dict[str, type[Recorder]]] = {"cuda": Recorder}
"""The kinds of devices that have graphs."""


def check_graphed(manner: Manner, device: torch.device, processes: int, source: str) -> None:
    """Raise `SpecError` N602 where the steps of a module of this source cannot be graphs, or not in this manner."""
    if device.type not in RECORDERS:
        because = "CUDA graphs are what NVIDIA's GPUs have"
        raise error("N602", f"--graph cannot be used on {device.type}", because=because, notes=WITHOUT)
    if manner.sharded or processes > 1:
        because = "the processes exchange gradients within a step, and have to agree on each"
        raise error("N602", "--graph cannot be used in several processes", because=because, notes=WITHOUT)
    if manner.precision == "fp16":
        because = "whether a step is left out is decided on the host, after a look at its gradients"
        tries = ("--precision bf16",)
        raise error("N602", "fp16 cannot be used with --graph", because=because, tries=tries, notes=WITHOUT)
    for words, because in ON_HOST.items():
        if words in source:
            raise error("N602", "--graph cannot be used with this network", because=because, notes=WITHOUT)


def make_graphable(optimizer: Optimizer | None, parts: Parts) -> None:
    """Have an optimiser keep all its numbers on the device, where a graph can change them.

    Raises `SpecError` N602 for one that cannot, and where a batch is to be worked on in parts.
    """
    if parts.count > 1:
        because = "parts are there to save memory, and a graph keeps that of its step for good"
        raise error("N602", "--graph cannot be used with `accumulate`", because=because, notes=WITHOUT)
    for group in optimizer.param_groups if optimizer else ():
        if "capturable" in group:
            group["capturable"] = True
        elif not isinstance(optimizer, optim.SGD):
            kind = type(optimizer).__name__
            because = "it computes a part of its step on the host, which no graph holds"
            raise error(
                "N602", f"PyTorch's {kind} cannot be used with --graph", because=because, notes=WITHOUT
            )
        if not group.get("fused"):
            group["foreach"] = True  # parameter by parameter, some would read the step size on the host


def mapped(change: Callable[[Tensor], Tensor], batch: Any) -> Any:
    """A batch, or a part of one, with every tensor changed."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Draws):
        return batch.each(change)
    return tuple(mapped(change, each) for each in batch)


def tensors_of(batch: Any) -> list[Tensor]:
    """The tensors of a batch, always in the same order."""
    found: list[Tensor] = []

    def enter(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    mapped(enter, batch)
    return found


class _Size:
    """The steps on batches of one size, and the place on the device where these always lie.

    A batch comes there through two places on the host in turn: one is not written to before it has been read.
    """

    def __init__(self, batch: Batch, recorder: Recorder) -> None:
        self.recorder = recorder
        self.batch: Batch = mapped(lambda each: torch.empty_like(each, device=recorder.device), batch)
        self.held = tensors_of(self.batch)
        self.places = cycle([([*map(recorder.place, self.held)], recorder.event()) for _ in range(2)])
        self.done = 0
        self.replay: Callable[[], None] | None = None
        self.loss: Tensor
        self.gradients: list[Tensor | None] = []

    def fill(self, batch: Batch) -> None:
        """Bring a batch from the host to its place."""
        places, read = next(self.places)
        read.synchronize()
        for tensor, place, held in zip(tensors_of(batch), places, self.held, strict=True):
            place.copy_(tensor)
            held.copy_(place, non_blocking=True)
        self.recorder.mark(read)


class Graphs:
    """The steps of one program, a graph for each size of batch; the gradients of `parameters` are those of the last."""

    def __init__(self, parameters: Sequence[nn.Parameter], device: torch.device) -> None:
        self.parameters = parameters
        self.recorder = RECORDERS[device.type](device)
        self.rate = torch.zeros((), dtype=torch.float32, device=device)  # the type that fused optimisers read
        self.forget()

    def forget(self) -> None:
        """Record all anew: something that a step changes lies elsewhere from now on."""
        self.sizes: dict[object, _Size] = {}
        self.shown: _Size | None = None
        """The size whose gradients the parameters have."""

    def __call__(self, step: Step, batch: Batch, rate: float, decided: object) -> Tensor:
        """A step on a batch that lies on the host; `decided` is all by which the host makes one unlike another."""
        self.rate.fill_(rate)
        key = *((each.shape, each.dtype) for each in tensors_of(batch)), decided
        size = self.sizes.get(key)
        if size is None and len(self.sizes) < SIZES:
            size = self.sizes[key] = _Size(batch, self.recorder)
        if size is None:
            moved: Batch = mapped(lambda each: each.to(self.recorder.device), batch)
            return self._run(partial(step, moved, self.rate))
        size.fill(batch)
        here = partial(step, size.batch, self.rate)
        if size.done < EAGER:
            size.done += 1
            return self._run(here)
        if size.replay is None:
            self._record(size, here)
        assert size.replay is not None
        size.replay()
        if self.shown is not size:
            for parameter, gradient in zip(self.parameters, size.gradients, strict=True):
                parameter.grad = gradient
            self.shown = size
        return size.loss.clone()

    def _run(self, step: Callable[[], Tensor]) -> Tensor:
        self.shown = None
        with outside_graphs():
            return self.recorder.run(step)

    def _record(self, size: _Size, step: Callable[[], Tensor]) -> None:
        """Record a step of a size; raises `SpecError` N602 where that fails, unless memory is short."""
        self.shown = None
        try:
            size.replay, size.loss = self.recorder.record(step)
        except (AssertionError, RuntimeError) as problem:
            raise _failure(problem) from problem
        size.gradients = [parameter.grad for parameter in self.parameters]


def _failure(problem: BaseException) -> BaseException:
    """Why a step could not be recorded: what went wrong first, for what follows from it says less."""
    first = problem
    while first.__context__ is not None and not is_out_of_memory(first):
        first = first.__context__
    if is_out_of_memory(first):
        return first
    because = (str(first).strip() or type(first).__name__).splitlines()[0]
    failed: SpecError = error(
        "N602", "a step of this network cannot be recorded as a CUDA graph", because=because, notes=WITHOUT
    )
    return failed
