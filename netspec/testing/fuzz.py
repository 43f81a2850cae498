"""Do the backends agree on whatever network chance makes?  `python -m netspec.testing.fuzz --count 100000`.

A number is a network: `drawing` writes a text from it, words and options taken from the catalog's own definitions.
The NumPy interpreter is then compared with PyTorch in float64, in what the network gives, also at a second size of
its symbols, in its loss and in the gradient of every parameter; and with its ONNX model in what it gives, in float64
where onnxruntime has all of its operators in that type, else in float32; and with its own faster paths, which are
those of float32.  Inputs are random, so that no activation stands at its kink.  Layers that draw at random do nothing
here; `conformance` is for them, and for optimisers.

Some networks make much of rounding: a normalisation of numbers that are all alike divides what rounding has left of
their differences by as little.  How much is not guessed but measured, where there is a difference, on the same network
in float32: rounding does there 2**29 times what it does in float64, and a fault as much in both.  PyTorch is never
allowed more for it, ONNX models and faster paths are in proportion to it, as they are float32 in part or as a whole.
A network of which float32 keeps less than three digits is left out where the backends differ; how many these are is
told.

What differs is shrunk (`shrink`) and saved as a spec, with the number and the difference as comments.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias

import click
import numpy as np

from netspec.backends import Arrays, as_given, as_tuple, channels_first, compile_net, on_each
from netspec.backends.manner import Manner
from netspec.diagnostics import SpecError
from netspec.init import generator
from netspec.ir.net import Net
from netspec.testing.cases import Case, quiet, sized
from netspec.testing.conformance import distance
from netspec.testing.drawing import SIZES, Unreadable, draw, read
from netspec.testing.shrink import shrink
from netspec.testing.verify import FAST, ONNX, REFERENCE, TOLERANCES, others

Array = np.ndarray[Any, np.dtype[Any]]
Results: TypeAlias = dict[str, Array]

EXAMPLES: Final = 3
CLOSE: Final = {
    "float64": (TOLERANCES["float64"], 0.0),
    f"{ONNX} float64": (1e-6, 10.0),  # the attributes of its operators are float32
    f"{ONNX} float32": (TOLERANCES["float32"], 100.0),  # so is 1e-4 to what rounding mostly makes, 1e-6
    "fast": (TOLERANCES["float32"], 100.0),
}
"""The largest difference that counts as none, and how many times what rounding to float32 makes may count as none."""
KEPT: Final = 1e-3
"""Rounding to float32 that changes a result by more leaves less than three digits of it, and tells nothing."""
NEAR: Final = 3
"""How often that is tried on other numbers."""
CHUNK: Final = 250
"""Networks that a process is handed at a time."""
COMPILER: Final = "compiler"
"""Stands for a backend where the text itself could not be read."""


@dataclass(frozen=True)
class Finding:
    """A network on which a backend differs from the reference; `difference` is relative, infinite for a failure."""

    seed: int
    backend: str
    what: str
    difference: float
    text: str

    def __str__(self) -> str:
        far = "" if self.difference == float("inf") else f" by {self.difference:.1e}"
        return f"{self.seed}: {self.backend}: {self.what}{far}"

    @property
    def file(self) -> str:
        """The name of a file for it."""
        return f"{self.seed}-{self.backend}.net"

    def spec(self) -> str:
        """The text with what is wrong as comments, as a file."""
        said = str(self).replace("\n", " ")
        return f"# {said}\n{self.text.strip()}\n"


@dataclass
class Tally:
    """What came of some numbers."""

    agreed: int = 0
    unstable: int = 0
    """Networks with a difference, of which float32 keeps less than three digits."""
    exported: int = 0
    """Networks that were also compared as an ONNX model."""
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another one's counts in."""
        self.agreed += other.agreed
        self.unstable += other.unstable
        self.exported += other.exported
        self.findings += other.findings


