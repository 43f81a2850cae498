"""Do the backends agree on this network?  The same weights and inputs through each of them, layer by layer.

Every result of a layer is made an output of a network that is otherwise the same, so that no backend needs a way to
show what lies between.  Gradients are those of the network's own loss, or of each update's, and are read from the loss
back: of a layer's result by a probe behind it (`layers.probe`), then of its parameters.  Random layers do nothing here.

The reference, to which all are compared, is the NumPy interpreter by its plain rules.  Its faster paths are one of the
contenders, on the network as it is and as many examples as it may be trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from math import prod
from typing import Any, Final

import numpy as np

from netspec.backends import Arrays, as_tuple, available, channels_first, compile_net, on_each
from netspec.backends.manner import Manner
from netspec.backends.room import free_memory
from netspec.diagnostics import SpecError, did_you_mean, error
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.layers.probe import Probe
from netspec.passes.memory import memory_of
from netspec.testing.cases import Case, net_cases, quiet, sized
from netspec.testing.conformance import distance
from netspec.train.fits import FLOAT32, size

Array = np.ndarray[Any, np.dtype[Any]]

REFERENCE: Final = "numpy"
FAST: Final = "numpy-fast"
"""Stands for the faster paths of the reference, which are those of float32."""
ONNX: Final = "onnx"
TOLERANCES: Final = {"float64": 1e-9, "float32": 1e-4}
"""How far apart two backends may be, relative to the largest number of an array."""
ROUNDING: Final = 10.0
"""How many times what rounding to float32 makes of the plain rules a faster path may differ."""
COPIES: Final = 8
"""Numbers for each parameter: its value, two programs with theirs and its gradient, and what is handed between them."""
WIDTH: Final = 8
EXAMPLES: Final = 2
MANY: Final = 32
"""Examples that the faster paths are given, for some are for many."""
MOST: Final = 4_000_000
"""Results, as numbers, that a network is probed for at most, or run on `MANY` examples."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a backend is from the reference in one array."""

    backend: str
    kind: str
    """`output`, `loss` or `gradient`; `refused` where the backend has no way to run it, `failed` where it failed."""
    name: str
    """The layer, or the parameter; what was said where it was refused or failed."""
    difference: float
    """The largest, relative to the reference's largest number; infinite where shapes differ or a number is not."""
    tolerance: float
    update: str = ""
    """Whose loss or gradient it is, where updates train the networks of a file."""

    @property
    def holds(self) -> bool:
        """It is within the tolerance."""
        return self.difference <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """One flat object; what is infinite is null."""
        far = self.difference if np.isfinite(self.difference) else None
        names = {"backend": self.backend, "update": self.update, "kind": self.kind, "name": self.name}
        return {**names, "difference": far, "tolerance": self.tolerance, "holds": self.holds}


def others() -> list[str]:
    """What can be compared with the reference: the backends that are installed beside it, and its faster paths."""
    found = [name for name in available() if name != REFERENCE]
    return [*found, *[ONNX] * (find_spec("onnx") is not None), FAST]


def chosen(names: Sequence[str]) -> list[str]:
    """The backends of these names, all that are installed where none is named; raises `SpecError` N602."""
    known = others()
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"; did you mean `{near[0]}`?" if near else f"; installed: {', '.join(known)}"
            raise error("N602", f"there is no backend called `{name}` to compare with{hint}")
    return list(dict.fromkeys(names)) or known


def verify(
    net: Net, parameters: Mapping[str, Array] | None = None, against: Sequence[str] = ()
) -> list[Agreement]:
    """Compare the NumPy interpreter with other backends, in the order of the layers, on random examples.

    Programs work in float64, ONNX models in float32, which have no gradients.  `parameters` are the network's own;
    without them, initial ones are used, none left at 0 or 1.  A backend that was not asked for by name and has no rule
    for the network is `refused`.  Raises `SpecError` N601 and N602, and N507 where it does not fit into memory.
    """
    backends = chosen(against)
    _check_room(net)
    bench = Bench(quiet(net), parameters)
    bench.wanted("float64")  # what the reference itself refuses is nobody else's fault
    found = []
    for backend in backends:
        found += _tried(backend, bench.rule(backend), named=backend in against)
    return found


