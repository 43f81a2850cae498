"""Networks as ONNX models, run by onnxruntime beside the NumPy interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import netspec
from netspec.backends import as_given, as_tuple, channels_first
from netspec.backends.onnx.export import model
from netspec.diagnostics import SpecError
from netspec.testing.cases import Case, cases

SPECS = sorted((Path(__file__).resolve().parents[2] / "specs").rglob("*.net"))
LARGE = 30_000_000
"""Parameters from which on a network is not run here."""
CASES = [case for case in cases() if not case.name.startswith(("optimizer", "loss"))]


def outputs_agree(case: Case, batch: int = 3) -> None:
    """Float32, as models are: 1e-4 of the largest entry."""
    start = case.start("float32")
    session = onnxruntime.InferenceSession(
        model(case.net, start).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    assert names == [layer.name for layer in case.net.inputs]
    assert [value.name for value in session.get_outputs()] == [layer.name for layer in case.net.outputs]
    program = netspec.compile(case.net, "numpy", parameters=start)
    for steps in (4, 6) if case.net.symbols else (4,):
        given = as_tuple(case.inputs(batch, "float32", steps))
        found = session.run(None, dict(zip(names, map(channels_first, given), strict=True)))
        wanted = program.predict(as_given(given))
        for one, other in zip(found, as_tuple(wanted), strict=True):
            other = channels_first(other)
            assert one.shape == other.shape
            np.testing.assert_allclose(
                one, other, rtol=1e-4, atol=1e-4 * max(1.0, float(np.abs(other).max()))
            )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_example_of_every_layer(case: Case) -> None:
    try:
        outputs_agree(case)
    except SpecError as refused:
        (found,) = refused.diagnostics
        told = any("lengths" in layer.operation.written() for layer in case.net)
        assert found.code == "N601" and (case.net.symbols or told), found


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec(path: Path) -> None:
    net = netspec.load(path)
    if net.parameter_count > LARGE:
        pytest.skip(f"{net.parameter_count:,} parameters")
    outputs_agree(Case(net.name, net), batch=2)
