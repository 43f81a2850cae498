"""Training on examples of different lengths: batches cut and alike, figures over places, going on to the last bit."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.backends import Alone, as_tuple, compile_net
from netspec.backends.manner import Manner
from netspec.data import Dataset, Loaded
from netspec.diagnostics import SpecError
from netspec.init import generator
from netspec.ir.training import LEFT_OUT
from netspec.settings.metric import F1, Accuracy, Bleu, Perplexity
from netspec.train import run as whole
from netspec.train.checkpoint import restore
from netspec.train.ends import STRETCH, Ends, network_for
from netspec.train.evaluate import Prepared, evaluate
from netspec.train.events import Observer, Result
from netspec.train.loop import Saving, batches, train
from netspec.train.metrics import Tally
from netspec.train.options import Options, resolve
from netspec.train.position import Moment
from netspec.train.resume import reopen
from netspec.train.run import Setup
from netspec.train.targets import balanced

LONGEST = 9
NETS = {
    "one": "input words T of 6\nembed 6\nlstm 8 last\nsoftmax 2\n\ntrain:\n    optimizer adam 0.03\n    batch 16\n"
    "    epochs 12",
    "many": "input words T of 6\nembed 6\ngru 8 bidirectional\nsoftmax 6\n\ntrain:\n    optimizer adam 0.03\n"
    "    batch 16\n    epochs 14\n    metric accuracy\n    metric perplexity",
    "two texts": "input source S of 6\ninput target T of 6\nembed 6 from source\nlstm 8 state as meaning\n"
    "embed 6 from target\nlstm 8 init=meaning\nsoftmax 6\n\ntrain:\n    optimizer adam 0.03\n    batch 16\n"
    "    epochs 2",
}
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])


def net_of(name: str) -> netspec.Net:
    return netspec.parse(NETS[name], name=name.replace(" ", "_"))


def examples(name: str, count: int, seed: int) -> Dataset:
    """Words from 1 to 5: whether the first is above 3; of each word the one that came before."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, LONGEST + 1, count)
    words = random.integers(1, 6, (count, LONGEST))
    there = np.arange(LONGEST) < lengths[:, None]
    if name == "one":
        return Dataset(words * there, (words[:, 0] > 3).astype(np.int64), lengths={"T": lengths})
    before = np.concatenate([np.zeros((count, 1), np.int64), words[:, :-1]], axis=1)
    targets = np.where(there, before, LEFT_OUT)
    if name == "many":
        return Dataset(words * there, targets, lengths={"T": lengths})
    others = random.integers(2, 6, count)
    source = random.integers(1, 6, (count, 5)) * (np.arange(5) < others[:, None])
    return Dataset((source, words * there), targets, lengths={"S": others, "T": lengths})


def data(name: str) -> Loaded:
    return Loaded(examples(name, 150, 0), examples(name, 60, 1), used="words")


def trained(
    net: netspec.Net, backend: str, loaded: Loaded, start: Moment | None = None
) -> tuple[Result, dict[str, np.ndarray], dict[int, Moment]]:
    options = resolve(net)
    made = network_for(net, options.training, loaded)
    program = compile_net(made, backend, seed=options.seed, device="cpu")
    moments: dict[int, Moment] = {}

    def save(moment: Moment) -> None:
        moments[moment.position.step] = moment

    result = train(net, program, loaded, options, saving=Saving(save, 1), start=start)
    return result, program.parameters(), moments


@BACKENDS
@pytest.mark.parametrize("name", ["one", "many"])
def test_it_learns(name: str, backend: str) -> None:
    """What comes first is forgotten by nobody, and what fills up is never asked for."""
    net = net_of(name)
    result, weights, _ = trained(net, backend, data(name))
    assert result.rows[-1].new.metrics["accuracy"] > 0.95
    assert list(weights) == list(net.parameters)


@pytest.mark.parametrize("name", NETS)
def test_backends_learn_the_same(name: str) -> None:
    found = [trained(net_of(name), backend, data(name))[0] for backend in ("numpy", "torch")]
    for mine, other in zip(found[0].rows[:2], found[1].rows[:2], strict=True):  # type: ignore[attr-defined]
        assert mine.loss == pytest.approx(other.loss, rel=1e-4)
        assert mine.new.loss == pytest.approx(other.new.loss, rel=1e-4)


