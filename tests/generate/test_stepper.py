"""Steps say what the whole network says after each prefix, on both backends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.backends import Program, as_given, as_tuple
from netspec.generate import Stepper
from netspec.ir.training import Training
from netspec.settings.generate import Feed
from netspec.settings.optimizer import Sgd

from .networks import SPECS, STEPS, TEXT, Spec, compiled, fed, others, whole

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])
EXAMPLES = 3
GPT = SPECS["attention with learned positions"]
LSTM = SPECS["lstm from an encoder"]
SHIPPED = {
    path.stem: path
    for path in sorted((Path(__file__).resolve().parents[2] / "specs").glob("*.net"))
    if "\n    feed " in path.read_text("utf-8")
}


def made(
    spec: Spec, backend: str = "numpy", most: int = STEPS, dtype: str = "float64"
) -> tuple[Stepper, Program]:
    program = compiled(spec, backend, dtype)
    return Stepper.of(program, Feed(spec.fed, max=most), backend=backend, dtype=dtype), program


def begun(stepper: Stepper, spec: Spec, examples: int = EXAMPLES) -> dict[str, np.ndarray]:
    given = others(spec, examples)
    stepper.begin(given, examples)
    return given


@BACKENDS
@pytest.mark.parametrize("name", SPECS)
def test_steps_are_the_whole_network_on_every_prefix(name: str, backend: str) -> None:
    spec = SPECS[name]
    stepper, program = made(spec, backend)
    given, tokens = begun(stepper, spec), fed(spec, EXAMPLES)
    for place in range(STEPS):
        found = stepper.step(tokens[:, place])
        wanted = whole(spec, program, given, tokens[:, : place + 1])
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)
    assert np.ptp(wanted, axis=0).max() > 1e-3  # examples are told apart


@BACKENDS
@pytest.mark.parametrize("name", SHIPPED)
def test_steps_of_a_spec_that_ships(name: str, backend: str) -> None:
    net = netspec.load(SHIPPED[name])
    assert net.generation is not None
    feed = net.generation.get("feed")
    assert isinstance(feed, Feed)
    program = netspec.compile(net, backend, seed=3, dtype="float64", device="cpu")
    stepper = Stepper.of(program, feed, backend=backend, dtype="float64")
    random = np.random.default_rng(0)
    given = {}
    for layer in net.inputs:
        sizes = EXAMPLES, *(dim if isinstance(dim, int) else STEPS for dim in layer.shape.dims)
        of = layer.shape.of
        given[layer.name] = random.normal(size=sizes) if of is None else random.integers(0, of, sizes)
    # no step looks ahead: what the whole network says at a step it says of the steps until then
    whole = as_tuple(program.predict(as_given([given[layer.name] for layer in net.inputs])))[-1]
    tokens = given[feed.input]
    stepper.begin(given, EXAMPLES)
    for place in range(4):
        np.testing.assert_allclose(stepper.step(tokens[:, place]), whole[:, place], rtol=1e-9, atol=1e-12)
    assert np.ptp(whole, axis=0).max() > 1e-6  # examples are told apart


@BACKENDS
@pytest.mark.parametrize("spec", [GPT, LSTM, SPECS["attention with sines"]], ids=["gpt", "lstm", "tied"])
def test_the_parameters_are_those_of_the_program(spec: Spec, backend: str) -> None:
    """What it learns meanwhile is in the steps that follow."""
    stepper, program = made(spec, backend)
    program.begin(Training({"optimizer": Sgd(0.5)}))
    tokens = fed(spec, EXAMPLES)
    given = others(spec, EXAMPLES)
    arrays = tuple((given | {spec.fed: tokens})[layer.name] for layer in program.net.inputs)
    before = whole(spec, program, given, tokens[:, :2])
    program.train_step(arrays if len(arrays) > 1 else arrays[0], (tokens + 1) % 7, 0.5)
    given = begun(stepper, spec)
    stepper.step(tokens[:, 0])
    found, wanted = stepper.step(tokens[:, 1]), whole(spec, program, given, tokens[:, :2])
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)
    assert abs(wanted - before).max() > 1e-4


@BACKENDS
@pytest.mark.parametrize("name", ["lstm from an encoder", "encoder and decoder", "convolutions"])
def test_others_of_the_examples_go_on(name: str, backend: str) -> None:
    """As in a beam: each goes on from what the one remembered whose place it takes, and from its source."""
    spec = SPECS[name]
    stepper, program = made(spec, backend)
    given, tokens = begun(stepper, spec), fed(spec, EXAMPLES)
    for place in range(3):
        stepper.step(tokens[:, place])
    order = np.array([2, 0, 0, 1])
    stepper.select(order)
    stepper.step(tokens[order, 3])
    order2 = np.array([1, 1, 3])
    stepper.select(order2)
    order = order[order2]
    found = stepper.step(tokens[order, 4])
    wanted = whole(spec, program, {key: value[order] for key, value in given.items()}, tokens[order, :5])
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@BACKENDS
def test_a_full_memory_begins_anew_with_its_last_half(backend: str) -> None:
    stepper, program = made(GPT, backend, most=20)
    assert stepper.most == 11  # as many positions as were learned
    begun(stepper, GPT)
    tokens = fed(GPT, EXAMPLES, steps=20)
    for place in range(20):
        found = stepper.step(tokens[:, place])
        # steps 11 and 17 would be the twelfth in a row: before them the last 5 are made again
        first = 0 if place < 11 else 6 if place < 17 else 12
        wanted = whole(GPT, program, {}, tokens[:, first : place + 1])
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


def test_a_full_memory_is_reordered_with_what_was_fed() -> None:
    stepper, program = made(GPT, most=4)
    begun(stepper, GPT)
    tokens, order = fed(GPT, EXAMPLES, steps=6), np.array([1, 1, 0])
    for place in range(3):
        stepper.step(tokens[:, place])
    stepper.select(order)
    for place in (3, 4):
        found = stepper.step(tokens[order, place])
    np.testing.assert_allclose(found, whole(GPT, program, {}, tokens[order, 2:5]), atol=1e-12)


@pytest.mark.parametrize("name", ["lstm, three of them", "convolutions", "rows"])
def test_recurrences_go_on_for_ever_and_a_step_costs_the_same(name: str) -> None:
    """The step has as many multiply-adds however many steps there are, and the whole network once a step."""
    spec = SPECS[name]
    nets = []
    for most in (5, 500):
        stepper, _ = made(spec, most=most)
        assert stepper.most is None
        nets.append(stepper.division.step)
    assert nets[0] == nets[1]
    assert cost(nets[0]) == cost(spec.net.bind(T=1))
    assert cost(spec.net.bind(T=20)) == 20 * cost(nets[0])


def cost(net: netspec.Net) -> int:
    adds = [layer.operation.multiply_adds(net.shapes_into(layer)) for layer in net.layers if layer.inputs]
    assert all(isinstance(each, int) for each in adds)
    return sum(adds)  # type: ignore[arg-type]


def test_attention_costs_a_row_of_the_whole() -> None:
    spec = Spec(TEXT + "embed 4\nattention 6 heads=2 causal\nsoftmax 7")
    for most in (5, 50):
        stepper, _ = made(spec, most=most)
        assert cost(stepper.division.step) * most == cost(spec.net.bind(T=most))


def test_the_prelude_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and values of what is looked at are there when the steps begin: none of them reads the source."""
    spec = SPECS["encoder and decoder"]
    stepper, _ = made(spec)
    prelude, step = stepper.division.prelude, stepper.division.step
    assert prelude is not None
    names = prelude.parameters.keys(), step.parameters.keys()
    assert not set(names[0]) & set(names[1])
    assert set(names[0]) | set(names[1]) == set(spec.net.parameters)
    runs = []
    predict = stepper.prelude.predict  # type: ignore[union-attr]
    monkeypatch.setattr(stepper.prelude, "predict", lambda inputs: runs.append(1) or predict(inputs))
    begun(stepper, spec)
    for tokens in fed(spec, EXAMPLES).T:
        stepper.step(tokens)
    assert runs == [1]


