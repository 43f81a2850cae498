"""How weights lie in memory: as convolutions have them fastest, and without a change of the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import netspec
from netspec.backends import as_tuple, channels_first
from netspec.backends.torch.program import TorchProgram
from netspec.ir.catalog import words
from netspec.testing.cases import Case, cases

IMAGES = [
    case
    for case in cases()
    if any(len(layer.shape.dims) == 3 and layer.shape.of is None for layer in case.net)
]
TEXT = "input 6x4x3\nconv 4 3x3 relu\nconv 5 3x2\nsoftmax 2\ntrain:\n    optimizer {}\n    average ema=0.5"


def program_of(text: str) -> TorchProgram:
    program = netspec.compile(netspec.parse(text), "torch", device="cpu")
    assert isinstance(program, TorchProgram)
    return program


def test_the_channels_of_a_pixel_lie_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they come from a network that made an image of a vector."""
    program = program_of("input 12\nreshape 2x2x3\nupconv 4 4x4 stride2\nconv 5 3x3\ndense 2")
    found: list[tuple[int, ...]] = []
    convolution = torch.nn.functional.conv2d

    def noted(x: torch.Tensor, *others: object, **more: object) -> torch.Tensor:
        result: torch.Tensor = convolution(x, *others, **more)  # type: ignore[arg-type]
        found.extend((x.stride(), result.stride()))
        return result

    monkeypatch.setattr(torch.nn.functional, "conv2d", noted)
    program.predict(np.zeros((3, 12), np.float32))
    assert found == [(64, 1, 16, 4), (80, 1, 20, 5)]


@pytest.mark.parametrize("case", IMAGES, ids=str)
def test_every_layer_gives_the_same_in_both(case: Case) -> None:
    program = netspec.compile(
        case.net, "torch", dtype="float64", device="cpu", parameters=case.start("float64")
    )
    assert isinstance(program, TorchProgram)
    given = [torch.tensor(channels_first(each)) for each in as_tuple(case.inputs(3, "float64"))]
    program.module.eval()
    with torch.no_grad():
        one = program.module(*given)
        other = program.module.to(memory_format=torch.contiguous_format)(*given)
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("word", words("optimizer"))
def test_what_an_optimiser_remembers_lies_as_its_parameters_do(word: str) -> None:
    """Fused ones go through both in one pass: a run that goes on does not differ in a bit."""
    random = np.random.default_rng(0)
    batches = [(random.normal(size=(4, 3, 6, 4)).astype(np.float32), np.arange(4) % 2) for _ in range(4)]
    one, other = (program_of(TEXT.format(word)) for _ in range(2))
    for program in (one, other):
        assert program.net.training is not None
        program.begin(program.net.training)
    for batch in batches[:2]:
        one.train_step(*batch, 0.1)
    other.load(one.parameters())
    other.recall(one.memory())
    for batch in batches[2:]:
        for program in (one, other):
            program.train_step(*batch, 0.1)
    assert other.optimizer is not None
    for parameter, state in other.optimizer.state.items():
        whole = [each for each in state.values() if each.shape == parameter.shape]
        assert all(each.stride() == parameter.stride() for each in whole)
    for found, wanted in ((other.parameters(), one.parameters()), (other.memory(), one.memory())):
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
