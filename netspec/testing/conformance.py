"""Conformance: does a backend mean what the language means?  For the built-in backends and for those of others.

    from netspec.testing import conformance
    def test_my_backend():
        assert conformance.main("mine") == []

Every case is compiled by the backend and by a reference, from the same parameters; each check compares one thing, by
the protocol of `netspec.backends.Program` alone.  Knows no backend, and no layer by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np

from netspec.backends import Arrays, Program, as_tuple, available, channels_first, compile_net, on_each
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.ir.net import Net
from netspec.testing.cases import Case, cases, quiet
from netspec.testing.chance import chance

__all__ = ["Case", "Finding", "cases", "main", "run"]

FLOAT32: Final = 1e-4
FLOAT64: Final = 1e-10
GRADIENT: Final = 1e-9
AFTER_STEPS: Final = 1e-8
SMALLEST_SCALE: Final = 1e-3
"""Numbers are compared relative to the largest of them, but to this at least."""
RATE: Final = 0.05
BATCHES: Final = (5, 3, 5)
"""Batch sizes of the training steps: the size changes as at the end of an epoch."""

Difference: TypeAlias = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a backend does differently; `difference` is relative, infinite where things cannot be compared."""

    case: str
    backend: str
    check: str
    difference: float
    message: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.case}: {self.check}: {self.message} (difference {self.difference:.1e})"


@dataclass(frozen=True)
class Bench:
    """One case, the backend under test and the reference.  `net` is without randomness where something is trained."""

    case: Case
    backend: str
    reference: str
    programs: dict[tuple[str, str, bool], Program] = field(default_factory=dict)

    @cached_property
    def quiet_case(self) -> Case:
        """The case as it is trained."""
        case = self.case
        if not any(layer.operation.random for layer in case.net):
            return case
        return replace(case, net=quiet(case.net))

    def tested(self, dtype: str = "float64", *, training: bool = False) -> Program:
        """The program under test with the case's parameters, its optimiser fresh."""
        return self._program(self.backend, dtype, training)

    def wanted(self, dtype: str = "float64", *, training: bool = False) -> Program:
        """The reference program, likewise."""
        return self._program(self.reference, dtype, training)

    def _program(self, backend: str, dtype: str, training: bool) -> Program:
        case = self.quiet_case if training else self.case
        key = (backend, dtype, case is self.case)
        if key not in self.programs:
            self.programs[key] = compile_net(case.net, backend, dtype=dtype, device="cpu")
        program = self.programs[key]
        program.load(case.start(dtype))
        if training:
            program.begin(case.training)
        return program

    def batches(self, dtype: str = "float64") -> Iterator[tuple[Arrays, Arrays]]:
        """Prepared batches to train on."""
        for size in BATCHES if self.case.batch == BATCHES[0] else (self.case.batch, self.case.batch):
            yield on_each(channels_first, self.case.inputs(size, dtype)), self.case.targets(size, dtype)

    def batch(self, dtype: str = "float64") -> tuple[Arrays, Arrays]:
        """The first of them."""
        return next(self.batches(dtype))


