"""The PyTorch backend: what its source says, and that this is what runs."""

import ast
import re
import subprocess
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch.nn import functional as F

import netspec
from netspec import SpecError
from netspec.backends import Array, as_given, as_tuple, channels_first, channels_last, on_each
from netspec.backends.torch.device import find_device
from netspec.backends.torch.export import export
from netspec.backends.torch.program import TorchProgram
from netspec.backends.torch.source import attributes, class_name, module_source, tied
from netspec.init import initial
from netspec.ir.catalog import definitions
from netspec.ir.layer import Example, Operation
from netspec.ir.net import Net
from netspec.layers.conv import Upconv
from netspec.layers.pool import Pool
from netspec.testing.cases import example_text

NETS = {
    "lecture_cnn": """
        input 28x28x1
        conv 4 5x5 relu
        conv 8 5x5 stride2 batchnorm relu
        conv 12 4x4 stride2 relu
        dense 200 relu
        dropout 0.25
        softmax 10""",
    "class": """
        input of 9
        embed 4
        dense 3""",
    "words": """
        input words T of 80
        embed 8
        lstm 6 bidirectional
        gru 5 reverse
        batchnorm
        noise 0.1
        rnn 4 reverse bidirectional last
        sigmoid 1""",
    "grow": """
        input 5x7x2
        depthwise 4x3
        pool avg 2 stride1 same
        upconv 3 3x3 stride2 elu
        pool max 2x3 stride1 pad=0,1,1,1
        upconv 4 1x1 stride2
        pool max 3x3 stride2 same
        upsample 2 bilinear
        layernorm gelu
        identity
        global max""",
    "translate": """
        input source S of 9
        input target T of 9
        embed 6 from source as words
        lstm 6 bidirectional state as memory as read
        dense 6 from memory tanh as start
        embed 6 from target as said
        position
        attention 6 heads=2 causal as self
        add said; layernorm
        attention 6 heads=2 over read
        gru 6 init=start
        gru 6 reset=before
        dense 9 tied=words
        softmax""",
    "joins": """
        input 8x8x3
        conv 6 3x3 nobias batchnorm relu
        add:
            identity
            conv 6 3x3 batchnorm relu; conv 6 3x3 groups=2
        relu as block
        global
        dense 3 relu; dense 6 sigmoid
        mul block
        concat:
            conv 2 1x1 prelu
            pool 3 stride1 same; conv 2 1x1
        groupnorm 2
        global
        dense 4 as code
        dense 4 tied=code
        sample
        repeat_vector 3
        conv1d 4 2 causal; rmsnorm; gelu approximate
        last""",
    "names": """
        input 6x4
        dense 5 as forward; leaky_relu
        batchnorm as train
        lstm 3 last as logits
        dense 2 as lambda; softmax as _""",
}


def parse(text: str, name: str = "net") -> Net:
    return netspec.parse(dedent(text), name=name)


def compiled(net: Net | str, **options: object) -> TorchProgram:
    program = netspec.compile(parse(net) if isinstance(net, str) else net, "torch", device="cpu", **options)  # type: ignore[arg-type]
    assert isinstance(program, TorchProgram)
    return program


def inputs(net: Net, examples: int = 3, steps: int = 6) -> Any:
    """Examples as the spec writes them, a tuple for several inputs."""
    random = np.random.default_rng(zlib.crc32(module_source(net).encode()))
    found = []
    for shape in (layer.shape for layer in net.inputs):
        sizes = (examples, *(dim if isinstance(dim, int) else steps for dim in shape.dims))
        found.append(random.normal(size=sizes) if shape.of is None else random.integers(shape.of, size=sizes))
    return as_given(found)


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


# --- the source


@pytest.mark.parametrize("name", NETS)
def test_source(name: str, golden: Callable[[str, str], None]) -> None:
    text = export(parse(NETS[name], name))
    ast.parse(text)
    golden(f"torch/{name}.py", text)


def test_source_follows_from_the_layers_alone() -> None:
    net = parse(NETS["grow"])
    assert module_source(netspec.from_json(net.to_json())) == module_source(net)


def test_names_that_are_taken_get_an_underscore() -> None:
    text = (
        "input 3\ndense 3 as train\ndense 3 as train_\ndense 3 as __private\ndense 3 as class\ndense 3 as x"
    )
    net = parse(text)
    assert list(attributes(net).values())[1:] == ["train_", "train__", "layer__private", "class_", "x"]
    program = compiled(net)
    for name, value in program.parameters().items():
        np.testing.assert_array_equal(value, initial(net)[name])