def test_no_more_steps_than_there_are_rows() -> None:
    spec = SPECS["steps of what is given"]
    stepper, _ = made(spec, most=50)
    given = others(spec, EXAMPLES)
    stepper.begin(given)
    assert stepper.most == STEPS and not stepper.can_go_on
    for tokens in fed(spec, EXAMPLES).T:
        stepper.step(tokens)
    with pytest.raises(netspec.SpecError, match=f"N410: {STEPS} steps can be made and no more"):
        stepper.step(tokens)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    stepper, _ = made(GPT)
    monkeypatch.setattr(stepper.program, "free_memory", lambda: 10_000)
    with pytest.raises(
        netspec.SpecError, match="N507: 3 examples at a time, each with 1,856 bytes to remember"
    ):
        stepper.begin(examples=3)
    stepper.begin(examples=1)
    with pytest.raises(
        netspec.SpecError, match="N507: 1 example at a time, each with 3 beginnings of 1,856 bytes"
    ):
        stepper.begin(examples=1, follows=3)


def test_what_the_beginnings_of_a_beam_read_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stepper, _ = made(LSTM)
    monkeypatch.setattr(stepper.program, "free_memory", lambda: 100_000)
    source = np.zeros((1, 5), np.int64)
    stepper.begin({"source": source}, follows=20)
    long = {"source": np.zeros((1, 2000), np.int64)}
    stepper.begin(long)
    with pytest.raises(
        netspec.SpecError, match="N507: 20 beginnings of each of 1 example read what is made before"
    ):
        stepper.begin(long, follows=20)


@BACKENDS
def test_single_precision(backend: str) -> None:
    spec = SPECS["encoder and decoder"]
    stepper, program = made(spec, backend, dtype="float32")
    given, tokens = begun(stepper, spec), fed(spec, EXAMPLES)
    for place in range(STEPS):
        found = stepper.step(tokens[:, place])
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, whole(spec, program, given, tokens), rtol=1e-4, atol=1e-5)
