"""Several networks that are trained by turns: the numbers, what changes and what does not, and going on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import netspec as library
from netspec.backends import Piece, as_tuple, compile_net
from netspec.data import Dataset, Loaded
from netspec.diagnostics import SpecError
from netspec.ir.updates import Noise
from netspec.passes.ragged import ragged
from netspec.train.checkpoint import metadata_of
from netspec.train.events import Observer, Result, Step
from netspec.train.learner import Learner, learner_for
from netspec.train.loop import Saving, train
from netspec.train.noise import Draws
from netspec.train.options import resolve
from netspec.train.position import Moment
from netspec.train.predict import Predictor
from netspec.train.snapshots import Snapshots

Run = Callable[..., int]
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])
NETWORKS = """
network generator:
    input 3
    dense 6 nobias batchnorm relu
    {more}dense 4

network discriminator:
    input 4
    dense 5; leaky_relu 0.2
    batchnorm
    {more}sigmoid 1
"""
UPDATES = """
train:
    data npz "points.npz" as real
    let fake = generator(normal 3)
    update discriminator: bce(discriminator(real), 0.9) + bce(discriminator(stop fake), 0) adam 0.01 beta1=0.5
    update generator: bce(discriminator(fake), 1) {how}
    batch 8
    {settings}

generate:
    make generator(normal 3)
"""


def gan(*, more: str = "", how: str = "adam 0.01 beta1=0.5", settings: str = "steps 20") -> library.Net:
    return library.parse(
        NETWORKS.format(more=more) + UPDATES.format(how=how, settings=settings), name="gan.net"
    )


def points() -> Loaded:
    random = np.random.default_rng(1)
    parts = [Dataset(random.normal(size=(n, 4)).astype(np.float32), np.arange(n) % 3) for n in (40, 13)]
    return Loaded(*parts, used='npz "points.npz"')


def learner_of(net: library.Net, backend: str, dtype: str = "float64") -> Learner:
    compiled = partial(compile_net, backend=backend, dtype=dtype, device="cpu", seed=resolve(net).seed)
    return learner_for(net, net, compiled)


def trained(net: library.Net, backend: str, **more: object) -> tuple[Result, Learner]:
    learner = learner_of(net, backend)
    return train(net, learner, points(), resolve(net), **more), learner  # type: ignore[arg-type]


# --- the numbers


def test_both_backends_come_to_the_same_numbers() -> None:
    net = gan()
    (one, by_numpy), (other, by_torch) = (trained(net, backend) for backend in ("numpy", "torch"))
    for name, value in by_numpy.parameters().items():
        np.testing.assert_allclose(by_torch.parameters()[name], value, rtol=0, atol=1e-9, err_msg=name)
    for row, same in zip(one.rows, other.rows, strict=True):
        assert row.figures() == pytest.approx(same.figures(), abs=1e-9)
    assert set(one.rows[0].losses) == {"discriminator", "generator"}
    assert one.rows[0].loss == pytest.approx(sum(one.rows[0].losses.values()))


@BACKENDS
def test_only_the_network_of_the_update_changes(backend: str) -> None:
    """Bit for bit, running statistics included; what changes has changed."""
    net = gan()
    learner = learner_of(net, backend)
    learner.begin(resolve(net), 3)
    inputs = points().train.inputs[:8]
    for number in range(1, 4):
        for turn in learner.turns:
            before = learner.parameters()
            batch = turn.batch((inputs, np.zeros(8, int)), Draws(0, str(number)))
            turn.program.train_step(*batch, 0.05, Piece(0, 8))
            after = learner.parameters()
            assert list(after) == list(net.parameters)
            for name, value in after.items():
                own = name.startswith(f"{turn.name}_")
                assert np.array_equal(value, before[name]) != own, (turn.name, name)
            for other in learner.turns:
                for name, value in other.program.parameters().items():
                    assert np.array_equal(value, after[name])


@BACKENDS
def test_the_generator_learns_through_the_discriminator(backend: str) -> None:
    """Its gradients are those of differences of the discriminator's loss."""
    net = gan()
    learner = learner_of(net, backend)
    learner.begin(resolve(net))
    turn = learner.turns[1]
    batch = turn.batch((points().train.inputs[:8], np.zeros(8)), Draws(0, "1"))
    _, gradients = turn.program.loss_and_gradients(*batch)
    assert set(gradients) == {name for name in net.parameters if name.startswith("generator_")} & set(
        gradients
    )
    assert gradients["generator_dense1.weight"].any()
    start = learner.parameters()
    for name, gradient in gradients.items():
        for index in [tuple(np.unravel_index(place, gradient.shape)) for place in range(0, gradient.size, 3)]:
            losses = []
            for step in (1e-6, -1e-6):
                values = {each: value.copy() for each, value in start.items()}
                values[name][index] += step
                learner.load(values)
                losses.append(turn.program.loss_and_gradients(*batch)[0])
            difference = (losses[0] - losses[1]) / 2e-6
            assert difference == pytest.approx(gradient[index], abs=1e-8), (name, index)
    learner.load(start)


