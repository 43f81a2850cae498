"""The PyTorch backend: every layer, and the program that is made of them."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import netspec
from netspec import SpecError
from netspec.backends import Array, channels_first, channels_last, on_each
from netspec.backends.torch.device import find_device
from netspec.backends.torch.program import TorchProgram
from netspec.backends.torch.source import tied
from netspec.ir.catalog import definitions
from netspec.ir.layer import Example, Operation
from netspec.layers.conv import Upconv
from netspec.layers.pool import Pool
from netspec.testing.cases import example_text
from tests.backends.torch_nets import NETS, compiled, inputs, parse


def examples() -> Iterator[tuple[str, Example]]:
    for definition in definitions("layer"):
        assert issubclass(definition, Operation)
        for example in definition.examples:
            yield example_text(example, definition.reads_nothing), example


# --- every layer


@pytest.mark.parametrize(
    ("text", "example"), list(examples()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_example(text: str, example: Example) -> None:
    net = parse(text)
    program = compiled(net, dtype="float64")
    batch = inputs(net)
    shape = net.outputs[0].shape
    assert str(shape) == example.output
    assert program.predict(batch).shape == (3, *shape.dims)
    values = program.parameters()
    assert [(name, value.shape) for name, value in values.items()] == [
        (name, param.shape) for name, param in net.parameters.items()
    ]
    state = {key for key in program.module.state_dict() if not key.endswith(".num_batches_tracked")}
    assert state - set(tied(net)) == set(net.parameters)
    if shape.of is not None:
        return
    loss, gradients = program.loss_and_gradients(on_each(channels_first, batch), targets(program, batch))
    assert np.isfinite(loss)
    assert {name: value.shape for name, value in gradients.items()} == {
        name: param.shape for name, param in net.parameters.items() if param.trainable
    }


def targets(program: TorchProgram, batch: Any) -> Array:
    """Prepared targets of the right shape: class 1 or 0.5 everywhere."""
    output = channels_first(program.predict(batch))
    if program.net.outputs[0].word == "softmax":
        return np.ones(np.delete(output.shape, 1 if output.ndim == 4 else -1), np.int64)
    return np.full(output.shape, 0.5)


def cut_by_hand(program: TorchProgram, batch: Array) -> Array:
    """A transposed convolution by its definition: the whole result on a canvas, bias everywhere, then cut."""
    (layer,) = (layer for layer in program.net if layer.word == "upconv")
    operation, (given,) = layer.operation, program.net.shapes_into(layer)
    assert isinstance(operation, Upconv)
    values = {
        name.removeprefix("upconv1."): torch.tensor(value) for name, value in program.parameters().items()
    }
    whole = F.conv_transpose2d(
        torch.tensor(channels_first(batch)),
        values["weight"],
        stride=operation.stride,
        dilation=operation.dilation,
        groups=operation.groups,
    )
    top, _, left, _ = operation.padding([given])
    height, width, channels = layer.shape.known
    canvas = torch.zeros(len(batch), channels, top + height + 9, left + width + 9, dtype=torch.float64)
    canvas[:, :, : whole.shape[2], : whole.shape[3]] = whole[:, :, : canvas.shape[2], : canvas.shape[3]]
    result = canvas[:, :, top : top + height, left : left + width]
    if "bias" in values:
        result = result + values["bias"][:, None, None]
    return channels_last(result.numpy())


PADS = ("same", "valid", "pad=1", "pad=2,0,1,0", "pad=0,2,0,1", "pad=3,0,0,2")
UPCONVS = [
    f"{kernel} stride={stride} dilation={dilation} {pad}"
    for kernel, stride, dilation, pad in product(("1x1", "3x2", "4x3"), ("1", "2x3"), ("1", "2"), PADS)
]


@pytest.mark.parametrize("options", UPCONVS)
def test_upconv_is_the_whole_result_cut(options: str) -> None:
    try:
        net = parse(f"input 3x5x4\nupconv 6 {options} groups=2")
    except SpecError as refused:  # nothing is left
        assert [each.code for each in refused.diagnostics] == ["N203"]
        return
    program = compiled(net, dtype="float64")
    batch = inputs(net)
    np.testing.assert_allclose(program.predict(batch), cut_by_hand(program, batch), rtol=1e-10)


POOLS = [
    f"{kind} {kernel} stride={stride} {pad} {ceil}"
    for kind, kernel, stride, pad, ceil in product(
        ("max", "avg"),
        ("2", "3x2", "3x4"),
        ("1", "2", "3x2"),
        ("same", "valid", "pad=1", "pad=1,0,0,1", "pad=0,1,1,1", "pad=2,1,1,0", "pad=0,2,0,1"),
        ("", "ceil"),
    )
]


@pytest.mark.parametrize("options", POOLS)
def test_pool_looks_at_the_pixels_of_each_window(options: str) -> None:
    try:
        net = parse(f"input 7x6x2\npool {options}")
    except SpecError as refused:
        assert [each.code for each in refused.diagnostics] == ["N204"]
        return
    layer = net.layers[1]
    operation = layer.operation
    assert isinstance(operation, Pool)
    program, batch = compiled(net, dtype="float64"), inputs(net)
    (top, _, left, _), (kh, kw), (sh, sw) = (
        operation.padding([net.layers[0].shape]),
        operation.kernel,
        operation.window.stride,
    )
    reduce = np.max if operation.kind == "max" else np.mean
    result = program.predict(batch)
    for row, column in np.ndindex(result.shape[1:3]):
        y, x = row * sh - top, column * sw - left
        window = batch[:, max(y, 0) : y + kh, max(x, 0) : x + kw]
        np.testing.assert_allclose(result[:, row, column], reduce(window, axis=(1, 2)), rtol=1e-12)


@pytest.mark.parametrize("dims", ["7", "4x7", "4x3x7", "2x3x4x7"])
def test_embedded_grids_are_shaped_as_written(dims: str) -> None:
    net = parse(f"input {dims} of 9\nembed 5")
    program, batch = compiled(net), inputs(net)
    np.testing.assert_array_equal(program.predict(batch), program.parameters()["embed1.weight"][batch])


@pytest.mark.parametrize("word", ["batchnorm", "layernorm", "softmax"])
@pytest.mark.parametrize("dims", ["5", "4x5", "4x3x5", "2x3x4x5"])
def test_channels_are_the_last_axis_as_written(word: str, dims: str) -> None:
    net = parse(f"input {dims}\n{word}")
    program, batch = compiled(net, dtype="float64"), inputs(net)
    program.module.train()
    with torch.no_grad():
        result = channels_last(program.module(torch.tensor(channels_first(batch))).numpy())
    axes = tuple(range(batch.ndim - 1)) if word == "batchnorm" else -1
    if word == "softmax":
        expected = np.exp(batch) / np.exp(batch).sum(axis=-1, keepdims=True)
    else:
        mean, variance = batch.mean(axis=axes, keepdims=True), batch.var(axis=axes, keepdims=True)
        expected = (batch - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)


# --- the program


def test_compiling_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    compiled(NETS["lecture_cnn"]).predict(np.zeros((1, 28, 28, 1)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", NETS)
def test_loss_and_gradients_change_nothing(name: str) -> None:
    program = compiled(NETS[name])
    batch = inputs(program.net)
    before, generator = program.module.state_dict(), torch.get_rng_state()
    before = {key: value.clone() for key, value in before.items()}
    prepared = on_each(channels_first, batch)
    results = [program.loss_and_gradients(prepared, targets(program, batch)) for _ in range(2)]
    assert results[0][0] == results[1][0]
    assert torch.equal(torch.get_rng_state(), generator)
    for key, value in program.module.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", NETS)
def test_evaluation_agrees_with_prediction(name: str) -> None:
    program = compiled(NETS[name], dtype="float64")
    batch = inputs(program.net)
    wanted = targets(program, batch)
    (loss,), output = program.evaluate(on_each(channels_first, batch), wanted)
    np.testing.assert_array_equal(output, program.predict(batch))
    if name == "lecture_cnn":
        assert loss == pytest.approx(-np.log(output[:, 1]).mean())


def test_any_number_of_steps() -> None:
    program = compiled(NETS["words"], dtype="float64")
    for steps in (1, 2, 9):
        batch = inputs(program.net, steps=steps)
        assert program.predict(batch).shape == (3, 1)
        assert program.loss_and_gradients(batch, targets(program, batch))[0] > 0


def test_a_size_that_is_written_in_two_ways_is_joined() -> None:
    net = netspec.parse("input image HxWx2; conv 3 2x2 stride2; upconv 2 2x2 stride2; add image")
    assert len({str(layer.shape) for layer in net.layers[-2:]}) == 2
    batch = np.random.default_rng(0).normal(size=(3, 4, 6, 2))
    ours, theirs = (
        netspec.compile(net, backend, dtype="float64", device="cpu") for backend in ("torch", "numpy")
    )
    found = ours.predict(batch)
    assert isinstance(found, np.ndarray) and found.shape == batch.shape
    np.testing.assert_allclose(found, theirs.predict(batch), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [each.word for each in definitions("optimizer")])
def test_every_optimizer_steps_downhill(optimizer: str, dtype: str) -> None:
    settings = f"optimizer {optimizer} 0.01\n    regularize l2=0.01 l1=0.01\n    clip norm=1"
    text = f"input 5\ndense 4 tanh\nsoftmax 3\ntrain:\n    {settings}"
    net = netspec.parse(text)
    assert net.training is not None
    program, batch = compiled(net, dtype=dtype), inputs(net, 20)
    program.begin(net.training)
    losses = [float(program.train_step(batch, targets(program, batch), 0.01)) for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert set(program.gradient_norms()) == {"dense1", "dense2"}


def test_a_seed_makes_a_run_repeat_itself() -> None:
    net = netspec.parse("input 5\ndropout 0.5\nnoise 0.1\ndense 2\ntrain:\n    seed 3")
    assert net.training is not None
    program, batch = compiled(net), inputs(net)
    first = [begun(program).train_step(batch, np.zeros((3, 2)), 0.0) for _ in range(2)]
    assert float(first[0]) == float(first[1])
    assert float(program.train_step(batch, np.zeros((3, 2)), 0.0)) != float(first[0])


def begun(program: TorchProgram) -> TorchProgram:
    assert program.net.training is not None
    program.begin(program.net.training)
    return program


def test_arrays_that_pytorch_cannot_take_are_copied() -> None:
    program = compiled("input 4\ndense 3")
    batch = np.frombuffer(np.arange(8, dtype=">f4").tobytes(), dtype=">f4").reshape(2, 4)
    assert not batch.flags.writeable
    np.testing.assert_array_equal(program.predict(batch), program.predict(batch.astype("f4")))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpu", "there is no device called `gpu`; did you mean `cuda`?"),
        ("cdua", "there is no device called `cdua`; did you mean `cuda`?"),
        (
            "meta",
            "there is no device called `meta`; known: auto, cpu, cuda, mps, xpu, and `cuda:1` for the second",
        ),
        ("cuda:one", "there is no device called `cuda:one`; did you mean `cuda`?"),
        ("cuda:99", "the device `cuda:99` cannot be used here: "),
        ("", "there is no device called ``; known: "),
    ],
)
def test_devices_that_cannot_be_used(name: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        find_device(name)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "N602"
    assert diagnostic.message.startswith(expected)


def test_devices() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", NETS)
def test_compiles_to_one_graph(name: str) -> None:
    """Dynamo leaves recurrent layers out unless it is told not to."""
    torch._dynamo.reset()
    program = compiled(NETS[name])
    graphs = []

    def count(graph: torch.fx.GraphModule, given: object) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    batch = program._inputs(on_each(channels_first, inputs(program.net)))
    faster = torch.compile(program.module.eval(), backend=count, fullgraph=True)
    with torch._dynamo.config.patch(allow_rnn=True), torch.no_grad():
        torch.testing.assert_close(faster(*batch), program.module(*batch))
    assert len(graphs) == 1
