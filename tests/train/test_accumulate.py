"""A batch in parts: the step of the whole batch, whatever the parts, and less at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.backends.numpy.plan import Plan
from netspec.backends.parts import Parts
from netspec.data import Loaded
from netspec.ir.training import Training
from netspec.settings.plain import Accumulate, Batch
from netspec.train.loop import train
from netspec.train.options import resolve

EXTRAS = "optimizer momentum 0.1\n    regularize l2=0.01 l1=0.001\n    clip norm=0.3"
NETS = {
    "classes": "input 4\ndense 8 tanh\nsoftmax 3",
    "shared": "input 4\nnetwork one:\n    dense 4 tanh\none\none\nsoftmax 3",
    "yes and no": "input 4\ndense 6 relu\nsigmoid 3",
    "numbers": "input 4\ndense 6 layernorm relu\ndense 3",
}


def cuts(batch: int | None, count: int, examples: int) -> list[int]:
    """The sizes of the parts."""
    settings = {"accumulate": Accumulate(count)} | ({"batch": Batch(batch)} if batch else {})
    parts = Parts(Training(settings)).of(examples)
    assert [place for part in parts for place in range(examples)[part]] == list(range(examples))
    return [part.stop - part.start for part in parts]


def test_parts_are_even_and_of_one_example_only_where_all_are() -> None:
    assert cuts(12, 4, 12) == [3, 3, 3, 3]
    assert cuts(10, 4, 10) == [2, 3, 2, 3]
    assert cuts(None, 4, 10) == [2, 3, 2, 3]
    assert cuts(12, 4, 5) == [2, 3]  # the last batch of an epoch, in fewer parts
    assert cuts(12, 4, 1) == [1]
    assert cuts(4, 2, 3) == [3]
    assert cuts(4, 4, 4) == [1, 1, 1, 1]
    assert cuts(3, 8, 3) == [1, 1, 1]
    assert cuts(4, 4, 5) == [1, 1, 1, 1, 1]
    assert cuts(8, 1, 9) == [9]
    assert Parts(Training({"batch": Batch(8)})).of(9) == [slice(0, 9)]


SEVERAL = """
input 4
dense 6 tanh as body
dense 3; softmax as side
dense 2 from body
output side
train:
    loss crossentropy on side weight=0.3 weights=0.5,2,1
    loss mse
"""


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_several_outputs_have_a_target_each(points: Loaded, backend: str) -> None:
    found = []
    inputs, classes = points.train.inputs[:10].astype("f8"), points.train.targets[:10]
    targets = classes, inputs[:, :2].copy()
    for setting in ("", "    accumulate 3\n    batch 10\n"):
        net = netspec.parse(SEVERAL + setting)
        program = netspec.compile(net, backend, dtype="float64", device="cpu")
        assert net.training is not None
        program.begin(net.training)
        losses = [float(program.train_step(inputs, targets, 0.1)) for _ in range(3)]
        found.append((losses, program.parameters()))
    assert found[0][0] == pytest.approx(found[1][0], rel=0, abs=1e-12)
    for key, value in found[0][1].items():
        np.testing.assert_allclose(value, found[1][1][key], rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("count", [2, 3, 5, 20])
@pytest.mark.parametrize("name", NETS)
def test_the_step_is_that_of_the_whole_batch(points: Loaded, backend: str, count: int, name: str) -> None:
    found = []
    inputs, targets = points.train.inputs[:20].astype("float64"), points.train.targets[:20]
    if name in ("yes and no", "numbers"):
        targets = np.eye(3)[targets]
    for setting in ("", f"\n    accumulate {count}"):
        net = netspec.parse(f"{NETS[name]}\ntrain:\n    {EXTRAS}{setting}\n")
        program = netspec.compile(net, backend, dtype="float64", device="cpu")
        assert net.training is not None
        program.begin(net.training)
        losses = [float(program.train_step(inputs, targets, 0.1)) for _ in range(4)]
        losses.append(float(program.train_step(inputs[:7], targets[:7], 0.1)))
        found.append((losses, program.gradient_norms(), program.parameters()))
    (losses, norms, values), (whole_losses, whole_norms, whole_values) = found[1], found[0]
    assert losses == pytest.approx(whole_losses, rel=0, abs=1e-12)
    assert norms == pytest.approx(whole_norms, rel=0, abs=1e-12)
    for key, value in values.items():
        np.testing.assert_allclose(value, whole_values[key], rtol=0, atol=1e-12, err_msg=key)


def test_no_more_than_a_part_is_worked_on_at_a_time(points: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()
    evaluated: set[int] = set()
    sound = Plan.forward

    def forward(self: Plan, inputs: list[np.ndarray], training: bool) -> np.ndarray:
        (seen if training else evaluated).add(len(inputs[0]))
        return sound(self, inputs, training)

    monkeypatch.setattr(Plan, "forward", forward)
    net = netspec.parse("input 4\ndense 8 batchnorm relu\nsoftmax 3\ntrain:\n    batch 16\n    epochs 1\n")
    options = resolve(net, ["train.accumulate=3"])
    result = train(net, netspec.compile(net, "numpy"), points, options)
    assert result.steps == 6 and max(seen) <= 6 and min(seen) >= 2
    assert max(evaluated) <= 12


def test_the_command_line_sets_it(spec: Path, netspec: Callable[..., int]) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--quiet", "--epochs", 1, "--accumulate", 3) == 0
    settings = json.loads(Path("runs/plane-001/settings.json").read_text())
    assert settings["settings"]["accumulate"] == {"line": "accumulate 3", "parts": 3}
    assert settings["overrides"] == ["train.epochs=1", "train.accumulate=3"]


def test_the_commands_that_train_take_what_is_short_for_a_setting() -> None:
    from netspec.cli.sweep import sweep
    from netspec.cli.train import CHANGES
    from netspec.cli.train import train as command

    for each in (command, sweep):
        assert set(CHANGES) <= {parameter.name for parameter in each.params}
