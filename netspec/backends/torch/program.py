"""The PyTorch program: the generated module, its optimiser, and the training step around them."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netspec.backends import channels_first, channels_last, check_values
from netspec.backends.torch.code import rules
from netspec.backends.torch.source import attribute, class_name, module_source
from netspec.diagnostics import error
from netspec.ir.net import Net
from netspec.ir.training import Loss, Training
from netspec.passes.check import loss_of
from netspec.settings.optimizer import Sgd
from netspec.settings.plain import Clip, Regularize, Seed

Array = np.ndarray[Any, np.dtype[Any]]


def build(net: Net) -> nn.Module:
    """The generated module.  Its source is registered, so that tracebacks and debuggers show its lines."""
    source = module_source(net)
    file = f"<netspec {net.name} {abs(hash(source)):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": file}
    # the text is our own: every name in it was validated, every value written by repr
    exec(compile(source, file, "exec"), namespace)
    module: nn.Module = namespace[class_name(net)]()
    return module


def find_device(name: str) -> torch.device:
    """The device of a name; `auto` is cuda where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise error("N602", f"the device `{name}` cannot be used here") from None
    return device


class TorchProgram:
    """A network as a PyTorch module (see `backends.Program`); `module` is the module itself."""

    def __init__(self, net: Net, dtype: str, device: str) -> None:
        self.net = net
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.torch_device = find_device(device)
        self.device = str(self.torch_device)
        self.module = build(net).to(self.torch_device, self.dtype)
        self._raw = getattr(self.module, "logits", self.module)
        self.begin(Training({}))

    def begin(self, training: Training) -> None:
        """See `Program.begin`; seeds PyTorch's own generator, which dropout and noise draw from."""
        loss: Loss = loss_of(self.net, training)
        self.fused = self.net.outputs[-1].word == loss.fuses
        self._trained = self._raw if self.fused else self.module
        self._loss = rules.find(type(loss))
        optimizer = training.get("optimizer") or Sgd()
        parameters = list(self.module.parameters())
        self.optimizer = rules.find(type(optimizer))(optimizer, parameters) if parameters else None
        regularize, clip, seed = (training.get(name) for name in ("regularize", "clip", "seed"))
        self.regularize = regularize if isinstance(regularize, Regularize) else None
        self.largest_norm = clip.norm if isinstance(clip, Clip) else None
        torch.manual_seed(seed.value if isinstance(seed, Seed) else 0)

    def _inputs(self, array: Array) -> Tensor:
        """A prepared batch on the device; integers (words, classes) stay integers."""
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.net.inputs[0].shape.of is not None:
            return tensor.to(self.torch_device, torch.int64)
        return tensor.to(self.torch_device, self.dtype)

    def _targets(self, array: Array) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(self.torch_device, self.dtype if tensor.is_floating_point() else torch.int64)

    @staticmethod
    def _array(tensor: Tensor) -> Array:
        array: Array = tensor.detach().cpu().numpy()
        return array

    def predict(self, inputs: Array) -> Array:
        """See `Program.predict`."""
        self.module.eval()
        with torch.inference_mode():
            output = self.module(self._inputs(channels_first(inputs)))
        return channels_last(self._array(output))

    def _objective(self, inputs: Array, targets: Array) -> Tensor:
        """The loss with its penalty, in training mode."""
        self.module.train()
        loss: Tensor = self._loss(self._trained(self._inputs(inputs)), self._targets(targets))
        if self.regularize is not None:
            weights = [parameter for parameter in self.module.parameters() if parameter.ndim > 1]
            for weight in weights:
                loss = loss + self.regularize.l2 / 2 * weight.square().sum() + self.regularize.l1 * weight.abs().sum()
        return loss

    def loss_and_gradients(self, inputs: Array, targets: Array) -> tuple[float, dict[str, Array]]:
        """See `Program.loss_and_gradients`."""
        self.module.zero_grad()
        loss = self._objective(inputs, targets)
        loss.backward()
        named = self._named(dict(self.module.named_parameters()))
        zero = {name: torch.zeros_like(value) for name, value in named.items()}
        return float(loss), {
            name: self._array(value.grad if value.grad is not None else zero[name]).copy()
            for name, value in named.items()
        }

    def train_step(self, inputs: Array, targets: Array, rate: float) -> Tensor:
        """See `Program.train_step`."""
        self.module.zero_grad()
        loss = self._objective(inputs, targets)
        if self.optimizer is None:
            return loss.detach()
        loss.backward()
        if self.largest_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.largest_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return loss.detach()

    def evaluate(self, inputs: Array, targets: Array) -> tuple[float, Array]:
        """See `Program.evaluate`."""
        self.module.eval()
        with torch.inference_mode():
            batch = self._inputs(inputs)
            loss = self._loss(self._trained(batch), self._targets(targets))
            output = self.module(batch)
        return float(loss), channels_last(self._array(output))

    def gradient_norms(self) -> dict[str, float]:
        """See `Program.gradient_norms`."""
        norms: dict[str, float] = {}
        for name, parameter in self._named(dict(self.module.named_parameters())).items():
            layer = name.rpartition(".")[0]
            squares = 0.0 if parameter.grad is None else float(parameter.grad.square().sum())
            norms[layer] = norms.get(layer, 0.0) + squares
        return {layer: norm**0.5 for layer, norm in norms.items()}

    def _named(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Tensors of the module under the network's names, in the network's order."""
        return {name: tensors[key] for name, key in self._keys().items() if key in tensors}

    def _keys(self) -> dict[str, str]:
        """The network's parameter names and the module's own."""
        keys = {}
        for name in self.net.parameters:
            layer, _, short = name.rpartition(".")
            keys[name] = f"{attribute(layer)}.{short}"
        return keys

    def parameters(self) -> dict[str, Array]:
        """See `Program.parameters`."""
        state = self._named(self.module.state_dict())
        return {name: self._array(value).copy() for name, value in state.items()}

    def load(self, values: Mapping[str, Array]) -> None:
        """See `Program.load`."""
        check_values(self.net, values)
        state = self.module.state_dict()
        with torch.no_grad():
            for name, key in self._keys().items():
                state[key].copy_(torch.from_numpy(np.ascontiguousarray(values[name])))
