"""Gradients against finite differences: the NumPy interpreter is checked by arithmetic alone, not by a framework.

For a random linear functional L = sum(c * output) of a network's output, every entry of the gradient is compared with
the central difference (L(x + h) - L(x - h)) / 2h in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np

from netspec.backends import channels_first
from netspec.backends.numpy.plan import Plan
from netspec.backends.numpy.store import Store
from netspec.init import generator, initial
from netspec.ir.net import Net
from netspec.testing.cases import sized

Array = np.ndarray[Any, np.dtype[Any]]

STEP: Final = 1e-6
TOLERANCE: Final = 1e-6
"""Largest difference that is rounding, relative to the gradient's largest entry where that is above 1."""
MOST_ENTRIES: Final = 60
"""Entries tried of one array; larger arrays are sampled."""
BATCH: Final = 3


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A gradient that does not agree: of the input or of a parameter, at an index."""

    of: str
    index: tuple[int, ...]
    gradient: float
    difference: float

    def __str__(self) -> str:
        return f"{self.of}{list(self.index)}: backward says {self.gradient:.9g}, differences say {self.difference:.9g}"


class GradientCheck:
    """The numbers of one check: a plan for `net` in float64, inputs, and the functional's coefficients `c`."""

    def __init__(self, net: Net, seed: int = 0, *, training: bool = True) -> None:
        self.net, self.seed, self.training = net, seed, training
        self.store = Store(net, "float64")
        self.store.load(_spread(initial(net, seed, "float64"), seed))
        self.states = {name: self.store.views[name].copy() for name in self._states()}
        sizes = [(BATCH, *dims) for dims in sized(net)]
        self.xs = [
            _input(dims, layer.shape.of, seed + number)
            for number, (layer, dims) in enumerate(zip(net.inputs, sizes, strict=True))
        ]
        self.random = generator(seed, "layers")
        self.start = self.random.bit_generator.state
        self.plan = Plan(net, sizes, self.store, self.random, net.outputs[-1].name)
        result_shape = self.plan.forward(self.xs, training=False).shape
        self.c: Array = np.asarray(generator(seed, "functional").normal(size=result_shape))

    def _states(self) -> list[str]:
        return [name for name, param in self.net.parameters.items() if not param.trainable]

    def value(self) -> float:
        """L, with the same random draws and the same running means every time."""
        self.random.bit_generator.state = self.start
        for name, value in self.states.items():
            self.store.views[name][...] = value
        return float(np.vdot(self.c, self.plan.forward(self.xs, training=self.training)))

    def gradients(self) -> dict[str, tuple[Array, Array]]:
        """For the inputs (if they are numbers) and every parameter: the array itself and the gradient of L."""
        self.value()
        self.plan.backward(self.c.copy())
        found = {
            name: (self.store.views[name], view.copy()) for name, view in self.store.gradient_views.items()
        }
        for layer, x, gradient in zip(self.net.inputs, self.xs, self.plan.input_gradients, strict=True):
            if layer.shape.of is None:
                found[layer.name] = (x, gradient.copy())
        return found

    def run(self) -> list[Mismatch]:
        """All mismatches."""
        mismatches = []
        for name, (array, gradient) in self.gradients().items():
            scale = max(1.0, float(np.abs(gradient).max(initial=0)))
            for index in _indices(array.shape, self.seed):
                difference = self._difference(array, index)
                if not abs(difference - gradient[index]) <= TOLERANCE * scale:
                    mismatches.append(Mismatch(name, index, float(gradient[index]), difference))
        return mismatches

    def _difference(self, array: Array, index: tuple[int, ...]) -> float:
        kept = array[index]
        array[index] = kept + STEP
        above = self.value()
        array[index] = kept - STEP
        below = self.value()
        array[index] = kept
        return (above - below) / (2 * STEP)


def check_gradients(net: Net, seed: int = 0, *, training: bool = True) -> list[Mismatch]:
    """Compare all gradients of a network on NumPy with finite differences; empty when they agree."""
    return GradientCheck(net, seed, training=training).run()


def _spread(values: dict[str, Array], seed: int) -> dict[str, Array]:
    """Parameters none of which is special: no scale of 1, no shift and no running mean of 0."""
    return {
        name: value + 0.3 * generator(seed, f"spread/{name}").random(value.shape)
        for name, value in values.items()
    }


def _input(dims: tuple[int, ...], of: int | None, seed: int) -> Array:
    """Numbers far from one another and from 0, so that no step crosses a kink and no maximum is shared."""
    random = generator(seed, "gradient inputs")
    if of is not None:
        return random.integers(0, of, dims)
    count = prod(dims)
    return channels_first(random.permutation(np.linspace(-2.017, 2.029, count)).reshape(dims))


def _indices(shape: tuple[int, ...], seed: int) -> list[tuple[int, ...]]:
    count = prod(shape)
    chosen = generator(seed, "indices").permutation(count)[:MOST_ENTRIES]
    return [tuple(int(part) for part in np.unravel_index(number, shape)) for number in chosen]