@dataclass(frozen=True)
class Numbers:
    """A network with the numbers to run it on, all in float64."""

    case: Case
    start: Mapping[str, Array]
    inputs: tuple[Arrays, ...]
    """A batch for each of the sizes tried."""
    targets: Arrays | None

    @classmethod
    def of(cls, net: Net, seed: int) -> Numbers:
        """Random ones, none of them special."""
        case = Case("fuzz", quiet(net), EXAMPLES)
        sizes = SIZES[: 1 + bool(net.symbols)]
        targets = case.targets(EXAMPLES, "float64", sizes[0]) if case.trains else None
        return cls(case, case.start("float64"), tuple(_inputs(net, seed, steps) for steps in sizes), targets)

    def results(self, backend: str, dtype: str = "float64", *, plain: bool = True) -> Results:
        """Everything that a backend makes of them, by what it is called; the reference by its `plain` rules, or not."""

        def cast(array: Array) -> Array:
            return array.astype(dtype) if array.dtype.kind == "f" else array

        net, start = self.case.net, {name: cast(value) for name, value in self.start.items()}
        batches = [on_each(cast, inputs) for inputs in self.inputs]
        # the plain rules in float32 too: a faster path that does not share a fault would pass for rounding
        manner = Manner(reference=plain and backend == REFERENCE)
        program = compile_net(net, backend, dtype=dtype, device="cpu", parameters=start, manner=manner)
        found = dict(self._named(program.predict(inputs) for inputs in batches))
        if self.targets is not None:
            program.begin(self.case.training)
            batch, targets = on_each(channels_first, batches[0]), on_each(cast, self.targets)
            loss, gradients = program.loss_and_gradients(batch, targets)
            found["the loss"] = np.asarray(loss)
            found |= {f"the gradient of {name}": gradient for name, gradient in gradients.items()}
        return found

    def near(self, number: int, share: float = 1e-3) -> Numbers:
        """Numbers like these, changed by a share at most."""
        random = generator(number, "near")

        def change(array: Array) -> Array:
            whole = array.dtype.kind != "f"
            return array if whole else array * (1 + share * random.uniform(-1, 1, array.shape))

        start = {name: change(value) for name, value in self.start.items()}
        return replace(self, start=start, inputs=tuple(on_each(change, each) for each in self.inputs))

    def rounding(self, what: str) -> float:
        """How far a result in float32 is from that in float64; the largest of several, as one may be exact by luck."""
        backends = [REFERENCE, *(name for name in _others() if name not in (ONNX, FAST))]
        likewise = [self, *map(self.near, range(NEAR))]
        return max(
            distance(each.results(backend, "float32")[what], each.results(backend)[what])
            for backend in backends
            for each in likewise
        )

    def scatter(self, backend: str, what: str) -> float:
        """How much the error of the ONNX model or a faster path changes with numbers by the last digits of float32.

        What rounding makes is another error then, and what a fault makes is the same.  So is seen what a runtime's own
        way of working a layer out makes, such as ONNX's variance, E[x^2] - E[x]^2, of numbers that are nearly alike.
        """
        likewise = [self, *(self.near(number, 1e-6) for number in range(NEAR))]
        wanted = [each.results(REFERENCE)[what] for each in likewise]
        found = [each.exported()[1] if backend == ONNX else each.fast() for each in likewise]
        errors = [each[what] - array for each, array in zip(found, wanted, strict=True)]
        return max(distance(wanted[0] + error, wanted[0] + errors[0]) for error in errors)

    def fast(self) -> Results:
        """What the faster paths of the reference give."""
        return self.results(REFERENCE, "float32", plain=False)

    def exported(self) -> tuple[str, Results]:
        """What its ONNX model gives, and in which type; raises `SpecError` N601 where it has none."""
        run: Any = import_module("netspec.backends.onnx.run")  # onnx may not be installed
        dtype, batches = run.predict_closely(self.case.net, self.start, self.inputs)
        return dtype, dict(self._named(batches))

    def _named(self, batches: Iterable[Arrays]) -> Iterator[tuple[str, Array]]:
        for steps, outputs in zip(SIZES, batches, strict=False):
            for layer, output in zip(self.case.net.outputs, as_tuple(outputs), strict=True):
                yield f"the output {layer.name}{f' at another size, {steps}' * (steps != SIZES[0])}", output


def _inputs(net: Net, seed: int, steps: int) -> Arrays:
    random = generator(seed, f"fuzz/{steps}")
    dims = [(EXAMPLES, *each) for each in sized(net, steps)]
    return as_given(
        [
            random.normal(size=each) if layer.shape.of is None else random.integers(0, layer.shape.of, each)
            for layer, each in zip(net.inputs, dims, strict=True)
        ]
    )


@cache
def _others() -> tuple[str, ...]:
    """Looked up once: it takes as long as a network."""
    return tuple(others())


def _compared(numbers: Numbers, backend: str, wanted: Results) -> tuple[str, dict[str, float]] | None:
    """Which of `CLOSE` holds, and how far a backend is from what is wanted; None where it has no model."""
    kind = "float64"
    if backend == FAST:
        kind, found = "fast", numbers.fast()
    elif backend == ONNX:
        try:
            dtype, found = numbers.exported()
            kind = f"{ONNX} {dtype}"
        except SpecError as refused:
            if refused.diagnostics[0].code != "N601":
                raise
            return None
        wanted = {name: wanted[name] for name in found}
    else:
        found = numbers.results(backend)
    return kind, {name: _apart(found, array, name) for name, array in wanted.items()}


def _apart(found: Results, wanted: Array, name: str) -> float:
    return distance(found[name], wanted) if name in found else float("inf")


