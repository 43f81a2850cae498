"""Training on a GPU: ratios to modules written by hand, the speed of `lecture_cnn`, and the time to an accuracy.

    python -m benchmarks.gpu [ratios] [speed] [accuracy]

Ratios: time over time, lower is better, medians of contenders that take turns.  A step of LN (of
`benchmarks.interpreter`) at a batch of 128 with fused Adam, as one CUDA graph from batches on the host, over the same
step done one operation at a time, by netspec and by hand with the data on the GPU.  The generated module over the one
of `benchmarks.written`, both in bf16, channels last and compiled, forward and a step.
Speed: steps of the network at a batch of 100 and of 1,000 with fused Adam, in memory: one operation at a time, as one
CUDA graph (`--graph`), and through `torch.compile`.  Compiling and recording are in the first epoch, which stands
beside the median of the others.  Time: seconds from the first step of `tricks.net` with large batches, each step a
graph, until the test set is read with 99.0% and 99.5% accuracy, evaluations included, median of three seeds; the runs
differ in their number of epochs, for the step size has to fall within each.  MNIST is read from NETSPEC_DATA, but for
the ratios, which need no data.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import netspec
from benchmarks.interpreter import example, first, named
from benchmarks.training import ROOT, Written
from benchmarks.written import written
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
STEPS = {100: 60, 1000: 30}
"""Steps in an epoch by the size of a batch; five times as many, while there are examples, where they are graphs."""
ROUNDS = 5
SEEDS = (0, 1, 2)
EPOCHS = (2, 4, 8, 12)
LARGE = 500
WANTED = (0.990, 0.995)
TURNS = 11
TAKES = 0.1
"""Seconds that a turn lasts at least."""
GRAPHED = 128
"""The batch of LN whose step is a graph."""
COMPILED = {"VGG": 256, "LN": 128}
"""The batches of networks that are compiled."""
REQUIRED = {"graph": 1 / 3, "compiled": 1.0}


# --- ratios


def synchronized(work: Callable[[], object], times: int) -> float:
    """The seconds that the work takes, done several times, until the GPU has done it."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / times


def medians(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The seconds of each, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    counts = {}
    for name, work in works.items():
        synchronized(work, 10)  # compiles, records, and wakes the GPU
        counts[name] = max(1, round(TAKES / synchronized(work, 10)))
    for _ in range(TURNS):
        for name, work in works.items():
            times[name].append(synchronized(work, counts[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def step_of(logits: Callable[[Tensor], Tensor], model: nn.Module) -> Callable[[Tensor, Tensor], None]:
    """A step of fused Adam on tensors, as a loop by hand has it."""
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits(x), y).backward()
        optimizer.step()

    return step


def graph_over_eager() -> Iterator[str]:
    """The line of a step as a graph over one that is none."""
    net = named("LN")
    inputs, classes = example(net, 8 * GRAPHED)
    inputs = first(inputs)
    starts = cycle(range(0, len(inputs), GRAPHED))

    def ours(manner: Manner) -> Callable[[], object]:
        program = compile_net(net, "torch", device="cuda", manner=manner)
        program.begin(Training({"optimizer": Adam(RATE)}))

        def step() -> object:
            start = next(starts)
            cut = slice(start, start + GRAPHED)
            return program.train_step(inputs[cut], classes[cut], RATE)

        return step

    model = written(net).cuda()
    x, y, step = torch.from_numpy(inputs).cuda(), torch.from_numpy(classes).cuda(), step_of(model, model)

    def hand() -> None:
        start = next(starts)
        step(x[start : start + GRAPHED], y[start : start + GRAPHED])

    works = {"graph": ours(Manner(graphed=True)), "netspec": ours(Manner()), "by hand": hand}
    found = medians(works)
    for peer in ("netspec", "by hand"):
        yield said(
            f"LN, batch {GRAPHED}, a step as a graph", f"{peer}, eager", found, ("graph", peer), "graph"
        )


def compiled_over_hand(name: str, batch: int) -> Iterator[str]:
    """The lines of a generated module over the same by hand, both compiled, in bf16, channels last."""
    net = named(name)
    inputs, classes = example(net, batch)
    x = torch.from_numpy(first(inputs)).cuda().to(memory_format=torch.channels_last)
    y = torch.from_numpy(classes).cuda()
    generated: nn.Module = compile_net(net, "torch", device="cuda").module  # type: ignore[attr-defined]
    model = written(net).cuda()
    forward: dict[str, Callable[[], object]] = {}
    both: dict[str, Callable[[], object]] = {}
    outputs = []
    for who, module, function in (
        ("netspec", generated, generated.logits),
        ("by hand", model, model.forward),
    ):
        module.to(memory_format=torch.channels_last)
        logits = torch.compile(function)
        step = step_of(logits, module)

        @torch.inference_mode()
        @torch.autocast("cuda", torch.bfloat16)
        def predict(logits: Callable[[Tensor], Tensor] = logits) -> Tensor:
            return logits(x)

        @torch.autocast("cuda", torch.bfloat16)
        def learn(step: Callable[[Tensor, Tensor], None] = step) -> None:
            step(x, y)

        forward[who], both[who] = predict, learn
        outputs.append(predict())
    torch.testing.assert_close(*outputs, atol=0.02, rtol=0.02)
    for what, works in {"forward": forward, "a step": both}.items():
        found = medians(works)
        title = f"{name}, batch {batch}, bf16, channels last, compiled, {what}"
        yield said(title, "by hand, the same", found, ("netspec", "by hand"), "compiled")


def said(what: str, peer: str, found: dict[str, float], pair: tuple[str, str], required: str) -> str:
    """A line of the table."""
    mine, theirs = (found[name] for name in pair)
    return (
        f"| {what} | {peer} | {mine * 1e3:.3f} ms | {theirs * 1e3:.3f} ms | "
        f"**{mine / theirs:.2f}** | {REQUIRED[required]:.2f} |"
    )


def ratios() -> None:
    """Print the table."""
    print("| | peer | netspec | the peer | ratio | required |")
    print("|---|---|---|---|---|---|", flush=True)
    for line in graph_over_eager():
        print(line, flush=True)
    for name, batch in COMPILED.items():
        for line in compiled_over_hand(name, batch):
            print(line, flush=True)


# --- speed


def by_hand(data: Dataset, batch: int, compiled: bool) -> list[float]:
    """The seconds of some epochs by hand, the data on the GPU; the loss is read at the end of each."""
    images = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data.inputs, -1, 1))).cuda()
    labels = torch.from_numpy(data.targets).cuda()
    model: nn.Module = Written().cuda()
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
    if compiled:
        model.compile()
    seconds = []
    for _ in range(ROUNDS + 1):
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
        seconds.append(time.perf_counter() - began)
    return seconds


