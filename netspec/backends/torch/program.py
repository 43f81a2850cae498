"""The PyTorch program: the generated module, its optimiser, and the training step around them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from netspec.backends import (
    Arrays,
    Piece,
    Program,
    as_given,
    as_tuple,
    channels_first,
    channels_last,
    check_memory,
    check_values,
    for_each,
    inside,
    on_each,
    under,
)
from netspec.backends.augmentation import Draws, augmentation_of
from netspec.backends.manner import PLAIN, Manner
from netspec.backends.parts import Parts, Shares
from netspec.backends.targets import check_alike
from netspec.backends.torch.arrays import count_of, tensors_in, to_array, to_targets, to_tensor
from netspec.backends.torch.average import Averaged
from netspec.backends.torch.build import build, output_functions, put
from netspec.backends.torch.code import rules
from netspec.backends.torch.compiled import Compiled
from netspec.backends.torch.device import circumstances, find_device, free_memory
from netspec.backends.torch.gradients import Gradients
from netspec.backends.torch.graphed import HOST, Batch, Graphs, check_graphed, make_graphable
from netspec.backends.torch.group import connected, current
from netspec.backends.torch.layout import lay_out
from netspec.backends.torch.loss import added_up
from netspec.backends.torch.optimizer import memory_of, set_memory
from netspec.backends.torch.precision import Precision
from netspec.backends.torch.random import draws_of, set_draws, without_ranks
from netspec.backends.torch.shard import adapt, check_shard, divide, divided_as, shard, whole
from netspec.backends.torch.source import attributes, module_source
from netspec.backends.torch.together import Targets, Together
from netspec.diagnostics import error
from netspec.ir.net import Net
from netspec.ir.training import Training
from netspec.passes.objective import aims_of
from netspec.settings.optimizer import Sgd
from netspec.settings.plain import Average, Seed

Array = np.ndarray[Any, np.dtype[Any]]
T = TypeVar("T", bound=Tensor)


class TorchProgram:
    """A network as a PyTorch module (see `backends.Program`); `module` is the module itself.

    `torch.compile` makes one graph of the module; of recurrent layers if `torch._dynamo.config.allow_rnn` is set.
    """

    def __init__(self, net: Net, dtype: str, device: str, manner: Manner = PLAIN) -> None:
        self.net, self.manner = net, manner
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.torch_device = find_device(device)
        self.device = str(self.torch_device)
        self.group = current()
        self.precision = Precision(manner.precision, self.torch_device, self.dtype)
        if manner.graphed:
            check_graphed(manner, self.torch_device, self.group.size, module_source(net))
        self.module = build(net).to(self.torch_device, self.dtype)
        if manner.sharded:
            check_shard(manner)
            shard(self.module, module_source(net))
        elif self.torch_device.type == "cpu":  # what is divided among processes has to lie as its shape says
            lay_out(self.module)
        names = attributes(net)
        split = {name: name.partition(".") for name in net.parameters}
        self._keys = {name: f"{names[layer]}.{short}" for name, (layer, _, short) in split.items()}
        self._functions = output_functions(net)
        self._raw: Any = self.module.logits if self._functions else self.module
        self._fitting: set[tuple[int, ...]] = set()
        self._borrowed: set[str] = set()
        self._together: Together | None = None
        self._prepare(Training({}))

    def begin(self, training: Training, steps: int = 0) -> None:
        """See `Program.begin`.

        Seeds PyTorch's own generator, the one for the whole process: dropout and noise draw from it and can draw
        from no other.  Each of several processes draws its own numbers, from the seed and its rank.
        """
        self._prepare(training, steps)
        self._together = self._join() if self.group.size > 1 else None
        seed = training.get("seed")
        torch.manual_seed((seed.value if isinstance(seed, Seed) else 0) + self.group.rank)

    def _prepare(self, training: Training, steps: int = 0) -> None:
        self.aims = aims_of(self.net, training)
        self._losses = [rules.find(type(aim.loss)) for aim in self.aims]
        self.compiled = Compiled(self._raw, self.module, self.torch_device) if self.manner.compiled else None
        optimizer = training.get("optimizer") or Sgd()
        self._optimized = self._trained_parameters()
        parameters = list(self._optimized.values())
        self.optimizer = rules.find(type(optimizer))(optimizer, parameters) if parameters else None
        if self.optimizer and self.manner.sharded:
            adapt(self.optimizer)
        # those of other outputs have a gradient of 0, which is not the same to an optimiser as none at all
        self._apart = parameters if len(self.net.outputs) > 1 else []
        self.gradients = Gradients(training, parameters)
        self.augmentation = augmentation_of(self.net, training, rules)
        self.steps = 0
        self.parts = Parts(training)
        self.graphs: Graphs | None = None
        if self.manner.graphed:
            make_graphable(self.optimizer, self.parts)
            self.graphs = Graphs(parameters, self.torch_device)
        average, state = training.get("average"), self._named(self.module.state_dict())
        changing = {
            name: tensor
            for name, tensor in state.items()
            if not self.net.parameters[name].frozen and name not in self._borrowed
        }
        self.average = (
            Averaged(average, changing, average.before(steps)) if isinstance(average, Average) else None
        )

    def _join(self) -> Together:
        """The processes of the group as one that learns."""
        state, kept = self._named(self.module.state_dict()), self.net.keeping_states
        names = [name for name, param in self.net.parameters.items() if param.is_state]
        states = [state[name] for name in names if name.partition(".")[0] not in kept]
        apart = len(self.net.outputs) > 1
        return Together(self.module, self._mean_loss, self.group, states, apart=apart)

    def _inputs(self, arrays: Arrays, device: torch.device | None = None) -> tuple[Tensor, ...]:
        """A prepared batch of every input on a device, the program's; integers (words, classes) stay integers.

        Raises `SpecError` N208 where the sizes are none that the network can have.
        """
        given = as_tuple(arrays)
        sizes = tuple(channels_last(array).shape[1:] for array in given)
        if sizes not in self._fitting:
            self.net.sizes_for(*sizes)
            self._fitting.add(sizes)
        where = device or self.torch_device
        return tuple(
            to_tensor(array).to(where, self.dtype if layer.shape.of is None else torch.int64)
            for layer, array in zip(self.net.inputs, given, strict=True)
        )

    def predict(self, inputs: Arrays) -> Any:
        """See `Program.predict`."""
        self.module.eval()
        with torch.inference_mode(), self.precision.cast():
            outputs = tensors_in(self.module(*self._inputs(on_each(channels_first, inputs))))
        return self._outputs(outputs)

    def _outputs(self, outputs: Sequence[Tensor]) -> Arrays:
        """The outputs as the spec writes them."""
        return as_given([channels_last(to_array(output)) for output in outputs])

    def _mean_loss(
        self, inputs: Sequence[Tensor], targets: Targets, shares: tuple[float, ...] = ()
    ) -> Tensor:
        """The sum of the losses by weight and share, in training mode."""
        if not self.module.training:  # asking every submodule at every step costs more than a small layer
            self.module.train()
        with self.precision.cast():
            raw = tensors_in((self.compiled or self._raw)(*inputs))
            return added_up(self.aims, shares, self._each(raw, targets), raw)

    def _add_up(
        self, inputs: Sequence[Tensor], targets: Targets, piece: Piece | None, shares: Shares
    ) -> Tensor:
        """Gather the gradients, a part of the batch at a time, and give the loss: of a piece, its share in the whole.

        Processes exchange their gradients with the last part.
        """
        total, count = torch.zeros((), dtype=self.dtype, device=self.torch_device), len(inputs[0])
        whole = piece.whole if piece else count
        parts = self.parts.of(count)
        if self._together is not None:
            parts = self._together.cuts(self.parts, count, whole)
        for part in parts:
            cut = tuple(target[part] for target in targets) if isinstance(targets, tuple) else targets[part]
            batch = [tensor[part] for tensor in inputs], cut
            if self._together is None:
                loss = value = self._mean_loss(*batch, shares.of(part))
            else:
                loss, value = self._together(*batch, shares.of(part), exchange=part is parts[-1])
            if loss.requires_grad:
                self.precision.backward(loss, list(self._optimized.values()) if self._borrowed else None)
            total += value.detach()
        if self._together is not None:
            self._together.agree(count / whole)
        return total

    def _each(self, raw: Sequence[Tensor], targets: Targets) -> list[Tensor]:
        """The loss of each trained output, which reads it before its function where it takes that in."""
        by_name = dict(zip((layer.name for layer in self.net.outputs), raw, strict=True))
        tensors = targets if isinstance(targets, tuple) else (targets,) * len(self.aims)
        losses = []
        for aim, loss, target in zip(self.aims, self._losses, tensors, strict=True):
            name = aim.output.name
            output = by_name[name] if aim.fused else self._finished(name, by_name[name])
            wanted = by_name[aim.target] if aim.target else target
            check_alike(aim, output.shape, wanted.shape)
            losses.append(loss(aim.loss, output, wanted))
        return losses

    def _finished(self, name: str, raw: Tensor) -> Tensor:
        """An output with its function applied."""
        return self._functions[name](raw) if name in self._functions else raw

    def loss_and_gradients(self, inputs: Arrays, targets: Arrays) -> tuple[float, dict[str, Array]]:
        """See `Program.loss_and_gradients`; running means and the random generator are put back."""
        buffers = {name: value.clone() for name, value in self.module.named_buffers()}
        named = self._trained_parameters()
        with torch.random.fork_rng(devices=[self.torch_device] if self.torch_device.type == "cuda" else []):
            loss = self._mean_loss(self._inputs(inputs), to_targets(targets, self.torch_device, self.dtype))
            if loss.requires_grad:
                gradients = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
            else:  # nothing that is trained reaches it
                gradients = tuple(map(torch.zeros_like, named.values()))
        for name, value in self.module.named_buffers():
            value.copy_(buffers[name])
        # copies, as PyTorch may hand out one tensor for several parameters
        found = {name: value.clone() for name, value in zip(named, gradients, strict=True)}
        for name, gradient in found.items():
            self.gradients.penalize(named[name], gradient)
        arrays = {name: to_array(value) for name, value in found.items()}
        return float(loss.detach() + self.gradients.penalty()), arrays

    def train_step(self, inputs: Arrays, targets: Arrays, rate: float, piece: Piece | None = None) -> Tensor:
        """See `Program.train_step`."""
        with connected(), self.compiled.timed(count_of(targets)) if self.compiled else nullcontext():
            return self._step(inputs, targets, rate, piece)

    def _step(self, inputs: Arrays, targets: Arrays, rate: float, piece: Piece | None) -> Tensor:
        self.steps += 1
        where = self.torch_device if self.graphs is None else HOST
        given = self._inputs(inputs, where)
        draws: tuple[Draws[Tensor], ...] = ()
        if self.augmentation and count_of(targets):
            draws = self.augmentation.drawn([each.shape for each in given], self.steps, piece)
        batch = given, to_targets(targets, where, self.dtype), draws
        shares = Shares(for_each(self.aims, targets), piece)
        learn = partial(self._learn, piece, shares)
        if self.graphs is None:
            loss = learn(batch, rate)
        else:
            loss = self.graphs(learn, batch, rate, shares.of(slice(0, count_of(targets))))
        if self.optimizer is not None and self.average is not None:
            self.average.step()
        return loss

    def _learn(self, piece: Piece | None, shares: Shares, batch: Batch, rate: float | Tensor) -> Tensor:
        """A step on tensors alone, which may become a graph: its numbers are read and changed where they lie."""
        inputs, targets, draws = batch
        self.gradients.clear()
        if self.augmentation and draws:
            inputs, targets = self.augmentation.applied(inputs, targets, draws)
        lent = [(state, state.clone()) for state in self._lent_states()] if self._borrowed else []
        loss = self._add_up(inputs, targets, piece, shares)
        for state, value in lent:
            state.copy_(value)
        penalty = self.gradients.penalty()
        if self.group.rank == 0:  # shares add up
            loss += penalty
        if self.optimizer is None:
            return loss
        for parameter in self._apart:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.precision.unscale(self.optimizer)
        self.gradients.penalize_all()
        self.gradients.clip()
        self.gradients.decay(rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.precision.step(self.optimizer)
        return loss

    def evaluate(self, inputs: Arrays, targets: Arrays) -> tuple[tuple[float, ...], Any]:
        """See `Program.evaluate`."""
        self.module.eval()
        with torch.inference_mode(), self.precision.cast():
            raw = tensors_in(self._raw(*self._inputs(inputs)))
            losses = tuple(
                loss.item() for loss in self._each(raw, to_targets(targets, self.torch_device, self.dtype))
            )
            names = (layer.name for layer in self.net.outputs)
            outputs = [self._finished(name, each) for name, each in zip(names, raw, strict=True)]
        return losses, self._outputs(outputs)

    def gradient_norms(self) -> dict[str, float]:
        """See `Program.gradient_norms`."""
        norms: dict[str, float] = {}
        for name, parameter in self._trained_parameters().items():
            layer = name.partition(".")[0]
            squares = 0.0 if parameter.grad is None else float(whole(parameter.grad.square().sum()))
            norms[layer] = norms.get(layer, 0.0) + squares
        return {layer: norm**0.5 for layer, norm in norms.items()}

    def _trained_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters under the network's names, without those that are frozen or borrowed."""
        named = self._named(dict(self.module.named_parameters()))
        return {
            name: parameter
            for name, parameter in named.items()
            if parameter.requires_grad and name not in self._borrowed
        }

    def _named(self, tensors: Mapping[str, T]) -> dict[str, T]:
        """Tensors of the module under the network's names, in the network's order."""
        return {name: tensors[key] for name, key in self._keys.items() if key in tensors}

    def parameters(self) -> dict[str, Array]:
        """See `Program.parameters`."""
        state = self._named(self.module.state_dict())
        return {name: to_array(value).copy() for name, value in state.items()}

    def load(self, values: Mapping[str, Array]) -> None:
        """See `Program.load`."""
        check_values(self.net, values)
        state = self.module.state_dict()
        with torch.no_grad():
            for name, key in self._keys.items():
                state[key].copy_(divided_as(state[key], to_tensor(values[name])))

    def borrow(self, lender: Program, names: Collection[str]) -> None:
        """See `Program.borrow`."""
        assert isinstance(lender, TorchProgram), lender
        theirs = dict(lender.module.named_parameters()) | dict(lender.module.named_buffers())
        for name in names:
            put(self.module, self._keys[name], theirs[lender._keys[name]])
        self._borrowed |= set(names)
        self._prepare(Training({}))

    def _lent_states(self) -> list[Tensor]:
        """The states that are borrowed."""
        state = self._named(dict(self.module.named_buffers()))
        return [state[name] for name in self._borrowed if name in state]

    def use_average(self, on: bool) -> None:
        """See `Program.use_average`."""
        if self.average is not None:
            self.average.use(on)

    def memory(self) -> dict[str, Array]:
        """See `Program.memory`."""
        optimizer = memory_of(self.optimizer, self._optimized) if self.optimizer else {}
        average = under("average", self.average.memory()) if self.average is not None else {}
        draws = draws_of(self.torch_device, self.group)
        numbers = {
            **optimizer,
            **average,
            **self.precision.memory(),
            **draws,
            "steps": torch.tensor(self.steps),
        }
        return {name: to_array(value).copy() for name, value in numbers.items()}

    def recall(self, memory: Mapping[str, Array]) -> None:
        """See `Program.recall`."""
        tensors = {name: to_tensor(value) for name, value in memory.items()}
        if self.manner.sharded:
            divide(tensors, self._optimized)
        try:
            if self.optimizer:
                set_memory(self.optimizer, self._optimized, tensors)
            if self.graphs is not None:
                self.graphs.forget()
            if self.average is not None:
                self.average.recall(inside("average", tensors))
            self.precision.recall(tensors)
            set_draws(self.torch_device, self.group, tensors)
            self.steps = int(tensors["steps"])
        except (KeyError, RuntimeError, TypeError, ValueError) as problem:
            raise error("N703", f"the saved state cannot be taken over: {problem}") from None
        check_memory(without_ranks(memory), without_ranks(self.memory()))

    def circumstances(self) -> dict[str, str]:
        """See `Program.circumstances`."""
        return {**circumstances(self.torch_device, self.dtype), **self.manner.said()}

    def free_memory(self) -> int | None:
        """See `Program.free_memory`."""
        return free_memory(self.torch_device)