CLASSIFIER = """
network classifier:
    input 4
    dense 8 relu as hidden
    batchnorm as norm
    softmax 3

train:
    data npz "points.npz"
    update classifier: crossentropy(classifier(x), y)
    optimizer adam 0.01
    schedule cosine
    regularize l2=0.01
    clip norm=1
    average ema=0.9
    batch 8
    epochs 3
"""
ALONE = """
input 4
dense 8 as classifier_dense1
relu as classifier_hidden
batchnorm as classifier_norm
dense 3 as classifier_dense2
softmax

train:
    data npz "points.npz"
    optimizer adam 0.01
    schedule cosine
    regularize l2=0.01
    clip norm=1
    average ema=0.9
    batch 8
    epochs 3
"""


@BACKENDS
def test_one_update_is_training_a_network_by_itself(backend: str) -> None:
    several, single = library.parse(CLASSIFIER), library.parse(ALONE)
    assert list(several.parameters) == list(single.parameters)
    one, learner = trained(several, backend)
    program = compile_net(single, backend, dtype="float64", device="cpu")
    other = train(single, program, points(), resolve(single))
    for name, value in program.parameters().items():
        np.testing.assert_array_equal(learner.parameters()[name], value)
    assert [row.loss for row in one.rows] == [row.loss for row in other.rows]
    assert [row.new.loss for row in one.rows] == [row.new.loss for row in other.rows]
    assert [row.rate for row in one.rows] == [row.rate for row in other.rows]


def test_updates_on_examples_of_different_lengths_are_refused_with_a_remedy() -> None:
    """Also where the file does not say that these differ, as that of a reader of a package may not."""
    net = library.parse(
        "network judge:\n    input T of 9\n    embed 3\n    gru 4 last\n    softmax 2\n"
        'train:\n    data npz "a.npz"\n    update judge: crossentropy(judge(x), y)\n'
    )
    with pytest.raises(SpecError) as refused:
        learner_for(net, ragged(net), partial(compile_net, backend="numpy", device="cpu"))
    (found,) = refused.value.diagnostics
    assert (found.code, found.span and found.span.text) == ("N409", "input T of 9")
    assert "--bind T=100" in found.notes[0]
    bound = net.bind(T=5)
    assert ragged(bound) is bound


# --- noise, turns, targets


def test_noise_follows_from_seed_step_and_place() -> None:
    noise = Noise("normal", library.parse("input 3").inputs[0].shape, 0)
    first = Draws(0, "1").of(noise, 5)
    np.testing.assert_array_equal(first, Draws(0, "1").of(noise, 5))
    for other in (
        Draws(1, "1").of(noise, 5),
        Draws(0, "2").of(noise, 5),
        Draws(0, "1").of(replace(noise, place=1), 5),
    ):
        assert not (first == other).any()
    even = Draws(0, "1").of(replace(noise, kind="uniform"), 10_000)
    assert -1 <= even.min() < -0.99 and 0.99 < even.max() < 1


def test_all_updates_of_a_step_see_the_same_noise() -> None:
    net = gan()
    learner = learner_of(net, "numpy")
    learner.begin(resolve(net))
    given = points().train.inputs[:8], np.zeros(8)
    (_, seen), noise = (as_tuple(turn.batch(given, Draws(0, "7"))[0]) for turn in learner.turns)
    np.testing.assert_array_equal(seen, noise[0])


@BACKENDS
def test_an_update_may_be_done_at_every_third_step(backend: str) -> None:
    net = gan(how="adam 0.01 every=3", settings="epochs 2")
    done: list[set[str]] = []

    class Watch(Observer):
        def stepped(self, step: Step) -> None:
            done.append(set(step.losses))

    result, learner = trained(net, backend, observers=[Watch()])
    assert done == [{"discriminator", "generator"} if n % 3 == 0 else {"discriminator"} for n in range(1, 11)]
    assert [int(turn.program.memory()["steps"]) for turn in learner.turns] == [10, 3]
    assert set(result.rows[0].losses) == {"discriminator", "generator"}


