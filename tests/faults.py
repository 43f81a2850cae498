"""How faults are planted: bugs that people really write, put into one backend while a test runs, never into a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from netspec.backends.numpy.kernel import rules as numpy_rules
from netspec.backends.numpy.optimizer import AdamRule, MomentumRule
from netspec.backends.onnx.code import rules as onnx_rules
from netspec.backends.torch.code import Code
from netspec.backends.torch.code import rules as torch_rules
from netspec.ir.definition import Definition

Plant = Callable[[pytest.MonkeyPatch], None]
Array = np.ndarray


# --- ways to plant one


def kernel(definition: type[Definition], **methods: Any) -> Plant:
    """Methods of a NumPy kernel replaced; each is given the sound class first, to call what it distorts."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        sound = numpy_rules.find(definition)

        def bound(method: Any) -> Any:
            return lambda self, *arguments, **named: method(sound, self, *arguments, **named)

        faulty = type("Faulty", (sound,), {name: bound(method) for name, method in methods.items()})
        patch.setitem(numpy_rules._rules, definition, faulty)

    return plant


def faster(path: type, **methods: Any) -> Plant:
    """Methods of a faster path replaced; each is given the sound class first."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        sound = type("Sound", (path,), {name: vars(path)[name] for name in methods})
        for name, method in methods.items():

            def faulty(self: Any, *arguments: Any, method: Any = method, **named: Any) -> Any:
                return method(sound, self, *arguments, **named)

            patch.setattr(path, name, faulty)

    return plant


def misled(definition: type[Definition], **members: Any) -> Plant:
    """A NumPy kernel whose operation says something else; each member is made from the sound operation."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        sound = numpy_rules.find(definition)

        def make(site: Any) -> Any:
            right = site.operation
            wrong = type("Wrong", (type(right),), {"word": right.word})(**vars(right))
            for name, made in members.items():
                object.__setattr__(wrong, name, made(right))
            return sound(replace(site, operation=wrong))

        patch.setitem(numpy_rules._rules, definition, make)

    return plant


def exported(definition: type[Definition], operator: str) -> Plant:
    """Another operator in the ONNX model."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        onnx_rules.find(definition)
        patch.setitem(onnx_rules._rules, definition, lambda site: site.node(operator, [site.x]))

    return plant


def code(definition: type[Definition], old: str, new: str) -> Plant:
    """Another text in what the PyTorch backend generates for a layer."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        sound = torch_rules.find(definition)

        def rule(site: Any) -> Code:
            right = sound(site)
            assert old in "".join((*right.lines, right.module)), right
            return Code(tuple(line.replace(old, new) for line in right.lines), right.module.replace(old, new))

        patch.setitem(torch_rules._rules, definition, rule)

    return plant


def lines(definition: type[Definition], *wrong: str) -> Plant:
    """Other lines in what the PyTorch backend generates for a layer; its submodule stays."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        sound = torch_rules.find(definition)
        patch.setitem(torch_rules._rules, definition, lambda site: Code(wrong, sound(site).module))

    return plant


def rule(definition: type[Definition], wrong: Any) -> Plant:
    """Another rule in the NumPy backend."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        numpy_rules.find(definition)
        patch.setitem(numpy_rules._rules, definition, wrong)

    return plant


def member(owner: Any, name: str, make: Callable[[Any], Any]) -> Plant:
    """A member of a class or module, made from the sound one."""
    return lambda patch: patch.setattr(owner, name, make(getattr(owner, name)))


# --- kernels: methods that are given the sound class, the kernel, and their own arguments


def unscaled(sound: Any, self: Any) -> None:
    sound.prepare(self)
    self.scale = 1.0


def seeing_one_ahead(sound: Any, self: Any) -> None:
    sound.prepare(self)
    self.later = np.triu(self.later, 2)


def without_bias_gradient(sound: Any, self: Any, dy: Array) -> Array:
    dx = sound.backward(self, dy)
    self.site.gradients["bias"][...] = 0
    return dx


def rearranged(change: Callable[[Array], Array]) -> Any:
    """A forward pass on rearranged weights."""

    def forward(sound: Any, self: Any, x: Array, training: bool) -> Array:
        kept = {name: value.copy() for name, value in self.site.parameters.items()}
        for name, value in kept.items():
            self.site.parameters[name][...] = change(value)
        found = sound.forward(self, x, training=training)
        y = tuple(map(np.copy, found)) if isinstance(found, tuple) else found.copy()
        for name, value in kept.items():
            self.site.parameters[name][...] = value
        return y

    return forward


