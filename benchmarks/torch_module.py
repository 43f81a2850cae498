"""The generated PyTorch module beside one by hand: time over time, and the graphs that `torch.compile` makes of it.

    python -m benchmarks.torch_module [eager] [compiled] [graphs]

The networks are those of `benchmarks.interpreter`, by hand those of `benchmarks.written`, with the same weights; what
they compute is compared first.  Forward is what the network predicts, a step a loss with its gradients.  Both are given
the same tensors; netspec's module is that of a program, whose convolutions have their weights laid out for a processor.
An epoch with fused Adam is in `benchmarks.training`.

Eager: with one thread and with two.  Compiled: both by `torch.compile` with its C++ compiler, for this size of batch.
Graphs: how many graphs and breaks the tracer of `torch.compile` makes of every network of `specs/`, as it predicts and
as it is trained; it is run on tensors without memory.  The command fails unless each is one graph.

Contenders take turns in one process, lower is better, 1 is by hand; a figure is the ratio of two medians.  With one
thread the time is that of the processor, which other work on the machine disturbs less; with two that of the clock.
"""

from __future__ import annotations

import re
import statistics
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch._dynamo
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from benchmarks.interpreter import NETS, TAKES, THREADS, Work, clock_for, example, first, named, turn
from benchmarks.written import written
from netspec.backends import as_tuple, channels_first
from netspec.backends.torch.build import build
from netspec.ir.net import Net
from netspec.testing.cases import Case

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 41
LONG = 0.1
"""Work of so many seconds is done in fewer rounds."""
LONG_ROUNDS = 15
COMPILED_BATCH = 64
COMPILED_REQUIRED = 1.02
Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Row:
    """What is done with every network, and the ratio that is required."""

    what: str
    batch: int
    required: float


ROWS = [Row("forward", 1, 0.95), Row("forward", 64, 1.0), Row("step", 64, 1.0)]


# --- contenders


def batch_of(net: Net, batch: int) -> tuple[Tensor, Tensor]:
    """Examples, channels first, and their classes."""
    inputs, classes = example(net, batch)
    return torch.from_numpy(first(inputs)), torch.from_numpy(classes)


def generated(net: Net) -> nn.Module:
    """The module of a program, with the weights that it starts from."""
    module: nn.Module = netspec.compile(net, "torch", device="cpu").module  # type: ignore[attr-defined]
    return module


def predicting(function: Function, x: Tensor) -> Work:
    @torch.inference_mode()
    def forward() -> Tensor:
        return function(x)

    return forward


def stepping(module: nn.Module, logits: Function, x: Tensor, y: Tensor) -> Work:
    def step() -> float:
        module.zero_grad()
        loss = F.cross_entropy(logits(x), y)
        loss.backward()
        return loss.item()

    return step


def eager_works(net: Net, row: Row) -> dict[str, Work]:
    """The generated module and the one by hand, ready to work."""
    x, y = batch_of(net, row.batch)
    ours, theirs = generated(net), written(net)
    if row.what == "step":
        return {
            "module": stepping(ours, ours.logits, x, y),
            "by hand": stepping(theirs, theirs, x, y),
        }
    ours.eval()
    theirs.eval()
    return {
        "module": predicting(ours, x),
        "by hand": predicting(lambda x: theirs(x).softmax(1), x),
    }


def compiled_works(net: Net) -> dict[str, Work]:
    """Both compiled, up to the logits."""
    x, _ = batch_of(net, COMPILED_BATCH)
    ours, theirs = generated(net).eval(), written(net).eval()
    functions = {"module": ours.logits, "by hand": theirs.forward}
    return {name: predicting(torch.compile(each, dynamic=False), x) for name, each in functions.items()}


# --- measuring


def compare(works: dict[str, Work]) -> None:
    """Stop where the contenders do not compute the same."""
    found = {name: work() for name, work in works.items()}
    wanted = found.pop("by hand")
    for each in found.values():
        torch.testing.assert_close(each, wanted, rtol=1e-4, atol=1e-5)


