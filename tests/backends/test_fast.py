"""Faster paths of the NumPy backend: that they are taken, that their numbers are the plain rules', and the setting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netspec
from netspec.backends import Program, as_tuple, channels_first, compile_net, on_each
from netspec.backends.manner import Manner
from netspec.backends.numpy.fast import PATHS, recurrent
from netspec.backends.numpy.fast.canvas import phases
from netspec.backends.numpy.fast.dense import DenseRelu
from netspec.backends.numpy.fast.images import Images
from netspec.backends.numpy.fast.loss import ClassCrossentropy
from netspec.backends.numpy.fast.recurrent import LstmSteps
from netspec.backends.numpy.fast.rows import Rows
from netspec.backends.numpy.fast.softmax import OneSoftmax
from netspec.backends.numpy.fast.winograd import Winograd
from netspec.backends.numpy.loss import CrossentropyRule
from netspec.backends.numpy.program import NumpyProgram
from netspec.diagnostics import SpecError
from netspec.ir.training import LEFT_OUT, Training
from netspec.testing.cases import Case

FLOAT32 = 2e-5
FLOAT64 = 1e-12
REFERENCE = Manner(reference=True)

TAKEN: dict[str, tuple[str, list[type]]] = {
    "the lecture's": (
        "input 12x12x1; conv 4 5x5 relu; conv 8 4x4 stride2 relu; dense 3",
        [Images, DenseRelu],
    ),
    "pools": (
        "input 9x8x2; conv 3 3x3 relu; pool 2; conv 4 2x3 valid; pool 1x2; relu; dense 3",
        [Images, DenseRelu],
    ),
    "odd strides": (
        "input 9x8x2; conv 3 4x3 stride=3x2 relu; conv 2 3x2 stride2 nobias; dense 3",
        [Images, DenseRelu],
    ),
    "kernels smaller than strides": (
        "input 9x9x2; conv 3 1x2 stride3 relu; conv 2 1x1; dense 3",
        [Images, DenseRelu],
    ),
    "rows that no window reaches": ("input 11x10x1; conv 3 3x3 stride4 valid; dense 3", [Images, DenseRelu]),
    "uneven padding": ("input 5x5x2; conv 3 3x3 stride=2x1 pad=1,2,0,1 relu; dense 3", [Images, DenseRelu]),
    "after something that is trained": (
        "input 6x6x2; batchnorm; conv 3 3x3 stride2 relu; conv 4 3x3 nobias; dense 3",
        [Images, DenseRelu],
    ),
    "a result that is read twice": (
        "input 6x6x2; conv 3 3x3 as a; relu; conv 3 3x3; add a; dense 3",
        [Images, Images, DenseRelu],
    ),
    "an output in the middle": ("input 6x6x2; conv 3 3x3 as a; relu; dense 3; output a", [Images, DenseRelu]),
    "shared weights": (
        "network tower:\n    conv 3 3x3 relu\ninput 6x6x3\ntower\ntower\ndense 3",
        [Images, DenseRelu],
    ),
    "dense layers": ("input 7; dense 6 relu; dense 5 tanh; dense 4 nobias relu; dense 3", [DenseRelu] * 4),
    "steps of a sequence": ("input 5x4; dense 6 relu; dense 3", [DenseRelu] * 2),
    "an lstm": ("input 9x4; lstm 5 last; dense 3", [LstmSteps, DenseRelu]),
    "lstms in a row": ("input 9x4; lstm 5; lstm 6 reverse; dense 3", [LstmSteps, LstmSteps, DenseRelu]),
    "an lstm with weights too large for small products": (
        "input 3x4; lstm 180 last; dense 3",
        [LstmSteps, DenseRelu],
    ),
    "both directions": (
        "input 7x3; dense 4; lstm 5 bidirectional; lstm 2 bidirectional reverse last; dense 3",
        [DenseRelu, LstmSteps, LstmSteps, DenseRelu],
    ),
    "a state that goes on": (
        "input 6x3; lstm 4 bidirectional state as memory; lstm 4 bidirectional last init=memory; dense 3",
        [LstmSteps, LstmSteps, DenseRelu],
    ),
    "a state alone": (
        "input 6x3; dense 3 as words; lstm 4 state as memory; lstm 4 init=memory last; dense 3",
        [DenseRelu, LstmSteps, LstmSteps, DenseRelu],
    ),
    "tied weights": ("input 6; dense 4 relu as code; dense 6 tied=code", [DenseRelu] * 2),
}
WINOGRAD = {
    "relu and pooling": "input 8x16x16; conv 16 3x3 relu; pool 2; dense 3",
    "valid, one after another": "input 12x20x16; conv 16 3x3 valid relu; conv 24 3x3 valid nobias; dense 3",
    "uneven padding": "input 6x17x20; conv 16 3x3 pad=1,3,0,1; dense 3",
    "after something that is trained": "input 8x32x4; conv 18 3x3 stride=1x2 relu; conv 16 3x3 relu; dense 3",
}
LEFT = {
    "dilation": "input 9x9x2; conv 3 3x3 dilation2 relu",
    "groups": "input 9x9x4; conv 4 3x3 groups=2 relu",
    "lengths": "input counts of 6; input words 5x4; lstm 3 lengths=counts",
}


def programs(text: str, dtype: str = "float64") -> tuple[Case, NumpyProgram, Program]:
    """A case with a program that takes the faster paths, and the oracle in float64."""
    case = Case("fast", netspec.parse(text))
    fast = compile_net(case.net, "numpy", dtype=dtype, parameters=case.start(dtype))
    assert isinstance(fast, NumpyProgram)
    fast.paths = PATHS
    plain = compile_net(case.net, "numpy", dtype="float64", parameters=case.start("float64"))
    for program in (fast, plain):
        program.begin(case.net.training or Training({}))
    return case, fast, plain


def taken(program: NumpyProgram) -> list[type]:
    """The paths in the program's newest plan."""
    *_, plan = program.plans.values()
    return [type(step.kernel) for step in plan.steps if isinstance(step.kernel, PATHS)]  # type: ignore[arg-type]