@BACKENDS
def test_a_value_may_be_the_target_and_no_gradient_passes_there(backend: str) -> None:
    text = """
network student:
    input 4
    dense 3
    softmax

network teacher:
    input 4
    dense 5 tanh
    softmax 3

train:
    data npz "points.npz"
    update student: kl(student(x), teacher(x)) + 0.5 * crossentropy(student(x), y) - 0.1 * mean(student(x))
    batch 8
    epochs 1
"""
    net = library.parse(text)
    before = learner_of(net, backend).parameters()
    _, learner = trained(net, backend)
    after = learner.parameters()
    for name, value in after.items():
        assert np.array_equal(value, before[name]) == name.startswith("teacher"), name


# --- going on


@BACKENDS
def test_a_run_goes_on_to_the_last_bit(tmp_path: Path, backend: str) -> None:
    net = gan(
        more="dropout 0.3\n    ",
        how="rmsprop 0.01 every=2",
        settings="epochs 3\n    average ema=0.9\n    schedule cosine",
    )
    moments: dict[int, Moment] = {}

    def save(moment: Moment) -> None:
        moments[moment.position.step] = moment

    result, learner = trained(net, backend, saving=Saving(save, 1))
    for step in (1, 7, 10):
        snapshots = Snapshots(tmp_path / str(step))
        snapshots.save(moments[step], metadata_of(net), {"backend": backend})
        found, problems = snapshots.load()
        assert found is not None and not problems
        again, other = trained(net, backend, start=found.moment)
        for name, value in learner.parameters().items():
            np.testing.assert_array_equal(value, other.parameters()[name], err_msg=name)
        rows = [[replace(row, seconds=0.0) for row in each.rows] for each in (result, again)]
        assert rows[0] == rows[1]


@BACKENDS
def test_a_memory_of_other_updates_is_refused(backend: str) -> None:
    moments: list[Moment] = []
    trained(gan(), backend, saving=Saving(moments.append, 1))
    one = library.parse(CLASSIFIER)
    with pytest.raises(SpecError, match="N703"):
        learner_of(one, backend).recall(moments[0].memory)


# --- a run and its folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small GAN for images and its data, which is the current one."""
    random = np.random.default_rng(0)
    np.savez(tmp_path / "points.npz", x=random.random((60, 4, 4, 1), np.float32), y=np.arange(60) % 3)
    text = (
        NETWORKS.format(more="")
        .replace("input 4", "input 4x4x1")
        .replace("    dense 4\n", "    dense 16 sigmoid\n    reshape 4x4x1\n")
    )
    (tmp_path / "gan.net").write_text(text + UPDATES.format(how="sgd 0.1", settings="epochs 2"), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@BACKENDS
def test_what_a_run_leaves(
    folder: Path, backend: str, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", "gan.net", "--backend", backend) == 0
    found = folder / "runs" / "gan-001"
    rows = [json.loads(line) for line in (found / "metrics.jsonl").read_text().splitlines()]
    assert {"train.loss.discriminator", "train.loss.generator", "test.loss.generator"} <= set(rows[-1])
    assert (found / "samples.png").read_bytes() == (found / "samples" / "0002.png").read_bytes()
    assert (found / "samples.png").read_bytes() != (found / "samples" / "0001.png").read_bytes()
    assert "discriminator" in (found / "curves.svg").read_text("utf-8")
    printed = capsys.readouterr().err
    assert "a step changes `discriminator`, then `generator`" in printed and "train loss generator" in printed
    predictor = Predictor.load(found / "best.safetensors", backend=backend)
    assert [layer.shape.dims for layer in predictor.net.inputs] == [(3,)]
    (one,) = predictor.examples(np.zeros((1, 3)))
    assert np.shape(one.values) == (4, 4, 1)
    assert netspec("eval", str(found / "best.safetensors"), "--backend", backend) == 0
    assert "loss.generator" in capsys.readouterr().out


def test_a_step_size_that_no_update_has_is_refused(
    folder: Path, netspec: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", "gan.net", "--lr", "0.1") == 1
    assert "no update uses this optimizer" in capsys.readouterr().err
