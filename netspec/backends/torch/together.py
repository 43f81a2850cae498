"""Several processes that learn as one: each from its share of a batch, all with the gradient of the whole batch.

PyTorch's DistributedDataParallel adds up the gradients while they are computed; where parameters are divided among the
processes (`shard`), its FSDP2 does.  Both take the mean over the processes, so that a share's loss is made larger by
their number, and smaller by what it counts in the batch, even where the shares differ in size.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from netspec.backends import Group
from netspec.backends.parts import Parts
from netspec.backends.torch.group import connected
from netspec.backends.torch.shard import is_sharded
from netspec.diagnostics import error

Targets: TypeAlias = Tensor | tuple[Tensor, ...]
"""The targets of all trained outputs, or of each."""

Loss: TypeAlias = Callable[[Sequence[Tensor], Targets, tuple[float, ...]], Tensor]
"""The sum of the losses of some examples, each by its share in that of the batch."""


class _Objective(nn.Module):
    """The objective of a share as the result of a module: where it is called, DDP begins to listen for gradients."""

    def __init__(self, module: nn.Module, loss: Loss, group: Group) -> None:
        super().__init__()
        self.module, self.loss, self.size = module, loss, group.size

    def forward(
        self, inputs: Sequence[Tensor], targets: Targets, shares: tuple[float, ...]
    ) -> tuple[Tensor, Tensor]:
        """What to take the gradient of, and what this share adds to the loss of the batch that it is a part of."""
        # each parameter has a gradient of 0 where there is no example: the others wait for one
        some = len(inputs[0]) > 0
        loss = self.loss(inputs, targets, shares) if some else sum(_zeros(self.module), torch.zeros(()))
        return loss * self.size, loss.detach()


def _zeros(module: nn.Module) -> Iterable[Tensor]:
    return (parameter.sum() * 0 for parameter in module.parameters() if parameter.requires_grad)


class Together:
    """A module whose processes learn as one.

    `loss` gives the losses of some examples, by their shares in those of the batch; `states` are running means, which
    every process takes of its own examples; of some parameters there may be no gradient if `apart`.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        group: Group,
        states: Sequence[Tensor],
        *,
        apart: bool,
    ) -> None:
        self.states, self.sharded, self.size = states, is_sharded(module), group.size
        self.objective: nn.Module = _Objective(module, loss, group)
        if not self.sharded and any(parameter.requires_grad for parameter in module.parameters()):
            with connected(), warnings.catch_warnings():
                # newer versions have another name for the option, which older ones do not know
                warnings.filterwarnings("ignore", ".*broadcast_buffers", FutureWarning)
                self.objective = DistributedDataParallel(
                    self.objective, broadcast_buffers=False, find_unused_parameters=apart
                )

    def cuts(self, parts: Parts, count: int, batch: int) -> list[slice]:
        """The parts of a share of `count` examples; as many in each process where parameters are divided among them.

        Each part has them gathered from all processes, which have to come to it together.
        """
        if not self.sharded:
            return parts.of(count)
        number = len(parts.of(-(-batch // self.size)))
        if count < number:
            message = "a batch has too few examples for the processes among which the parameters are divided"
            raise error("N704", message, notes=("larger batches, fewer processes or parts",))
        edges = [count * part // number for part in range(number + 1)]
        return [slice(*edges[part : part + 2]) for part in range(number)]

    def __call__(
        self, inputs: Sequence[Tensor], targets: Targets, shares: tuple[float, ...], *, exchange: bool
    ) -> tuple[Tensor, Tensor]:
        """See `_Objective.forward`; the processes exchange their gradients, or go on adding up their own."""
        adds_up = isinstance(self.objective, DistributedDataParallel) and not exchange
        with cast(DistributedDataParallel, self.objective).no_sync() if adds_up else nullcontext():
            found: tuple[Tensor, Tensor] = self.objective(inputs, targets, shares)
        return found

    def agree(self, part: float) -> None:
        """After the gradients: make the running means those of all shares, weighted by their sizes."""
        if not self.states:
            return
        with torch.no_grad():
            means = torch.cat([state.flatten() for state in self.states]) * part
            dist.all_reduce(means)
            parts = torch.split(means, [state.numel() for state in self.states])
            for state, mean in zip(self.states, parts, strict=True):
                state.copy_(mean.view_as(state))
