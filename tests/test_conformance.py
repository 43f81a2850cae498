"""Conformance of the built-in backends: every example of every layer, every setting, every spec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.backends import available
from netspec.ir.catalog import words
from netspec.ir.layer import Operation
from netspec.layers.dropout import Dropout, Noise
from netspec.testing import chance, conformance
from netspec.testing.cases import net_cases
from netspec.testing.conformance import Case

SPECS = sorted((Path(__file__).resolve().parents[1] / "specs").glob("*.net"))
CASES = list(conformance.cases())
BACKENDS = available()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_examples_and_settings(case: Case, backend: str) -> None:
    assert conformance.run(case, backend) == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_specs(path: Path, backend: str) -> None:
    net = netspec.load(path)
    assert net.training is not None
    found = list(net_cases(net))
    assert len(found) == 1 + len(net.training.updates)
    for case in found:
        assert conformance.run(case, backend) == []


def test_every_word_has_a_case() -> None:
    """A layer that is made of others shows in its text alone."""
    written = "\n".join(f"{case.name}\n{case.net.text}" for case in CASES).split()
    known = {word for kind in ("layer", "loss", "optimizer") for word in words(kind)}
    assert known <= set(written)
    assert {"numpy", "torch"} <= set(BACKENDS)
    assert len({case.name for case in CASES}) == len(CASES)


def test_sequences_are_run_at_several_lengths() -> None:
    any_length = {case.name.split()[0] for case in CASES if case.name.endswith("any length")}
    assert {"rnn", "lstm", "gru", "last", "first", "embed", "global", "batchnorm"} <= any_length


# --- random layers, in numbers that hold for any backend


def draw(operation: Operation, backend: str) -> chance.Draw:
    return chance.observe(chance.probe(operation, backend))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 0.9])
def test_dropout_keeps_its_share_and_scales_it(backend: str, probability: float) -> None:
    found = draw(Dropout(probability), backend)
    kept = found.y != 0
    error = (probability * (1 - probability) / kept.size) ** 0.5
    assert abs(kept.mean() - (1 - probability)) <= 5 * error
    assert np.allclose(found.y[kept], found.x[kept] / (1 - probability), rtol=1e-9)
    assert np.allclose(found.slope, kept / (1 - probability), rtol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("deviation", [0.0, 0.1, 2.0])
def test_noise_has_its_mean_and_variance(backend: str, deviation: float) -> None:
    found = draw(Noise(deviation), backend)
    added = found.y - found.x
    assert abs(added.mean()) <= 5 * deviation / added.size**0.5 + 1e-12
    assert abs(added.std() - deviation) <= 5 * deviation / (2 * added.size) ** 0.5 + 1e-12
    assert np.allclose(found.slope, 1, rtol=1e-9)


# --- the conformance tests themselves


def test_a_backend_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.backends.numpy.program import NumpyProgram

    def evaluate(self: object, inputs: object, targets: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(NumpyProgram, "evaluate", evaluate)
    case = next(case for case in CASES if case.trains)
    found = conformance.run(case, "numpy", "torch")
    assert {finding.check for finding in found} == {"nothing_changes", "evaluation"}
    problem = "nothing_changes: ZeroDivisionError: planted (difference inf)"
    assert str(found[0]) == f"numpy: {case.name}: {problem}"


def test_a_missing_rule_is_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.backends.torch.code import rules
    from netspec.diagnostics import error

    def find(definition: object) -> None:
        raise error("N601", "the backend `torch` has no rule for `planted`")

    monkeypatch.setattr(rules, "find", find)
    (found,) = conformance.run(CASES[0], "torch")
    assert (found.check, found.difference) == ("compile", float("inf"))
    assert "N601" in found.message


def test_main_runs_every_case_and_net(monkeypatch: pytest.MonkeyPatch) -> None:
    net = netspec.parse("input 4; dense 2", name="mine")
    assert [case.name for case in conformance.cases(net)][-1] == "mine"
    monkeypatch.setattr(conformance, "cases", lambda *nets: [*CASES[:9], Case("mine", *nets)])
    assert conformance.main("numpy", nets=(net,)) == []
    missing = conformance.main("nowhere", nets=(net,))
    assert [finding.case for finding in missing] == [case.name for case in CASES[:9]] + ["mine"]
    assert {finding.check for finding in missing} == {"compile"}
