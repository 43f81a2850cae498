"""How weights start: the bounds are those of PyTorch's `nn.init`, which the module uses too."""

from math import sqrt

import numpy as np
import pytest
import torch
from torch import nn

import netspec
from netspec import SpecError
from netspec.backends.torch.source import class_name, module_source
from netspec.init import initial

LAYERS = {
    "dense": ("input 30", "dense 40"),
    "conv": ("input 9x9x6", "conv 8 3x4 groups=2"),
    "depthwise": ("input 9x9x30", "depthwise 5x5"),
    "upconv": ("input 9x9x6", "upconv 8 4x4 stride2"),
    "conv1d": ("input 9x12", "conv1d 20 5"),
}


def bound(init: str, weight: torch.Tensor) -> float:
    inputs, outputs = nn.init._calculate_fan_in_and_fan_out(weight)
    return {"pytorch": 1 / sqrt(inputs), "glorot": sqrt(6 / (inputs + outputs)), "he": sqrt(6 / inputs)}[init]


@pytest.mark.parametrize("init", ["pytorch", "glorot", "he"])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_are_spread_as_far_as_those_of_pytorch(name: str, init: str) -> None:
    given, line = LAYERS[name]
    net = netspec.parse(f"{given}\n{line} init={init}", name="net")
    weight, bias = (value for _, value in sorted(initial(net, 3, "float64").items(), reverse=True))
    wanted = bound(init, torch.from_numpy(weight))
    assert 0.9 * wanted < np.abs(weight).max() <= wanted
    assert weight.std() == pytest.approx(wanted / sqrt(3), rel=0.1) and abs(weight.mean()) < 0.1 * wanted
    assert np.abs(bias).max() <= bound("pytorch", torch.from_numpy(weight))
    # the module by itself, as an exported file starts
    space: dict[str, type[nn.Module]] = {}
    exec(module_source(net), space)
    torch.manual_seed(0)
    own = space[class_name(net)]().state_dict()[f"{name}1.weight"]
    assert own.shape == weight.shape and 0.9 * wanted < own.abs().max() <= wanted * (1 + 1e-6)


def test_the_word_may_stand_bare_and_comes_back() -> None:
    net = netspec.parse("input 9x9x2\nconv 4 3x3 glorot relu\ndense 5 he", name="net")
    assert net.by_name["conv1"].operation.init == "glorot"  # type: ignore[attr-defined]
    assert netspec.parse(net.to_text(), name="net") == net == netspec.from_json(net.to_json())


def test_weights_of_another_layer_start_there() -> None:
    with pytest.raises(SpecError) as refused:
        netspec.parse("input 5 of 7\nembed 3 as words\ndense 7 tied=words he")
    assert "start where that stands" in str(refused.value)
