"""Steps that are made graphs, on a processor with tapes for graphs (`tape`): the same numbers as one operation at a
time, for every layer, loss and optimiser that may be in one.  What only a GPU can show is in `test_cuda.py`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import netspec
from netspec.backends.manner import PLAIN
from netspec.backends.torch import graphed
from netspec.backends.torch.program import TorchProgram
from netspec.diagnostics import SpecError
from netspec.testing.conformance import Case
from netspec.train.loop import train
from netspec.train.options import resolve
from tests.backends.graphs import (
    CASES,
    GRAPHED,
    NETS,
    REFUSED,
    SIZES,
    Apart,
    batches,
    examples,
    parsed,
    program,
    recorder,
)
from tests.train.test_training_steps import OPTIMIZERS

pytestmark = pytest.mark.usefixtures("tapes")

COUNTED = {"adamax", "nadam", "radam", "asgd"}
"""In a graph, these work out from the number of the step in float32 what they else do in Python."""


def trained(net: netspec.Net, found: TorchProgram) -> list[float]:
    """The losses of a run as it is; its weights are then those of the program."""
    return [row.loss for row in train(net, found, examples(net), resolve(net)).rows]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_a_run_of_graphs_is_the_run(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, once the plain run has the step sizes as they lie on the device: rounded to float32.

    Rounding alone drives two runs in float32 apart, by as much as the network makes of it.
    """
    net = parsed(name)
    plain, ours = program(net, dtype=dtype), program(net, GRAPHED, dtype=dtype)
    step = plain.train_step
    monkeypatch.setattr(
        plain, "train_step", lambda x, y, rate, piece: step(x, y, float(np.float32(rate)), piece)
    )
    assert trained(net, ours) == trained(net, plain)
    found, wanted = ours.parameters(), plain.parameters()
    for each, value in wanted.items():
        np.testing.assert_array_equal(found[each], value, each)
    assert recorder(ours).done == 6 and len(recorder(ours).tapes) == 2
    assert ours.steps == plain.steps == 35


@pytest.mark.parametrize("name", NETS)
def test_with_step_sizes_that_need_no_rounding_it_is_the_run_to_the_last_bit(name: str) -> None:
    net = parsed(name)
    training = resolve(net, ["train.loss=crossentropy weights=1,2,3", "train.regularize=l2=0.01"]).training
    plain, ours = program(net), program(net, GRAPHED)
    alone, graphs = (Apart(each, training, len(SIZES)) for each in (plain, ours))
    kept = []
    for batch in batches(net):
        kept.append((graphs.step(*batch), float(alone.step(*batch))))
        assert ours.gradient_norms() == plain.gradient_norms()
    assert [float(found) for found, _ in kept] == [wanted for _, wanted in kept]
    assert all(torch.equal(alone.draws[name], state) for name, state in graphs.draws.items())
    memories = ours.memory(), plain.memory()
    for each, value in memories[1].items():
        np.testing.assert_array_equal(memories[0][each], value, each)
    for each, value in plain.parameters().items():
        np.testing.assert_array_equal(ours.parameters()[each], value, each)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_layer_and_setting_may_be_in_a_graph(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphed, "EAGER", 1)
    words = set(case.net.text.split())
    close = 1e-6 if COUNTED & words else 1e-9
    plain, ours = (
        program(case.net, manner, dtype="float64", parameters=case.start("float64"))
        for manner in (PLAIN, GRAPHED)
    )
    if REFUSED & words or "accumulate" in words:
        with pytest.raises(SpecError, match="N602"):
            ours.begin(case.training)
        return
    alone, graphs = (Apart(each, case.training) for each in (plain, ours))
    for step, size in enumerate((5, 5, 3, 5, 3, 3, 5)):
        inputs = case.inputs(size, "float64", purpose=f"step {step}")
        prepared = netspec.backends.on_each(netspec.backends.channels_first, inputs)
        targets = case.targets(size, "float64")
        found, wanted = (float(each.step(prepared, targets, 2**-7)) for each in (graphs, alone))
        assert found == pytest.approx(wanted, rel=close, abs=1e-12)
    assert len(recorder(ours).tapes) == 2
    for name, value in plain.parameters().items():
        np.testing.assert_allclose(ours.parameters()[name], value, rtol=100 * close, atol=close, err_msg=name)


