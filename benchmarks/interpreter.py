"""The NumPy interpreter beside PyTorch, onnxruntime, onnx's reference evaluator and Keras 3: time over theirs.

    python -m benchmarks.interpreter [NET ...]

Five networks in float32, the same weights in netspec, PyTorch and ONNX (their outputs are compared first; Keras has
weights of its own, which take the same time): `predict`, and `loss_and_gradients` beside a loss with its `backward`,
both as anybody calls them.  An epoch is one of `EXAMPLES` examples at batch 64 with Adam through `train`, beside torch
with the data in memory and a fused Adam, and Keras's `fit` on torch.  Lower is better, 1 is the peer.

Contenders take turns in one process, but Keras on NumPy, whose backend is that of a process; a figure is the ratio of
two medians.  With one thread the time is that of the processor, which other work on the machine disturbs less; with two
it is that of the clock.  Each number of threads is a process of its own, for BLAS reads it when it starts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np

import netspec
from netspec.data import Dataset, Loaded
from netspec.ir.net import Net
from netspec.ir.training import Training
from netspec.settings.optimizer import Adam
from netspec.settings.plain import Batch, Epochs
from netspec.train.loop import train
from netspec.train.options import resolve

EXAMPLES = 12_800
RATE = 0.003
ROUNDS = 15
EPOCH_ROUNDS = 5
TAKES = 0.03
"""Seconds that a turn lasts at least: short work is done several times."""
THREADS = (1, 2)
ASKS = "keras-on-numpy"

NETS = {
    "LN": "input 28x28x1; conv 4 5x5 relu; conv 8 4x4 stride2 relu; conv 12 4x4 stride2 relu; "
    "dense 200 relu; softmax 10",
    "L5": "input 28x28x1; conv 6 5x5 relu; pool 2; conv 16 5x5 valid relu; pool 2; "
    "dense 120 relu; dense 84 relu; softmax 10",
    "MLP": "input 784; dense 200 relu; dense 100 relu; dense 60 relu; dense 30 relu; softmax 10",
    "VGG": "input 32x32x3; conv 32 3x3 relu; conv 32 3x3 relu; pool 2; conv 64 3x3 relu; conv 64 3x3 relu; pool 2; "
    "conv 128 3x3 relu; conv 128 3x3 relu; pool 2; dense 128 relu; softmax 10",
    "LSTM": "input 100x32; lstm 64 last; softmax 10",
}

Work = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """A line of the table: a network, a batch, what is done, and the ratio to each peer that is required."""

    net: str
    batch: int
    what: str
    required: dict[str, float]


ROWS = [
    Row("LN", 64, "forward", {"torch": 0.85, "onnx reference": 0.12, "Keras on NumPy": 0.2}),
    Row("LN", 64, "both", {"torch": 0.65}),
    Row("LN", 1, "forward", {"torch": 0.25, "onnxruntime": 1.6}),
    Row("L5", 64, "forward", {"torch": 0.6, "onnx reference": 0.12, "Keras on NumPy": 0.2}),
    Row("L5", 64, "both", {"torch": 0.9}),
    Row("MLP", 64, "both", {"torch": 0.9}),
    Row("MLP", 1, "both", {"torch": 0.6}),
    Row("VGG", 64, "forward", {"torch": 1.0}),
    Row("VGG", 64, "both", {"torch": 1.1}),
    Row("LSTM", 64, "forward", {"torch": 1.2}),
    Row("LSTM", 256, "both", {"torch": 0.8}),
    Row("LSTM", 1, "forward", {"torch": 2.5}),
    Row("LN", 64, "epoch", {"torch": 0.75, "Keras fit": 0.4}),
]
SAID = {"forward": "forward", "both": "forward and backward", "epoch": "an epoch with Adam"}


def named(name: str) -> Net:
    """A network of the table."""
    return replace(netspec.parse(NETS[name]), name=name)


def example(net: Net, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Random examples as the spec writes them, and classes."""
    random = np.random.default_rng(0)
    inputs = random.standard_normal((batch, *net.inputs[0].shape.known), np.float32)
    return inputs, random.integers(0, 10, batch)


