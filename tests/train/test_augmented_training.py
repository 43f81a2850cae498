"""Training on augmented examples: the loop, both backends, real data."""

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.train.evaluate import load_data
from netspec.train.loop import Observer, Step, train
from netspec.train.options import resolve

SPEC = """
input 8x8x1
conv 4 3x3 relu
softmax 10
train:
    data digits
    batch 99
    epochs 1
    optimizer adam 0.01
    augment {}
"""
EVERYTHING = (
    "shift=1 rotate=10 scale=0.1 shear=0.1 elastic=1 spacing=3 flip crop=1 noise=0.1 cutout=3 mixup=0.3"
)


class Losses(list[float], Observer):
    """The losses, a step after the other."""

    def stepped(self, step: Step) -> None:
        self.append(step.loss)


def losses(backend: str, line: str, *overrides: str) -> list[float]:
    net = netspec.parse(SPEC.format(line), name="digits.net")
    options = resolve(net, overrides)
    program = netspec.compile(net, backend, seed=options.seed, dtype="float64", device="cpu")
    seen = Losses()
    train(net, program, load_data(net, options, Path()), options, observers=[seen])
    return list(seen)


@pytest.mark.parametrize("line", ["shift=1 rotate=10 elastic=1", EVERYTHING], ids=["moves", "everything"])
def test_backends_agree_step_by_step(line: str) -> None:
    mine, theirs = losses("numpy", line), losses("torch", line)
    assert len(mine) == 15
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9)


def test_it_learns_and_the_seed_and_the_line_decide_how() -> None:
    line = "shift=1 rotate=10"
    first = losses("numpy", line, "train.epochs=3")
    assert np.mean(first[-5:]) < 0.7 * np.mean(first[:5])
    assert losses("numpy", line) == first[:15]
    assert losses("numpy", line, "train.seed=1")[0] != first[0]
    assert losses("numpy", line, "train.augment.rotate=20")[0] != first[0]
