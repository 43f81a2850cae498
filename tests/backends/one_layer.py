"""One layer on NumPy, to be held against a call of PyTorch."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import netspec
from netspec.backends import Array, channels_first
from netspec.backends.numpy.plan import Plan
from netspec.backends.numpy.store import Store
from netspec.init import initial
from netspec.ir.net import Net

BATCH = 3
PRECISION = 1e-12


class Layer:
    """A net of one layer on NumPy; arrays are channels first, parameters go by their short names."""

    def __init__(self, text: str, dtype: str = "float64") -> None:
        self.net = netspec.parse(text)
        self.store = Store(self.net, dtype)
        self.store.load(initial(self.net, 0, dtype))
        self.random = np.random.default_rng(1)
        result = self.net.outputs[-1]
        self.xs = inputs(self.net, dtype)
        shapes = [(BATCH, *layer.shape.known) for layer in self.net.inputs]
        self.plan = Plan(self.net, shapes, self.store, self.random, result.name)
        weights = self.net.weights_of(result)
        self.values = self.store.values_of(weights)
        self.gradients = self.store.gradients_of(weights)

    def tensors(self) -> dict[str, Tensor]:
        """Copies of the parameters that take gradients."""
        return {
            name: torch.tensor(value, requires_grad=name in self.gradients)
            for name, value in self.values.items()
        }

    def agrees(self, function: Callable[..., Tensor], *, training: bool = True) -> None:
        """Output and all gradients are those of `function(*inputs, **parameters)`."""
        xs = [torch.tensor(x, requires_grad=x.dtype.kind != "i") for x in self.xs]
        parameters = self.tensors()
        wanted = function(*xs, **parameters)
        found = self.plan.forward(self.xs, training=training)
        close(found, wanted)
        dy = np.random.default_rng(2).normal(size=found.shape)
        wanted.backward(torch.tensor(dy))
        self.plan.backward(dy)
        for name, gradient in self.gradients.items():
            close(gradient, parameters[name].grad)
        for x, found in zip(xs, self.plan.input_gradients, strict=True):
            if x.requires_grad:
                close(found, x.grad)

    @property
    def x(self) -> Array:
        """The only input."""
        (x,) = self.xs
        return x

    @x.setter
    def x(self, array: Array) -> None:
        self.xs = (array,)


def inputs(net: Net, dtype: str = "float64") -> tuple[Array, ...]:
    random = np.random.default_rng(3)
    found = []
    for shape in (layer.shape for layer in net.inputs):
        size = (BATCH, *shape.known)
        drawn = random.normal(size=size) if shape.of is None else random.integers(0, shape.of, size)
        found.append(channels_first(drawn).astype(dtype if shape.of is None else drawn.dtype))
    return tuple(found)


def close(found: Array, wanted: Tensor | None) -> None:
    assert wanted is not None
    expected = wanted.detach().numpy()
    np.testing.assert_allclose(
        found, expected, rtol=PRECISION, atol=PRECISION * max(1, np.abs(expected).max())
    )