def first(inputs: np.ndarray) -> np.ndarray:
    """The same with channels first."""
    return np.ascontiguousarray(np.moveaxis(inputs, -1, 1)) if inputs.ndim == 4 else inputs


# --- netspec


def ours(net: Net, row: Row) -> Work:
    inputs, classes = example(net, row.batch)
    if row.what == "epoch":
        return our_epoch(net)
    program = netspec.compile(net, "numpy")
    if row.what == "forward":
        return lambda: program.predict(inputs)
    prepared = first(inputs)
    return lambda: program.loss_and_gradients(prepared, classes)


def our_epoch(net: Net) -> Work:
    net = replace(net, training=Training({"optimizer": Adam(RATE), "batch": Batch(64), "epochs": Epochs(1)}))
    program, options = netspec.compile(net, "numpy"), resolve(net)
    data = Dataset(*example(net, EXAMPLES))
    loaded = Loaded(data, data.take(np.arange(2)))
    return lambda: train(net, program, loaded, options)


# --- peers


def with_torch(net: Net, row: Row) -> Work:
    import torch
    from torch.nn import functional as F

    from benchmarks.written import written

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    model = written(net)
    inputs, classes = example(net, EXAMPLES if row.what == "epoch" else row.batch)
    x, y = torch.from_numpy(first(inputs)), torch.from_numpy(classes)

    @torch.inference_mode()
    def forward() -> np.ndarray:
        return model(x).softmax(1).numpy()

    def both() -> float:
        model.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss.item()

    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)

    def epoch() -> None:
        order = torch.randperm(len(x))
        for start in range(0, len(x), row.batch):
            chosen = order[start : start + row.batch]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            loss.item()

    return {"forward": forward, "both": both, "epoch": epoch}[row.what]


def onnx_model(net: Net):
    from netspec.backends.onnx.export import model

    return model(net, netspec.compile(net, "numpy").parameters())