@pytest.mark.parametrize("use", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimiser_is_itself_in_a_graph_or_refused(use: str) -> None:
    net = parsed("lenet")
    training = resolve(net, [f"train.optimizer={use}"]).training
    plain, ours = program(net), program(net, GRAPHED)
    plain.begin(training)
    if use.split()[0] in REFUSED:
        with pytest.raises(SpecError, match=r"N602: PyTorch's Ada.* cannot be used with --graph"):
            ours.begin(training)
        return
    ours.begin(training)
    for inputs, targets, rate in batches(net):
        found, wanted = (float(each.train_step(inputs, targets, rate / 32)) for each in (ours, plain))
        assert found == pytest.approx(wanted, rel=2e-4)
    memories = ours.memory(), plain.memory()
    assert list(memories[0]) == list(memories[1])
    for each, value in memories[1].items():
        np.testing.assert_allclose(memories[0][each], value, rtol=2e-3, atol=1e-5, err_msg=each)


# --- going on


@pytest.mark.parametrize("at", [2, 5, 10])
@pytest.mark.parametrize(
    "use", [OPTIMIZERS[name] for name in ("nesterov", "adam", "nadam", "asgd", "rprop", "rmsprop-momentum")]
)
def test_a_run_of_graphs_goes_on_where_it_was(use: str, at: int) -> None:
    """From its own memory in a new program, and in itself, where other tensors then hold what it remembers."""
    net = parsed("tricks")
    training = resolve(net, [f"train.optimizer={use}"]).training
    unbroken, first, second = (program(net, GRAPHED) for _ in range(3))
    for each in (unbroken, first, second):
        each.begin(training, len(SIZES))
    steps = list(batches(net))
    wanted = [float(unbroken.train_step(*each)) for each in steps[:at]]
    torch.manual_seed(0)
    first.begin(training, len(SIZES))
    assert [float(first.train_step(*each)) for each in steps[:at]] == wanted
    memory, values = first.memory(), first.parameters()
    for _ in range(2):  # not the run any more
        first.train_step(*steps[0])
    for each in (unbroken, first, second):
        if each is not unbroken:
            each.load(values)
        each.recall(memory)
        losses = [float(each.train_step(*step)) for step in steps[at:]]
        if each is unbroken:
            wanted = losses
        assert losses == wanted
    for name, value in unbroken.memory().items():
        np.testing.assert_array_equal(first.memory()[name], value, name)
        np.testing.assert_array_equal(second.memory()[name], value, name)


# --- sizes


def test_further_sizes_are_done_without_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphed, "SIZES", 2)
    monkeypatch.setattr(graphed, "EAGER", 1)
    net = parsed("tricks")
    plain, ours = program(net), program(net, GRAPHED)
    sizes = (6, 5, 4, 3) * 3
    alone, graphs = (Apart(each, resolve(net).training, len(sizes)) for each in (plain, ours))
    for batch in batches(net, sizes):
        assert float(graphs.step(*batch)) == float(alone.step(*batch))
        assert ours.gradient_norms() == plain.gradient_norms()
    assert len(recorder(ours).tapes) == 2 and recorder(ours).done == 2 + 6


def test_a_loss_of_no_place_is_no_part_of_the_graph_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch decides anew how many places have a class; where none has, the loss is left out, not 0 / 0."""
    monkeypatch.setattr(graphed, "EAGER", 1)
    net = netspec.parse("input 5x4\ndense 3\nsoftmax 3\ntrain:\n    optimizer adam 0.01\n")
    plain, ours = program(net, dtype="float64"), program(net, GRAPHED, dtype="float64")
    alone, graphs = (Apart(each, resolve(net).training) for each in (plain, ours))
    random = np.random.default_rng(4)
    for left_out in (0, 3, 30, 0, 30, 10, 30, 29, 1):
        inputs, targets = random.random((6, 5, 4)), random.integers(0, 3, (6, 5))
        targets.reshape(-1)[:left_out] = -1
        found, wanted = (float(each.step(inputs, targets, 2**-7)) for each in (graphs, alone))
        assert found == pytest.approx(wanted, rel=1e-12)
    assert len(recorder(ours).tapes) == 2


def test_a_loss_stays_what_it_was() -> None:
    net = parsed("lenet")
    ours = program(net, GRAPHED)
    ours.begin(resolve(net).training)
    first, *others = (ours.train_step(*batch) for batch in batches(net, (6,) * 8))
    assert len({float(each) for each in (first, *others)}) == 8
