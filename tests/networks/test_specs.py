"""The networks of the literature in `specs/networks/`: published numbers, and outputs equal to networks by hand.

The networks by hand (`reference_*.py`) are plain `torch.nn`; weights are copied by position, as both are in the order
of reading.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netspec
from netspec.backends import compile_net
from netspec.init import generator, initial
from netspec.ir.layer import Constant
from netspec.ir.net import Net
from netspec.passes.count import count
from netspec.passes.tidy import tidy
from netspec.source import Source

from .published import PUBLISHED, RESNET50_SHAPES, VGG16_SHAPES
from .test_references import STEPS

FOLDER = Path(__file__).parents[2] / "specs" / "networks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.net"))
LARGE = {"vgg16", "vgg19", "resnet152"}
"""Networks that take more than a few seconds on the NumPy backend, left to `pytest -m slow`."""
SMALLER = {"unet": ("572x572", "188x188")}
"""Networks that are run on a smaller input, which their weights do not depend on."""
OUTPUT = 1e-10

Array = np.ndarray[Any, np.dtype[Any]]


def load(name: str) -> Net:
    return netspec.load(FOLDER / f"{name}.net")


def lines(name: str) -> list[str]:
    """The lines of a spec that are neither empty nor comments."""
    text = (FOLDER / f"{name}.net").read_text("utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def test_every_network_is_published() -> None:
    assert set(NAMES) == set(PUBLISHED)


@pytest.mark.parametrize("name", NAMES)
def test_parameters(name: str) -> None:
    net = load(name)
    assert net.parameter_count == PUBLISHED[name].parameters
    assert count(net).parameters == PUBLISHED[name].parameters


@pytest.mark.parametrize("name", NAMES)
def test_shapes_of_inputs_and_outputs(name: str) -> None:
    net = load(name)
    assert [str(layer.shape) for layer in net.inputs] == list(PUBLISHED[name].inputs)
    assert sorted(str(layer.shape) for layer in net.outputs) == sorted(PUBLISHED[name].outputs)


@pytest.mark.parametrize("name", NAMES)
def test_multiply_adds_as_published(name: str) -> None:
    net = load(name)
    for figure in PUBLISHED[name].multiply_adds:
        if not figure.reproduced:
            continue
        words = ("conv", "depthwise") if "alone" in figure.convention else ("conv", "depthwise", "dense")
        found = sum(
            layer.operation.multiply_adds(net.shapes_into(layer)) for layer in net if layer.word in words
        )
        assert abs(found - figure.value) <= figure.unit / 2, figure.source


@pytest.mark.parametrize("name", NAMES)
def test_no_spec_is_a_transcript(name: str) -> None:
    """Structure is said, not written out: ResNet-50 takes no more lines than the paper's table needs words."""
    assert len(lines(name)) <= 40
    assert len(lines(name)) <= len(load(name).layers)
    assert name != "resnet50" or len(lines(name)) <= 25


def test_layers_of_vgg16_as_in_the_paper() -> None:
    found = [str(layer.shape) for layer in load("vgg16") if layer.word in ("conv", "pool", "dense")]
    assert found == [shape for _, shape in VGG16_SHAPES]


def test_stages_of_resnet50_as_in_the_paper() -> None:
    """A row of the table as `netspec shapes` prints it is a row of the paper's table."""
    assert [row.output for row in count(load("resnet50")).rows[1:]] == [shape for _, shape in RESNET50_SHAPES]


# --- what they compute


def start(net: Net) -> dict[str, Array]:
    """Parameters and states in float64, none left at a constant that would hide it."""
    values = initial(net, 1, "float64")
    for name, param in net.parameters.items():
        if isinstance(param.initial, Constant):
            values[name] = values[name] + generator(1, name).uniform(-0.2, 0.2, param.shape)
    return values


def runnable(name: str) -> Net:
    """The network, on a smaller input where it takes one."""
    if name not in SMALLER:
        return load(name)
    text = tidy(Source((FOLDER / f"{name}.net").read_text("utf-8"), name), strip=True)
    return netspec.parse(text.replace(*SMALLER[name]), name=name)


