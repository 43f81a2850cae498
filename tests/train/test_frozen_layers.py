"""`frozen`: what is not trained stays as it is, on every path, and everything that tells of a network says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.data import Loaded
from netspec.diagnostics import SpecError
from netspec.passes.count import count
from netspec.train.checkpoint import metadata_of, restore, save
from netspec.train.loop import train
from netspec.train.options import resolve

BODY = "input 4\ndense 8 frozen batchnorm relu\ndense 6 tanh\nbatchnorm frozen\ndense 3 frozen; softmax\n"
FROZEN = ("dense1.", "batchnorm1.", "batchnorm2.", "dense3.")
SETTINGS = """train:
    optimizer adamw 0.05 decay=0.3
    regularize l2=0.1 l1=0.1 decay=0.2
    clip norm=1
    average ema=0.5
    accumulate 2
    batch 16
    epochs 2
"""


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_what_is_frozen_stays_as_it_is(points: Loaded, backend: str) -> None:
    net = netspec.parse(BODY + SETTINGS)
    program = netspec.compile(net, backend, dtype="float64", device="cpu")
    start = program.parameters()
    train(net, program, points, resolve(net))
    changed = {name for name, value in program.parameters().items() if (value != start[name]).any()}
    assert changed == {"dense2.weight", "dense2.bias"}
    assert set(start) - changed == {name for name in start if name.startswith(FROZEN)}
    assert list(program.gradient_norms()) == ["dense2"]
    _, gradients = program.loss_and_gradients(points.train.inputs[:8].astype("f8"), points.train.targets[:8])
    assert list(gradients) == ["dense2.weight", "dense2.bias"]


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_network_of_which_nothing_is_trained_runs(points: Loaded, backend: str) -> None:
    net = netspec.parse("input 4\nbatchnorm frozen\nsoftmax 3 frozen\n" + SETTINGS)
    program = netspec.compile(net, backend, device="cpu")
    start = program.parameters()
    result = train(net, program, points, resolve(net))
    assert len({round(row.loss, 6) for row in result.rows}) == 1
    for name, value in program.parameters().items():
        np.testing.assert_array_equal(value, start[name])


def test_frozen_statistics_are_those_of_prediction(points: Loaded) -> None:
    """In training the frozen network computes what it predicts."""
    net = netspec.parse("input 4\nbatchnorm frozen\nsoftmax 3")
    batch = points.train.inputs[:9].astype("f8"), points.train.targets[:9]
    for backend in ("numpy", "torch"):
        program = netspec.compile(net, backend, dtype="float64", device="cpu")
        values = program.parameters()
        values["batchnorm1.running_mean"] += 0.7
        values["batchnorm1.running_var"] *= 3
        program.load(values)
        assert program.loss_and_gradients(*batch)[0] == pytest.approx(
            program.evaluate(*batch)[0][0], abs=1e-12
        )


def test_weights_of_the_network_that_was_trained_whole_fit(tmp_path: Path, points: Loaded) -> None:
    whole = netspec.parse(BODY.replace(" frozen", ""))
    part = netspec.parse(BODY)
    assert list(whole.parameters) == list(part.parameters)
    weights = netspec.compile(whole, "numpy", seed=3).parameters()
    program = netspec.compile(part, "torch", device="cpu", parameters=weights)
    x = points.test.inputs
    np.testing.assert_allclose(
        program.predict(x), netspec.compile(whole, "numpy", parameters=weights).predict(x), atol=1e-5
    )
    save(tmp_path / "w.safetensors", weights, metadata_of(part))
    found = restore(tmp_path / "w.safetensors")
    assert found.net == part and [layer.name for layer in found.net if layer.frozen] == [
        "dense1",
        "batchnorm1",
        "batchnorm2",
        "dense3",
    ]


def test_counts_and_forms_of_a_network_say_so() -> None:
    net = netspec.parse(BODY)
    trained = 8 * 6 + 6
    assert (net.parameter_count, net.trained_count) == (8 * 4 + 8 + 16 + trained + 12 + 21, trained)
    table = count(net)
    assert (table.parameters, table.trained) == (net.parameter_count, trained)
    assert [row.line for row in table.rows if "frozen" in row.notes] == [2, 4, 5]
    document = json.loads(json.dumps(net.to_json()))
    assert [each["name"] for each in document["layers"] if each.get("frozen")] == [
        "dense1",
        "batchnorm1",
        "batchnorm2",
        "dense3",
    ]
    assert netspec.from_json(document) == net == netspec.parse(net.to_text())
    assert net != netspec.parse(BODY.replace(" frozen", ""))
    document["layers"][3]["frozen"] = True
    with pytest.raises(SpecError, match=r"N110: nothing is frozen here: `relu` has no parameters"):
        netspec.from_json(document)


USES = """
network tower:
    dense 4 batchnorm relu
input 4
tower frozen
tower
add frozen:
    dense 4
    identity
dense 4 frozen as last; relu
softmax 3
"""


def test_a_use_freezes_all_that_it_makes() -> None:
    net = netspec.parse(USES)
    frozen = {layer.name for layer in net if layer.frozen}
    assert frozen == {
        "tower_dense1",
        "tower_batchnorm1",
        "tower2_dense1",
        "tower2_batchnorm1",
        "dense1",
        "last",
    }
    assert {name for name, param in net.parameters.items() if param.trainable} == {
        "dense2.weight",
        "dense2.bias",
    }
    assert netspec.parse(net.to_text()).layers == net.layers
    assert netspec.from_json(net.to_json()).layers == net.layers


def test_the_module_says_so() -> None:
    from netspec.backends.torch.export import export
    from netspec.backends.torch.program import build

    net = netspec.parse(
        "input 4 of 7\nembed 3 as words\ndense 3 frozen batchnorm\ndense 7 tied=words frozen\n"
    )
    source = export(net)
    assert "8 of them trained" not in source and "21 of them trained" in source
    for line in ("self.dense1.requires_grad_(False)", "self.dense2.bias.requires_grad_(False)"):
        assert f"        {line}\n" in source
    module = build(net).train()
    assert [name for name, one in module.named_modules() if not one.training] == ["batchnorm1"]
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    assert trained == ["words.weight"]


def test_commands_tell_it(netspec: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    Path("part.net").write_text(BODY)
    Path("whole.net").write_text(BODY.replace(" frozen", ""))
    assert netspec("shapes", "part.net") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["trained", "54", "the", "others", "are", "frozen"] in rows
    assert netspec("shapes", "whole.net") == 0
    assert "frozen" not in capsys.readouterr().out
    assert netspec("diff", "whole.net", "part.net") in (0, 1)
    assert "with frozen" in capsys.readouterr().out
    assert netspec("fmt", "--check", "part.net") == 0
    assert netspec("explain", "part.net:2") == 0
    assert "weight 8x4 (not trained)" in capsys.readouterr().out
