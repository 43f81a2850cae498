"""How long reading and checking a spec takes, beside building the same network by hand in PyTorch.

    python -m benchmarks.frontend

Each network is parsed (text to tree), analysed (`netspec.parse`: tree, checks, shapes and counts) and, where a twin is
written for it, built layer by layer in PyTorch on the meta device, which allocates nothing, with one forward pass for
the shapes, and once more with torchinfo's table (but of the longest; left out, and said so, where that is not
installed).  Figures are medians of runs in turn, in time of the processor, so that the machine's moods hit all alike.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

import netspec
from netspec.diagnostics import Diagnostics
from netspec.limits import Limits
from netspec.source import Source
from netspec.syntax import parser
from tests.networks.published import PUBLISHED

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 5
LINES: Final = (1_000, 10_000)
SPECS: Final = ("lenet", "networks/resnet50", "networks/resnet152")
"""Specs of `specs/` that are measured too; those of the literature beside the networks by hand of the tests."""
PER_SECOND: Final = 35_000
"""Distinct lines that are to be parsed in a second, of `LINES[-1]`."""
OF_TORCHINFO: Final = 0.2
"""What analysing may take of the time of torchinfo."""
LIMITS: Final = Limits().raised(layers=10**6)

Module = Callable[[], nn.Module]


@dataclass(frozen=True)
class Case:
    """One network: its text and, where there is one, how it is built by hand for an image of 16x16x3."""

    name: str
    text: str
    twin: tuple[Module, ...] = ()
    """The layers of the network by hand, in a row."""
    whole: Module | None = None
    """The network by hand, for an image of 224x224x3."""

    @property
    def lines(self) -> int:
        """Lines of the text that say something."""
        return sum(1 for line in self.text.splitlines() if line.strip())


def generated(lines: int) -> Case:
    """A network of distinct lines: images stay 16x16 until the last tenth of the lines, which is dense."""
    texts, twin = ["input 16x16x3"], []
    width = 3
    images = lines - lines // 10
    for index in range(1, images):
        text, width, modules = _image_line(index, width)
        texts.append(text)
        twin += modules
    texts += ["pool 16x16"]
    twin += [lambda: nn.MaxPool2d(16), nn.Flatten]
    for index in range(images + 1, lines):
        units = 8 + index * 7 % 120
        texts.append(f"dense {units} {('relu', 'tanh', 'gelu')[index % 3]} as d{index}")
        twin += [_linear(width, units), (nn.ReLU, nn.Tanh, nn.GELU)[index % 3]]
        width = units
    return Case(f"{lines:,} lines", "\n".join(texts) + "\n", tuple(twin))


def _image_line(index: int, width: int) -> tuple[str, int, list[Module]]:
    """A line that keeps the height and width of its image, the channels that it makes, and its twin."""
    wide = 8 + index * 7 % 120
    share, small = index % 997 / 1000, index % 9 + 1

    def norm(channels: int, eps: float = 1e-5) -> Module:
        return lambda: nn.BatchNorm2d(channels, eps=eps)

    def pool(kind: Callable[..., nn.Module]) -> Module:
        return lambda: kind(3, stride=1, padding=1)

    match index % 8:
        case 0:
            conv = _conv(width, wide, 3, bias=False)
            return (
                f"conv {wide} 3x3 same nobias batchnorm relu as c{index}",
                wide,
                [conv, norm(wide), nn.ReLU],
            )
        case 1:
            conv = _conv(width, wide, 5)
            return f"conv {wide} 5x5 same stride1 relu as c{index} -> 16x16x{wide}", wide, [conv, nn.ReLU]
        case 2:
            return f"pool 3x3 stride1 same as p{index}", width, [pool(nn.MaxPool2d)]
        case 3:
            return f"batchnorm eps={small}e-4 as b{index}", width, [norm(width, small * 1e-4)]
        case 4:
            return f"dropout {share} as n{index}", width, [lambda: nn.Dropout(share)]
        case 5:
            return f"conv {wide} 1x1 tanh as c{index}", wide, [_conv(width, wide, 1), nn.Tanh]
        case 6:
            return f"pool avg 3x3 stride1 same as p{index}", width, [pool(nn.AvgPool2d)]
        case _:
            conv = _conv(width, wide, 3, dilation=2)
            return f"conv {wide} 3x3 same dilation2 gelu as c{index}", wide, [conv, nn.GELU]


def _conv(width: int, wide: int, side: int, **options: Any) -> Module:
    return lambda: nn.Conv2d(width, wide, side, padding="same", **options)


def _linear(width: int, units: int) -> Module:
    return lambda: nn.Linear(width, units)


def built(case: Case) -> tuple[nn.Module, tuple[int, ...]]:
    """The twin, to be called on the meta device, and the size of what it reads."""
    side = 224 if case.whole else 16
    net = case.whole() if case.whole else nn.Sequential(*(make() for make in case.twin))
    return net.eval(), (1, 3, side, side)


def by_hand(case: Case) -> None:
    """Build the twin on the meta device and run one meta image through it."""
    with torch.device("meta"), torch.no_grad():
        net, size = built(case)
        net(torch.empty(size))


def with_torchinfo(case: Case) -> None:
    """Build the twin on the meta device and have torchinfo write its table."""
    import torchinfo

    with torch.device("meta"):
        net, size = built(case)
        str(torchinfo.summary(net, size, device="meta", verbose=0))


def seconds(jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median time of each job, run in turn."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(REPEATS):
        for name, job in jobs.items():
            gc.collect()
            start = time.process_time()
            made = job()
            times[name].append(time.process_time() - start)
            del made
    return {name: statistics.median(measured) for name, measured in times.items()}


def measure(case: Case) -> dict[str, float]:
    """The medians of one network, printed."""
    layers = len(list(netspec.parse(case.text, limits=LIMITS)))
    jobs: dict[str, Callable[[], object]] = {
        "parse": lambda: parser.parse(Source(case.text), Diagnostics(), LIMITS),
        "analyse": lambda: netspec.parse(case.text, limits=LIMITS),
    }
    if case.twin or case.whole:
        jobs["by hand"] = lambda: by_hand(case)
        if find_spec("torchinfo") and case.lines <= LINES[0]:  # it takes long
            jobs["torchinfo"] = lambda: with_torchinfo(case)
    found = seconds(jobs)
    peers = [name for name in found if name not in ("parse", "analyse")]
    for name, median in found.items():
        rates = f"{case.lines / median:9,.0f} lines/s {layers / median:9,.0f} layers/s"
        ratios = "".join(f"   {median / found[peer]:5.2f} of {peer}" for peer in peers if name not in peers)
        print(f"{case.name:<14} {name:<9} {median * 1000:9.1f} ms {rates}{ratios}", flush=True)
    if "torchinfo" in found:
        print(f"{case.name:<14} required: {OF_TORCHINFO} of torchinfo to analyse")
    return found


def main() -> None:
    """Print medians, rates, the ratios to peers, and what ten times the lines cost."""
    torch.set_num_threads(1)
    print(f"one thread, torch {torch.__version__}")
    if not find_spec("torchinfo"):
        print('torchinfo is not installed: pip install "netspec[benchmark]"', file=sys.stderr)
    for place in SPECS:
        name = place.rpartition("/")[2]
        published = PUBLISHED.get(name)
        text = (ROOT / "specs" / f"{place}.net").read_text("utf-8")
        measure(Case(name, text, whole=published.build if published else None))
    few, many = (measure(generated(lines)) for lines in LINES)
    print(f"{LINES[1]:,} lines: {LINES[1] / many['parse']:,.0f} parsed a second, required: {PER_SECOND:,}")
    for name, median in many.items():
        print(f"{LINES[1] // LINES[0]} times the lines: {name} takes {median / few[name]:.1f} times as long")


if __name__ == "__main__":
    main()
