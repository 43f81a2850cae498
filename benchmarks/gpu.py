"""Training on a GPU: the speed of `lecture_cnn` beside the same network written by hand, and the time to an accuracy.

    python -m benchmarks.gpu

Speed: steps of the network at a batch of 100 and of 1,000 with fused Adam, in memory, plain and through `torch.compile`
(the time that this takes to compile stands beside it).  Time: seconds from the first step of `tricks.net` with large
batches until the test set is read with 99.0% and 99.5% accuracy, evaluations included, median of three seeds; the runs
differ in their number of epochs, for the step size has to fall within each.  MNIST is read from NETSPEC_DATA.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import netspec
from benchmarks.training import ROOT, Written
from netspec.backends import compile_net
from netspec.backends.manner import Manner
from netspec.data import Dataset, Loaded, load
from netspec.ir.training import Training
from netspec.settings.data import Mnist
from netspec.settings.optimizer import Adam
from netspec.settings.plain import Batch, Epochs, Seed
from netspec.train.loop import train
from netspec.train.options import resolve

RATE = 0.003
EXAMPLES = 30_000
ROUNDS = 5
SEEDS = (0, 1, 2)
EPOCHS = (2, 4, 8, 12)
LARGE = 500
WANTED = (0.990, 0.995)


def by_hand(images: torch.Tensor, labels: torch.Tensor, batch: int, compiled: bool) -> Callable[[], float]:
    """An epoch by hand, its data on the GPU; the loss is read at the end."""
    model: nn.Module = Written().cuda()
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
    if compiled:
        model.compile()

    def epoch() -> float:
        torch.cuda.synchronize()
        began = time.perf_counter()
        order = torch.randperm(len(images), device="cuda")
        for start in range(0, len(images), batch):
            chosen = order[start : start + batch]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()
        loss.item()
        return time.perf_counter() - began

    return epoch


def ours(data: Dataset, batch: int, manner: Manner) -> Callable[[], float]:
    """An epoch as the record of a run has it."""
    net = netspec.load(ROOT / "specs" / "lecture_cnn.net")
    settings = {"optimizer": Adam(RATE), "batch": Batch(batch), "epochs": Epochs(1)}
    net = replace(net, training=Training(settings))
    options = resolve(net)
    program = compile_net(net, "torch", device="cuda", manner=manner)
    loaded = Loaded(data, data.take(np.arange(2)))
    return lambda: train(net, program, loaded, options).rows[-1].seconds


def speed(data: Dataset) -> None:
    """Print examples a second."""
    images = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data.inputs, -1, 1))).cuda()
    labels = torch.from_numpy(data.targets).cuda()
    for batch in (100, 1000):
        contenders = {
            "netspec": ours(data, batch, Manner()),
            "netspec, bf16": ours(data, batch, Manner(precision="bf16")),
            "netspec, compiled": ours(data, batch, Manner(compiled=True)),
            "by hand": by_hand(images, labels, batch, compiled=False),
            "by hand, compiled": by_hand(images, labels, batch, compiled=True),
        }
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(ROUNDS + 1):
            for name, epoch in contenders.items():
                times[name].append(epoch())
        for name, (first, *others) in times.items():
            median = statistics.median(others)
            print(
                f"batch {batch:5}  {name:<18} {EXAMPLES / median:10,.0f} examples/s   "
                f"{median / (EXAMPLES // batch) * 1e3:6.2f} ms a step   first epoch {first:5.1f} s",
                flush=True,
            )


class Clock:
    """The seconds from the first step to the end of each epoch's evaluation."""

    def __init__(self) -> None:
        self.laps: list[tuple[float, float]] = []

    def started(self, start: object) -> None:
        torch.cuda.synchronize()
        self.began = time.perf_counter()

    def stepped(self, step: object) -> None:
        pass

    def finished_epoch(self, row: object) -> None:
        self.laps.append((time.perf_counter() - self.began, row.new.metrics["accuracy"]))


def to_accuracy(loaded: Loaded) -> None:
    """Print the seconds to each accuracy."""
    reached: dict[float, list[tuple[int, list[float]]]] = {wanted: [] for wanted in WANTED}
    for epochs in EPOCHS:
        clocks = []
        for seed in SEEDS:
            net = netspec.load(ROOT / "specs" / "tricks.net")
            settings = {**net.training.settings, "batch": Batch(LARGE), "epochs": Epochs(epochs)}
            net = replace(net, training=Training({**settings, "seed": Seed(seed)}))
            clock = Clock()
            program = netspec.compile(net, "torch", device="cuda", seed=seed)
            train(net, program, loaded, resolve(net), observers=[clock])
            clocks.append(clock)
        ends = [clock.laps[-1] for clock in clocks]
        said = ", ".join(f"{accuracy:.2%} in {seconds:.1f} s" for seconds, accuracy in ends)
        print(f"tricks, batch {LARGE}, {epochs} epochs: {said}", flush=True)
        for wanted in WANTED:
            firsts = [next((s for s, a in clock.laps if a >= wanted), None) for clock in clocks]
            if None not in firsts:
                reached[wanted].append((epochs, firsts))
    for wanted, runs in reached.items():
        if runs:
            epochs, seconds = min(runs, key=lambda run: statistics.median(run[1]))
            print(f"{wanted:.1%}: {statistics.median(seconds):.1f} s (run of {epochs} epochs)")
        else:
            print(f"{wanted:.1%}: not reached by all seeds")


def main() -> None:
    """Measure on the first GPU."""
    if not torch.cuda.is_available():
        sys.exit("there is no GPU here")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    shape = netspec.load(ROOT / "specs" / "lecture_cnn.net").inputs[0].shape
    loaded = load(Mnist(), None, shape, folder=Path(ROOT))
    speed(loaded.train)
    to_accuracy(loaded)


if __name__ == "__main__":
    main()