def distance(found: Any, wanted: Any) -> float:
    """The largest difference of two arrays relative to the largest wanted entry; infinite where they do not compare."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape or not np.isfinite(wanted).all() or not np.isfinite(found).all():
        return float("inf")
    if wanted.size == 0:
        return 0.0
    scale = max(float(np.abs(wanted).max()), SMALLEST_SCALE)
    return float(np.abs(found.astype("float64") - wanted).max()) / scale


def _compare(what: str, found: Any, wanted: Any, tolerance: float) -> Iterator[Difference]:
    """The differences of one array, or of each of several."""
    if len(as_tuple(found)) != len(as_tuple(wanted)):
        yield float("inf"), f"{what}: {len(as_tuple(found))} arrays instead of {len(as_tuple(wanted))}"
        return
    for one, other in zip(as_tuple(found), as_tuple(wanted), strict=True):
        far = distance(one, other)
        if far > tolerance:
            shapes = np.shape(one), np.shape(other)
            more = f": shapes {shapes[0]} and {shapes[1]}" if shapes[0] != shapes[1] else ""
            yield far, f"{what} differs{more}"


def _compare_all(
    what: str, found: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float
) -> Iterator[Difference]:
    if list(found) != list(wanted):
        yield float("inf"), f"{what}: {', '.join(found) or 'none'} instead of {', '.join(wanted) or 'none'}"
        return
    for name in wanted:
        yield from _compare(f"{what} of {name}", found[name], wanted[name], tolerance)


# --- what a program must do by itself


def shapes(bench: Bench) -> Iterator[Difference]:
    """Outputs have the network's shape and the type asked for; an example's network has the shape it promises."""
    case, outputs = bench.case, bench.case.net.outputs
    if case.stated and str(outputs[-1].shape) != case.stated:
        yield float("inf"), f"the example promises {case.stated} and the network gives {outputs[-1].shape}"
    for dtype in ("float32", "float64"):
        results = as_tuple(bench.tested(dtype).predict(case.inputs(case.batch, dtype)))
        for output, result in zip(outputs, results, strict=True):
            dims = [None if not isinstance(dim, int) else dim for dim in output.shape.dims]
            fits = all(dim in (None, size) for dim, size in zip(dims, result.shape[1:], strict=False))
            if result.ndim != len(dims) + 1 or result.shape[0] != case.batch or not fits:
                yield float("inf"), f"the output is {result.shape}, not {case.batch} of {output.shape}"
            if output.shape.of is None and result.dtype != dtype:
                yield float("inf"), f"the output is {result.dtype}, not {dtype}"


def parameters(bench: Bench) -> Iterator[Difference]:
    """Names, order, shapes, types and count are the network's; what is loaded comes back, as copies."""
    net, start = bench.case.net, bench.case.start("float32")
    program = bench.tested("float32")
    found = program.parameters()
    yield from _compare_all("the value", found, start, 0.0)
    for name, param in net.parameters.items():
        if name in found and (found[name].shape != param.shape or found[name].dtype != "float32"):
            yield (
                float("inf"),
                f"{name} is {found[name].dtype} {found[name].shape}, not float32 {param.shape}",
            )
    count = sum(
        found[name].size for name, param in net.parameters.items() if not param.is_state and name in found
    )
    if count != net.parameter_count:
        yield abs(count - net.parameter_count), f"{count} parameters, not {net.parameter_count}"
    for value in found.values():
        value += 1
    yield from _compare_all("the value (after its copy was changed)", program.parameters(), start, 0.0)
    fresh = compile_net(net, bench.backend, seed=7, device="cpu").parameters()
    yield from _compare_all("the initial value", fresh, initial(net, 7, "float32"), 0.0)


def refusal(bench: Bench) -> Iterator[Difference]:
    """Parameters that are not the network's are refused with N703."""
    start = bench.case.start("float32")
    if not start:
        return
    first = next(iter(start))
    lacking = {name: value for name, value in start.items() if name != first}
    for wrong in (lacking, start | {"no_such.weight": start[first]}, start | {first: start[first][None]}):
        try:
            bench.tested("float32").load(wrong)
        except SpecError as refused:
            if refused.diagnostics[0].code != "N703":
                yield (
                    float("inf"),
                    f"wrong parameters are refused with {refused.diagnostics[0].code}, not N703",
                )
        else:
            yield float("inf"), "parameters that are not the network's are taken"


def repeatable(bench: Bench) -> Iterator[Difference]:
    """A prediction depends on its example alone, not on its neighbours or on what ran before; inputs stay."""
    case, program = bench.case, bench.tested()
    inputs = case.inputs(case.batch, "float64")
    kept = on_each(np.copy, inputs)
    first = program.predict(inputs)
    saved = on_each(np.copy, first)
    others = program.predict(case.inputs(case.batch, "float64", purpose="others"))
    yield from _compare("an earlier result", first, saved, 0.0)
    if case.trains and case.net.parameters and not any(_compare("an output", others, saved, 0.0)):
        yield float("inf"), "other inputs give the same output"
    for index in (0, case.batch - 1):
        alone = program.predict(on_each(itemgetter(slice(index, index + 1)), inputs))
        expected = on_each(itemgetter(slice(index, index + 1)), saved)
        yield from _compare("the output for an example by itself", alone, expected, FLOAT64)
    yield from _compare("the output the second time", program.predict(inputs), saved, 0.0)
    yield from _compare("the input array", inputs, kept, 0.0)


