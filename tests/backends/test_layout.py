"""How images lie in memory: as convolutions have them fastest, and without a change of the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import netspec
from netspec.backends import as_tuple, channels_first
from netspec.backends.torch.layout import results
from netspec.backends.torch.program import TorchProgram
from netspec.testing.cases import Case, cases

IMAGES = [
    case
    for case in cases()
    if any(len(layer.shape.dims) == 3 and layer.shape.of is None for layer in case.net.inputs)
]
ORDERS = (torch.channels_last, torch.contiguous_format)


def program_of(text: str) -> TorchProgram:
    program = netspec.compile(netspec.parse(text), "torch", device="cpu")
    assert isinstance(program, TorchProgram)
    return program


def layouts(program: TorchProgram, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The steps in memory from row to row, pixel to pixel and so on of every batch that the module is given."""
    found: list[tuple[int, ...]] = []
    raw = program._raw

    def noted(x: torch.Tensor) -> torch.Tensor:
        found.append(x.stride()[1:])
        result: torch.Tensor = raw(x)
        return result

    monkeypatch.setattr(program, "_raw", noted)
    return found


@pytest.mark.parametrize("augment", ["", "\n    augment flip", "\n    augment mixup=0.4"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_channels_of_a_pixel_lie_side_by_side(
    channels: int, augment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = program_of(f"input 6x4x{channels}\nconv 2 3x3\nsoftmax 2\ntrain:\n    batch 8{augment}")
    assert program.net.training is not None
    program.begin(program.net.training)
    found = layouts(program, monkeypatch)
    images = np.zeros((9, channels, 6, 4), np.float32)[np.arange(8)]
    targets = np.arange(8) % 2
    program.train_step(images, targets, 0.1)
    program.evaluate(images, targets)
    assert found == [(1, 4 * channels, channels)] * 2


def test_a_network_without_convolutions_takes_images_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    program = program_of("input 6x4x3\ndense 2\nsoftmax")
    found = layouts(program, monkeypatch)
    program.evaluate(np.zeros((8, 3, 6, 4), np.float32), np.zeros(8, np.int64))
    assert found == [(24, 4, 1)]


@pytest.mark.parametrize("case", IMAGES, ids=str)
def test_every_layer_gives_the_same_in_both(case: Case) -> None:
    program = netspec.compile(
        case.net, "torch", dtype="float64", device="cpu", parameters=case.start("float64")
    )
    assert isinstance(program, TorchProgram)
    given = [torch.tensor(channels_first(each)) for each in as_tuple(case.inputs(3, "float64"))]
    program.module.eval()
    with torch.no_grad():
        one, other = (results(program.module, given, order) for order in ORDERS)
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
