"""A target of numbers has the sizes of its output: nothing is spread over steps, whoever compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netspec as library
from netspec.diagnostics import SpecError
from netspec.train.evaluate import load_data
from netspec.train.options import resolve

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])


@pytest.mark.parametrize("wanted", [1, 7, 23])
def test_no_target_is_spread_over_the_steps(tmp_path: Path, wanted: int) -> None:
    """Arrays of so many rows for an output of 24."""
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 24, 2), np.float32), y=np.zeros((20, wanted, 2), np.float32))
    net = library.parse('input rows Tx2\ngru 4\ndense 2\ntrain:\n    data npz "a.npz"')
    message = rf"N404: a target of the training data is {wanted}x2, and the output is 24x2"
    with pytest.raises(SpecError, match=message) as refused:
        load_data(net, resolve(net), tmp_path)
    assert refused.value.diagnostics[0].because == "in these data T = 24"


def test_a_target_has_the_steps_of_its_output(tmp_path: Path) -> None:
    """Those that a convolution leaves, of as many as the data have."""
    net = library.parse('input rows Tx2\nconv1d 2 5 valid\ntrain:\n    data npz "a.npz"')
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 24, 2), np.float32), y=np.zeros((20, 20, 2), np.float32))
    assert load_data(net, resolve(net), tmp_path).train.targets.shape[1:] == (20, 2)
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 24, 2), np.float32), y=np.zeros((20, 24, 2), np.float32))
    with pytest.raises(SpecError, match=r"N404: .* is 24x2, and the output is 20x2"):
        load_data(net, resolve(net), tmp_path)


@BACKENDS
@pytest.mark.parametrize("output", ["dense 2", "sigmoid 2"])
def test_a_program_compares_numbers_with_as_many(backend: str, output: str) -> None:
    program = library.compile(library.parse(f"input rows Tx2\n{output}"), backend)
    inputs = np.zeros((3, 5, 2), np.float32)
    for targets in (np.zeros((3, 1, 2), np.float32), np.zeros((5, 2), np.float32)):
        for asked in (program.loss_and_gradients, program.evaluate):
            with pytest.raises(SpecError, match=r"N404: the targets of `\w+` are .*x2, and it gives 3x5x2"):
                asked(inputs, targets)
        with pytest.raises(SpecError, match="N404"):
            program.train_step(inputs, targets, 0.1)