def examine(net: Net, seed: int) -> Tally:
    """Compare the backends on one network, with numbers that follow from the seed."""
    tally, numbers = Tally(), Numbers.of(net, seed)
    backend = REFERENCE
    try:
        wanted = numbers.results(REFERENCE)
        if not all(np.isfinite(array).all() for array in wanted.values()):
            return Tally(unstable=1)
        for backend in _others():
            compared = _compared(numbers, backend, wanted)
            if compared is not None:
                tally.exported += backend == ONNX
                _judge(tally, numbers, Finding(seed, backend, "", 0.0, net.text), *compared)
    except Exception as problem:  # a backend under test may fail in any way
        said = f"{type(problem).__name__}: {problem}"
        tally.findings.append(Finding(seed, backend, said, float("inf"), net.text))
    if tally.findings:
        tally.unstable = 0
    tally.agreed = not tally.findings and not tally.unstable
    return tally


def _judge(tally: Tally, numbers: Numbers, blank: Finding, kind: str, differences: dict[str, float]) -> None:
    """Add the largest difference that is one, or that none can be told, to what came of a network."""
    tolerance, times = CLOSE[kind]
    for far, name in sorted(((far, name) for name, far in differences.items()), reverse=True):
        if far <= tolerance:
            return
        rounding = numbers.rounding(name)
        if blank.backend in (ONNX, FAST):
            rounding = max(rounding, numbers.scatter(blank.backend, name))
        if rounding > KEPT:
            tally.unstable |= blank.backend != FAST  # float32 against itself: nothing was to be told there
        elif far > times * rounding:
            tally.findings.append(replace(blank, what=name, difference=far))
            return


def smaller(finding: Finding) -> Finding:
    """The finding on the smallest text on which the same backend fails in the same way."""
    best = finding

    def fails(text: str) -> bool:
        nonlocal best
        for each in _findings_of(text, finding.seed):
            same = each.backend == finding.backend and _way(each) == _way(finding)
            if same:
                best = each
                return True
        return False

    return replace(best, text=shrink(finding.text, fails)) if fails(finding.text) else finding


def _way(finding: Finding) -> str:
    """How it fails: by a difference, or by which exception."""
    return finding.what.split(":")[0] if finding.difference == float("inf") else "difference"


def _findings_of(text: str, seed: int) -> list[Finding]:
    try:
        net = read(text)
    except Unreadable as problem:
        return [Finding(seed, COMPILER, str(problem), float("inf"), text)]
    return examine(net, seed).findings if net is not None else []


def fuzz(seeds: Iterable[int], save: Path | None = None) -> Tally:
    """Draw and compare the networks of these numbers; what differs is shrunk, and saved in a folder."""
    tally = Tally()
    with np.errstate(all="ignore"):
        for seed in seeds:
            try:
                found = examine(draw(Random(seed)), seed)
            except Unreadable as problem:
                found = Tally(findings=[Finding(seed, COMPILER, str(problem), float("inf"), problem.text)])
            found.findings = [smaller(each) for each in found.findings]
            tally.add(found)
            for each in found.findings if save else ():
                assert save is not None
                save.mkdir(parents=True, exist_ok=True)
                (save / each.file).write_text(each.spec(), encoding="utf-8")
    return tally


def _one_thread() -> None:
    """For arrays this small, threads cost more than they save."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


def _results(chunks: Sequence[range], jobs: int, save: Path | None) -> Iterator[Tally]:
    """What came of each chunk, in order."""
    if jobs == 1:
        _one_thread()
        yield from (fuzz(chunk, save) for chunk in chunks)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _one_thread) as pool:
        yield from pool.map(fuzz, chunks, [save] * len(chunks))


@click.command()
@click.option("--count", default=2000, show_default=True, help="Networks to draw.")
@click.option("--seed", default=0, show_default=True, help="The number of the first; the others follow it.")
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--save", type=click.Path(path_type=Path), help="A folder for the specs of what differs.")
@click.pass_context
def main(ctx: click.Context, count: int, seed: int, jobs: int, save: Path | None) -> None:
    """Compare the backends on random networks.  Exits with 1 where they differ.

    Interrupted, it says with which --seed to go on.
    """
    tally, done, end = Tally(), seed, seed + count
    chunks = [range(start, min(start + CHUNK, end)) for start in range(seed, end, CHUNK)]
    try:
        for chunk, found in zip(chunks, _results(chunks, jobs, save), strict=True):
            tally.add(found)
            done = chunk.stop
            for each in found.findings:
                click.echo(f"{each}\n{each.text.strip()}\n")
            click.echo(f"{done - seed:,} of {count:,}", err=True)
    except KeyboardInterrupt:
        click.echo(f"stopped; go on with --seed {done} --count {end - done}", err=True)
    except BrokenProcessPool:
        raise click.ClickException(f"a process was ended by one of the networks from {done} on") from None
    click.echo(
        f"{done - seed:,} networks, {seed} to {done - 1}: {tally.agreed:,} agree, {tally.exported:,} of all also as "
        f"ONNX models; {tally.unstable:,} were left out; {len(tally.findings):,} differences"
    )
    ctx.exit(1 if tally.findings else 0)


if __name__ == "__main__":
    main()