def with_onnxruntime(net: Net, row: Row) -> Work:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(
        onnx_model(net).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = {net.inputs[0].name: first(example(net, row.batch)[0])}
    return lambda: session.run(None, given)[0]


def with_reference(net: Net, row: Row) -> Work:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(onnx_model(net))
    given = {net.inputs[0].name: first(example(net, row.batch)[0])}
    return lambda: evaluator.run(None, given)[0]


def keras_model(name: str):
    import keras
    from keras import layers

    conv = layers.Conv2D
    written = {
        "LN": [
            conv(4, 5, padding="same", activation="relu"),
            conv(8, 4, strides=2, padding="same", activation="relu"),
            conv(12, 4, strides=2, padding="same", activation="relu"),
            *(layers.Flatten(), layers.Dense(200, activation="relu"), layers.Dense(10)),
        ],
        "L5": [
            *(conv(6, 5, padding="same", activation="relu"), layers.MaxPooling2D(2)),
            *(conv(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()),
            *(layers.Dense(120, activation="relu"), layers.Dense(84, activation="relu"), layers.Dense(10)),
        ],
    }
    return keras.Sequential([keras.Input((28, 28, 1)), *written[name]])


def with_keras_fit(net: Net, row: Row) -> Work:
    import keras

    model = keras_model(net.name)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss)
    inputs, classes = example(net, EXAMPLES)
    return lambda: model.fit(inputs, classes, batch_size=row.batch, epochs=1, verbose=0)


def with_keras_numpy(net: Net, row: Row) -> Work:
    """A forward pass in another process, which is asked for it over a pipe."""
    command = [sys.executable, "-m", "benchmarks.interpreter", ASKS, net.name, str(row.batch)]
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    child = subprocess.Popen(command, env=environment, **pipes)  # it ends with its standard input
    assert child.stdin and child.stdout and child.stdout.readline()

    def ask() -> float:
        print(file=child.stdin, flush=True)
        return float(child.stdout.readline())

    return ask


def answer(name: str, batch: int) -> None:
    """Time a forward pass for each line read."""
    model, clock = keras_model(name), clock_for(int(os.environ["OMP_NUM_THREADS"]))
    inputs, _ = example(named(name), batch)
    model(inputs)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = clock()
        model(inputs)
        print(clock() - began, flush=True)


PEERS = {
    "torch": (with_torch, "torch"),
    "onnxruntime": (with_onnxruntime, "onnxruntime"),
    "onnx reference": (with_reference, "onnx"),
    "Keras on NumPy": (with_keras_numpy, "keras"),
    "Keras fit": (with_keras_fit, "keras"),
}
"""What makes the work of a peer, and the package that it needs."""


# --- measuring


def clock_for(threads: int) -> Clock:
    return time.process_time if threads == 1 else time.perf_counter


def turn(work: Work, clock: Clock, times: int) -> float:
    """The seconds that the work takes."""
    began = clock()
    for _ in range(times):
        work()
    return (clock() - began) / times


def check(net: Net, row: Row, works: dict[str, Work]) -> None:
    """Stop where contenders with the same weights do not compute the same."""
    if row.what == "epoch":
        return
    found = {name: work() for name, work in works.items() if not name.startswith("Keras")}
    wanted = found.pop("netspec")
    for name, result in found.items():
        if row.what == "both":
            wanted_loss, _ = wanted
            assert abs(result - wanted_loss) < 1e-4, (row, name)
        else:
            np.testing.assert_allclose(result, wanted, atol=1e-5, err_msg=f"{row} {name}")


def measure(row: Row, threads: int) -> Iterator[str]:
    """The lines of the table that a row makes."""
    net, clock = named(row.net), clock_for(threads)
    works = {"netspec": ours(net, row)}
    for name in row.required:
        make, package = PEERS[name]
        if find_spec(package):
            works[name] = make(net, row)
        else:
            print(f"{package} is not installed: {name} is left out", file=sys.stderr)
    check(net, row, works)
    counts = {name: max(1, round(TAKES / turn(work, clock, 2))) for name, work in works.items()}
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(EPOCH_ROUNDS if row.what == "epoch" else ROUNDS):
        for name, work in works.items():
            told = turn(work, clock, counts[name])
            times[name].append(work() if name == "Keras on NumPy" else told)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, required in row.required.items():
        if name in medians:
            mine, theirs = medians["netspec"], medians[name]
            yield (
                f"| {row.net}, batch {row.batch}, {SAID[row.what]} | {name} | {mine * 1e3:.3g} ms | "
                f"{theirs * 1e3:.3g} ms | **{mine / theirs:.2f}** | {required:g} |"
            )


def table(threads: int, nets: list[str]) -> None:
    """Print the ratios with so many threads."""
    from threadpoolctl import threadpool_info

    blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
    assert blas["num_threads"] == threads, blas
    kernel = f"{blas['internal_api']} {blas['version']}, {blas['architecture']}"
    print(f"\n{threads} thread{'s' * (threads > 1)}, NumPy {np.__version__} ({kernel})\n")
    print("| | peer | netspec | the peer | ratio | required |")
    print("|---|---|---|---|---|---|", flush=True)
    for row in ROWS:
        if row.net in nets:
            for line in measure(row, threads):
                print(line, flush=True)


def main(arguments: list[str]) -> None:
    """Measure with one thread and with two."""
    if arguments[:1] == [ASKS]:
        return answer(arguments[1], int(arguments[2]))
    if arguments[:1] == ["threads"]:
        return table(int(arguments[1]), arguments[2:] or list(NETS))
    for threads in THREADS:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, str(threads))}
        command = [sys.executable, "-m", "benchmarks.interpreter", "threads", str(threads), *arguments]
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