def nearly_all(sound: Any, self: Any, x: Array, training: bool) -> Array:
    """A thousandth less, which float32 would not hide."""
    y: Array = sound.forward(self, x, training=training)
    y *= 0.999
    return y


def swapped_gates(value: Array) -> Array:
    first, second, *rest = np.split(value, 4)
    return np.concatenate([second, first, *rest])


def flipped(value: Array) -> Array:
    return value[..., ::-1, ::-1] if value.ndim == 4 else value


def biased_running_variance(sound: Any, self: Any, x: Array, training: bool) -> Array:
    state, share = self.site.parameters["running_var"], self.operation.momentum
    before = (1 - share) * state
    y = sound.forward(self, x, training=training)
    count = x.size // state.size
    if training:
        state[...] = before + (state - before) * (count - 1) / count
    return y


def remembering(sound: Any, self: Any, x: Array, training: bool) -> Array:
    self.words = x.copy()
    return sound.forward(self, x, training)


def overwriting(sound: Any, self: Any, dy: Array) -> Any:
    dx = sound.backward(self, dy)
    gradient = self.site.gradients["weight"]
    gradient[...] = 0
    gradient[self.words] = dy
    return dx


def flattened_as_written(sound: Any, self: Any, x: Array, training: bool) -> Array:
    return np.moveaxis(x, 1, -1).reshape(len(x), -1)


def mixed_groups(sound: Any, self: Any, x: Array, training: bool) -> Array:
    return sound.forward(self, np.concatenate([x[:, ::2], x[:, 1::2]], axis=1), training)


# --- other parts of the NumPy backend


class UncorrectedAdam(AdamRule):
    def update(self, values: Array, gradients: Array, rate: float) -> None:
        settings, mean, square = self.optimizer, self.state["mean"], self.state["square"]
        mean += (1 - settings.beta1) * (gradients - mean)
        square += (1 - settings.beta2) * (gradients**2 - square)
        values -= rate * mean / (np.sqrt(square) + settings.eps)


class ReversedMomentum(MomentumRule):
    def update(self, values: Array, gradients: Array, rate: float) -> None:
        velocity = self.state["velocity"]
        velocity *= 1 - self.optimizer.momentum
        velocity += gradients
        values -= rate * velocity


def penalising_everything(sound: Any) -> Any:
    def __init__(self: Any, *arguments: Any) -> None:
        sound(self, *arguments)
        self.penalised[...] = True

    return __init__


def transposing_squares(sound: Any) -> Any:
    def load(self: Any, values: dict[str, Array]) -> None:
        square = {name: value.ndim == 2 and len(set(value.shape)) == 1 for name, value in values.items()}
        sound(self, {name: value.T if square[name] else value for name, value in values.items()})

    return load


def summed_over_steps(sound: Any) -> Any:
    """The mean over the examples of a batch alone."""

    def value_and_gradient(self: Any, output: Array, target: Array) -> Any:
        value, gradient = sound(self, output, target)
        terms = target.size / len(target)
        return value * terms, gradient * terms

    return value_and_gradient


def into_one_array(sound: Any) -> Any:
    def predict(self: Any, prepared: tuple[Array, ...]) -> Array:
        found = sound(self, prepared)
        array: Array = self.__dict__.setdefault("array", found)
        array[...] = found
        return array

    return predict


# --- the PyTorch backend


class ResetBeforeProduct(torch.nn.GRU):
    """n = tanh(W x + b + U (r * h) + c), as in the paper's first version and in Keras's `reset_after=False`."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        size = self.hidden_size
        u_r, u_z, u_n = self.weight_hh_l0.split(size)
        c_r, c_z, c_n = self.bias_hh_l0.split(size)
        given = (x @ self.weight_ih_l0.T + self.bias_ih_l0).split(size, dim=2)
        h, states = x.new_zeros(len(x), size), []
        for x_r, x_z, x_n in zip(*(each.unbind(1) for each in given), strict=True):
            r, z = torch.sigmoid(x_r + h @ u_r.T + c_r), torch.sigmoid(x_z + h @ u_z.T + c_z)
            n = torch.tanh(x_n + (r * h) @ u_n.T + c_n)
            h = (1 - z) * n + z * h
            states.append(h)
        return torch.stack(states, 1), h[None]


def remembered(sound: Any) -> Any:
    """An optimiser that is made once for its parameters and never anew."""
    made: dict[int, Any] = {}

    def make(parameters: list[torch.nn.Parameter], *arguments: Any, **options: Any) -> Any:
        fresh = sound(parameters, *arguments, **options)
        return made.setdefault(id(parameters[0]), fresh)

    return make
