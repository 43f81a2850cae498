"""Averages of the weights, worked out by hand from the weights after each step, and what a run does with them."""

import numpy as np
import pytest

import netspec
from netspec.data import Loaded
from netspec.train.evaluate import Prepared, evaluate
from netspec.train.events import Observer, Row
from netspec.train.loop import train
from netspec.train.options import resolve

Weights = dict[str, np.ndarray]
STEPS = 12


def net_of(settings: str) -> netspec.Net:
    text = f"input 4\ndense 8 relu batchnorm\nsoftmax 3\ntrain:\n    optimizer sgd 0.3\n    {settings}\n"
    return netspec.parse(text, name="points.net")


def steps_and_average(backend: str, setting: str, points: Loaded) -> tuple[list[Weights], Weights]:
    """The weights after each step, and the average at the end."""
    net = net_of(setting)
    program = netspec.compile(net, backend, dtype="float64", device="cpu")
    assert net.training is not None
    program.begin(net.training, STEPS)
    seen = []
    for step in range(STEPS):
        batch = slice(5 * step, 5 * step + 10)
        program.train_step(points.train.inputs[batch], points.train.targets[batch], 0.3)
        seen.append(program.parameters())
    program.use_average(True)
    return seen, program.parameters()


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("ema", [0.999, 0.3, 0.0])
def test_a_decaying_average(points: Loaded, backend: str, ema: float) -> None:
    seen, average = steps_and_average(backend, f"average ema={ema}", points)
    for name in seen[0]:
        wanted = seen[0][name]
        for t, weights in enumerate(seen[1:], 1):
            d = min(ema, (1 + t) / (10 + t))
            wanted = d * wanted + (1 - d) * weights[name]
        np.testing.assert_allclose(average[name], wanted, rtol=0, atol=1e-12, err_msg=name)
    assert any("running_mean" in name for name in average)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize(("last", "count"), [(1, 12), (0.25, 3), (0.3, 4), (0.01, 1)])
def test_a_mean_over_the_last_steps(points: Loaded, backend: str, last: float, count: int) -> None:
    seen, average = steps_and_average(backend, f"average last={last}", points)
    for name in seen[0]:
        wanted = np.mean([weights[name] for weights in seen[-count:]], axis=0)
        np.testing.assert_allclose(average[name], wanted, rtol=0, atol=1e-12, err_msg=name)


def test_backends_agree_over_a_run(points: Loaded) -> None:
    net = net_of("average ema=0.9\n    batch 20\n    epochs 10")
    results, weights = [], []
    for backend in ("numpy", "torch"):
        program = netspec.compile(net, backend, dtype="float64", device="cpu")
        results.append(train(net, program, points, resolve(net)))
        weights.append(program.parameters())
    for one, other in zip(results[0].rows, results[1].rows, strict=True):
        assert one.new.loss == pytest.approx(other.new.loss, abs=1e-9)
    for name, value in weights[0].items():
        np.testing.assert_allclose(value, weights[1][name], rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("stop", ["", "\n    stop patience=9 validation=0.2"], ids=["last", "best"])
def test_what_is_kept_is_what_was_measured(points: Loaded, stop: str) -> None:
    """The weights at the end are averages, as observers see them, and the figures of their epoch are theirs."""

    class Weights(Observer):
        def finished_epoch(self, row: Row) -> None:
            self.seen = program.parameters()

    found = {}
    for setting in ("average ema=0.98", "average ema=0"):
        net = net_of(f"{setting}\n    batch 10\n    epochs 4{stop}")
        program = netspec.compile(net, "numpy", dtype="float64")
        weights = Weights()
        result = train(net, program, points, resolve(net), observers=[weights])
        if result.best_epoch == len(result.rows):
            for name, value in program.parameters().items():
                np.testing.assert_array_equal(value, weights.seen[name])
        figures = evaluate(program, Prepared.of(points.test), resolve(net).metrics, 64)
        assert result.test is not None and figures.loss == pytest.approx(result.test.loss, abs=1e-12)
        found[setting] = [row.loss for row in result.rows], figures.loss
    # it is the same run: an average changes nothing of the steps
    (averaged, one), (plain, other) = found.values()
    assert averaged == plain and one != other


def test_nothing_is_put_in_place_where_nothing_is_averaged(points: Loaded) -> None:
    for backend in ("numpy", "torch"):
        program = netspec.compile(net_of("batch 9"), backend, device="cpu")
        before = program.parameters()
        program.use_average(True)
        program.train_step(points.train.inputs[:9], points.train.targets[:9], 0.1)
        program.use_average(False)
        assert any((value != before[name]).any() for name, value in program.parameters().items())
