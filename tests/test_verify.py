"""`netspec verify`: backends that agree, and a fault that is found where it is."""

from __future__ import annotations

import json
from pathlib import Path

import faults
import pytest

import netspec
from netspec.cli import main
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.layers.activation import Tanh
from netspec.testing.verify import others, verify
from netspec.train.checkpoint import metadata_of, save

NET = """input T of 7
embed 4
lstm 5
dense 6 tanh
dropout 0.5
attention 6 heads=2 causal
softmax 3
"""
FAULT = faults.code(Tanh, "torch.tanh({x})", "torch.tanh({x} * 1.001)")


def test_all_backends_agree() -> None:
    net = netspec.parse(NET)
    found = verify(net)
    assert {each.backend for each in found} == set(others()) == {"torch", "onnx"}
    assert all(each.holds for each in found)
    assert [each.name for each in found if each.kind == "gradient"] == list(net.parameters)
    layers = [layer.name for layer in net.layers if layer.inputs]
    for backend in others():
        assert [each.name for each in found if (each.backend, each.kind) == (backend, "output")] == layers


def test_a_fault_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    FAULT(monkeypatch)
    found = verify(netspec.parse(NET), against=["torch"])
    wrong = [each for each in found if not each.holds]
    assert wrong[0].name == "tanh1" and wrong[0].difference > 1e-5
    assert "dense2" in {each.name for each in wrong} and "embed1" not in {each.name for each in wrong}
    assert "lstm1.weight_ih_l0" in {each.name for each in wrong if each.kind == "gradient"}


def test_the_command_says_where_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "best.safetensors"
    net = netspec.parse(NET)
    save(weights, initial(net, 3, "float32"), metadata_of(net))
    assert main(["verify", str(weights)], standalone_mode=False) == 0
    assert "8 outputs" in capsys.readouterr().out
    FAULT(monkeypatch)
    assert main(["verify", str(weights), "--against", "torch"], standalone_mode=False) == 1
    assert "too far, first in `tanh1`" in capsys.readouterr().out
    assert main(["verify", str(weights), "--json"], standalone_mode=False) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "netspec.verify/1" and not document["holds"]
    assert next(each["name"] for each in document["results"] if not each["holds"]) == "tanh1"


def test_a_backend_that_is_not_there_is_refused() -> None:
    with pytest.raises(SpecError) as refused:
        verify(netspec.parse(NET), against=["torhc"])
    assert refused.value.diagnostics[0].code == "N602"
    assert "did you mean `torch`?" in refused.value.diagnostics[0].message