@pytest.mark.parametrize(
    ("words", "deviation"), [("", 1.0), (" deviation=0.02", 0.02), (" scaled deviation=3", 3.0)]
)
def test_vectors_start_with_the_deviation_that_is_said(words: str, deviation: float) -> None:
    """In the network and in the module that is exported, which starts by itself."""
    net = parse(f"input 5 of 900\nembed 40{words}\nflatten\ndense 2")
    own: dict[str, Any] = {}
    exec(compile(module_source(net), "words.py", "exec"), own)
    torch.manual_seed(0)
    module = own[class_name(net)]()
    for values in (initial(net)["embed1.weight"], module.embed1.weight.detach().numpy()):
        assert values.std() == pytest.approx(deviation, rel=0.02)
        assert abs(values.mean()) < 0.02 * deviation


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lecture_cnn", "LectureCnn"),
        ("f", "NetF"),
        ("none", "NetNone"),
        ("3d", "Net3d"),
        ("é", "Net"),
        ('a"""\n    import os\\', "AImportOs"),
        ("{x}", "X"),
    ],
)
def test_a_file_may_have_any_name(name: str, expected: str) -> None:
    net = Net(name, parse(NETS["lecture_cnn"]).layers)
    assert class_name(net) == expected
    assert "import os" not in [line.strip() for line in module_source(net).splitlines()]
    assert type(compiled(net).module).__name__ == expected


def test_a_traceback_shows_the_line() -> None:
    program = compiled("input 4\ndense 3 relu\ndense 2")
    with pytest.raises(RuntimeError) as caught:
        program.module(torch.zeros(1, 5))
    assert "x = F.relu(self.dense1(x), inplace=True)  # 3" in "".join(
        traceback.format_exception(caught.value)
    )


@pytest.mark.parametrize(
    "text",
    [
        "input 4x1x1\nupconv 1 2x2\nconv 2 3x1 stride2 dilation=1x2 pad=1",
        "input 4x3x2\nupconv 2 3x1 stride=2x3 dilation=2x3",
        "input 7x2\nconv1d 3 1 dilation3",
    ],
)
def test_a_kernel_of_one_is_not_spread(text: str) -> None:
    """A dilation there means nothing, and oneDNN reads beyond its memory for the first of these."""
    net = parse(text, "net")
    spread = re.findall(r"dilation=\((.*?)\)", module_source(net))
    assert spread == (["2, 1"] if "upconv 2" in text else [])
    program, batch = compiled(net, seed=7), inputs(net)
    values = program.parameters()
    oracle = netspec.compile(net, "numpy", parameters=values)
    np.testing.assert_allclose(program.predict(batch), oracle.predict(batch), rtol=1e-5, atol=1e-6)


RUNNER = """
import os, runpy, sys
sys.modules["netspec"] = None  # it cannot be imported from here on
import numpy, torch
for folder in sys.argv[1:]:
    os.chdir(folder)
    with torch.no_grad():
        namespace = runpy.run_path("net.py", run_name="__main__")
        batches = [torch.from_numpy(batch) for batch in numpy.load("inputs.npz").values()]
        numpy.save("outputs.npy", namespace["model"](*batches).numpy())
"""


def test_an_exported_file_runs_without_netspec(tmp_path: Path) -> None:
    """As it stands, and with the commented lines that load weights."""
    expected, sizes = {}, {}
    for name, text in NETS.items():
        net = parse(text, name)
        program, batch = compiled(net, seed=7), inputs(net)
        folder = tmp_path / name
        folder.mkdir()
        source = export(net)
        (folder / "plain.py").write_text(source, encoding="utf-8")
        before, mark, after = source.partition("    # Weights that netspec has trained:\n")
        assert mark
        (folder / "net.py").write_text(before + after.replace("    # ", "    "), encoding="utf-8")
        values = {
            name: value + 0.01 * index for index, (name, value) in enumerate(program.parameters().items())
        }
        program.load(values)
        save_file(values, folder / "best.safetensors")
        prepared = [channels_first(each) for each in as_tuple(batch)]
        kinds = ["int64" if layer.shape.of else "float32" for layer in net.inputs]
        typed = [each.astype(kind) for each, kind in zip(prepared, kinds, strict=True)]
        np.savez(folder / "inputs.npz", *typed)
        expected[folder] = program.predict(batch)
        sizes[folder] = f"{net.parameter_count:,} parameters"
    command = [sys.executable, "-I", "-c", RUNNER, *map(str, expected)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for line, size in zip(done.stdout.splitlines(), sizes.values(), strict=True):
        assert line.startswith(size), line
    for folder, result in expected.items():
        np.testing.assert_allclose(np.load(folder / "outputs.npy"), result, rtol=1e-5, atol=1e-7)
        plain = (folder / "plain.py").read_text(encoding="utf-8")
        exec(compile(plain, "plain.py", "exec"), {"__name__": "plain"})


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