def measure(title: str, works: dict[str, Work], threads: int, required: float) -> None:
    """Print a line of the table."""
    compare(works)
    clock = clock_for(threads)
    alone = {name: turn(work, clock, 2) for name, work in works.items()}
    counts = {name: max(1, round(TAKES / seconds)) for name, seconds in alone.items()}
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(LONG_ROUNDS if max(alone.values()) > LONG else ROUNDS):
        for name, work in works.items():
            times[name].append(turn(work, clock, counts[name]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    by_hand = medians.pop("by hand")
    ratios = " | ".join(f"**{seconds / by_hand:.2f}**" for seconds in medians.values())
    print(f"| {title} | {by_hand * 1e3:.3g} ms | {ratios} | {required:g} |", flush=True)


def head(threads: int, *columns: str) -> None:
    """Set the number of threads and print what stands over a table."""
    torch.set_num_threads(threads)
    (blas,) = set(re.findall(r"BLAS_INFO=(\w+)", torch.__config__.show()))
    kernel = f"{blas}, oneDNN, {torch.backends.cpu.get_cpu_capability()}"
    print(f"\n{threads} thread{'s' * (threads > 1)}, torch {torch.__version__} ({kernel})\n")
    print(f"| | by hand | {' | '.join(columns)} | required |")
    print(f"|---|---|{'---|' * len(columns)}---|", flush=True)


def eager() -> None:
    """Print the ratios of the modules as they are."""
    for threads in THREADS:
        head(threads, "module")
        for net in map(named, NETS):
            for row in ROWS:
                title = f"{net.name}, batch {row.batch}, {row.what}"
                measure(title, eager_works(net, row), threads, row.required)


def compiled() -> None:
    """Print the ratios of the compiled modules."""
    head(1, "module")
    torch._dynamo.config.allow_rnn = True  # PyTorch leaves recurrent layers out unless it is told not to
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # PyTorch's own
    for net in map(named, NETS):
        title = f"{net.name}, batch {COMPILED_BATCH}, forward, compiled"
        measure(title, compiled_works(net), 1, COMPILED_REQUIRED)


# --- graphs


@dataclass(frozen=True)
class Traced:
    """What the tracer makes of a module: graphs, and why it broke off."""

    graphs: int
    breaks: tuple[str, ...]


def traced(function: Callable[..., object], inputs: Sequence[Tensor], training: bool) -> Traced:
    """What the tracer of `torch.compile` makes of a function."""
    torch._dynamo.reset()
    with torch._dynamo.config.patch(allow_rnn=True), torch.set_grad_enabled(training):
        found = torch._dynamo.explain(function)(*inputs)
    return Traced(found.graph_count, tuple(str(each.reason) for each in found.break_reasons))


def graphs_of(net: Net) -> dict[str, Traced]:
    """What becomes of a network that predicts, and of one that is trained, which has its logits."""
    with torch.device("meta"):
        module = build(net)
    arrays = map(channels_first, as_tuple(Case(net.name, net).inputs(2, "float32")))
    inputs = [torch.from_numpy(each).to("meta") for each in arrays]
    return {
        "predicting": traced(module.eval(), inputs, training=False),
        "training": traced(getattr(module.train(), "logits", module), inputs, training=True),
    }


def graphs() -> None:
    """Print graphs and breaks of all networks in `specs/`; exit with 1 unless each is one graph without a break."""
    paths = sorted((ROOT / "specs").rglob("*.net"))
    whole = 0
    for path in paths:
        found = graphs_of(netspec.load(path))
        whole += all(each == Traced(1, ()) for each in found.values())
        said = "   ".join(
            f"{what}: {each.graphs} graph{'s' * (each.graphs != 1)}, {len(each.breaks)} breaks"
            for what, each in found.items()
        )
        print(f"{path.stem:<22} {said}", flush=True)
        for reason in dict.fromkeys(reason for each in found.values() for reason in each.breaks):
            print(f"    {reason.splitlines()[0]}", flush=True)
    print(f"{whole} of {len(paths)} networks are one graph without a break")
    if whole < len(paths):
        sys.exit(1)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure, and count the graphs."""
    parts = {"eager": eager, "compiled": compiled, "graphs": graphs}
    unknown = {*arguments} - {*parts}
    if unknown:
        sys.exit(f"known: {', '.join(parts)}; not {', '.join(sorted(unknown))}")
    for name, part in parts.items():
        if name in (arguments or parts):
            part()


if __name__ == "__main__":
    main(sys.argv[1:])