def _check_room(net: Net) -> None:
    """What two backends hold at a time, in float64."""
    example = memory_of(net).training or 0  # 0 where a symbol decides
    wanted, free = WIDTH * (COPIES * net.parameter_count + 2 * EXAMPLES * example // FLOAT32), free_memory()
    if free is not None and wanted > free:
        message = f"comparing takes {size(wanted)} in float64, and {size(free)} are free"
        note = "a narrower network of the same layers tells as much: `--set NAME=VALUE`"
        raise error("N507", message, notes=(note,))


def _tried(backend: str, rule: Callable[[], Iterator[Agreement]], named: bool) -> list[Agreement]:
    """What comes of a backend, which may fail in any way, and take no other's results along."""
    try:
        return list(rule())
    except SpecError as refused:
        if named or refused.diagnostics[0].code != "N601":
            raise
        return [Agreement(backend, "refused", refused.diagnostics[0].message, 0.0, 0.0)]
    except Exception as problem:
        said = f"{type(problem).__name__}: {problem}"
        return [Agreement(backend, "failed", said, float("inf"), 0.0)]


@dataclass
class Bench:
    """A network without randomness, and what the reference makes of it."""

    net: Net
    parameters: Mapping[str, Array] | None
    found: dict[str, Arrays] = field(default_factory=dict)
    """What every layer gives by the reference, by the type of the numbers."""

    @cached_property
    def case(self) -> Case:
        """The network as a whole."""
        return Case(self.net.name, self.net, EXAMPLES, kinks=False)

    @cached_property
    def trained(self) -> dict[str, Case]:
        """What is trained, by the name of the update, "" for the network itself."""
        updates = self.net.training.updates if self.net.training else ()
        whole, *parts = (replace(case, kinks=False) for case in net_cases(self.net, EXAMPLES))
        if not parts:
            return {"": whole} if whole.trains else {}
        return {update.network: case for update, case in zip(updates, parts, strict=True)}

    @cached_property
    def start(self) -> Mapping[str, Array]:
        """The parameters, in float64."""
        return self.case.start("float64") if self.parameters is None else self.parameters

    def rule(self, backend: str) -> Callable[[], Iterator[Agreement]]:
        """How a backend is compared."""
        own = {ONNX: self.exported, FAST: self.faster}
        return own.get(backend) or partial(self.program, backend)

    def values(self, net: Net, dtype: str) -> dict[str, Array]:
        """The parameters of a network; probes start at 0."""
        return {
            name: self.start[name].astype(dtype) if name in self.start else np.zeros(param.shape, dtype)
            for name, param in net.parameters.items()
        }

    def outputs(self, backend: str, dtype: str = "float64") -> Arrays:
        """What every layer gives."""
        shown = _shown(self.net)
        values, inputs = self.values(shown, dtype), self.case.inputs(EXAMPLES, dtype)
        manner = Manner(reference=backend == REFERENCE)
        compiled = compile_net(shown, backend, dtype=dtype, device="cpu", parameters=values, manner=manner)
        found: Arrays = compiled.predict(inputs)
        return found

    def wanted(self, dtype: str) -> Arrays:
        """What every layer gives by the reference, worked out once."""
        if dtype not in self.found:
            self.found[dtype] = self.outputs(REFERENCE, dtype)
        return self.found[dtype]

    def compared(self, backend: str, found: Arrays, dtype: str) -> Iterator[Agreement]:
        """The outputs of a backend."""
        names = [layer.name for layer in _shown(self.net).outputs]
        wanted = as_tuple(self.wanted(dtype))
        for name, one, other in zip(names, as_tuple(found), wanted, strict=True):
            yield Agreement(backend, "output", name, distance(one, other), TOLERANCES[dtype])

    def program(self, backend: str) -> Iterator[Agreement]:
        """Outputs, losses, and gradients from the loss back."""
        tolerance = TOLERANCES["float64"]
        yield from self.compared(backend, self.outputs(backend), "float64")
        for update, case in self.trained.items():
            probed, probes = _probed(case)
            try:
                found = self.learnt(probed, backend)
            except SpecError as refused:
                if refused.diagnostics[0].code != "N601" or not probes:
                    raise
                probed, probes = case, {}  # a backend of others need not have a rule for probes
                found = self.learnt(probed, backend)
            wanted = self.learnt(probed, REFERENCE)
            yield Agreement(backend, "loss", "", distance(found[0], wanted[0]), tolerance, update)
            for key, name in _backwards(probed.net, probes, wanted[1]):
                far = distance(found[1][key], wanted[1][key]) if key in found[1] else float("inf")
                yield Agreement(backend, "gradient", name, far, tolerance, update)

    def learnt(
        self,
        case: Case,
        backend: str,
        dtype: str = "float64",
        examples: int = EXAMPLES,
        *,
        plain: bool = True,
    ) -> tuple[float, dict[str, Array]]:
        """The loss and the gradients of what is trained."""
        manner = Manner(reference=plain and backend == REFERENCE)
        program = compile_net(
            case.net,
            backend,
            dtype=dtype,
            device="cpu",
            parameters=self.values(case.net, dtype),
            manner=manner,
        )
        program.begin(case.training)
        inputs, targets = case.inputs(examples, dtype), case.targets(examples, dtype)
        return program.loss_and_gradients(on_each(channels_first, inputs), targets)

    def exported(self) -> Iterator[Agreement]:
        """Outputs of an ONNX model."""
        run: Any = import_module("netspec.backends.onnx.run")  # onnx may not be installed
        shown, inputs = _shown(self.net), self.case.inputs(EXAMPLES, "float32")
        yield from self.compared(ONNX, run.predict(shown, self.values(shown, "float32"), inputs), "float32")

    def faster(self) -> Iterator[Agreement]:
        """The faster paths on the network as it is, in what it gives and in each loss and gradient."""
        numbers = sum(prod(shape.known) for shape in self.net.shapes_for(*sized(self.net)).values())
        examples = MANY if numbers * MANY <= MOST else EXAMPLES

        def predicted(dtype: str, plain: bool) -> tuple[Array, ...]:
            values, inputs = self.values(self.net, dtype), self.case.inputs(examples, dtype)
            manner = Manner(reference=plain)
            program = compile_net(self.net, REFERENCE, dtype=dtype, parameters=values, manner=manner)
            return as_tuple(program.predict(inputs))

        results = [predicted(*way) for way in _WAYS]
        for layer, *three in zip(self.net.outputs, *results, strict=True):
            yield _faster("output", layer.name, "", *three)
        for update, case in self.trained.items():
            learnt = [self.learnt(case, REFERENCE, dtype, examples, plain=plain) for dtype, plain in _WAYS]
            yield _faster("loss", "", update, *(np.asarray(loss) for loss, _ in learnt))
            for key, name in _backwards(case.net, {}, learnt[-1][1]):
                yield _faster("gradient", name, update, *(gradients[key] for _, gradients in learnt))


_WAYS: Final = (("float32", False), ("float32", True), ("float64", True))
"""The faster paths; what rounding makes of the plain rules; these."""


def _faster(kind: str, name: str, update: str, found: Array, rounded: Array, wanted: Array) -> Agreement:
    """A result of the faster paths: float32 is allowed what rounding makes of it anyhow."""
    allowed = max(TOLERANCES["float32"], ROUNDING * distance(rounded, wanted))
    return Agreement(FAST, kind, name, distance(found, wanted), allowed, update)


def _shown(net: Net) -> Net:
    """The network with the result of every layer as an output."""
    return replace(
        net, named_outputs=tuple(layer.name for layer in net.layers if layer.inputs), training=None
    )


def _probed(case: Case) -> tuple[Case, dict[str, str]]:
    """A case of known sizes, with a probe behind every layer that something reads, and the names of these.

    Of a network with more than `MOST` results there are none.
    """
    net = case.net
    if net.symbols:
        sizes = net.sizes_for(*sized(net))
        net = net.bind(**{str(symbol): size for symbol, size in sizes.items()})
    ends = {layer.name for layer in net.outputs}
    found = [each for each in net.layers if each.inputs and each.shape.of is None and each.name not in ends]
    if sum(prod(layer.shape.known) for layer in found) > MOST:
        return case, {}
    probes = {layer.name: f"{layer.name}_probe" for layer in found}
    layers: list[Layer] = []
    for layer in net.layers:
        layers.append(replace(layer, inputs=tuple(probes.get(name, name) for name in layer.inputs)))
        if layer.name in probes:
            layers.append(Layer(probes[layer.name], Probe(), (layer.name,), layer.shape))
    net = replace(net, layers=tuple(layers))
    aims = tuple(replace(aim, output=net.by_name[aim.output.name]) for aim in case.training.aims)
    return replace(case, net=replace(net, training=replace(case.training, aims=aims))), probes


def _backwards(
    net: Net, probes: Mapping[str, str], gradients: Mapping[str, Array]
) -> Iterator[tuple[str, str]]:
    """The gradients and what each is of, from the last layer to the first, a layer's result before its parameters."""
    results = {f"{probe}.weight": layer for layer, probe in probes.items()}
    for layer in reversed(net.layers):
        for key in gradients:
            if key.partition(".")[0] == layer.name:
                yield key, results.get(key, key)
