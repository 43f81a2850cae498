"""Every case of ONNX's node tests passes, or stands in `listed.txt` with the reason why it cannot be said."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from . import judging
from .adapter import FAMILIES, OPERATORS, Operator
from .cases import Node
from .judging import Outcome, all_cases, judge, listed

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "onnx.md").read_text("utf-8")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_case_passes_or_is_listed(family: str) -> None:
    outcomes = []
    for operator in FAMILIES[family]:
        nodes, unsaid, wrong = all_cases(operator), {}, []
        assert nodes, f"ONNX has no case of {operator}"
        for node in nodes:
            try:
                outcome = judge(node)
            except AssertionError as difference:
                wrong.append(str(difference))
                continue
            outcomes.append(outcome)
            if outcome.unsaid:
                unsaid[node.name] = outcome.unsaid
        assert not wrong, "\n".join(wrong)
        assert unsaid == listed().get(operator, {})
    line = judging.row(family, outcomes)
    assert line in PAGE.splitlines(), f"docs/onnx.md lacks the line {line}"


def test_the_page_adds_up() -> None:
    lines = PAGE.splitlines()
    rows = [line for line in lines if line.split(" | ")[0].strip("| ") in FAMILIES]
    assert len(rows) == len(FAMILIES)
    assert judging.written("all", judging.total(rows)) in lines


def test_the_list_is_of_operators_that_are_run() -> None:
    assert set(listed()) <= set(OPERATORS)
    assert all(found and all(found.values()) for found in listed().values())


# --- the judge himself


@pytest.fixture
def relu() -> Node:
    (node,) = all_cases("Relu")
    return replace(node)


def test_another_number_is_a_failure(relu: Node) -> None:
    (wanted,) = relu.outputs["Y"]
    wrong = wanted.copy()
    wrong.flat[7] += 0.01
    with pytest.raises(AssertionError, match="relu: Y"):
        judge(replace(relu, outputs={"Y": [wrong]}))


def test_another_type_or_shape_is_a_failure(relu: Node) -> None:
    (wanted,) = relu.outputs["Y"]
    for other in (wanted.astype(np.float64), wanted[None]):
        with pytest.raises(AssertionError, match="relu: Y"):
            judge(replace(relu, outputs={"Y": [other]}))


def test_what_an_adapter_passes_over_is_a_failure(relu: Node) -> None:
    with pytest.raises(AssertionError, match="does not read leak"):
        judge(replace(relu, attributes={"leak": 0.1}, written=frozenset({"leak"})))
    with pytest.raises(AssertionError, match="does not read mask"):
        judge(replace(relu, inputs=relu.inputs | {"mask": relu.inputs["X"]}))


def test_a_result_is_missing_only_where_the_operator_says_so(
    relu: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = replace(relu, outputs=relu.outputs | {"mask": relu.outputs["Y"]})
    with pytest.raises(AssertionError, match="1 results, 2 wanted"):
        judge(more)
    adapter = OPERATORS["Relu"].adapter
    monkeypatch.setitem(OPERATORS, "Relu", Operator("relu", lambda node: [*adapter(node), None]))
    with pytest.raises(AssertionError, match="no mask"):
        judge(more)
    monkeypatch.setitem(OPERATORS, "Relu", OPERATORS["Relu"]._replace(aside=("mask",)))
    assert judge(more) == Outcome(aside=("mask",))


def test_a_wrong_list_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that passes and is listed, one that is not listed, one with another reason, one that is none."""
    sound = {operator: dict(found) for operator, found in listed().items()}
    name, reason = next(iter(sound["Dropout"].items()))
    changes = ({"dropout_default": reason}, {name: ""}, {name: "another one"}, {"no_such_case": reason})
    for change in changes:
        found = {key: why for key, why in (sound["Dropout"] | change).items() if why}
        monkeypatch.setattr(sys.modules[__name__], "listed", lambda found=found: sound | {"Dropout": found})
        with pytest.raises(AssertionError):
            test_every_case_passes_or_is_listed("dropout")


@pytest.mark.parametrize("word", ["max", "avg"])
def test_a_planted_fault_is_found(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that begins with a number that wins, or counts its padding."""
    from netspec.backends.numpy.pool import PoolKernel

    prepare = PoolKernel.prepare

    def faulty(self: PoolKernel) -> None:
        prepare(self)
        if self.largest:
            self.start = 100
        else:
            self.share = np.full_like(self.share, self.share.min())

    monkeypatch.setattr(PoolKernel, "prepare", faulty)
    operator = {"max": "MaxPool", "avg": "AveragePool"}[word]
    padded = next(node for node in all_cases(operator) if node.name.endswith("precomputed_pads"))
    with pytest.raises(AssertionError, match=padded.name):
        judge(replace(padded))
