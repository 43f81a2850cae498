"""The loop: the same numbers on both backends, schedules, batches, early stopping, failures."""

from dataclasses import replace

import numpy as np
import pytest

import netspec
from netspec.backends.parts import Parts
from netspec.data import Dataset, Loaded
from netspec.diagnostics import SpecError
from netspec.ir import catalog
from netspec.ir.training import Training
from netspec.passes.memory import memory_of
from netspec.settings.plain import Accumulate, Batch
from netspec.train import fits
from netspec.train.events import Observer, Row, Step
from netspec.train.loop import batches, train
from netspec.train.options import resolve

EXTRAS = "schedule exponential to=0.001 over=8\n    clip norm=0.5 value=0.2\n    regularize l2=0.01 l1=0.001 decay=0.1"
OPTIMIZERS = {
    "sgd": "sgd 0.1",
    "momentum": "momentum 0.05",
    "nesterov": "nesterov 0.05 momentum=0.8",
    "adagrad": "adagrad 0.05",
    "rmsprop": "rmsprop 0.01",
    "rmsprop-centered": "rmsprop 0.01 centered",
    "rmsprop-momentum": "rmsprop 0.01 momentum=0.8 centered decay=0.9",
    "adadelta": "adadelta 0.7 eps=0.001",
    "adam": "adam 0.01 beta1=0.8",
    "adam-amsgrad": "adam 0.05 beta2=0.9 amsgrad",
    "adamw": "adamw 0.01 decay=0.1",
    "adamw-amsgrad": "adamw 0.01 beta2=0.8 amsgrad",
    "adamax": "adamax 0.01",
    "nadam": "nadam 0.01 momentum_decay=0.1",
    "radam": "radam 0.01 beta2=0.9",
    "asgd": "asgd 0.05 lambd=0.01",
    "rprop": "rprop 0.001 most=0.01",
    "adafactor": "adafactor 0.05",
    "adafactor-eps": "adafactor 0.2 beta2_decay=-0.5 eps1=1e-3 eps2=0.1 d=2",
}


