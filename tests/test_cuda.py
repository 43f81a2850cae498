"""What only a GPU can show: steps as CUDA graphs, and all that such a device has of its own.

    pytest tests/test_cuda.py

Nothing here runs elsewhere; `tests/backends/test_graphed.py` has the same on a processor, with tapes for graphs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import netspec
from netspec.backends import channels_first, on_each
from netspec.backends.manner import PLAIN, Manner
from netspec.backends.torch import graphed
from netspec.diagnostics import SpecError
from netspec.ir.net import Net
from netspec.ir.training import Training
from netspec.testing.conformance import Case
from netspec.train.loop import train
from netspec.train.options import resolve
from tests.backends.graphs import (
    CASES,
    GRAPHED,
    NETS,
    REFUSED,
    Apart,
    batches,
    examples,
    parsed,
    program,
)
from tests.train.test_training_steps import OPTIMIZERS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

SIZES = (6, 6, 6, 6, 6, 5) * 5
NEVER = 10**9
SAMPLE = [
    case
    for case in CASES
    if case.name.endswith("between layers")
    or case.name.startswith(("loss", "input", "regularize", "several"))
]


@pytest.fixture(autouse=True)
def the_same_every_time() -> Iterator[None]:
    """Convolutions whose gradients are summed in one order."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    yield
    torch.backends.cudnn.deterministic = before


def losses(net: Net, manner: Manner, training: Training, sizes: tuple[int, ...] = SIZES) -> list[float]:
    """Those of some steps, which are not read before the last one is under way."""
    found = Apart(program(net, manner, "cuda"), training, len(sizes))
    return [float(each) for each in [found.step(*batch) for batch in batches(net, sizes)]]


# --- graphs


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("name", NETS)
def test_a_graph_is_its_steps(name: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same operations one by one; random layers and augmentation draw the same."""
    net, manner = parsed(name), Manner(precision, graphed=True)
    training = resolve(net, ["train.loss=crossentropy weights=1,2,3"]).training
    found = losses(net, manner, training)
    monkeypatch.setattr(graphed, "EAGER", NEVER)
    np.testing.assert_allclose(found, losses(net, manner, training), rtol=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_a_run_of_graphs_is_the_run(name: str) -> None:
    net = parsed(name)
    plain, ours = program(net, device="cuda"), program(net, GRAPHED, "cuda")
    found, wanted = (
        [row.loss for row in train(net, each, examples(net, 149), resolve(net)).rows]
        for each in (ours, plain)
    )
    np.testing.assert_allclose(found, wanted, rtol=5e-3)
    assert (
        ours.graphs is not None and sum(size.replay is not None for size in ours.graphs.sizes.values()) == 2
    )


@pytest.mark.parametrize("use", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimiser_is_recorded_or_refused(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = parsed("lenet")
    training = resolve(net, [f"train.optimizer={use}"]).training
    if use.split()[0] in REFUSED:
        with pytest.raises(SpecError, match="N602"):
            program(net, GRAPHED, "cuda").begin(training)
        return
    small = [(inputs, targets, rate / 32) for inputs, targets, rate in batches(net, SIZES)]
    found: dict[Any, list[float]] = {}
    memories = {}
    for kind, manner, eager in (("graph", GRAPHED, 3), ("eager", GRAPHED, NEVER), ("plain", PLAIN, 3)):
        monkeypatch.setattr(graphed, "EAGER", eager)
        made = Apart(program(net, manner, "cuda"), training)
        found[kind] = [float(made.step(*batch)) for batch in small]
        memories[kind] = made.program.memory()
    np.testing.assert_allclose(found["graph"], found["eager"], rtol=1e-5)
    np.testing.assert_allclose(found["graph"], found["plain"], rtol=2e-3)
    assert list(memories["graph"]) == list(memories["plain"])
    for name, value in memories["eager"].items():
        np.testing.assert_allclose(memories["graph"][name], value, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("use", [OPTIMIZERS[name] for name in ("nesterov", "adam", "nadam", "rprop")])
@pytest.mark.parametrize("at", [2, 7, 15])
def test_a_run_of_graphs_goes_on_where_it_was(use: str, at: int) -> None:
    """To the last bit, although the first steps after the pause are done one operation at a time."""
    net = parsed("tricks")
    training = resolve(net, [f"train.optimizer={use}"]).training
    steps = list(batches(net, SIZES))
    unbroken = program(net, GRAPHED, "cuda")
    unbroken.begin(training, len(SIZES))
    for each in steps[:at]:
        unbroken.train_step(*each)
    memory, values = unbroken.memory(), unbroken.parameters()
    wanted = [float(unbroken.train_step(*each)) for each in steps[at:]]
    second = program(net, GRAPHED, "cuda")
    for each in (second, unbroken):
        each.begin(training, len(SIZES))
        each.load(values)
        each.recall(memory)
        assert [float(each.train_step(*step)) for step in steps[at:]] == wanted


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_every_layer_and_setting_may_be_in_a_graph(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphed, "EAGER", 2)
    start = case.start("float32")
    plain, ours = (
        Apart(program(case.net, manner, "cuda", parameters=start), case.training)
        for manner in (PLAIN, GRAPHED)
    )
    for step in range(5):
        inputs = on_each(channels_first, case.inputs(4, "float32", purpose=f"step {step}"))
        targets = case.targets(4, "float32")
        found, wanted = (float(each.step(inputs, targets, 2**-7)) for each in (ours, plain))
        assert found == pytest.approx(wanted, rel=1e-3, abs=1e-5)


def test_gradients_and_losses_are_those_of_the_last_step() -> None:
    net = parsed("lenet")
    plain, ours = (Apart(program(net, manner, "cuda"), resolve(net).training) for manner in (PLAIN, GRAPHED))
    kept = []
    for batch in batches(net, SIZES):
        kept.append((ours.step(*batch), plain.step(*batch)))
        wanted = plain.program.gradient_norms()
        assert ours.program.gradient_norms() == pytest.approx(wanted, rel=2e-2, abs=1e-4)
    for found, expected in kept:
        assert float(found) == pytest.approx(float(expected), rel=2e-3)


def test_a_compiled_network_may_be_in_a_graph() -> None:
    """Silently: what the compiler says of TF32 is no word for who has chosen a precision."""
    torch._dynamo.reset()
    net = parsed("lenet")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # PyTorch's own
        found = losses(net, Manner(compiled=True, graphed=True), resolve(net).training)
    np.testing.assert_allclose(found, losses(net, PLAIN, resolve(net).training), rtol=2e-3)


def test_what_cannot_be_recorded_is_told_and_leaves_the_device_as_it_was() -> None:
    net = parsed("lenet")
    ours = program(net, GRAPHED, "cuda")
    ours.begin(resolve(net).training)
    learn = ours._learn

    def looks(*given: Any) -> torch.Tensor:
        loss = learn(*given)
        loss.item()
        return loss

    ours._learn = looks  # type: ignore[method-assign]
    here = torch.cuda.current_stream()
    with pytest.raises(SpecError, match="N602: a step of this network cannot be recorded") as failed:
        for batch in batches(net, (6,) * 5):
            ours.train_step(*batch)
    assert "captur" in failed.value.diagnostics[0].because
    assert torch.cuda.current_stream() == here
    assert all(np.isfinite(each) for each in losses(net, PLAIN, resolve(net).training))


def test_fp16_has_no_graph() -> None:
    with pytest.raises(SpecError, match="N602: fp16 cannot be used with --graph"):
        netspec.backends.compile_net(
            parsed("lenet"), "torch", device="cuda", manner=Manner("fp16", graphed=True)
        )
