"""Programs that work on the parameters of another one."""

from __future__ import annotations

import numpy as np
import pytest

import netspec
from netspec.backends import Program
from netspec.ir.net import Net
from netspec.ir.training import Training
from netspec.settings.optimizer import Adam

FIRST = "input 6\ndense 5 as a\nbatchnorm as norm\nrelu\ndense 3 as b"
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])


def made(text: str, backend: str, seed: int) -> Program:
    return netspec.compile(netspec.parse(text), backend, seed=seed, dtype="float64", device="cpu")


def batch(net: Net) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    return random.normal(size=(8, 6)), random.normal(size=(8, net.outputs[-1].shape.features))


@BACKENDS
def test_what_the_lender_learns_is_seen_at_once(backend: str) -> None:
    lender = made(FIRST, backend, 1)
    other = made("input 6\ndense 5 as a\nbatchnorm as norm\ntanh", backend, 2)
    other.borrow(lender, list(other.net.parameters))
    inputs, targets = batch(lender.net)
    for _ in range(3):
        lender.train_step(inputs, targets, 0.1)
        for name, value in other.parameters().items():
            assert np.array_equal(value, lender.parameters()[name])
    same = made_from(lender, "input 6\ndense 5 as a\nbatchnorm as norm").predict(inputs)
    np.testing.assert_allclose(other.predict(inputs), np.tanh(same), rtol=1e-14)


def made_from(lender: Program, text: str) -> Program:
    net = netspec.parse(text)
    backend = "numpy" if type(lender).__name__ == "NumpyProgram" else "torch"
    values = {name: lender.parameters()[name] for name in net.parameters}
    return netspec.compile(net, backend, dtype="float64", device="cpu", parameters=values)


@BACKENDS
def test_each_of_two_learns_its_own_alone(backend: str) -> None:
    """Either borrows from the other, in either order, and running statistics that are borrowed stay."""
    one, two = made(FIRST, backend, 1), made(FIRST, backend, 2)
    names = set(one.net.parameters)
    own = {name for name in names if name.startswith("b.")}
    one.borrow(two, own)
    two.borrow(one, names - own)
    inputs, targets = batch(one.net)
    settings = Training({"optimizer": Adam(0.01)})
    for program, learnt in ((one, names - own), (two, own)):
        program.begin(settings)
        before = program.parameters()
        gradients = program.loss_and_gradients(inputs, targets)[1]
        assert set(gradients) == {name for name in learnt if "running" not in name}
        program.train_step(inputs, targets, 0.01)
        after = program.parameters()
        for name in names:
            assert np.array_equal(before[name], after[name]) == (name not in learnt), name
        assert set(program.gradient_norms()) == {name.partition(".")[0] for name in gradients}
    for name in names:
        assert np.array_equal(one.parameters()[name], two.parameters()[name])


def test_backends_agree_on_what_is_learnt() -> None:
    found = {}
    for backend in ("numpy", "torch"):
        one, two = made(FIRST, backend, 1), made(FIRST, backend, 2)
        own = {name for name in one.net.parameters if name.startswith("b.")}
        one.borrow(two, own)
        two.borrow(one, set(one.net.parameters) - own)
        inputs, targets = batch(one.net)
        for program in (one, two):
            program.begin(Training({"optimizer": Adam(0.01)}))
        for _ in range(10):
            one.train_step(inputs, targets, 0.01)
            two.train_step(inputs, targets, 0.01)
        found[backend] = one.parameters()
    for name, value in found["numpy"].items():
        np.testing.assert_allclose(found["torch"][name], value, rtol=1e-9, atol=1e-12)
