"""Steps that are made graphs, on a processor with tapes for graphs (`tape`): the same numbers as one operation at a
time, for every layer, loss and optimiser that may be in one.  What only a GPU can show is in `test_cuda.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import netspec
from netspec.backends import compile_net
from netspec.backends.manner import PLAIN, Manner
from netspec.backends.torch import graphed
from netspec.backends.torch.program import TorchProgram
from netspec.backends.torch.random import draws_of, set_draws
from netspec.backends.torch.source import module_source
from netspec.data import Dataset, Loaded
from netspec.diagnostics import SpecError
from netspec.ir.training import Training
from netspec.settings.plain import Accumulate
from netspec.testing import conformance
from netspec.testing.conformance import Case
from netspec.train.loop import train
from netspec.train.options import resolve
from tests.backends.tape import TapeRecorder
from tests.train.test_training_steps import OPTIMIZERS

GRAPHED = Manner(graphed=True)
NETS = {
    "lenet": """
        input 8x8x1; conv 3 3x3 relu; pool 2; dense 8 relu; softmax 3
        train:
            optimizer adam 0.01
            schedule cosine
            regularize l2=0.01 decay=0.01
            batch 6
            epochs 7""",
    "tricks": """
        input 8x8x1; conv 4 3x3 nobias batchnorm relu; noise 0.1; dense 9 nobias batchnorm relu; dropout 0.4; softmax 3
        train:
            augment shift=1 rotate=10 scale=0.1 shear=0.1 elastic=1 noise=0.1 cutout=2 flip mixup=0.3
            optimizer adam 0.01
            schedule onecycle
            average ema=0.9
            batch 6
            epochs 7""",
    "lstm": """
        input 8x8; lstm 6 last; softmax 3
        train:
            optimizer nesterov 0.03
            schedule exponential to=0.001 over=20
            loss crossentropy weights=balanced smoothing=0.1
            clip norm=1 value=0.3
            batch 6
            epochs 7""",
}
SIZES = (6, 6, 5, 6, 6, 5, 6, 6, 5, 6, 6, 5, 5, 6)
COUNTED = {"adamax", "nadam", "radam", "asgd"}
"""In a graph, these work out from the number of the step in float32 what they else do in Python."""
REFUSED = {"adagrad", "adafactor"}
CASES = [
    case
    for case in conformance.cases()
    if case.trains and not any(words in module_source(case.net) for words in graphed.ON_HOST)
]
"""Without those that are refused."""


@pytest.fixture(autouse=True)
def tapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tapes for graphs, and optimisers that may be in one on a processor, as they may on a GPU."""
    monkeypatch.setitem(graphed.RECORDERS, "cpu", TapeRecorder)
    for name, module in list(sys.modules.items()):
        if name.startswith("torch.optim.") and hasattr(module, "_get_capturable_supported_devices"):
            monkeypatch.setattr(module, "_get_capturable_supported_devices", lambda **_: ["cpu"])
    yield


def program(net: netspec.Net, manner: Manner = PLAIN, device: str = "cpu", **more: Any) -> TorchProgram:
    found = compile_net(net, "torch", seed=1, device=device, manner=manner, **more)
    assert isinstance(found, TorchProgram)
    return found


def parsed(name: str) -> netspec.Net:
    lines = [line.strip() for line in NETS[name].strip().splitlines()]
    at = lines.index("train:")
    body = "\n".join(lines[:at]).replace("; ", "\n")
    return netspec.parse(
        "\n".join([body, "train:", *(f"    {line}" for line in lines[at + 1 :])]), name="a.net"
    )


def examples(net: netspec.Net, number: int = 29) -> Loaded:
    """29 make four batches of 6 and a last one of 5."""
    random = np.random.default_rng(2)
    shape = net.inputs[0].shape.known
    data = Dataset(random.random((number, *shape)).astype(np.float32), random.integers(0, 3, number))
    return Loaded(data, data.take(np.arange(4)))


def recorder(found: TorchProgram) -> TapeRecorder:
    assert found.graphs is not None
    made: Any = found.graphs.recorder
    assert isinstance(made, TapeRecorder)
    return made


def trained(net: netspec.Net, found: TorchProgram) -> list[float]:
    """The losses of a run as it is; its weights are then those of the program."""
    return [row.loss for row in train(net, found, examples(net), resolve(net)).rows]


class Apart:
    """A program that draws from PyTorch's generators as if it were alone."""

    def __init__(self, found: TorchProgram, training: Training, steps: int = 0) -> None:
        self.program = found
        found.begin(training, steps)
        self.draws = draws_of(found.torch_device, found.group)

    def step(self, *given: Any) -> torch.Tensor:
        found = self.program
        set_draws(found.torch_device, found.group, self.draws)
        loss = found.train_step(*given)
        self.draws = draws_of(found.torch_device, found.group)
        return loss


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


def batches(
    net: netspec.Net, sizes: tuple[int, ...] = SIZES
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    random = np.random.default_rng(3)
    shape = net.inputs[0].shape.channels_first
    for number, size in enumerate(sizes):
        inputs, targets = random.random((size, *shape)).astype(np.float32), random.integers(0, 3, size)
        yield inputs, targets, 0.25 / 2 ** (number % 3)


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


# --- what is refused


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
