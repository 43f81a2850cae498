"""What is refused of steps that are made graphs, and what the tapes that stand for graphs (`tape`) refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import netspec
from netspec.backends.manner import Manner
from netspec.backends.torch import graphed
from netspec.backends.torch.program import TorchProgram
from netspec.diagnostics import SpecError
from netspec.ir.training import Training
from netspec.settings.plain import Accumulate
from netspec.train.options import resolve
from tests.backends.graphs import GRAPHED, batches, parsed, program, recorder
from tests.backends.tape import TapeRecorder

pytestmark = pytest.mark.usefixtures("tapes")


@pytest.mark.parametrize(
    ("manner", "processes", "said"),
    [
        (Manner("fp16", graphed=True), 1, "fp16 cannot be used with --graph"),
        (Manner(sharded=True, graphed=True), 1, "--graph cannot be used in several processes"),
        (GRAPHED, 2, "--graph cannot be used in several processes"),
    ],
)
def test_manners_that_do_not_go_with_graphs(manner: Manner, processes: int, said: str) -> None:
    with pytest.raises(SpecError, match=f"N602: {said}"):
        graphed.check_graphed(manner, torch.device("cpu"), processes, "")


def test_a_device_without_graphs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(graphed.RECORDERS, "cpu")
    with pytest.raises(SpecError, match="N602: --graph cannot be used on cpu") as failed:
        program(parsed("lenet"), GRAPHED)
    (found,) = failed.value.diagnostics
    assert found.because == "CUDA graphs are what NVIDIA's GPUs have"
    assert found.notes == ("the same without --graph",)


@pytest.mark.parametrize(
    ("layer", "because"),
    [
        ("rnn 3 last", "its recurrent layers"),
        ("lstm 3 bidirectional last", "its recurrent layers"),
        ("gru 3 reverse last", "its recurrent layers"),
        ("batchnorm", "its batchnorm"),
    ],
)
def test_sequences_whose_lengths_the_host_reads_are_refused(layer: str, because: str) -> None:
    """A graph would go on with the lengths of the batch that it was recorded on."""
    net = netspec.parse(f"input 5x4 as x\ninput of 6 as n\n{layer} lengths=n from x\nflatten\nsoftmax 3")
    with pytest.raises(SpecError, match="N602: --graph cannot be used with this network") as failed:
        program(net, GRAPHED)
    assert failed.value.diagnostics[0].because.startswith(because)


def test_parts_are_refused() -> None:
    net = parsed("lenet")
    settings = {**resolve(net).training.settings, "accumulate": Accumulate(2)}
    with pytest.raises(SpecError, match="N602: --graph cannot be used with `accumulate`"):
        program(net, GRAPHED).begin(replace(resolve(net).training, settings=settings))


def breaking(failure: Callable[[], BaseException]) -> TorchProgram:
    """A program whose steps are done, and fail where they are recorded."""
    net = parsed("lenet")
    ours = program(net, GRAPHED)
    ours.begin(Training({}))
    learn = ours._learn

    def breaks(*given: Any) -> torch.Tensor:
        loss = learn(*given)
        if recorder(ours).tapes:
            try:
                raise failure()
            finally:
                raise RuntimeError("the recording is not valid any more")
        return loss

    ours._learn = breaks  # type: ignore[method-assign]
    return ours


def test_what_cannot_be_recorded_is_told() -> None:
    ours = breaking(lambda: RuntimeError("operation not permitted when stream is capturing\nmore"))
    with pytest.raises(SpecError, match="N602: a step of this network cannot be recorded") as failed:
        for batch in batches(ours.net, (6,) * 5):
            ours.train_step(*batch)
    (found,) = failed.value.diagnostics
    assert found.because == "operation not permitted when stream is capturing"
    assert ours.steps == 4


def test_memory_that_is_short_while_recording_is_not_told_as_a_matter_of_graphs() -> None:
    ours = breaking(lambda: torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(torch.OutOfMemoryError):
        for batch in batches(ours.net, (6,) * 5):
            ours.train_step(*batch)


def test_the_tape_refuses_what_a_gpu_refuses() -> None:
    """Else these tests would not see it."""
    x = torch.zeros(3)
    looks: list[Callable[[], object]] = [
        lambda: x.sum().item(),
        lambda: x[x > 0],
        lambda: torch.tensor([1.0, 2.0]) + 1,
        lambda: torch.nonzero(x),
    ]
    for each in looks:
        with pytest.raises(RuntimeError, match="capturing"):
            TapeRecorder(x.device).record(lambda: (each(), x)[1])  # noqa: B023


def test_the_tape_changes_nothing_and_does_the_same_again() -> None:
    x, rate = torch.ones(3), 0.5

    def step() -> torch.Tensor:
        x.mul_(rate).add_(torch.rand(3))
        return x.sum()

    state = torch.get_rng_state()
    replay, found = TapeRecorder(x.device).record(step)
    assert x.tolist() == [1, 1, 1] and torch.equal(torch.get_rng_state(), state)
    drawn = torch.rand(3)
    torch.set_rng_state(state)
    rate = 0.25  # too late
    replay()
    assert torch.equal(x, 0.5 + drawn) and found == x.sum()
