"""What the NumPy plan takes in memory, over what `netspec shapes` says; and that over what PyTorch takes.

    python -m benchmarks.memory [small | NET ...]

Peaks with one example, in float32, of `predict` and of the way forward, through the loss and back (a step without its
update, which is no matter of the plan), for networks of the literature at their own size.  On all sides they are of
parameters, gradients, input, and what is made of it; without parameters and gradients netspec's are told as well, for
those hide the rest where they are many.

- *estimate*: `passes.memory`, which `netspec shapes` prints.
- *netspec*: the peak of what Python's `tracemalloc` sees, which is all that NumPy takes; the columns of convolutions
  and Python's own objects are in it.
- *PyTorch*: the module that `tests/networks` has, written by hand, on a CPU under `torch.profiler` with
  `profile_memory`: the largest sum of what its allocator gave and took back, with the parameters and the input.  Copies
  that oneDNN makes of images and weights in an order of its own are in it.

`small` prints what networks of small images take at batch 64, forward and backward, without parameters and gradients:
the faster paths hold more there than the estimate says.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import netspec
from benchmarks.interpreter import named
from netspec.backends import channels_first, compile_net
from netspec.backends.manner import PLAIN, Manner
from netspec.backends.numpy.program import NumpyProgram
from netspec.init import initial
from netspec.ir.net import Net
from netspec.passes.memory import memory_of
from tests.networks.published import PUBLISHED

NETS = ("vgg16", "resnet50")
SMALL = ("LN", "L5", "VGG")
"""Networks of `benchmarks.interpreter`."""
BATCH = 64
OVER_ESTIMATE = 1.3
"""What netspec may take over its estimate."""
FROM_TORCH = 0.2
"""How far the estimate may be from what PyTorch takes, relative to that."""
PASSES = {"forward": "forward", "both": "forward and backward"}


@dataclass(frozen=True)
class Peaks:
    """Bytes at the peak of each pass."""

    forward: int
    both: int

    def without(self, net: Net) -> Peaks:
        """The same without parameters, and gradients where there are any."""
        memory = memory_of(net)
        return Peaks(self.forward - memory.parameters, self.both - memory.parameters - memory.gradients)


def example(net: Net, batch: int = 1) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images as the spec writes them, and their classes."""
    random = np.random.default_rng(0)
    return random.standard_normal((batch, *net.inputs[0].shape.known), np.float32), np.zeros(batch, np.int64)


def estimated(net: Net, batch: int = 1) -> Peaks:
    """What `netspec shapes` says."""
    memory = memory_of(net)
    assert memory.predicting is not None and memory.training is not None
    return Peaks(
        memory.parameters + batch * memory.predicting,
        memory.parameters + memory.gradients + batch * memory.training,
    )


def ours(net: Net, batch: int = 1, manner: Manner = PLAIN) -> Peaks:
    """What the NumPy plan takes."""
    inputs, classes = example(net, batch)
    prepared = channels_first(inputs)

    def back(program: NumpyProgram) -> None:
        plan = program.plan((prepared,), *program.trained)
        scores = plan.forward((prepared,), training=True)
        plan.backward(program.losses[0].value_and_gradient(scores, classes)[1])

    # the input is there before; a prediction makes a copy of it
    return Peaks(
        _traced(net, manner, lambda program: program.predict(inputs)),
        _traced(net, manner, back) + prepared.nbytes,
    )


def _traced(net: Net, manner: Manner, work: Callable[[NumpyProgram], object]) -> int:
    """The peak of two runs with a program of their own."""
    start = initial(net)
    gc.collect()
    tracemalloc.start()
    try:
        program = compile_net(net, "numpy", parameters=start, manner=manner)
        assert isinstance(program, NumpyProgram)
        for _ in range(2):
            work(program)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def torchs(name: str, net: Net, batch: int = 1) -> Peaks:
    """What PyTorch takes for the published network of this name."""
    import torch

    inputs, classes = (torch.from_numpy(array) for array in example(net, batch))
    images = inputs.movedim(-1, 1).contiguous()
    module = PUBLISHED[name].build()
    held = sum(each.nbytes for each in [*module.parameters(), *module.buffers(), images])

    def forward() -> None:
        with torch.inference_mode():
            module.eval()(images)

    def back() -> None:
        torch.nn.functional.cross_entropy(module.train()(images), classes).backward()

    found = []
    for work in (forward, back):
        work()
        module.zero_grad(set_to_none=True)
        found.append(held + _profiled(work))
    return Peaks(*found)


def _profiled(work: Callable[[], None]) -> int:
    """The most that PyTorch's allocator had given and not taken back."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    results: Any = profiled.profiler
    events = [each for each in results.kineto_results.events() if each.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def small() -> None:
    """Print what networks of small images take at a training batch."""
    for net in map(named, SMALL):
        sides = estimated(net, BATCH), ours(net, BATCH), ours(net, BATCH, Manner(reference=True))
        told, mine, plain = (side.without(net).both / 1e6 for side in sides)
        print(
            f"{net.name}: estimate {told:.1f} MB, netspec {mine:.1f}, by its plain rules {plain:.1f}",
            flush=True,
        )


def main(names: list[str]) -> None:
    """Print the table."""
    import torch

    if "small" in names:
        small()
        return
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, one example, MB\n")
    print("| | estimate | netspec | over estimate | without weights | PyTorch | estimate over PyTorch |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in names or NETS:
        net = netspec.load(f"specs/networks/{name}.net")
        told, taken, beside = estimated(net), ours(net), torchs(name, net)
        bare = told.without(net), taken.without(net)
        for way, said in PASSES.items():
            whole, mine, theirs = (getattr(side, way) for side in (told, taken, beside))
            rest, own = (getattr(side, way) for side in bare)
            print(
                f"| {name}, {said} | {whole / 1e6:.1f} | {mine / 1e6:.1f} | **{mine / whole:.2f}** | "
                f"{own / 1e6:.1f} / {rest / 1e6:.1f} = **{own / rest:.2f}** | "
                f"{theirs / 1e6:.1f} | **{whole / theirs:.2f}** |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
