"""Every gradient of the NumPy interpreter against finite differences: every example of every layer, and hard cases."""

import numpy as np
import pytest

import netspec
from netspec.ir import catalog
from netspec.ir.layer import Operation
from netspec.testing.cases import example_text
from netspec.testing.gradcheck import GradientCheck, check_gradients

HARD = [
    "input 7x8x4\nconv 6 3x2 stride2 dilation2 groups=2",
    "input 6x6x2\nconv 3 4x4 stride=3x1 pad=0,3,2,1 nobias",
    "input 9x9x2\npool max 3 stride2 pad=1,1,0,2 ceil",
    "input 9x9x2\npool avg 4x2 stride3 same ceil",
    "input 5x4x2\nupconv 3 3x2 stride=2x3 dilation=1x2 pad=1,0,2,1",
    "input 2x3x2\nupconv 2 1x1 stride3",
    "input 4x3x2\nupsample 3x2 bilinear",
    "input 1x1x2\nupsample 4 bilinear",
    "input 6x3\nlstm 3 bidirectional reverse last",
    "input 6x3\ngru 3 bidirectional reverse",
    "input 6x3\nrnn 3 reverse last\nbatchnorm",
    "input T of 5\nembed 3\nlstm 4\ngru 2 last\ndense 3 tanh",
    "input 6x5x2\nconv 3 3x3 batchnorm relu\npool 2\ndense 4 batchnorm sigmoid\nsoftmax 3",
    "input 4x4x3\nlayernorm\nsoftmax",
    "input 5\ndense 4 as first\ndense 3 from first",
]


def examples() -> list[str]:
    texts = []
    for definition in catalog.definitions("layer"):
        assert issubclass(definition, Operation)
        assert definition.examples, f"{definition.word} has no example"
        if not definition.reads_nothing and definition.passes_gradient:
            texts += [example_text(example) for example in definition.examples]
    return texts


TEXTS = examples() + HARD
# the gradient of batchnorm is that of training: nothing trains on running means
CASES = [(text, True) for text in TEXTS] + [(text, False) for text in TEXTS if "batchnorm" not in text]


@pytest.mark.parametrize(("text", "training"), CASES)
def test_gradients_agree_with_finite_differences(text: str, training: bool) -> None:
    found = check_gradients(netspec.parse(text), training=training)
    assert not found, "\n".join(str(each) for each in found[:5])


def test_nothing_is_trained_through_detach() -> None:
    check = GradientCheck(netspec.parse("input 3\ndense 2 as before\ndetach\ndense 2"))
    found = {name: np.abs(gradient).max() for name, (_, gradient) in check.gradients().items()}
    assert found.pop("dense1.weight") > 0 and found.pop("dense1.bias") > 0
    assert not any(found.values()) and set(found) == {"input1", "before.weight", "before.bias"}


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.backends.numpy.dense import DenseKernel

    sound = DenseKernel.backward
    monkeypatch.setattr(DenseKernel, "backward", lambda self, dy: sound(self, dy) * 1.001)
    assert check_gradients(netspec.parse("input 3\ndense 2"))
