"""Do the backends agree on this network?  The same weights and inputs through each of them, layer by layer.

Every result of a layer is made an output of a network that is otherwise the same, so that no backend needs a way to
show what lies between; gradients are those of the network's own loss.  Random layers do nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from netspec.backends import Arrays, as_tuple, available, channels_first, compile_net, on_each
from netspec.diagnostics import did_you_mean, error
from netspec.ir.net import Net
from netspec.testing.cases import Case, quiet
from netspec.testing.conformance import distance

Array = np.ndarray[Any, np.dtype[Any]]

REFERENCE: Final = "numpy"
ONNX: Final = "onnx"
TOLERANCES: Final = {"float64": 1e-9, "float32": 1e-4}
"""How far apart two backends may be, relative to the largest number of an array."""
EXAMPLES: Final = 2


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a backend is from the reference in one array."""

    backend: str
    kind: str
    """`output`, `gradient` or `loss`."""
    name: str
    """The layer, or the parameter."""
    difference: float
    """The largest, relative to the reference's largest number; infinite where shapes differ or a number is not."""
    tolerance: float

    @property
    def holds(self) -> bool:
        """It is within the tolerance."""
        return self.difference <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """One flat object; what is infinite is null."""
        far = self.difference if np.isfinite(self.difference) else None
        names = {"backend": self.backend, "kind": self.kind, "name": self.name}
        return {**names, "difference": far, "tolerance": self.tolerance, "holds": self.holds}


def others() -> list[str]:
    """The backends that are installed beside the reference."""
    found = [name for name in available() if name != REFERENCE]
    return [*found, *[ONNX] * (find_spec("onnx") is not None)]


def chosen(names: Sequence[str]) -> list[str]:
    """The backends of these names, all that are installed where none is named; raises `SpecError` N602."""
    known = others()
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"; did you mean `{near[0]}`?" if near else f"; installed: {', '.join(known) or 'none'}"
            raise error("N602", f"there is no backend called `{name}` to compare with{hint}")
    return list(names) or known


def verify(
    net: Net, parameters: Mapping[str, Array] | None = None, against: Sequence[str] = ()
) -> list[Agreement]:
    """Compare the NumPy interpreter with other backends, in the order of the layers, on random examples.

    Programs work in float64, ONNX models in float32, which have no gradients.  `parameters` are the network's own;
    without them, initial ones are used, none left at 0 or 1.  Raises `SpecError` N601 and N602.
    """
    backends = chosen(against)
    still = quiet(net)
    case = Case(net.name, still, EXAMPLES)
    start = case.start("float64") if parameters is None else dict(parameters)
    return [
        each
        for backend in backends
        for each in (_forward(case, start, backend) if backend == ONNX else _both(case, start, backend))
    ]


def _shown(net: Net) -> Net:
    """The network with the result of every layer as an output."""
    return replace(
        net, named_outputs=tuple(layer.name for layer in net.layers if layer.inputs), training=None
    )


def _outputs(
    case: Case, backend: str, found: Arrays, wanted: Arrays, tolerance: float
) -> Iterator[Agreement]:
    names = [layer.name for layer in _shown(case.net).outputs]
    for name, one, other in zip(names, as_tuple(found), as_tuple(wanted), strict=True):
        yield Agreement(backend, "output", name, distance(one, other), tolerance)


def _both(case: Case, start: Mapping[str, Array], backend: str) -> Iterator[Agreement]:
    """Outputs, the loss, and gradients."""
    dtype, tolerance = "float64", TOLERANCES["float64"]
    values = {name: value.astype(dtype) for name, value in start.items()}
    inputs = case.inputs(EXAMPLES, dtype)
    shown = _shown(case.net)
    one, other = (
        compile_net(shown, name, dtype=dtype, device="cpu", parameters=values).predict(inputs)
        for name in (backend, REFERENCE)
    )
    yield from _outputs(case, backend, one, other, tolerance)
    if not case.trains:
        return
    found, wanted = (
        _gradients(case, name, values, on_each(channels_first, inputs)) for name in (backend, REFERENCE)
    )
    yield Agreement(backend, "loss", "", distance(found[0], wanted[0]), tolerance)
    for name, gradient in wanted[1].items():
        far = distance(found[1][name], gradient) if name in found[1] else float("inf")
        yield Agreement(backend, "gradient", name, far, tolerance)


def _gradients(
    case: Case, backend: str, values: Mapping[str, Array], inputs: Arrays
) -> tuple[float, dict[str, Array]]:
    program = compile_net(case.net, backend, dtype="float64", device="cpu", parameters=values)
    program.begin(case.training)
    return program.loss_and_gradients(inputs, case.targets(EXAMPLES, "float64"))


def _forward(case: Case, start: Mapping[str, Array], backend: str) -> Iterator[Agreement]:
    """Outputs of an ONNX model."""
    run: Any = import_module("netspec.backends.onnx.run")  # onnx may not be installed
    dtype, shown = "float32", _shown(case.net)
    values = {name: value.astype(dtype) for name, value in start.items()}
    inputs = case.inputs(EXAMPLES, dtype)
    wanted = compile_net(shown, REFERENCE, dtype=dtype, parameters=values).predict(inputs)
    yield from _outputs(case, backend, run.predict(shown, values, inputs), wanted, TOLERANCES[dtype])
