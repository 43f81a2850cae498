"""Attributes of the module that are found directly: they are what `nn.Module` would find, whatever is done to it."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import netspec
from netspec.backends.torch.build import put
from netspec.backends.torch.direct import direct

TEXT = "input 6x6x2; conv 3 3x3 batchnorm relu; dense 4 relu; softmax 3"


def program(text: str = TEXT) -> nn.Module:
    module: nn.Module = netspec.compile(netspec.parse(text, name="small"), "torch").module  # type: ignore[attr-defined]
    return module.eval()


def batch() -> Tensor:
    return torch.linspace(-1, 1, 2 * 2 * 6 * 6).reshape(2, 2, 6, 6)


def test_nothing_shows() -> None:
    module = program()
    plain = nn.Linear(4, 3)
    assert type(module).__name__ == "Small"
    assert isinstance(module.dense1, nn.Linear) and repr(direct(nn.Linear(4, 3))) == repr(plain)
    assert [name for name, _ in module.named_modules()] == ["", "conv1", "batchnorm1", "dense1", "dense2"]
    assert module.dense1.weight is module.dense1._parameters["weight"]
    assert module.batchnorm1.running_mean is module.batchnorm1._buffers["running_mean"]
    assert direct(nn.Linear(4, 3, bias=False)).bias is None


def test_modules_alike_have_one_class() -> None:
    one, other, third = direct(nn.Sequential(nn.Linear(1, 2), nn.Linear(3, 4), nn.Tanh()))
    assert type(one) is type(other) and type(one).__mro__[1] is nn.Linear and isinstance(third, nn.Tanh)


def test_a_name_of_the_class_stays() -> None:
    class Own(nn.Module):
        width = 3

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.ones(1))
            self._buffers["width"] = torch.ones(1)

    assert direct(Own()).width == 3


def test_what_is_missing_is_told_as_ever() -> None:
    module = program()
    del module.dense1.weight
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'weight'"):
        module.dense1.weight  # noqa: B018
    with pytest.raises(AttributeError, match="'Small' object has no attribute 'dense9'"):
        module.dense9  # noqa: B018


def test_hooks_are_called() -> None:
    module, seen = program(), []
    module.dense1.register_forward_hook(lambda layer, inputs, output: seen.append(output.shape))
    module(batch())
    assert seen == [(2, 4)]


class Zeros(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), 3)


def test_a_layer_may_be_replaced() -> None:
    for replace in (
        lambda module: setattr(module, "dense2", Zeros()),
        lambda module: module._modules.update(dense2=Zeros()),
        lambda module: module.set_submodule("dense2", Zeros()),
    ):
        module = program()
        replace(module)
        assert torch.equal(module(batch()), torch.full((2, 3), 1 / 3))


def test_a_parameter_may_be_replaced() -> None:
    zero = torch.zeros(3, 4), torch.zeros(3)
    names = "dense2.weight", "dense2.bias"
    wanted = torch.full((2, 3), 1 / 3)
    module = program()
    found = torch.func.functional_call(module, dict(zip(names, zero, strict=True)), batch())
    assert torch.equal(found, wanted) and not torch.equal(module(batch()), wanted)
    for name, value in zip(names, zero, strict=True):
        put(module, name, nn.Parameter(value))
    assert torch.equal(module(batch()), wanted)
    module = program()
    state = {**module.state_dict(), **dict(zip(names, zero, strict=True))}
    module.load_state_dict(state, assign=True)
    assert torch.equal(module(batch()), wanted)


def test_a_copy_has_parameters_of_its_own() -> None:
    module = program()
    other = deepcopy(module)
    nn.init.zeros_(other.dense2.weight)
    nn.init.zeros_(other.dense2.bias)
    assert torch.equal(other(batch()), torch.full((2, 3), 1 / 3))
    assert module.dense2.weight.any() and other.dense2.weight.requires_grad


def test_weights_that_are_computed() -> None:
    """Pruning puts a plain tensor under the weight's name, parametrisation a property of a further class."""
    module, plain = program(), program()
    prune.l1_unstructured(module.dense1, "weight", amount=0.5)
    assert (module.dense1.weight == 0).sum() == module.dense1.weight.numel() // 2
    assert not torch.equal(module(batch()), plain(batch()))
    module = program()
    parametrizations.weight_norm(module.dense1)
    torch.testing.assert_close(module(batch()), plain(batch()))
    module.dense1.parametrizations.weight.original0.data *= 2
    assert not torch.allclose(module(batch()), plain(batch()))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_an_lstm_is_what_it_was(batch_first: bool, bidirectional: bool) -> None:
    """Of a batch, of one sequence, of packed ones and with states to begin with; and trained alike."""
    torch.manual_seed(0)
    plain = nn.LSTM(3, 4, num_layers=2, batch_first=batch_first, bidirectional=bidirectional)
    found = direct(deepcopy(plain))
    x, states = torch.randn(5, 6, 3), torch.randn(4 if bidirectional else 2, 5 if batch_first else 6, 4)
    packed = nn.utils.rnn.pack_padded_sequence(x, [6, 4, 3, 2, 1], batch_first=True)
    for given in ((x,), (x[0],), (x, (states, states)), *([(packed,)] * batch_first)):
        results = []
        for each in (plain, found):
            each.zero_grad()
            y, memories = each(*given)
            (y.data if isinstance(y, nn.utils.rnn.PackedSequence) else y).square().sum().backward()
            results.append((y, *memories, *(parameter.grad for parameter in each.parameters())))
        torch.testing.assert_close(*results, rtol=0, atol=0)
