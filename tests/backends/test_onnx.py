"""Networks as ONNX models, run by onnxruntime and by onnx's own evaluator beside the NumPy interpreter."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, numpy_helper
from onnx.reference import ReferenceEvaluator

import netspec
from netspec.backends import as_given, as_tuple, channels_first
from netspec.backends.onnx import run
from netspec.backends.onnx.export import model
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.testing.cases import Case, cases

SPECS = sorted((Path(__file__).resolve().parents[2] / "specs").rglob("*.net"))
LARGE = 30_000_000
"""Parameters from which on a network is not run here."""
CASES = [case for case in cases() if not case.name.startswith(("optimizer", "loss"))]
UNABLE = {
    "upconv 6 3x3 stride2 groups=2": (
        ValueError,
        "takes a group's weights by its outputs instead of its inputs",
    ),
    "lrn 7 alpha=0.5": (IndexError, "goes through channels as far as there are examples"),
}
"""Cases that onnx's own evaluator cannot run (1.23), by how their names begin: what it raises, and why."""


def runtime(made: ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def outputs_agree(case: Case, batch: int = 3, start_of: Callable[[ModelProto], Any] = runtime) -> None:
    """Float32, as models are: 1e-4 of the largest entry."""
    start = case.start("float32")
    made = model(case.net, start)
    names = [value.name for value in made.graph.input]
    assert names == [layer.name for layer in case.net.inputs]
    assert [value.name for value in made.graph.output] == [layer.name for layer in case.net.outputs]
    session = start_of(made)
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


def agree_or_are_refused(case: Case, start_of: Callable[[ModelProto], Any]) -> None:
    try:
        outputs_agree(case, start_of=start_of)
    except SpecError as refused:
        (found,) = refused.diagnostics
        told = any("lengths" in layer.operation.written() for layer in case.net)
        assert found.code == "N601" and (case.net.symbols or told), found
        assert found.labels, found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_example_of_every_layer(case: Case) -> None:
    agree_or_are_refused(case, runtime)


def by_the_evaluator() -> list[Any]:
    """Every case that has a model; those that the evaluator cannot run have to fail."""
    marked, met = [], set()
    for case in CASES:
        begins = next((begins for begins in UNABLE if case.name.startswith(begins)), "")
        met.add(begins)
        raises, reason = UNABLE.get(begins, (None, ""))
        mark = pytest.mark.xfail(strict=True, raises=raises, reason=f"the evaluator {reason}")
        marked.append(pytest.param(case, marks=[mark] * bool(begins), id=str(case)))
    assert {*UNABLE} <= met
    return marked


@pytest.mark.parametrize("case", by_the_evaluator())
def test_every_example_by_the_evaluator_of_onnx(case: Case) -> None:
    agree_or_are_refused(case, ReferenceEvaluator)


def test_without_onnxruntime_the_evaluator_predicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    net = netspec.parse("input 5x5x2\nconv 3 3x3 relu\nsoftmax 4")
    batch = np.random.default_rng(0).normal(size=(3, 5, 5, 2)).astype("float32")
    values = initial(net, 7, "float32")
    wanted = netspec.compile(net, "numpy", parameters=values).predict(batch)
    np.testing.assert_allclose(run.predict(net, values, batch), wanted, rtol=1e-4, atol=1e-5)


def own_arrays(made: ModelProto) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    return {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_weights_keep_their_names_and_their_layout(case: Case) -> None:
    """All but those of recurrent layers, for which ONNX has three arrays."""
    start = case.start("float32")
    try:
        found = own_arrays(model(case.net, start))
    except SpecError:
        return
    for name, value in start.items():
        owner, _, short = name.partition(".")
        if re.fullmatch(r"(weight|bias)_(ih|hh)_l0(_reverse)?", short):
            assert name not in found and {f"{owner}.{part}" for part in "WRB"} <= found.keys()
        else:
            np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pool 2 ceil", "ONNX programs do not agree on `pool 2x2 ceil` for any size"),
        ("pool 2 stride3 same", "ONNX programs do not agree on `pool 2x2 stride=3x3 same` for any size"),
        (
            "conv 2 3x3 stride2 dilation2",
            "ONNX cannot say the padding of `conv 2 3x3 stride=2x2 dilation=2x2`",
        ),
        ("conv 2 2x2 stride3", "ONNX cannot say the padding of `conv 2 2x2 stride=3x3`"),
        ("reshape Hx2xW", "ONNX cannot say `reshape Hx2xW` for any size"),
    ],
)
def test_what_is_refused_is_shown_in_its_line(line: str, said: str) -> None:
    net = netspec.parse(f"input HxWx2\n{line}\nglobal avg\n")
    with pytest.raises(SpecError, match=re.escape(said)) as refused:
        model(net)
    (found,) = refused.value.diagnostics
    assert found.code == "N601" and found.span is not None and found.span.line == 2
    model(net.bind(H=6, W=7))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec(path: Path) -> None:
    net = netspec.load(path)
    if net.parameter_count > LARGE:
        pytest.skip(f"{net.parameter_count:,} parameters")
    outputs_agree(Case(net.name, net), batch=2)