def ours(data: Dataset, batch: int, manner: Manner) -> list[float]:
    """The seconds of some epochs as the record of a run has them."""
    net = netspec.load(ROOT / "specs" / "lecture_cnn.net")
    settings = {"optimizer": Adam(RATE), "batch": Batch(batch), "epochs": Epochs(ROUNDS + 1)}
    net = replace(net, training=Training(settings))
    program = compile_net(net, "torch", device="cuda", manner=manner)
    loaded = Loaded(data, data.take(np.arange(2)))
    return [row.seconds for row in train(net, program, loaded, resolve(net)).rows]


def speed(data: Dataset) -> None:
    """Print examples a second."""
    manners = {
        "netspec": Manner(),
        "netspec, bf16": Manner(precision="bf16"),
        "netspec, compiled": Manner(compiled=True),
        "netspec, graph": Manner(graphed=True),
        "netspec, graph, bf16": Manner(precision="bf16", graphed=True),
        "netspec, graph, compiled": Manner(compiled=True, graphed=True),
    }
    for batch, steps in STEPS.items():
        few = data.take(np.arange(steps * batch))
        many = data.take(np.arange(min(5 * steps * batch, len(data))))
        for name, manner in manners.items():
            examples = many if manner.graphed else few
            tell(name, batch, len(examples), ours(examples, batch, manner))
        for name, compiled in {"by hand": False, "by hand, compiled": True}.items():
            tell(name, batch, len(few), by_hand(few, batch, compiled))


def tell(name: str, batch: int, examples: int, seconds: list[float]) -> None:
    """Print what the epochs of a contender took."""
    first, *others = seconds
    median = statistics.median(others)
    print(
        f"batch {batch:5}  {name:<25} {examples / median:10,.0f} examples/s   "
        f"{median / (examples // batch) * 1e3:6.2f} ms a step   first epoch {first:5.1f} s",
        flush=True,
    )


# --- accuracy


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
            program = compile_net(net, "torch", device="cuda", seed=seed, manner=Manner(graphed=True))
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


def main(arguments: list[str]) -> None:
    """Measure on the first GPU."""
    if not torch.cuda.is_available():
        sys.exit("there is no GPU here")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    wanted = arguments or ["ratios", "speed", "accuracy"]
    if "ratios" in wanted:
        ratios()
    if {"speed", "accuracy"} & {*wanted}:
        shape = netspec.load(ROOT / "specs" / "lecture_cnn.net").inputs[0].shape
        loaded = load(Mnist(), None, shape, folder=Path(ROOT))
        if "speed" in wanted:
            speed(loaded.train)
        if "accuracy" in wanted:
            to_accuracy(loaded)


if __name__ == "__main__":
    main(sys.argv[1:])