def far(found: Any, wanted: Any) -> float:
    """The largest difference relative to the largest number."""
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-3))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", FLOAT32), ("float64", FLOAT64)])
@pytest.mark.parametrize("batch", [1, 2, 37, 70])
@pytest.mark.parametrize(("text", "paths"), TAKEN.values(), ids=TAKEN)
def test_numbers_are_those_of_the_plain_rules(
    text: str, paths: list[type], batch: int, dtype: str, tolerance: float
) -> None:
    """The second time too: nothing that a step leaves behind changes the next."""
    case, fast, plain = programs(text, dtype)
    for _ in range(2):
        inputs, targets = case.inputs(batch, dtype), case.targets(batch, dtype)
        prepared = on_each(channels_first, inputs)
        loss, gradients = fast.loss_and_gradients(prepared, targets)
        assert taken(fast) == paths
        exact = on_each(lambda x: x.astype(np.float64), prepared)
        wanted_loss, wanted = plain.loss_and_gradients(exact, targets)
        assert loss == pytest.approx(wanted_loss, rel=tolerance)
        for name, gradient in gradients.items():
            assert far(gradient, wanted[name]) <= tolerance, name
        found, outputs = fast.evaluate(prepared, targets), plain.evaluate(exact, targets)
        for one, other in zip(np.atleast_1d(found[0]), np.atleast_1d(outputs[0]), strict=True):
            assert one == pytest.approx(other, rel=tolerance)
        for one, other in zip(as_tuple(found[1]), as_tuple(outputs[1]), strict=True):
            assert far(one, other) <= tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-11)])
