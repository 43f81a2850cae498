"""How a function becomes a CUDA graph: everything of `graphed` that only a GPU can do.

Knows no batch and no program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Recorder:
    """Graphs on one device: recorded on one stream, in one pool of memory, as no two of them run at a time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = torch.cuda.graph_pool_handle()

    def place(self, like: Tensor) -> Tensor:
        """Memory of the host that the device reads from while the host goes on."""
        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)

    def event(self) -> Any:
        """What is asked whether the device has come to a certain point."""
        return torch.cuda.Event()  # type: ignore[no-untyped-call]

    def mark(self, event: Any) -> None:
        """Let an event stand for the point up to which the device has been told what to do."""
        event.record(torch.cuda.current_stream(self.device))

    def run(self, step: Callable[[], Tensor]) -> Tensor:
        """Do a step now, on the stream where it will be recorded, so that it leaves nothing on another one."""
        here = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            found = step()
        here.wait_stream(self.stream)
        return found

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Record a step without doing it: what does it, and where its loss will lie."""
        graph = torch.cuda.CUDAGraph()
        here = torch.cuda.current_stream(self.device)
        try:
            with (
                torch.cuda.device(self.device),
                torch.cuda.graph(graph, pool=self.pool, stream=self.stream),
            ):
                found = step()
        finally:  # a recording that fails leaves its stream behind
            torch.cuda.set_stream(here)
        return graph.replay, found