class Seen(Observer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rows: list[Row] = []

    def stepped(self, step: Step) -> None:
        self.losses.append(step.loss)

    def finished_epoch(self, row: Row) -> None:
        self.rows.append(row)


def net_of(settings: str, output: str = "softmax 3") -> netspec.Net:
    return netspec.parse(f"input 4\ndense 8 relu\n{output}\ntrain:\n    {settings}\n", name="points.net")


def trained(backend: str, net: netspec.Net, loaded: Loaded) -> tuple[Seen, dict[str, np.ndarray]]:
    options = resolve(net)
    program = netspec.compile(net, backend, seed=options.seed, dtype="float64", device="cpu")
    seen = Seen()
    train(net, program, loaded, options, observers=[seen])
    return seen, program.parameters()


@pytest.mark.parametrize("extras", ["", EXTRAS], ids=["plain", "schedule-clip-regularize"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_backends_agree_step_by_step(points: Loaded, optimizer: str, extras: str) -> None:
    net = net_of(f"optimizer {optimizer}\n    batch 20\n    steps 50\n    {extras}")
    (mine, my_weights), (theirs, their_weights) = (trained(name, net, points) for name in ("numpy", "torch"))
    assert len(mine.losses) == 50
    np.testing.assert_allclose(mine.losses, theirs.losses, rtol=0, atol=1e-9)
    for name, value in my_weights.items():
        np.testing.assert_allclose(value, their_weights[name], rtol=0, atol=1e-9, err_msg=name)
    assert mine.rows[-1].gradients == pytest.approx(theirs.rows[-1].gradients, abs=1e-9)
    assert mine.rows[-1].new.metrics == theirs.rows[-1].new.metrics


def test_every_optimiser_is_compared() -> None:
    assert {text.split()[0] for text in OPTIMIZERS.values()} == set(catalog.words("optimizer"))


@pytest.mark.parametrize(("output", "metric"), [("sigmoid 1", "accuracy"), ("dense 1", "rmse")])
def test_backends_agree_on_other_losses(points: Loaded, output: str, metric: str) -> None:
    train_part, test = (
        replace(part, targets=(part.targets == 1).astype(np.float32)[:, None])
        for part in (points.train, points.test)
    )
    net = net_of("optimizer adam 0.01\n    batch 20\n    steps 20", output)
    mine, theirs = (trained(name, net, Loaded(train_part, test))[0] for name in ("numpy", "torch"))
    np.testing.assert_allclose(mine.losses, theirs.losses, rtol=0, atol=1e-9)
    assert mine.rows[-1].new.metrics[metric] == pytest.approx(theirs.rows[-1].new.metrics[metric], abs=1e-9)


def test_the_last_smaller_batch_is_kept_and_one_example_is_joined() -> None:
    assert batches(10, 4) == [(0, 4), (4, 8), (8, 10)]
    assert batches(9, 4) == [(0, 4), (4, 9)]
    assert batches(3, 1) == [(0, 1), (1, 2), (2, 3)]
    assert batches(1, 4) == [(0, 1)]


def test_the_rate_follows_the_schedule_and_the_order_the_seed(points: Loaded) -> None:
    net = net_of("optimizer sgd 0.5\n    schedule step 6 by=0.5\n    batch 16\n    epochs 3")
    seen, _ = trained("numpy", net, points)
    assert [row.step for row in seen.rows] == [6, 12, 18]
    assert [row.rate for row in seen.rows] == [0.5, 0.25, 0.125]
    assert trained("numpy", net, points)[0].losses == seen.losses
    other = net_of("optimizer sgd 0.5\n    schedule step 6 by=0.5\n    batch 16\n    epochs 3\n    seed 1")
    assert trained("numpy", other, points)[0].losses != seen.losses


def test_early_stopping_keeps_the_best_and_never_sees_the_test_data(points: Loaded) -> None:
    net = net_of("optimizer sgd 3\n    batch 8\n    epochs 40\n    stop patience=3 validation=0.2")
    options = resolve(net)
    program = netspec.compile(net, "numpy", seed=0, dtype="float64")

    class Weights(Seen):
        def finished_epoch(self, row: Row) -> None:
            super().finished_epoch(row)
            if row.best:
                self.best = program.parameters()

    seen = Weights()
    result = train(net, program, points, options, observers=[seen])
    assert result.ended == "patience"
    assert result.part == "val" and all("val.loss" in row.figures() for row in seen.rows)
    losses = [row.new.loss for row in seen.rows]
    assert result.best_epoch == int(np.argmin(losses)) + 1 == len(losses) - 3
    assert seen.rows[0].new.examples == 18
    assert result.test is not None and result.test.examples == 30
    for name, value in program.parameters().items():
        np.testing.assert_array_equal(value, seen.best[name])


def test_a_higher_accuracy_is_better(points: Loaded) -> None:
    net = net_of("batch 8\n    epochs 8\n    stop patience=8 on val.accuracy")
    options = resolve(net)
    program = netspec.compile(net, "numpy")
    result = train(net, program, points, options)
    accuracies = [row.new.metrics["accuracy"] for row in result.rows]
    assert result.best_epoch == int(np.argmax(accuracies)) + 1
    assert accuracies[result.best_epoch - 1] > accuracies[0]


def test_without_a_validation_part_the_last_weights_count(points: Loaded) -> None:
    net = net_of("optimizer sgd 3\n    batch 8\n    epochs 5")
    result = train(net, netspec.compile(net, "numpy"), points, resolve(net))
    assert (result.part, result.best_epoch, result.test) == ("test", 5, result.rows[-1].new)
    assert not any(row.best for row in result.rows)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(points: Loaded, backend: str) -> None:
    net = net_of("optimizer sgd 1e6\n    batch 16\n    epochs 50\n    loss mse", "dense 3")
    data, test = (
        Dataset(part.inputs, np.eye(3, dtype=np.float32)[part.targets])
        for part in (points.train, points.test)
    )
    program = netspec.compile(net, backend, device="cpu")
    with pytest.raises(SpecError) as caught, np.errstate(all="ignore"):
        train(net, program, Loaded(data, test), resolve(net))
    (found,) = caught.value.diagnostics
    assert found.code == "N704"
    assert "at step" in found.message and "(epoch 1, step" in found.message and "of 6)" in found.message
    assert "`dense1`" in found.because or "`dense2`" in found.because
    assert "--lr 100000" in found.notes[0]


def test_it_stops_after_the_step_in_which_it_is_asked_to(points: Loaded) -> None:
    net = net_of("batch 16\n    epochs 3")
    answers = iter([False] * 7 + [True])
    program = netspec.compile(net, "numpy")
    result = train(net, program, points, resolve(net), should_stop=lambda: next(answers))
    assert (result.ended, result.steps, len(result.rows), result.test) == ("interrupted", 8, 1, None)


@pytest.mark.parametrize("method", ["train_step", "evaluate"])
def test_a_backend_that_fails_is_no_traceback(
    points: Loaded, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    net = net_of("batch 16\n    epochs 3")
    program = netspec.compile(net, "numpy")

    def fail(*_arguments: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(program, method, fail)
    with pytest.raises(SpecError, match=r"N704: the backend failed: no such kernel at step"):
        train(net, program, points, resolve(net))


def test_the_batch_that_fits_is_that_of_all_processes() -> None:
    net = netspec.parse("input 1000; dense 10")
    because, (alone,) = fits.explain(net, 64, "float32", None)
    assert because.startswith("the estimate for a batch of 64 is") and alone.startswith("--batch 32 (about ")
    because, (both, parts) = fits.explain(net, 64, "float32", None, 128, 2)
    assert because.startswith("the estimate for a part of 64 in each process is")
    assert both.startswith("--batch 64 (about ") and both.endswith(" in each)")
    cuts = Parts(Training({"batch": Batch(128), "accumulate": Accumulate(4)})).of(64)
    assert parts == "--accumulate 4 (the same batch in parts)" and cuts == [slice(0, 32), slice(32, 64)]


@pytest.mark.parametrize("problem", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate")])
def test_out_of_memory_names_the_estimate_and_a_batch_that_fits(
    points: Loaded, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    net = net_of("batch 64\n    epochs 3")
    program = netspec.compile(net, "numpy")
    each = memory_of(net).training
    fixed = 4 * memory_of(net).parameters
    assert each is not None

    def fail(*_arguments: object) -> None:
        raise problem

    monkeypatch.setattr(program, "train_step", fail)
    monkeypatch.setattr(program, "free_memory", lambda: (fixed + 20 * each) / 0.8)
    with pytest.raises(SpecError) as caught:
        train(net, program, points, resolve(net))
    (found,) = caught.value.diagnostics
    assert found.message == "out of memory at step 1 (epoch 1, step 1 of 2)"
    assert f"{fixed + 64 * each:,}"[0] in found.because and "are free" in found.because
    assert str(found.tries[0]).startswith("--batch 16 ")
    assert str(found.tries[1]) == "--accumulate 4 (the same batch in parts)"