def nothing_changes(bench: Bench) -> Iterator[Difference]:
    """`loss_and_gradients`, `evaluate` and `predict` leave parameters and states alone, and gradients do not add up."""
    if not bench.case.trains:
        return
    program, batch = bench.tested(training=True), bench.batch()
    loss, gradients = program.loss_and_gradients(*batch)
    again, second = program.loss_and_gradients(*batch)
    program.evaluate(*batch)
    program.predict(bench.case.inputs(2, "float64"))
    yield from _compare_all(
        "the value (nothing was trained)", program.parameters(), bench.case.start("float64"), 0.0
    )
    yield from _compare("the loss the second time", again, loss, FLOAT64)
    yield from _compare_all("the gradient (the second time)", second, gradients, FLOAT64)


def starts_afresh(bench: Bench) -> Iterator[Difference]:
    """After `begin` the optimiser has forgotten: the same start gives the same steps."""
    if not bench.case.trains:
        return
    results = []
    for _ in range(2):
        program = bench.tested(training=True)
        for batch in bench.batches():
            program.train_step(*batch, RATE)
        results.append(program.parameters())
    yield from _compare_all("the second training's value", results[1], results[0], FLOAT64)


# --- what it must do as the reference does


def outputs(bench: Bench) -> Iterator[Difference]:
    """Predictions in both precisions, also for other lengths of a sequence and sizes of an image."""
    case = bench.case
    lengths = (4,) if all(layer.shape.is_known for layer in case.net.inputs) else (4, 2, 7)
    for dtype, tolerance in (("float32", FLOAT32), ("float64", FLOAT64)):
        for steps in lengths:
            inputs = case.inputs(case.batch, dtype, steps)
            tested, wanted = bench.tested(dtype).predict(inputs), bench.wanted(dtype).predict(inputs)
            yield from _compare(f"the output in {dtype}", tested, wanted, tolerance)


def evaluation(bench: Bench) -> Iterator[Difference]:
    """Loss and outputs in prediction mode."""
    if not bench.case.trains:
        return
    programs = bench.tested(), bench.wanted()
    for program in programs:
        program.begin(bench.case.training)
    found, wanted = (program.evaluate(*bench.batch()) for program in programs)
    yield from _compare("the loss in prediction mode", found[0], wanted[0], GRADIENT)
    yield from _compare("the evaluated output", found[1], wanted[1], FLOAT64)


def gradients(bench: Bench) -> Iterator[Difference]:
    """Loss and gradients in training mode."""
    if not bench.case.trains:
        return
    batch = bench.batch()
    found = bench.tested(training=True).loss_and_gradients(*batch)
    wanted = bench.wanted(training=True).loss_and_gradients(*batch)
    yield from _compare("the loss", found[0], wanted[0], GRADIENT)
    yield from _compare_all("the gradient", found[1], wanted[1], GRADIENT)


def steps(bench: Bench) -> Iterator[Difference]:
    """Losses, parameters and states over some steps of the optimiser, and what is then predicted."""
    if not bench.case.trains:
        return
    tested, wanted = bench.tested(training=True), bench.wanted(training=True)
    for number, batch in enumerate(bench.batches(), 1):
        found, expected = (float(program.train_step(*batch, RATE)) for program in (tested, wanted))
        yield from _compare(f"the loss of step {number}", found, expected, AFTER_STEPS)
    norms = tested.gradient_norms(), wanted.gradient_norms()
    yield from _compare_all("the norm of the gradient", *norms, AFTER_STEPS)
    values = tested.parameters(), wanted.parameters()
    yield from _compare_all("after some steps the value", *values, AFTER_STEPS)
    inputs = bench.case.inputs(bench.case.batch, "float64")
    yield from _compare(
        "after some steps the output", tested.predict(inputs), wanted.predict(inputs), AFTER_STEPS
    )