@BACKENDS
@pytest.mark.parametrize("name", NETS)
def test_going_on_is_never_having_stopped(name: str, backend: str) -> None:
    """To the last bit, from within an epoch and from its edge."""
    shorter = NETS[name].replace("epochs 12", "epochs 3").replace("epochs 14", "epochs 3")
    net = netspec.parse(shorter, name="net")
    result, weights, moments = trained(net, backend, data(name))
    rows = [replace(row, seconds=0.0) for row in result.rows]
    for step in (1, 9, 13):
        again, others, _ = trained(net, backend, data(name), moments[step])
        for parameter, value in weights.items():
            np.testing.assert_array_equal(value, others[parameter])
        assert [replace(row, seconds=0.0) for row in again.rows] == rows


# --- batches


def prepared(name: str, dataset: Dataset) -> tuple[Prepared, Options]:
    net = net_of(name)
    options = resolve(net)
    made = network_for(net, options.training, Loaded(dataset, dataset))
    ends = Ends.of(dataset, net, made, options.aims)
    assert ends is not None
    return Prepared.of(dataset, ends), options


def test_a_batch_is_cut_to_its_longest_example() -> None:
    found, options = prepared("two texts", examples("two texts", 20, 0))
    assert found.ends is not None
    which = np.flatnonzero(found.ends.lengths["T"] <= 4)
    (source, target, first, second), targets = found.batch(which)
    assert (source.shape[1], target.shape[1]) == (first.max(), second.max())
    assert second.max() <= 4
    assert as_tuple(targets)[0].shape == target.shape
    assert found.places(which, options.aims) == (int(second.sum()),)
    assert found.places(np.arange(20), options.aims) == (int(found.ends.lengths["T"].sum()),)


def test_a_piece_without_examples_can_be_made() -> None:
    """Of a small batch some processes have none."""
    found, _ = prepared("many", examples("many", 20, 0))
    (words, lengths), targets = found.batch(np.arange(0))
    assert (
        words.shape == (0, LONGEST) and lengths.shape == (0,) and as_tuple(targets)[0].shape == (0, LONGEST)
    )


def test_batches_are_of_similar_length_and_in_any_order() -> None:
    count, size = 60 * 16 + 5, 16
    dataset = examples("many", count, 2)
    found, _ = prepared("many", dataset)
    assert found.ends is not None
    bounds = batches(count, size)
    random = generator(0, "order/1")
    order = random.permutation(count)
    made, shuffled = found.ends.alike(order, bounds, random)
    assert sorted(made) == list(range(count)) and sorted(shuffled) == sorted(bounds) and shuffled != bounds
    assert sorted(made[: STRETCH * size]) == sorted(order[: STRETCH * size])
    lengths = dataset.lengths["T"]
    spans = [int(np.ptp(lengths[made[start:end]])) for start, end in bounds]
    assert np.mean(spans) < 1.0 < np.mean([np.ptp(lengths[order[start:end]]) for start, end in bounds])
    longest = [int(lengths[made[start:end]].max()) for start, end in shuffled[:20]]
    assert longest != sorted(longest)


def test_data_that_are_all_alike_are_left_alone() -> None:
    net = net_of("one")
    dataset = replace(examples("one", 20, 0), lengths={})
    made = network_for(net, resolve(net).training, Loaded(dataset, dataset))
    assert made is net
    assert Ends.of(dataset, net, made, resolve(net).aims) is None


def test_lengths_that_are_not_said_are_those_of_the_array() -> None:
    dataset = examples("two texts", 20, 0)
    found, _ = prepared("two texts", replace(dataset, lengths={"T": dataset.lengths["T"]}))
    (source, _, first, _), _ = found.batch(np.arange(3))
    assert source.shape[1] == 5 and first.tolist() == [5, 5, 5]


def test_examples_that_the_network_cannot_read_are_refused() -> None:
    net = netspec.parse("input T of 6\nembed 4\nconv1d 4 3 valid\nlast\nsoftmax 2")
    dataset = examples("one", 20, 0)
    made = network_for(net, resolve(net).training, Loaded(dataset, dataset))
    first = int(np.flatnonzero(dataset.lengths["T"] == dataset.lengths["T"].min())[0])
    with pytest.raises(SpecError) as caught:
        Ends.of(dataset, net, made, resolve(net).aims)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (
        "N404",
        f"example {first} of the data has T = 1, and the network needs T >= 3 (T = 1)",
    )
    with pytest.raises(
        SpecError, match="example 4 of the data has T = 0, and the network needs a step or more"
    ):
        lengths = dataset.lengths["T"].copy()
        lengths[4] = 0
        prepared("one", replace(dataset, lengths={"T": lengths}))


# --- figures


