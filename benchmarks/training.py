"""An epoch of `lecture_cnn` on MNIST at batch 100 with Adam, beside the same network written by hand.

    python -m benchmarks.training

Peers: a PyTorch loop over a `DataLoader`, the same with the data sliced in memory and fused Adam, and Keras 3 on its
torch backend (left out, and said so, where Keras is not installed).  All of them train the same network from random
weights in float32 with the same batches and step size, data handling included; nothing is evaluated.  Everything runs
in one process, in turn, so that the machine's moods hit all alike; the figures are medians.  MNIST is read from
NETSPEC_DATA.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import netspec
from netspec.data import Dataset, Loaded, load
from netspec.ir.definition import Definition
from netspec.ir.training import Training
from netspec.settings.data import Mnist
from netspec.settings.optimizer import Adam
from netspec.settings.plain import Batch, Epochs
from netspec.train.loop import train
from netspec.train.options import resolve

ROOT = Path(__file__).resolve().parents[1]
BATCH, RATE = 100, 0.003
EXAMPLES = 12_000
ROUNDS = 5
TARGETS = {"PyTorch, in memory, fused Adam": 1.0, "PyTorch, DataLoader": 1.1, "Keras 3 on torch": 1.6}
"""How many times as fast as a peer netspec has to be."""

Epoch = Callable[[], float]
"""Does an epoch; the seconds that it took."""


class Written(nn.Module):
    """The network of `specs/lecture_cnn.net`, as an engineer writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5, padding=2)
        self.conv2 = nn.Conv2d(4, 8, 5, stride=2)
        self.conv3 = nn.Conv2d(8, 12, 4, stride=2, padding=1)
        self.dense1 = nn.Linear(588, 200)
        self.dense2 = nn.Linear(200, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(F.pad(x, (1, 2, 1, 2))))
        x = F.relu(self.conv3(x))
        x = F.relu(self.dense1(x.flatten(1)))
        return self.dense2(x)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """One step by hand; the loss is read, as whoever watches a run does."""
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def timed(work: Callable[[], object]) -> Epoch:
    """The work with its time."""

    def epoch() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return epoch


def with_loader(images: Tensor, labels: Tensor) -> Epoch:
    model = Written()
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    loader = DataLoader(TensorDataset(images, labels), BATCH, shuffle=True)

    def epoch() -> None:
        for x, y in loader:
            step(model, optimizer, x, y)

    return timed(epoch)


def in_memory(images: Tensor, labels: Tensor) -> Epoch:
    model = Written()
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)

    def epoch() -> None:
        order = torch.randperm(len(images))
        for start in range(0, len(images), BATCH):
            chosen = order[start : start + BATCH]
            step(model, optimizer, images[chosen], labels[chosen])

    return timed(epoch)


def ours(backend: str, data: Dataset, penalty: bool) -> Epoch:
    """An epoch as the record of a run has it, its evaluation included; of the test data there are two examples."""
    net = netspec.load(ROOT / "specs" / "lecture_cnn.net")
    assert net.training is not None
    settings: dict[str, Definition] = {"optimizer": Adam(RATE), "batch": Batch(BATCH), "epochs": Epochs(1)}
    if penalty:
        settings["regularize"] = net.training.settings["regularize"]
    net = replace(net, training=Training(settings))
    options = resolve(net)
    program = netspec.compile(net, backend, device="cpu")
    loaded = Loaded(data, data.take(np.arange(2)))

    return lambda: train(net, program, loaded, options).rows[-1].seconds


def with_keras(data: Dataset) -> Epoch:
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(4, 5, padding="same", activation="relu"),
            layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(12, 4, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(200, activation="relu"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss)
    return timed(lambda: model.fit(data.inputs, data.targets, batch_size=BATCH, epochs=1, verbose=0))


def contenders() -> dict[str, Epoch]:
    """An epoch of each, ready to run."""
    shape = netspec.load(ROOT / "specs" / "lecture_cnn.net").inputs[0].shape
    whole = load(Mnist(), None, shape, folder=ROOT).train
    data = whole.take(np.arange(EXAMPLES))
    images = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data.inputs, -1, 1)))
    labels = torch.from_numpy(data.targets)
    found = {
        "netspec on torch": ours("torch", data, penalty=False),
        "netspec on torch, with its l2": ours("torch", data, penalty=True),
        "netspec on NumPy": ours("numpy", data, penalty=False),
        "PyTorch, in memory, fused Adam": in_memory(images, labels),
        "PyTorch, DataLoader": with_loader(images, labels),
    }
    if find_spec("keras"):
        found["Keras 3 on torch"] = with_keras(data)
    else:
        print('Keras is not installed: pip install "netspec[benchmark]"', file=sys.stderr)
    return found


def measure(epochs: dict[str, Epoch], threads: int) -> None:
    """Print examples a second and how many times as fast netspec on torch is."""
    torch.set_num_threads(threads)
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for number in range(ROUNDS + 1):
        for name, epoch in epochs.items():
            seconds = epoch()
            if number:  # the first round makes plans and fills caches
                times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"\n{threads} thread{'s' * (threads > 1)}; NumPy's BLAS has the threads of its environment")
    for name, median in medians.items():
        ratio = median / medians["netspec on torch"]
        target = f"   wanted: {TARGETS[name]:.1f}" if name in TARGETS else ""
        print(
            f"{name:<32} {EXAMPLES / median:8,.0f} examples/s   netspec is {ratio:4.2f} times as fast{target}"
        )


def main() -> None:
    """Measure with one thread and with two."""
    epochs = contenders()
    print(
        f"lecture_cnn, batch {BATCH}, {EXAMPLES:,} examples an epoch, medians of {ROUNDS}, torch {torch.__version__}"
    )
    for threads in (1, 2):
        measure(epochs, threads)


if __name__ == "__main__":
    main()