def inputs(net: Net) -> tuple[Array, ...]:
    """One small random example, as the spec writes shapes."""
    found = []
    for layer in net.inputs:
        random = generator(2, layer.name)
        dims = (1, *(STEPS[str(dim)] if str(dim) in STEPS else int(str(dim)) for dim in layer.shape.dims))
        of = layer.shape.of
        found.append(random.normal(size=dims) if of is None else random.integers(0, of, dims))
    return tuple(found)


def by_hand(name: str, net: Net, values: dict[str, Array]) -> torch.nn.Module:
    """The network by hand with the values in its own parameters, by position."""
    with torch.device("meta"):
        module = PUBLISHED[name].build()
    module = module.to_empty(device="cpu").double().eval()
    own = [key for key in module.state_dict() if not key.endswith("num_batches_tracked")]
    tensors = {id(tensor): key for key, tensor in reversed(list(module.state_dict(keep_vars=True).items()))}
    own = [key for key in own if tensors[id(module.state_dict(keep_vars=True)[key])] == key]
    state = {key: torch.from_numpy(value) for key, value in zip(own, values.values(), strict=True)}
    missing, surplus = module.load_state_dict(state, strict=False)
    assert not surplus
    assert all(
        "num_batches" in key or id(module.state_dict(keep_vars=True)[key]) in tensors for key in missing
    )
    return module


def prepared(example: Array) -> torch.Tensor:
    tensor = torch.from_numpy(example)
    return tensor.movedim(-1, 1).contiguous() if tensor.ndim == 4 else tensor


def close(found: Array, wanted: Array) -> bool:
    scale = max(float(np.abs(wanted).max()), 1e-3)
    return found.shape == wanted.shape and float(np.abs(found - wanted).max()) <= OUTPUT * scale


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in NAMES]
)
def test_both_backends_give_what_the_network_by_hand_gives(name: str) -> None:
    net = runnable(name)
    values, given = start(net), inputs(net)
    results: dict[str, Array] = {}
    for backend in ("torch", "numpy"):
        program = compile_net(net, backend, dtype="float64", device="cpu", parameters=values)
        output = program.predict(given[0] if len(given) == 1 else given)
        results[backend] = output[-1] if isinstance(output, tuple) else output
        del program
    assert close(results["numpy"], results["torch"])
    with torch.no_grad():
        reference = by_hand(name, net, values)(*map(prepared, given))
    logits = reference[0] if isinstance(reference, tuple) else reference
    word = net.outputs[-1].word
    if word in ("softmax", "sigmoid"):
        axis = 1 if logits.ndim == 4 else -1
        logits = torch.softmax(logits, axis) if word == "softmax" else torch.sigmoid(logits)
    wanted = logits.numpy()
    assert close(results["torch"], np.moveaxis(wanted, 1, -1) if wanted.ndim == 4 else wanted)


@pytest.mark.parametrize("name", NAMES)
def test_exported_code_stands_alone(name: str) -> None:
    """Without netspec, on the meta device: the parameters and the shape of the result are the network's."""
    from netspec.backends.torch.export import export

    net = load(name)
    source = export(net)
    assert not re.search(r"^\s*(import|from) netspec", source, re.MULTILINE)
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, f"<{name}>", "exec"), namespace)
    (network,) = (
        each
        for each in namespace.values()
        if isinstance(each, type)
        and issubclass(each, torch.nn.Module)
        and (each.__doc__ or "").startswith(net.name)
    )
    with torch.device("meta"):
        module = network().eval()
    assert sum(parameter.numel() for parameter in module.parameters()) == net.parameter_count
    examples = [prepared(example).to("meta") for example in inputs(net)]
    examples = [each.float() if each.is_floating_point() else each for each in examples]
    output = module(*examples)
    main = output[-1] if isinstance(output, tuple) else output
    sizes = [STEPS.get(str(dim), dim) for dim in net.outputs[-1].shape.channels_first]
    assert list(main.shape) == [1, *sizes]
