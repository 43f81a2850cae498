"""What a program remembers: a run that is broken off and gone on with is the unbroken one, bit for bit."""

from itertools import islice

import numpy as np
import pytest

import netspec
from netspec.backends import Program
from netspec.data import Loaded
from netspec.diagnostics import SpecError
from netspec.ir.training import Training
from tests.train.test_training_steps import OPTIMIZERS

HALF = 7


def program_of(backend: str, settings: str, dtype: str) -> tuple[Program, Training]:
    text = f"input 4\ndense 8 relu batchnorm; dropout 0.2; softmax 3\ntrain:\n    {settings}\n"
    net = netspec.parse(text, name="points.net")
    program = netspec.compile(net, backend, dtype=dtype, device="cpu")
    assert net.training is not None
    program.begin(net.training, 2 * HALF)
    return program, net.training


def steps(program: Program, points: Loaded, first: int, last: int) -> list[float]:
    """The losses of some steps, each on a batch of its own and with a step size of its own."""
    inputs, targets = points.train.inputs, points.train.targets
    chosen = ((index, (np.arange(10) + 7 * index) % len(targets)) for index in range(last))
    return [
        float(program.train_step(inputs[batch], targets[batch], 0.05 / (1 + index)))
        for index, batch in islice(chosen, first, last)
    ]


def arrays_of(program: Program) -> dict[str, np.ndarray]:
    return {**program.parameters(), **{f"memory {name}": value for name, value in program.memory().items()}}


def goes_on(points: Loaded, backend: str, settings: str, dtype: str) -> None:
    """Break a run off after some steps, at the start too, and go on in a fresh program."""
    whole, _ = program_of(backend, settings, dtype)
    losses = steps(whole, points, 0, 2 * HALF)
    for done in (0, HALF):
        first, _ = program_of(backend, settings, dtype)
        steps(first, points, 0, done)
        weights, memory = first.parameters(), first.memory()
        steps(first, points, done, done + 1)  # what was handed out are copies
        second, _ = program_of(backend, settings, dtype)
        second.load(weights)
        second.recall(memory)
        assert steps(second, points, done, 2 * HALF) == losses[done:]
        found, wanted = arrays_of(second), arrays_of(whole)
        assert list(found) == list(wanted)
        for name, value in wanted.items():
            assert found[name].dtype == value.dtype, name
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_optimiser_goes_on_where_it_was(points: Loaded, backend: str, optimizer: str, dtype: str) -> None:
    goes_on(points, backend, f"optimizer {optimizer}", dtype)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("settings", ["average ema=0.9", "average last=0.8", "average last=0.2"])
def test_an_average_goes_on_where_it_was(points: Loaded, backend: str, settings: str) -> None:
    goes_on(points, backend, f"optimizer adam\n    {settings}", "float32")


@pytest.mark.parametrize(("optimizer", "size"), [("sgd", 1), ("momentum", 1 + 67), ("adam", 1 + 2 * 67)])
def test_an_optimiser_keeps_no_more_than_it_needs(optimizer: str, size: int) -> None:
    program, _ = program_of("numpy", f"optimizer {optimizer}", "float32")
    held = {name: value.size for name, value in program.memory().items() if name.startswith("optimizer.")}
    assert sum(held.values()) == size + (size > 1) * (size // 67) * 16


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_the_memory_of_another_optimiser_is_refused(points: Loaded, backend: str) -> None:
    first, _ = program_of(backend, "optimizer adadelta", "float32")
    steps(first, points, 0, 2)
    second, _ = program_of(backend, "optimizer adam", "float32")
    with pytest.raises(SpecError, match="N703"):
        second.recall(first.memory())
