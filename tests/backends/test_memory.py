"""Memory of the NumPy plan: nothing lives longer than it is read, the estimate is what is taken, and PyTorch's too."""

from __future__ import annotations

import gc
import re
import tracemalloc
import weakref
from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import pytest

import netspec
from benchmarks import memory
from netspec.backends import as_tuple, channels_first, compile_net, on_each
from netspec.backends.manner import PLAIN, Manner
from netspec.backends.numpy import attention, cells
from netspec.backends.numpy.kernel import Site, rules
from netspec.backends.numpy.plan import Plan
from netspec.backends.numpy.program import NumpyProgram
from netspec.init import generator
from netspec.ir.catalog import definitions
from netspec.ir.layer import Operation
from netspec.ir.net import Net
from netspec.ir.training import Optimizer
from netspec.passes.memory import memory_of
from netspec.testing.cases import Case, layer_cases

SPECS = Path(netspec.__file__).parent.parent / "specs" / "networks"
SIZE = 160
REFERENCE = Manner(reference=True)
NETS = {
    "a chain": "conv 8 3x3 relu; conv 8 3x3 relu; conv 8 3x3; pool 2; conv 8 3x3 tanh",
    "norms": "conv 8 3x3 nobias batchnorm relu; conv 8 1x1 layernorm; conv 8 3x3 leaky_relu",
    "a shortcut": "conv 8 3x3 relu as a; conv 16 3x3 stride2 relu; upconv 8 2x2 stride2; add a; relu; conv 4 1x1",
    "side by side": "conv 8 3x3 as a; conv 8 3x3 relu as b; concat a; pool 3 stride2 pad=1; depthwise 3x3",
    "disturbed": "conv 8 3x3; dropout 0.5; noise 0.1; conv 8 3x3 relu; upsample 2; pool avg 4",
}


def small(name: str, size: int) -> Net:
    """A network of the literature for images of another size, whose shapes are not stated."""
    text = (SPECS / f"{name}.net").read_text("utf-8").replace("224x224x3", f"{size}x{size}x3")
    return netspec.parse(re.sub(r" +->.*", "", text))


# --- what is taken


@pytest.mark.parametrize("text", NETS.values(), ids=NETS)
def test_the_plan_takes_what_the_estimate_says(text: str) -> None:
    net = netspec.parse(f"input {SIZE}x{SIZE}x4; {text}; global avg; softmax 3")
    told, taken = memory.estimated(net, 8), memory.ours(net, 8, REFERENCE)
    for way in memory.PASSES:
        assert 0.95 <= getattr(taken, way) / getattr(told, way) <= memory.OVER_ESTIMATE, (way, told, taken)


@pytest.mark.parametrize(("name", "size"), [("vgg16", 64), ("resnet50", 96)])
def test_networks_of_the_literature_take_what_the_estimate_says(name: str, size: int) -> None:
    net = small(name, size)
    told, taken = memory.estimated(net), memory.ours(net)
    for way in memory.PASSES:
        assert 1 <= getattr(taken, way) / getattr(told, way) <= memory.OVER_ESTIMATE, (way, told, taken)


@pytest.mark.slow
@pytest.mark.parametrize("name", memory.NETS)
def test_at_their_own_size_also_without_weights_and_beside_pytorch(name: str) -> None:
    net = netspec.load(SPECS / f"{name}.net")
    told, taken, theirs = memory.estimated(net), memory.ours(net), memory.torchs(name, net)
    for way in memory.PASSES:
        for one, other in ((taken, told), (taken.without(net), told.without(net))):
            assert 1 <= getattr(one, way) / getattr(other, way) <= memory.OVER_ESTIMATE, (way, one, other)
        assert getattr(told, way) == pytest.approx(getattr(theirs, way), rel=memory.FROM_TORCH), way


SEQUENCES = {
    "rnn": ("rnn 32", 1.3),
    "gru": ("gru 32", 1.4),
    "gru, reset first": ("gru 32 reset=before", 1.4),
    "lstm": ("lstm 32", 1.45),
    "lstm both ways": ("lstm 32 bidirectional", 1.55),
    "attention": ("attention 32 heads=4", 1.3),
    "attention, causal": ("attention 32 causal", 1.3),
    "position": ("position; dense 32", 1.3),
    "position, learned": ("position kind=learned; dense 32", 1.3),
}
"""Layers four of which stand in a row, and what they may take over the estimate on the way forward and back.

There, each holds beside what is counted the gradient of its input, and the faster lstm what its steps read.
"""


