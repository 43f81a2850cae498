"""`netspec verify`: backends that agree, and a fault that is found where it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import faults
import pytest

import netspec
from netspec.backends.numpy.fast.pooled import Pooled
from netspec.cli import main
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.layers.activation import Softsign, Tanh
from netspec.testing.verify import FAST, others, verify
from netspec.train.checkpoint import metadata_of, save

NET = """input T of 7
embed 4
lstm 5
dense 6 tanh
dropout 0.5
attention 6 heads=2 causal
softmax 3
"""
SPECS = Path(__file__).resolve().parents[1] / "specs"
FAULT = faults.code(Tanh, "torch.tanh({x})", "torch.tanh({x} * 1.001)")


def test_all_backends_agree() -> None:
    net = netspec.parse(NET)
    found = verify(net)
    assert {each.backend for each in found} == set(others()) == {"torch", "onnx", FAST}
    assert all(each.holds for each in found)
    layers = [layer.name for layer in net.layers if layer.inputs]
    for backend in ("torch", "onnx"):
        assert [each.name for each in found if (each.backend, each.kind) == (backend, "output")] == layers
    gradients = [each.name for each in found if (each.backend, each.kind) == ("torch", "gradient")]
    assert gradients[:5] == [
        "dense2",
        "dense2.weight",
        "dense2.bias",
        "attention1",
        "attention1.query.weight",
    ]
    assert set(gradients) == {*layers[:-1], *net.parameters}
    faster = [each for each in found if each.backend == FAST]
    assert {each.name for each in faster} == {"softmax1", "", *net.parameters}


def test_every_update_is_compared() -> None:
    found = verify(netspec.load(SPECS / "gan.net", values={"width": "4"}))
    assert all(each.holds for each in found)
    for backend in ("torch", FAST):
        some = [each for each in found if each.backend == backend and each.kind != "output"]
        assert {each.update for each in some} == {"generator", "discriminator", "recogniser"}
        trained = {(each.update, each.name.partition("_")[0]) for each in some if "." in each.name}
        assert trained >= {(name, name) for name in ("generator", "discriminator", "recogniser")}


def test_a_fault_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    FAULT(monkeypatch)
    found = verify(netspec.parse(NET), against=["torch"])
    wrong = [each for each in found if not each.holds]
    assert wrong[0].name == "tanh1" and wrong[0].difference > 1e-5
    outputs = {each.name for each in wrong if each.kind == "output"}
    assert "dense2" in outputs and "embed1" not in outputs
    assert {"embed1", "lstm1.weight_ih_l0"} <= {each.name for each in wrong if each.kind == "gradient"}


def test_a_wrong_gradient_is_found_behind_the_layer_that_sends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing that is trained stands before it."""
    net = netspec.parse("input 6; tanh; softsign; dense 3 tanh; dense 2")
    faults.kernel(Softsign, backward=lambda sound, self, dy: 1.01 * sound.backward(self, dy))(monkeypatch)
    found = verify(net, against=["torch"])
    wrong = [each for each in found if not each.holds]
    assert [(each.kind, each.name) for each in wrong] == [("gradient", "tanh1")]


def test_a_fault_of_a_faster_path_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def halved(sound: Any, self: Any) -> None:
        sound.forward(self)
        self.y *= 0.5

    faults.faster(Pooled, forward=halved)(monkeypatch)
    found = verify(netspec.load(SPECS / "lenet.net"))
    assert {each.backend for each in found if not each.holds} == {FAST}


def test_a_backend_that_fails_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    faults.code(Tanh, "torch.tanh({x})", "torch.tanhh({x})")(monkeypatch)
    (tmp_path / "a.net").write_text(NET, "utf-8")
    assert main(["verify", str(tmp_path / "a.net")], standalone_mode=False) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[1] == "  torch       failed: AttributeError: module 'torch' has no attribute 'tanhh'"
    assert told[2].startswith("  onnx        8 outputs") and told[3].startswith("  numpy-fast  1 output")


def test_a_network_that_a_backend_cannot_run_is_not_compared_there() -> None:
    text = "input words T of 5\ninput sizes of 9\nembed 3 from words\nlast lengths=sizes\ndense 2"
    found = verify(netspec.parse(text))
    (refused,) = (each for each in found if each.kind == "refused")
    assert refused.backend == "onnx" and refused.holds and "`last` with `lengths`" in refused.name
    assert {each.backend for each in found} == {"torch", "onnx", FAST} and all(each.holds for each in found)
    with pytest.raises(SpecError, match="N601"):
        verify(netspec.parse(text), against=["onnx"])


def test_what_does_not_fit_into_memory_is_refused_before_it_is_taken() -> None:
    net = netspec.parse("input 50000; dense 70000; dense 70000")
    with pytest.raises(SpecError, match=r"N507: comparing takes 5\d\d.\d GB in float64, and .* are free"):
        verify(net)


def test_the_command_says_where_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "best.safetensors"
    net = netspec.parse(NET)
    save(weights, initial(net, 3, "float32"), metadata_of(net))
    assert main(["verify", str(weights)], standalone_mode=False) == 0
    assert "  torch       8 outputs " in capsys.readouterr().out
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
