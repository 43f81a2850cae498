"""The source that the PyTorch backend writes: what it says, and that this is what runs."""

import ast
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import netspec
from netspec.backends import as_tuple, channels_first
from netspec.backends.torch.export import export
from netspec.backends.torch.source import attributes, class_name, module_source
from netspec.init import initial
from netspec.ir.net import Net
from netspec.passes.updates import alone
from tests.backends.torch_nets import NETS, compiled, inputs, parse


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


def run(source: str) -> dict[str, Any]:
    """What is there after an exported file was run by itself."""
    own: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "net.py", "exec"), own)
    return own


@pytest.mark.parametrize(
    "names",
    [
        ("model", "torch", "tuple", "sum"),
        ("batch", "parameters", "output", "parameters_"),
        ("nn", "range", "batch", "batch_"),
        ("print", "len", "print_", "__name__"),
    ],
)
def test_names_of_the_file_are_not_those_of_its_examples(
    names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, c, d = names
    text = f"input {a} 3\ninput {b} 4\ndense 2 from {a} as {c}\ndense 5 from {b} as {d}\noutput {c} {d}"
    own = run(export(parse(text)))
    assert capsys.readouterr().out == "33 parameters, (2, 3) and (2, 4) to (2, 2) and (2, 5)\n"
    assert own["model"].training is False


@pytest.mark.parametrize(
    "text",
    [
        "input ends of 7; input 6x3; conv1d 2 3 lengths=ends as masked; global avg lengths=ends",
        "input masked of 7; input 6x3; dense 2 as ends; conv1d 2 3 lengths=masked; last lengths=masked; dense 6",
        "input 5x3; dense 3 as _; gru 2; dense 3; add _",
    ],
)
def test_names_of_functions_are_not_those_of_values(text: str) -> None:
    net = parse(text.replace("; ", "\n"))
    program, batch = compiled(net, seed=7), inputs(net)
    oracle = netspec.compile(net, "numpy", parameters=program.parameters())
    np.testing.assert_allclose(program.predict(batch), oracle.predict(batch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("body", ["dense 3", "dense 3 as train", "embed 4 as w; dense 9 tied=w"])
def test_weights_of_one_network_of_several_are_loaded_as_the_file_says(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n    ".join(["input 4 of 9" if "embed" in body else "input 4", *body.split("; ")])
    both = parse(f"network one:\n    {lines}\nnetwork two:\n    input 3\n    dense 2\n")
    net, values = alone(both), initial(both, 7, "float32")
    save_file(values, tmp_path / "best.safetensors")
    monkeypatch.chdir(tmp_path)
    mark = "    # Weights that netspec has trained:\n"
    own = run(export(net).replace(mark, "").replace("    # ", "    "))
    for name, value in own["model"].state_dict().items():
        assert any(np.array_equal(value.numpy(), each) for each in values.values()), name