@pytest.mark.parametrize("manner", [PLAIN, REFERENCE], ids=["fast", "plain"])
@pytest.mark.parametrize(("layer", "over"), SEQUENCES.values(), ids=SEQUENCES)
def test_layers_over_sequences_take_what_the_estimate_says(layer: str, over: float, manner: Manner) -> None:
    net = netspec.parse("input 100x32; " + f"{layer}; " * 4 + "last; softmax 3")
    told, taken = memory.estimated(net, 128), memory.ours(net, 128, manner)
    if manner is PLAIN and "dense" in layer:
        pytest.skip("the faster dense layer holds its results")
    assert taken.forward <= memory.OVER_ESTIMATE * told.forward, (told, taken)
    assert taken.both <= over * told.both, (told, taken)


@pytest.mark.parametrize(
    "text",
    [
        "input 7x3; rnn 4 bidirectional; rnn 4 reverse last; dense 2",
        "input 7x3; gru 4 reset=before reverse state as memory; gru 4 init=memory; dense 2",
        "input 7x3; gru 4 state as memory; gru 4 bidirectional last; dense 4; add memory; dense 2",
        "input 7x3; lstm 4 bidirectional state as memory; lstm 4 init=memory bidirectional; last; dense 2",
        "input counts of 8; input 7x3; lstm 4 lengths=counts state as memory; lstm 4 init=memory reverse last; dense 2",
        "input counts of 8; input 7x3; gru 4 bidirectional reverse lengths=counts; last lengths=counts; dense 2",
    ],
)
def test_steps_in_blocks_are_all_steps(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one step, or of two, give what one block gives, and the gradients too."""
    net = netspec.parse(text)
    case = Case("blocks", net)
    given, wanted = case.inputs(5, "float64"), []
    for most in (cells.MOST, 1, 2 * 5 * 12):
        monkeypatch.setattr(cells, "MOST", most)
        program = compile_net(net, "numpy", dtype="float64", parameters=case.start("float64"))
        program.begin(case.training)
        loss, gradients = program.loss_and_gradients(
            on_each(channels_first, given), case.targets(5, "float64")
        )
        wanted.append({"loss": loss, "predicted": program.predict(given), **gradients})
    for found in wanted[1:]:
        for name, value in wanted[0].items():
            np.testing.assert_allclose(found[name], value, rtol=1e-10, atol=1e-12, err_msg=name)


def test_attention_in_blocks_is_that_of_all_examples_and_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (
        "input 5x4; attention 6 heads=3 causal; dense 2",
        "input 5x4; attention 6 heads=2; attention 4 heads=4 nobias; dense 2",
        "input counts of 6; input 5x4; attention 6 heads=3 lengths=counts; last lengths=counts",
    ):
        net = netspec.parse(text)
        case = Case("blocks", net)
        given, found = case.inputs(5, "float64"), []
        for most in (attention.MOST, 1, 60, 250):
            monkeypatch.setattr(attention, "MOST", most)
            program = compile_net(net, "numpy", dtype="float64", parameters=case.start("float64"))
            found.append(program.predict(given))
        for other in found[1:]:
            np.testing.assert_allclose(other, found[0], rtol=1e-12, atol=1e-14)


def test_room_is_used_again_when_nobody_holds_it() -> None:
    net = netspec.parse("input 3; dense 2")
    random, dtype = np.random.default_rng(0), np.dtype("float32")
    site: Site[Operation] = Site(
        net.layers[1].operation, (), net.layers[1].shape, 1, dtype, {}, {}, random, False
    )
    first, second = site.result(4, 6), site.result(4, 6)
    assert not np.shares_memory(first, second)
    place, part = first.ctypes.data, first[1:].T[::2]
    del first
    third = site.result(6, 4)
    assert not np.shares_memory(third, part) and not np.shares_memory(third, second)
    del part
    assert site.result(24).ctypes.data == place


def test_what_layers_over_sequences_read_is_let_go_of_after_the_way_back() -> None:
    """Plans hold no input and no result of a batch whose gradients are there."""
    net = netspec.parse(
        "input 40x8; attention 8; gru 8; rnn 8; lstm 8; position kind=learned; last; softmax 3"
    )
    for manner in (PLAIN, REFERENCE):
        program = compile_net(net, "numpy", manner=manner)
        assert isinstance(program, NumpyProgram)
        inputs, classes = memory.example(net, 4)
        read = weakref.ref(inputs)
        program.loss_and_gradients(inputs, classes)
        program.predict(inputs)
        for plan in program.plans.values():
            plan.values.clear()
            assert all(step.kernel.kept is None for step in plan.steps if hasattr(step.kernel, "kept"))
        del inputs
        gc.collect()
        assert read() is None, manner


def test_the_estimate_is_near_what_pytorch_takes() -> None:
    net = small("resnet50", 96)
    told, theirs = memory.estimated(net), memory.torchs("resnet50", net)
    for way in memory.PASSES:
        assert getattr(told, way) == pytest.approx(getattr(theirs, way), rel=memory.FROM_TORCH), way


def test_a_program_that_only_predicts_has_no_room_for_gradients() -> None:
    net = netspec.parse("input 1000; dense 1000 relu; batchnorm; dense 1000; softmax 10")
    peaks = memory.ours(net)
    assert peaks.forward < 1.05 * memory_of(net).parameters
    assert peaks.both > 1.95 * memory_of(net).parameters


def test_what_a_step_makes_is_let_go_of() -> None:
    """Between steps there is nothing but parameters, gradients and results."""
    net = netspec.parse(f"input {SIZE}x{SIZE}x4; {NETS['norms']}; global avg; softmax 3")
    program = compile_net(net, "numpy")
    inputs, classes = memory.example(net, 4)
    prepared = channels_first(inputs)
    tracemalloc.start()
    try:
        program.loss_and_gradients(prepared, classes)
        program.predict(inputs)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 0.1 * 4 * (memory_of(net).training or 0)


# --- what definitions say that is read in going back


def plain_cases() -> Iterator[Case]:
    """The worked examples of all layers, alone."""
    for definition in definitions("layer"):
        if issubclass(definition, Operation) and not definition.reads_nothing:
            for example in definition.examples:
                yield next(layer_cases(example))


@pytest.mark.parametrize("case", [*plain_cases()], ids=str)
def test_nothing_else_is_read_in_going_back(case: Case) -> None:
    """What a layer does not read back may hold anything by then."""
    if not case.trains:
        return
    program = compile_net(case.net, "numpy", dtype="float64", parameters=case.start("float64"))
    assert isinstance(program, NumpyProgram)
    found = []
    for spoilt in (False, True):
        prepared = tuple(
            array.copy() for array in as_tuple(on_each(channels_first, case.inputs(3, "float64")))
        )
        plan = Plan(
            case.net,
            [
                each.shape[:1] + tuple(layer.shape.known)
                for each, layer in zip(prepared, case.net.inputs, strict=True)
            ],
            program.store,
            generator(0, "layers"),
            case.net.outputs[-1].name,
            kept=case.net.shapes,
        )
        result = plan.forward(prepared, training=True)
        given = np.random.default_rng(0).normal(size=result.shape)
        if spoilt:
            spoil(case.net, plan)
        plan.backward(given)
        found.append({name: view.copy() for name, view in program.store.gradient_views.items()})
        found[-1] |= {f"input {number}": each.copy() for number, each in enumerate(plan.input_gradients)}
    for name, gradient in found[0].items():
        assert np.array_equal(gradient, found[1][name]), name


def spoil(net: Net, plan: Plan) -> None:
    """Overwrite what nobody reads back, and no view shows that somebody does."""
    arrays = plan.values
    read = [
        arrays[name]
        for layer in net.layers
        if layer.inputs
        for name in (
            *layer.inputs * ("input" in layer.operation.reads_back()),
            *[layer.name] * ("output" in layer.operation.reads_back()),
        )
    ]
    for array in list(arrays.values()):
        if array.dtype.kind == "f" and not any(np.shares_memory(array, each) for each in read):
            array[...] = np.nan


# --- what optimisers keep


@pytest.mark.parametrize("definition", [*definitions("optimizer")], ids=lambda definition: definition.word)
def test_optimizers_keep_what_they_say(definition: type[Optimizer]) -> None:
    shapes = [(6, 4), (5,), (3, 2, 3, 3)]
    for flags in ({}, {"amsgrad": True}, {"centered": True}, {"momentum": 0.5}):
        if flags.keys() - {argument.name for argument in definition.arguments()}:
            continue
        optimizer = definition(**flags)
        made = rules.find(definition)(optimizer, np.zeros(sum(map(prod, shapes)), np.float32), shapes)
        kept = sum(array.size for array in made.state.values() if array.ndim)
        assert sum(map(optimizer.remembers, shapes)) == kept, flags
