"""Random layers under test: what they draw, seen from outside through gradients alone.

A random layer between a layer of ones and a weighted sum shows everything in the gradients of its neighbours: that of
the sum's weight is the layer's output, that of the bias before it the layer's derivative, each times known numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from netspec.backends import Program, compile_net
from netspec.init import generator
from netspec.ir.layer import Operation
from netspec.ir.net import Net
from netspec.ir.training import Training
from netspec.passes import analyse
from netspec.settings.plain import Seed
from netspec.source import Source

Array = np.ndarray[Any, np.dtype[Any]]

WIDTH: Final = 1024
SIGMAS: Final = 6.0


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of a random layer: the input `x`, the output `y` in training mode, and dy/dx, entry by entry."""

    x: Array
    y: Array
    slope: Array

    def figures(self) -> dict[str, Array]:
        """What is compared in the mean over all entries."""
        moved = self.y - self.x
        return {
            "share of zeros": (self.y == 0).astype(float),
            "mean": self.y / self.x,
            "variance": moved * moved,
            "mean of the derivative": self.slope,
            "mean square of the derivative": self.slope**2,
        }


@cache
def _probe(operation: Operation) -> Net:
    lines = f"input 1x1x{WIDTH}", "depthwise 1x1 as before", operation.written(), "conv 1 1x1 as after"
    return analyse(Source("\n".join(lines), "probe"))


def _values(net: Net) -> dict[str, Array]:
    weights = generator(0, "weights").uniform(0.5, 1.5, WIDTH) / WIDTH
    values = {name: np.zeros(param.shape) for name, param in net.parameters.items()}
    values["before.weight"] += 1
    values["after.weight"] += weights.reshape(values["after.weight"].shape)
    return values


def _batch(examples: int) -> tuple[Array, Array]:
    """Equal examples, prepared; no entry is near 0."""
    random = generator(1, "inputs")
    x = random.uniform(0.5, 1.5, WIDTH) * random.choice((-1.0, 1.0), WIDTH)
    return np.repeat(x.reshape(1, WIDTH, 1, 1), examples, axis=0), np.ones((examples, 1, 1, 1))


def probe(operation: Operation, backend: str, seed: int = 3) -> Program:
    """The program in which a layer is watched."""
    program = compile_net(_probe(operation), backend, dtype="float64", device="cpu")
    program.begin(seeded(seed))
    return program


def observe(program: Program, examples: int = 1) -> Draw:
    """The next draw; that of several equal examples is their average, so that draws of their own are seen to vary less.

    The gradients are read off a step of plain gradient descent.
    """
    values, (inputs, targets) = _values(program.net), _batch(examples)
    program.load(values)
    program.train_step(inputs, targets, 1.0)
    after = program.parameters()
    gradients = {name: (value - after[name]).ravel() for name, value in values.items()}
    error = gradients["after.bias"].item()
    weights = values["after.weight"].ravel()
    return Draw(
        inputs[0].ravel(), gradients["after.weight"] / error, gradients["before.bias"] / error / weights
    )


def seeded(value: int) -> Training:
    """Settings with nothing but a seed."""
    return Training({"seed": Seed(value)})


def chance(operation: Operation, backend: str, reference: str) -> Iterator[tuple[float, str]]:
    """Where a backend's draws of a random layer differ from the reference's in kind."""
    for examples in (1, 2):
        found = observe(probe(operation, backend), examples)
        wanted = observe(probe(operation, reference), examples)
        for name, figure in wanted.figures().items():
            own = found.figures()[name]
            far = abs(float(own.mean() - figure.mean()))
            if far > SIGMAS * float(np.sqrt((own.var() + figure.var()) / WIDTH)) + 1e-9:
                yield far, f"{name} over {examples} is {own.mean():.4f}, the reference's {figure.mean():.4f}"
        if examples == 1 and (found.slope[found.y == 0] != 0).any():
            yield float("inf"), "the derivative is not 0 where the output was made 0: not the same draw"
    other = probe(operation, reference)
    random = not np.array_equal(observe(other).y, observe(other).y)
    yield from _draws(operation, backend, random)


def _draws(operation: Operation, backend: str, random: bool) -> Iterator[tuple[float, str]]:
    """Each step draws anew, by the seed alone."""

    def draws(seed: int, *, disturbed: bool = False) -> list[Array]:
        # one program at a time: some draw from a generator that they all share
        program = probe(operation, backend, seed)
        if disturbed:
            program.loss_and_gradients(*_batch(1))
        return [observe(program).y, observe(program).y]

    first = draws(3)
    if random and np.array_equal(first[0], first[1]):
        yield float("inf"), "two steps draw the same"
    if not np.array_equal(first, draws(3)):
        yield float("inf"), "the same seed draws differently"
    if random and np.array_equal(first[0], draws(4)[0]):
        yield float("inf"), "another seed draws the same"
    if not np.array_equal(first, draws(3, disturbed=True)):
        yield float("inf"), "`loss_and_gradients` changes what the next step draws"
