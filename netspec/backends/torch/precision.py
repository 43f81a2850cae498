"""Mixed precision: which products are computed with fewer bits, and what keeps small gradients from becoming 0.

Parameters, their gradients and the optimiser stay in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.optim import Optimizer

from netspec.diagnostics import error

AUTOCAST: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""The types that `torch.autocast` computes products in."""
ON_GPUS: Final = {
    "fp16": "its products are no faster there, and its gradients need scaling",
    "tf32": "it is a mode of NVIDIA's tensor cores, and a processor has none",
}
"""Precisions that a processor does not have, and why."""
SCALER: Final = "scaler"


class Precision:
    """The precision of one program's products."""

    def __init__(self, name: str, device: torch.device, dtype: torch.dtype) -> None:
        if name != "fp32" and dtype != torch.float32:
            kind = str(dtype).removeprefix("torch.")
            raise error("N602", f"the precision {name} is for parameters in float32, and these are in {kind}")
        if name in ON_GPUS and device.type != "cuda":
            message = f"the precision {name} cannot be used on {device.type}"
            tries = ("--precision bf16", "--precision fp32")
            raise error("N602", message, because=ON_GPUS[name], tries=tries)
        if name == "tf32":
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.allow_tf32 = True
        self.name, self.device = name, device
        self.scaler = GradScaler(device.type) if name == "fp16" else None

    def cast(self) -> Any:
        """While entered, products are computed in this precision."""
        if self.name not in AUTOCAST:
            return nullcontext()
        return torch.autocast(self.device.type, AUTOCAST[self.name])

    def backward(self, loss: Tensor, parameters: Sequence[Tensor] | None = None) -> None:
        """The gradients of a loss, for all parameters or for some; in fp16 those of a larger one, see `unscale`."""
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward(inputs=parameters)  # type: ignore[no-untyped-call]

    def unscale(self, optimizer: Optimizer) -> None:
        """Bring gradients to their own size, before anybody looks at them."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        """A step of the optimiser; in fp16 none where a gradient overflowed, and a smaller scale from then on."""
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()

    def memory(self) -> dict[str, Tensor]:
        """What the scale of the gradients follows from: itself, and the steps since it was changed."""
        if self.scaler is None:
            return {}
        state = self.scaler.state_dict()
        return {SCALER: torch.tensor([state["scale"], state["_growth_tracker"]], dtype=torch.float64)}

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Go on from such a memory; raises KeyError and ValueError."""
        if self.scaler is not None:
            scale, steps = memory[SCALER].tolist()
            state = {**self.scaler.state_dict(), "scale": scale, "_growth_tracker": int(steps)}
            self.scaler.load_state_dict(state)