def averages(bench: Bench) -> Iterator[Difference]:
    """The averaged weights: those of the reference, in the place of the trained ones as long as they are wanted."""
    if not bench.case.trains or not bench.case.training.get("average"):
        return
    tested, wanted = bench.tested(training=True), bench.wanted(training=True)
    tested.use_average(True)
    yield from _compare_all(
        "before the first step the value", tested.parameters(), bench.case.start("float64"), 0.0
    )
    tested.use_average(False)
    for batch in bench.batches():
        for program in (tested, wanted):
            program.train_step(*batch, RATE)
    trained, inputs = tested.parameters(), bench.case.inputs(bench.case.batch, "float64")
    for program in (tested, wanted):
        program.use_average(True)
    values = tested.parameters(), wanted.parameters()
    yield from _compare_all("the averaged value", *values, AFTER_STEPS)
    yield from _compare(
        "the output of the averaged weights", tested.predict(inputs), wanted.predict(inputs), AFTER_STEPS
    )
    if bench.case.net.trained_count and not any(
        _compare_all("the averaged value", values[0], trained, AFTER_STEPS)
    ):
        yield float("inf"), "the averaged weights are the trained ones"
    for program in (tested, wanted):
        program.use_average(False)
    yield from _compare_all("the value put back", tested.parameters(), trained, 0.0)


def exchange(bench: Bench) -> Iterator[Difference]:
    """Parameters and states of a trained program, loaded into the other, predict the same there."""
    inputs = bench.case.inputs(bench.case.batch, "float32")
    for trained, other in (("tested", "wanted"), ("wanted", "tested")):
        source = getattr(bench, trained)("float32", training=True)
        if bench.case.trains:
            source.train_step(*bench.batch("float32"), RATE)
        target = getattr(bench, other)("float32", training=True)
        target.load(source.parameters())
        where = "in the reference" if other == "wanted" else "from the reference"
        yield from _compare(f"the output {where}", target.predict(inputs), source.predict(inputs), FLOAT32)


def randomness(bench: Bench) -> Iterator[Difference]:
    """Random layers in training: the same spread as the reference's, gradients of the same draw, draws by the seed."""
    for layer in bench.case.net:
        if layer.operation.random and layer.operation.at_prediction() is None:
            yield from chance(layer.operation, bench.backend, bench.reference)


Check: TypeAlias = Callable[[Bench], Iterator[Difference]]
OWN: Final[tuple[Check, ...]] = (shapes, parameters, refusal, repeatable, nothing_changes, starts_afresh)
COMPARED: Final[tuple[Check, ...]] = (outputs, evaluation, gradients, steps, averages, exchange, randomness)


def run(case: Case, backend: str, reference: str = "numpy") -> list[Finding]:
    """What a backend does wrong on a case; without comparisons where it is the reference itself.

    Where a rule is missing there is one finding, of the check `compile`.
    """
    bench = Bench(case, backend, reference)
    try:
        for program in (bench.tested(), bench.wanted()):
            program.predict(case.inputs(2, "float64"))
    except SpecError as refused:
        return [Finding(case.name, backend, "compile", float("inf"), str(refused))]
    found = []
    for check in OWN if backend == reference else (*OWN, *COMPARED):
        try:
            differences = list(check(bench))
        except Exception as problem:  # a backend under test may fail in any way
            differences = [(float("inf"), f"{type(problem).__name__}: {problem}")]
        found += [Finding(case.name, backend, check.__name__, *difference) for difference in differences]
    return found


def main(*backends: str, reference: str = "numpy", nets: tuple[Net, ...] = ()) -> list[Finding]:
    """Everything on the given backends, by default on all that are installed."""
    every = list(cases(*nets))
    return [
        finding
        for backend in backends or available()
        for case in every
        for finding in run(case, backend, reference)
    ]