@BACKENDS
@pytest.mark.parametrize("batch", [7, 60])
def test_figures_are_over_the_places_that_are_there(backend: str, batch: int) -> None:
    """Whatever batches they are found in."""
    dataset, net = examples("many", 60, 3), net_of("many")
    found, options = prepared("many", dataset)
    program = compile_net(
        network_for(net, options.training, Loaded(dataset, dataset)), backend, seed=1, device="cpu"
    )
    program.begin(options.training)
    figures = evaluate(program, found, options.metrics, batch)
    alone = compile_net(net, backend, seed=1, device="cpu")
    losses, right = [], []
    assert isinstance(dataset.inputs, np.ndarray) and isinstance(dataset.targets, np.ndarray)
    for words, targets, length in zip(dataset.inputs, dataset.targets, dataset.lengths["T"], strict=True):
        given = alone.predict(words[None, :length])[0]
        losses += list(-np.log(given[np.arange(length), targets[:length]]))
        right += list(given.argmax(axis=1) == targets[:length])
    assert figures.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert figures.metrics["accuracy"] == pytest.approx(np.mean(right))
    assert figures.metrics["perplexity"] == pytest.approx(exp(figures.loss), rel=1e-5)
    assert figures.examples == 60


@pytest.mark.parametrize("metric", [Accuracy(), Perplexity(), F1(), Bleu()])
def test_metrics_leave_out_what_fills_up(metric: object) -> None:
    """Of batches of any width, together as one example after the other."""
    if isinstance(metric, Bleu):
        pytest.importorskip("torchmetrics")
    aims = resolve(net_of("many")).aims
    random = np.random.default_rng(0)
    outputs = random.dirichlet(np.ones(6), (8, LONGEST))
    said = outputs.argmax(axis=-1)
    lengths = random.integers(5, LONGEST + 1, 8)
    there = np.arange(LONGEST) < lengths[:, None]
    targets = np.where(there, np.where(random.random(said.shape) < 0.9, said, 0), LEFT_OUT)
    padded, apart = Tally([metric], aims), Tally([metric], aims)  # type: ignore[list-item]
    for part in (slice(0, 3), slice(3, 8)):
        longest = lengths[part].max()
        padded.add([outputs[part, :longest]], [targets[part, :longest]])
    for output, target, length in zip(outputs, targets, lengths, strict=True):
        apart.add([output[None, :length]], [target[None, :length]])
    for tally in (padded, apart):
        tally.gather(Alone())
    assert next(iter(apart.result().values())) > 0
    assert padded.result() == pytest.approx(apart.result(), rel=1e-12)


def test_balanced_weights_count_what_is_there() -> None:
    net = netspec.parse(f"{NETS['many']}\n    loss crossentropy weights=balanced")
    dataset = examples("many", 40, 0)
    weights = balanced(resolve(net), dataset.targets).aims[-1].loss
    counts = np.bincount(np.asarray(dataset.targets)[np.asarray(dataset.targets) >= 0], minlength=6)
    assert weights.numbers == pytest.approx(counts.sum() / (6 * counts))  # type: ignore[attr-defined]


# --- a whole run


def test_what_a_run_leaves_is_of_the_network_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec, header and names of weights; the run is gone on with, and its weights say what lengths they know."""
    net = netspec.parse(NETS["one"].replace("epochs 12", "epochs 2"), name="words.net")
    monkeypatch.setattr(whole, "load_from", lambda *_, **__: data("one"))
    setup = Setup("numpy", out=tmp_path / "runs")
    finished = whole.run(net, resolve(net), setup, Observer(), lambda _line: None)
    restored = restore(finished.weights)
    assert restored.net == net and restored.differing == ("T",)
    assert (finished.folder / "words.net").read_text() == net.text
    resumed = reopen(finished.folder, ["train.epochs=3"])
    longer = whole.run(resumed.net, resumed.options, setup, Observer(), lambda _line: None, resumed)
    at_once = whole.run(net, resolve(net, ["train.epochs=3"]), setup, Observer(), lambda _line: None)
    for name, value in restore(longer.weights).arrays.items():
        np.testing.assert_array_equal(value, restore(at_once.weights).arrays[name])


def test_a_graph_is_of_one_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    net = net_of("one")
    monkeypatch.setattr(whole, "load_from", lambda *_, **__: data("one"))
    setup = Setup("torch", out=tmp_path, manner=Manner(graphed=True))
    with pytest.raises(SpecError, match="N602: --graph cannot be used on examples of different lengths"):
        whole.run(net, resolve(net), setup, Observer(), lambda _line: None)
