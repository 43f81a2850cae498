"""Networks and their steps for the tests of graphs, on a processor and on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import netspec
from netspec.backends import compile_net
from netspec.backends.manner import PLAIN, Manner
from netspec.backends.torch import graphed
from netspec.backends.torch.program import TorchProgram
from netspec.backends.torch.random import draws_of, set_draws
from netspec.backends.torch.source import module_source
from netspec.data import Dataset, Loaded
from netspec.ir.training import Training
from netspec.testing import conformance
from tests.backends.tape import TapeRecorder

GRAPHED = Manner(graphed=True)
NETS = {
    "lenet": """
        input 8x8x1; conv 3 3x3 relu; pool 2; dense 8 relu; softmax 3
        train:
            optimizer adam 0.01
            schedule cosine
            regularize l2=0.01 decay=0.01
            batch 6
            epochs 7""",
    "tricks": """
        input 8x8x1; conv 4 3x3 nobias batchnorm relu; noise 0.1; dense 9 nobias batchnorm relu; dropout 0.4; softmax 3
        train:
            augment shift=1 rotate=10 scale=0.1 shear=0.1 elastic=1 noise=0.1 cutout=2 flip mixup=0.3
            optimizer adam 0.01
            schedule onecycle
            average ema=0.9
            batch 6
            epochs 7""",
    "lstm": """
        input 8x8; lstm 6 last; softmax 3
        train:
            optimizer nesterov 0.03
            schedule exponential to=0.001 over=20
            loss crossentropy weights=balanced smoothing=0.1
            clip norm=1 value=0.3
            batch 6
            epochs 7""",
}
SIZES = (6, 6, 5, 6, 6, 5, 6, 6, 5, 6, 6, 5, 5, 6)
REFUSED = {"adagrad", "adafactor"}
CASES = [
    case
    for case in conformance.cases()
    if case.trains and not any(words in module_source(case.net) for words in graphed.ON_HOST)
]
"""Without those that are refused."""


def program(net: netspec.Net, manner: Manner = PLAIN, device: str = "cpu", **more: Any) -> TorchProgram:
    found = compile_net(net, "torch", seed=1, device=device, manner=manner, **more)
    assert isinstance(found, TorchProgram)
    return found


def parsed(name: str) -> netspec.Net:
    lines = [line.strip() for line in NETS[name].strip().splitlines()]
    at = lines.index("train:")
    body = "\n".join(lines[:at]).replace("; ", "\n")
    return netspec.parse(
        "\n".join([body, "train:", *(f"    {line}" for line in lines[at + 1 :])]), name="a.net"
    )


def examples(net: netspec.Net, number: int = 29) -> Loaded:
    """29 make four batches of 6 and a last one of 5."""
    random = np.random.default_rng(2)
    shape = net.inputs[0].shape.known
    data = Dataset(random.random((number, *shape)).astype(np.float32), random.integers(0, 3, number))
    return Loaded(data, data.take(np.arange(4)))


def recorder(found: TorchProgram) -> TapeRecorder:
    assert found.graphs is not None
    made: Any = found.graphs.recorder
    assert isinstance(made, TapeRecorder)
    return made


class Apart:
    """A program that draws from PyTorch's generators as if it were alone."""

    def __init__(self, found: TorchProgram, training: Training, steps: int = 0) -> None:
        self.program = found
        found.begin(training, steps)
        self.draws = draws_of(found.torch_device, found.group)

    def step(self, *given: Any) -> torch.Tensor:
        found = self.program
        set_draws(found.torch_device, found.group, self.draws)
        loss = found.train_step(*given)
        self.draws = draws_of(found.torch_device, found.group)
        return loss


def batches(
    net: netspec.Net, sizes: tuple[int, ...] = SIZES
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    random = np.random.default_rng(3)
    shape = net.inputs[0].shape.channels_first
    for number, size in enumerate(sizes):
        inputs, targets = random.random((size, *shape)).astype(np.float32), random.integers(0, 3, size)
        yield inputs, targets, 0.25 / 2 ** (number % 3)