@pytest.mark.parametrize("batch", [16, 37, 70])
@pytest.mark.parametrize("text", WINOGRAD.values(), ids=WINOGRAD)
def test_winograd_numbers_are_those_of_the_plain_rules(
    text: str, batch: int, dtype: str, tolerance: float
) -> None:
    """The second time too, and the same at prediction; in float32 without kinks, over which rounding may carry."""
    smooth = text.replace(" relu", "").replace(" pool 2;", "")
    case, fast, plain = programs(smooth if dtype == "float32" else text, dtype)
    for _ in range(2):
        inputs, targets = case.inputs(batch, dtype), case.targets(batch, dtype)
        prepared = on_each(channels_first, inputs)
        exact = on_each(lambda x: x.astype(np.float64), prepared)
        loss, gradients = fast.loss_and_gradients(prepared, targets)
        wanted_loss, wanted = plain.loss_and_gradients(exact, targets)
        assert loss == pytest.approx(wanted_loss, rel=tolerance)
        for name, gradient in gradients.items():
            assert far(gradient, wanted[name]) <= tolerance, name
        assert (
            far(fast.predict(inputs), plain.predict(on_each(lambda x: x.astype(np.float64), inputs)))
            <= tolerance
        )
    *_, plan = fast.plans.values()
    assert any(isinstance(stage.weights, Winograd) for stage in plan.steps[0].kernel.stages)


@pytest.mark.parametrize(
    "text",
    [
        "input 8x16x15; conv 16 3x3",
        "input 8x16x16; conv 15 3x3",
        "input 8x16x16; conv 16 3x5",
        "input 8x16x16; conv 16 3x3 stride2",
        "input 9x16x16; conv 16 3x3",
        "input 8x4x16; conv 16 3x3",
    ],
)
def test_winograd_is_for_whole_tiles_of_many_channels(text: str) -> None:
    case, fast, _ = programs(f"{text}; dense 3")
    fast.predict(case.inputs(37, "float64"))
    (plan,) = fast.plans.values()
    assert [type(stage.weights) for stage in plan.steps[0].kernel.stages] == [Rows]


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_what_no_path_takes_is_left_to_the_plain_rules(text: str) -> None:
    case, fast, _ = programs(text, "float32")
    fast.predict(case.inputs(3, "float32"))
    assert taken(fast) == []


def test_the_softmax_of_one_vector_is_that_of_the_plain_rule() -> None:
    """What a loss does not take in sends a gradient back."""
    case, fast, plain = programs("input 5; softmax 4; dense 3")
    inputs, targets = case.inputs(1, "float64"), case.targets(1, "float64")
    assert far(fast.predict(inputs), plain.predict(inputs)) <= FLOAT64
    assert taken(fast) == [DenseRelu, OneSoftmax, DenseRelu]
    wanted = plain.loss_and_gradients(inputs, targets)[1]
    for name, gradient in fast.loss_and_gradients(inputs, targets)[1].items():
        assert far(gradient, wanted[name]) <= FLOAT64, name


def test_one_image_is_predicted_with_the_weights_as_they_are() -> None:
    """They are placed anew after a step that changes them."""
    case, fast, plain = programs("input 12x12x3; conv 4 3x3 relu; conv 5 3x3 stride2; pool 2; softmax 3")
    inputs, targets = case.inputs(1, "float64"), case.targets(1, "float64")
    for _ in range(2):
        assert far(fast.predict(inputs), plain.predict(inputs)) <= FLOAT64
        for program in (fast, plain):
            program.train_step(channels_first(inputs), targets, 0.5)
    assert [plan.steps[0].kernel.single is not None for plan in fast.plans.values()] == [True, True]


def test_a_large_image_is_predicted_row_by_row() -> None:
    case, fast, plain = programs("input 64x64x4; conv 2 5x5 relu; conv 2 3x3; dense 3")
    inputs = case.inputs(1, "float64")
    assert far(fast.predict(inputs), plain.predict(inputs)) <= FLOAT64
    (plan,) = fast.plans.values()
    assert plan.steps[0].kernel.single is None


