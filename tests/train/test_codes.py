"""A generator with a code, and a network that finds the code again (Chen et al. 2016): noise of categories."""

from functools import partial

import numpy as np
import pytest

import netspec as library
from netspec.backends import Piece, as_tuple, compile_net
from netspec.data import Dataset, Loaded
from netspec.ir.shape import Shape
from netspec.ir.updates import Noise
from netspec.testing import conformance
from netspec.testing.cases import net_cases
from netspec.train.learner import Learner, learner_for
from netspec.train.loop import train
from netspec.train.noise import Draws
from netspec.train.options import resolve

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])
TEXT = """
network generator:
    input latent 2
    input code 3
    concat latent code
    dense 8 relu
    dense 4

network discriminator:
    input 4 as point
    input of 3 as label
    embed 3
    concat point
    dense 8 relu
    sigmoid 1

network recogniser:
    input 4
    dense 8 relu
    softmax 3

train:
    data npz "points.npz" as real
    let code = categorical 3
    let fake = generator(uniform 2, code)
    update discriminator: bce(discriminator(real, y), 0.9) + bce(discriminator(stop fake, y), 0)
    update generator: bce(discriminator(fake, y), 1) + kl(recogniser(fake), code)
    update recogniser: kl(recogniser(stop fake), code)
    optimizer adam 0.01
    batch 16
    epochs 12

generate:
    make generator(uniform 2, categorical 3)
"""


def points() -> Loaded:
    random = np.random.default_rng(1)
    parts = [Dataset(random.normal(size=(n, 4)).astype(np.float32), np.arange(n) % 3) for n in (160, 20)]
    return Loaded(*parts, used='npz "points.npz"')


def learner_of(net: library.Net, backend: str) -> Learner:
    return learner_for(net, net, partial(compile_net, backend=backend, dtype="float64", device="cpu", seed=0))


def test_noise_of_categories_is_a_one_at_any_place() -> None:
    noise = Noise("categorical", Shape((2, 5)), 0)
    drawn = Draws(0, "1").of(noise, 4000)
    np.testing.assert_array_equal(drawn, Draws(0, "1").of(noise, 4000))
    assert drawn.shape == (4000, 2, 5) and set(np.unique(drawn)) == {0, 1}
    np.testing.assert_array_equal(drawn.sum(axis=-1), 1)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.2, atol=0.03)
    assert not np.array_equal(drawn[:, 0], drawn[:, 1])
    assert Draws(0, "1").of(Noise("categorical", Shape((10**6,)), 0), 2).sum() == 2


def test_both_backends_come_to_the_same_numbers() -> None:
    net = library.parse(TEXT, name="codes.net")
    one, other = (learner_of(net, backend) for backend in ("numpy", "torch"))
    rows = [train(net, each, points(), resolve(net)).rows for each in (one, other)]
    for name, value in one.parameters().items():
        np.testing.assert_allclose(other.parameters()[name], value, rtol=0, atol=1e-9, err_msg=name)
    for row, same in zip(*rows, strict=True):
        assert row.figures() == pytest.approx(same.figures(), abs=1e-9)
    losses = [row.losses["recogniser"] for row in rows[0]]
    assert losses[-1] < 0.5 * losses[0]


def test_conformance_draws_noise_as_a_run_does() -> None:
    """A target of `kl` is a class, and no numbers that have no logarithm."""
    net = library.parse(TEXT, name="codes.net")
    *_, last = net_cases(net)
    assert last.name == "codes recogniser"
    _, code = as_tuple(last.inputs(7, "float64"))
    assert code.shape == (7, 3) and set(code.ravel()) == {0, 1}
    for case in net_cases(net):
        assert conformance.run(case, "torch") == []


@BACKENDS
def test_a_label_reaches_the_networks_that_read_it(backend: str) -> None:
    """The vectors of the labels in a batch are trained, and no others."""
    net = library.parse(TEXT, name="codes.net")
    learner = learner_of(net, backend)
    learner.begin(resolve(net), 1)
    turn = learner.turns[0]
    before = learner.parameters()["discriminator_embed1.weight"].copy()
    given = points().train.inputs[:4], np.array([0, 2, 2, 0])
    turn.program.train_step(*turn.batch(given, Draws(0, "1")), 0.05, Piece(0, 4))
    changed = (learner.parameters()["discriminator_embed1.weight"] != before).any(axis=1)
    assert changed.tolist() == [True, False, True]
