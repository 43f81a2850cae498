"""What `test_processes` looks at in each of two processes: programs of a group, beside the same program alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import netspec
from netspec.backends import Alone, Group, Lost, Piece, compile_net
from netspec.backends.manner import Manner
from netspec.backends.processes import end
from netspec.backends.torch import join
from netspec.backends.torch.program import TorchProgram
from netspec.data import Dataset, Loaded
from netspec.diagnostics import SpecError, error
from netspec.ir import catalog
from netspec.ir.training import LEFT_OUT, Training
from netspec.settings.optimizer import Adamw, Sgd
from netspec.settings.plain import Accumulate, Average, Clip, Regularize, Seed
from netspec.train.ends import Ends, network_for
from netspec.train.evaluate import Prepared, evaluate
from netspec.train.options import resolve

RATE = 0.1
NET = netspec.parse("input 5; dense 6 tanh; dense 3; softmax 3")
NORMED = netspec.parse("input 6x6x2; conv 4 3x3 nobias batchnorm relu; dense 3; softmax 3")
DROPPING = netspec.parse("input 5; dense 64; dropout 0.5; dense 3; softmax 3")
TAGS = netspec.parse("input T of 6; embed 4; gru 4 bidirectional; softmax 3")
TIED = netspec.parse(
    "input 6; dense 4 tanh as code; dense 3 as middle; dense 4 tied=middle; dense 6 tied=code"
)
PENALTY: dict[str, Any] = {"regularize": Regularize(l2=0.1, l1=0.01), "clip": Clip(0.5)}
DECAY = Regularize(decay=0.1)
LEARNT: dict[str, Any] = {**PENALTY, "optimizer": Adamw(RATE), "average": Average(ema=0.9)}


def program(net: netspec.Net, group: Group, **settings: Any) -> TorchProgram:
    found = netspec.compile(net, "torch", seed=3, device="cpu")
    assert isinstance(found, TorchProgram)
    found.group = group
    found.begin(Training({"optimizer": Sgd(RATE), "seed": Seed(0), **settings}))
    return found


def batch(net: netspec.Net, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    (shape,) = [layer.shape for layer in net.inputs]
    sizes = (size, *shape.channels_first)
    inputs = random.normal(size=sizes).astype(np.float32)
    return inputs, inputs if net is TIED else random.integers(0, 3, size)


def share(group: Group, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, Piece]:
    whole = len(targets)
    start, end = (whole * rank // group.size for rank in (group.rank, group.rank + 1))
    return inputs[start:end], targets[start:end], Piece(start, whole)


def step(found: TorchProgram, inputs: np.ndarray, targets: np.ndarray) -> float:
    own_inputs, own_targets, piece = share(found.group, inputs, targets)
    loss = found.train_step(own_inputs, own_targets, RATE, piece)
    return float(found.group.total(np.array([float(loss)]))[0])


def the_group_adds_up(group: Group) -> None:
    assert group.size == 2
    np.testing.assert_array_equal(group.total(np.array([group.rank, 0.1])), [1, 0.2])
    arrays = [np.arange(3.0), np.zeros(0), np.ones((2, 2), bool), np.float32([[1, 2]])]
    for own, other in zip(arrays, reversed(arrays), strict=True):
        first, second = group.gather(other if group.rank else own)
        for found, wanted in ((first, own), (second, other)):
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)
    group.wait()


def shares_of_any_size_make_the_step_of_the_batch(group: Group) -> None:
    """Of one example the first process has none; nor do they need as many parts."""
    for size, parts in ((8, 1), (7, 1), (3, 1), (1, 1), (13, 3), (1, 3)):
        settings = {**PENALTY, "accumulate": Accumulate(parts)}
        ours, theirs = program(NET, group, **settings), program(NET, Alone(), **PENALTY)
        for seed in range(3):
            examples = batch(NET, size, seed)
            assert abs(step(ours, *examples) - step(theirs, *examples)) < 1e-6
            norms = theirs.gradient_norms()
            for layer, norm in ours.gradient_norms().items():
                assert abs(norm - norms[layer]) < 1e-6, layer
        wanted = theirs.parameters()
        for name, value in ours.parameters().items():
            np.testing.assert_allclose(value, wanted[name], atol=1e-6, err_msg=name)


def running_means_are_those_of_all_shares(group: Group) -> None:
    ours = program(NORMED, group)
    inputs, targets = batch(NORMED, 5)
    step(ours, inputs, targets)
    weights = ours.parameters()
    for name in weights:
        first, second = group.gather(weights[name])
        np.testing.assert_array_equal(first, second, err_msg=name)
    with torch.no_grad():
        kernel = torch.from_numpy(program(NORMED, Alone()).parameters()["conv1.weight"])
        made = torch.nn.functional.conv2d(torch.from_numpy(inputs), kernel, padding=1)
    # of every share its own mean; that of the batch is their mean by size, that of the variances is not
    np.testing.assert_allclose(
        weights["batchnorm1.running_mean"], 0.1 * made.mean((0, 2, 3)).numpy(), atol=1e-6
    )
    parts = [made[:2], made[2:]]
    variance = sum(len(part) / 5 * part.var((0, 2, 3)) for part in parts)
    np.testing.assert_allclose(
        weights["batchnorm1.running_var"],
        0.9 + 0.1 * variance.numpy(),
        atol=1e-6,  # type: ignore[union-attr]
    )


def examples_of_different_lengths_learn_alike(group: Group) -> None:
    """The loss is the mean over the places of the whole batch, of which the processes have more or fewer."""
    options = resolve(TAGS)
    random = np.random.default_rng(0)
    for size, parts in ((9, 1), (4, 2), (1, 1)):
        lengths = np.sort(random.integers(1, 8, size))
        inside = np.arange(7) < lengths[:, None]
        words, tags = random.integers(1, 6, (size, 7)) * inside, random.integers(0, 3, (size, 7))
        data = Dataset(words, np.where(inside, tags, LEFT_OUT), lengths={"T": lengths})
        made = network_for(TAGS, options.training, Loaded(data, data))
        found = Prepared.of(data, Ends.of(data, TAGS, made, options.aims))
        ours, theirs = program(made, group, accumulate=Accumulate(parts)), program(made, Alone())
        edges = [size * rank // 2 for rank in range(3)]
        places = found.places(np.arange(size), options.aims)
        piece = Piece(edges[group.rank], size, places)
        own = found.batch(np.arange(*edges[group.rank : group.rank + 2]))
        loss = ours.train_step(*own, RATE, piece)
        total = float(group.total(np.array([float(loss)]))[0])
        whole = theirs.train_step(*found.batch(np.arange(size)), RATE, Piece(0, size, places))
        assert abs(total - float(whole)) < 1e-6
        wanted = theirs.parameters()
        for name, value in ours.parameters().items():
            np.testing.assert_allclose(value, wanted[name], atol=1e-6, err_msg=name)
        figures, expected = (evaluate(each, found, options.metrics, 2) for each in (ours, theirs))
        assert abs(figures.loss - expected.loss) < 1e-6
        assert figures.metrics == pytest.approx(expected.metrics)


def each_process_drops_others_and_remembers_which(group: Group) -> None:
    ours = program(DROPPING, group)
    drawn = group.gather(torch.rand(4).numpy())
    assert not np.array_equal(*drawn)
    memory = ours.memory()
    first = [group.gather(torch.rand(4).numpy()) for _ in range(2)]
    ours.recall(memory)
    again = [group.gather(torch.rand(4).numpy()) for _ in range(2)]
    np.testing.assert_array_equal(first, again)
    # of another number of processes: who was not there draws from the seed
    ours.recall({name: value for name, value in memory.items() if name != "random.cpu.1"})


def divided_parameters_learn_alike(group: Group) -> None:
    for net in (NET, TIED):
        ours = divided(net, **LEARNT, accumulate=Accumulate(2))
        theirs = program(net, Alone(), **LEARNT)
        for seed in range(2):
            examples = batch(net, 5, seed)
            assert abs(step(ours, *examples) - step(theirs, *examples)) < 1e-6
        wanted = theirs.parameters()
        for name, value in ours.parameters().items():
            np.testing.assert_allclose(value, wanted[name], atol=1e-6, err_msg=name)
        data = Dataset(*examples)
        found, expected = (evaluate(each, Prepared.of(data), (), 2) for each in (ours, theirs))
        assert abs(found.loss - expected.loss) < 1e-6
        memory, kept = ours.memory(), theirs.memory()
        assert set(memory) == {*kept, "random.cpu.1"}
        for name in set(kept) - {"random.cpu"}:
            np.testing.assert_allclose(memory[name], kept[name], atol=1e-5, err_msg=name)
        again = divided(net)
        again.load(wanted)
        again.recall(kept)
        assert abs(step(again, *examples) - step(theirs, *examples)) < 1e-6
        for name, value in again.memory().items():
            if name.startswith(("optimizer", "average")):
                np.testing.assert_allclose(value, theirs.memory()[name], atol=1e-5, err_msg=name)
        if group.rank == 0:
            with pytest.raises(SpecError, match="a batch has too few examples for the processes"):
                ours.train_step(*share(group, *batch(net, 1))[:2], RATE, Piece(0, 1))


def every_optimizer_takes_divided_parameters(group: Group) -> None:
    for word in catalog.words("optimizer"):
        settings = {
            "optimizer": catalog.find("optimizer", word)(),
            "clip": Clip(value=0.01),
            "regularize": DECAY,
        }
        if word in ("adafactor", "rprop"):
            with pytest.raises(SpecError, match=r"N602: PyTorch's .* takes no tensors that are divided"):
                divided(NET, **settings)
            continue
        ours, theirs = divided(NET, **settings), program(NET, Alone(), **settings)
        for seed in range(3):
            examples = batch(NET, 6, seed)
            assert abs(step(ours, *examples) - step(theirs, *examples)) < 1e-5, word
        wanted = theirs.parameters()
        for name, value in ours.parameters().items():
            np.testing.assert_allclose(value, wanted[name], atol=1e-4, err_msg=f"{word}: {name}")


def divided(net: netspec.Net, **settings: Any) -> TorchProgram:
    found = compile_net(net, "torch", seed=3, device="cpu", manner=Manner(sharded=True))
    assert isinstance(found, TorchProgram)
    found.begin(Training({"seed": Seed(0), **(settings or LEARNT)}))
    return found


def one_tells_a_failure(group: Group) -> None:
    told = group.total(np.array([float(group.tells(error("N704", "it failed")))]))
    np.testing.assert_array_equal(told, [1])


def the_end_of_another_process_is_noticed(group: Group) -> None:
    if group.rank == 1:
        return
    with pytest.raises(Lost, match="another process of this run has ended"):
        for _ in range(10**6):
            group.total(np.zeros(1))


if __name__ == "__main__":
    group = join("cpu")
    the_group_adds_up(group)
    shares_of_any_size_make_the_step_of_the_batch(group)
    running_means_are_those_of_all_shares(group)
    examples_of_different_lengths_learn_alike(group)
    each_process_drops_others_and_remembers_which(group)
    one_tells_a_failure(group)
    divided_parameters_learn_alike(group)
    every_optimizer_takes_divided_parameters(group)
    the_end_of_another_process_is_noticed(group)
    end(0)