def test_equal_maxima_send_their_gradient_to_the_first() -> None:
    """Images of one colour: all entries of a window are equal."""
    _, fast, plain = programs("input 8x8x1; conv 3 3x3 relu; pool 2; conv 3 3x3 relu; pool 2; dense 3")
    inputs = np.tile(np.array([0.5, -1, 2]).reshape(3, 1, 1, 1), (1, 1, 8, 8))
    targets = np.eye(3)
    wanted = plain.loss_and_gradients(inputs, targets)[1]
    for name, gradient in fast.loss_and_gradients(inputs, targets)[1].items():
        assert far(gradient, wanted[name]) <= FLOAT64, name


def test_the_setting_turns_all_of_them_off() -> None:
    net = netspec.parse("input 12x12x1; conv 4 5x5 relu; dense 8 relu; softmax 3")
    case = Case("fast", net)
    fast, plain = (compile_net(net, "numpy", manner=manner) for manner in (Manner(), REFERENCE))
    assert isinstance(fast, NumpyProgram) and isinstance(plain, NumpyProgram)
    inputs = case.inputs(5, "float32")
    np.testing.assert_allclose(fast.predict(inputs), plain.predict(inputs), rtol=1e-4, atol=1e-6)
    assert taken(fast) and not taken(plain)
    assert type(fast.losses[0]) is ClassCrossentropy and type(plain.losses[0]) is CrossentropyRule
    assert plain.circumstances()["rules"] == "reference" and "rules" not in fast.circumstances()


@pytest.mark.parametrize("settings", ["", "\ntrain:\n    loss crossentropy smoothing=0.1"])
def test_a_loss_of_classes_is_that_of_the_plain_rule(settings: str) -> None:
    """Places without a class, too, and classes that are far from likely."""
    _, fast, plain = programs(f"input 5; softmax 4{settings}")
    output = np.random.default_rng(0).normal(0, 30, (9, 4))
    assert isinstance(fast.losses[0], ClassCrossentropy) and isinstance(plain, NumpyProgram)
    for target in (
        np.arange(9) % 4,
        np.array([0, LEFT_OUT, 2, 3, 1, LEFT_OUT, 0, 1, 2]),
        np.full(9, LEFT_OUT),
    ):
        value, gradient = fast.losses[0].value_and_gradient(output, target)
        wanted_value, wanted = plain.losses[0].value_and_gradient(output, target)
        assert value == pytest.approx(wanted_value, rel=FLOAT64, abs=FLOAT64)
        np.testing.assert_allclose(gradient, wanted, rtol=FLOAT64, atol=FLOAT64)


def test_float64_is_the_oracle() -> None:
    program = compile_net(netspec.parse(TAKEN["pools"][0]), "numpy", dtype="float64")
    assert isinstance(program, NumpyProgram) and not program.paths


def test_other_backends_have_one_rule_for_each_layer() -> None:
    with pytest.raises(SpecError, match="N602: the backend `torch` cannot compute by reference rules"):
        compile_net(netspec.parse("input 4; dense 2"), "torch", manner=REFERENCE)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("before", [0, 1, 4])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_phases_put_each_row_where_it_belongs(stride: int, before: int, length: int) -> None:
    size = 7
    found = {}
    for phase, rows, places in phases(size, before, stride, length):
        own = range(*rows.indices(size))
        assert len(own) == places.stop - places.start
        found |= {row: place * stride + phase for row, place in zip(own, range(length)[places], strict=True)}
    assert found == {row: row + before for row in range(size) if row + before < length * stride}


@pytest.mark.parametrize(
    "name", ["lstms in a row", "both directions", "a state that goes on", "a state alone"]
)
@pytest.mark.parametrize("block", [2, 4])
def test_an_lstm_predicts_block_after_block(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "BLOCK", block)
    monkeypatch.setattr(recurrent, "ROOM", 1)
    case, fast, plain = programs(TAKEN[name][0])
    given = case.inputs(3, "float64")
    assert far(fast.predict(given), plain.predict(given)) < FLOAT64
