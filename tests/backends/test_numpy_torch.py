"""NumPy kernels against calls of PyTorch written by hand, so that the rules of both backends share no misreading.

That the two backends agree with one another on every example is `test_conformance`.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.backends import channels_first
from netspec.backends.numpy.normal import erf
from netspec.ir import catalog
from netspec.ir.layer import Operation
from netspec.testing.cases import example_text
from tests.backends.one_layer import BATCH, Layer, close

# --- normalisation


@pytest.mark.parametrize(("dims", "module"), [("6", nn.BatchNorm1d), ("4x5x6", nn.BatchNorm2d)])
def test_running_statistics_after_three_steps(dims: str, module: type[nn.Module]) -> None:
    net = netspec.parse(f"input {dims}\nbatchnorm momentum=0.3 eps=0.01")
    program = netspec.compile(net, "numpy", dtype="float64")
    peer = module(6, momentum=0.3, eps=0.01, dtype=torch.float64)
    random = np.random.default_rng(0)
    for step in range(3):
        x = channels_first(random.normal(step, 2, (BATCH, *net.inputs[0].shape.known)))
        program.train_step(x, np.zeros_like(x), 0.0)
        peer(torch.tensor(x))
    values, state = program.parameters(), peer.state_dict()
    close(values["batchnorm1.running_mean"], state["running_mean"])
    close(values["batchnorm1.running_var"], state["running_var"])
    _, predicted = program.evaluate(x, np.zeros_like(x))
    close(channels_first(predicted), peer.eval()(torch.tensor(x)))


def test_batchnorm_and_layernorm() -> None:
    layer = Layer("input 4x3x2\nbatchnorm eps=0.1")
    layer.values["weight"][...], layer.values["bias"][...] = [0.5, -2], [1, 3]
    layer.agrees(
        lambda x, weight, bias, **_: F.batch_norm(x, None, None, weight, bias, training=True, eps=0.1)
    )
    layer = Layer("input 5x3\nbatchnorm noaffine")
    layer.agrees(lambda x, **_: F.batch_norm(x.transpose(1, 2), None, None, training=True).transpose(1, 2))
    layer = Layer("input 4x3x2\nlayernorm")
    layer.values["weight"][...], layer.values["bias"][...] = [0.5, -2], [1, 3]
    layer.agrees(lambda x, weight, bias: F.layer_norm(x.movedim(1, -1), (2,), weight, bias).movedim(-1, 1))


@pytest.mark.parametrize("word", ["layernorm noaffine", "softmax"])
def test_channels_of_a_sequence_of_images(word: str) -> None:
    def expected(x: Tensor) -> Tensor:
        if word == "softmax":
            return x.softmax(2)
        return F.layer_norm(x.movedim(2, -1), (4,)).movedim(-1, 2)

    Layer(f"input 2x3x5x4\n{word}").agrees(expected)


# --- activations


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("relu", F.relu),
        ("tanh", torch.tanh),
        ("gelu", F.gelu),
        ("silu", F.silu),
        ("elu", F.elu),
        ("elu 0.5", lambda x: F.elu(x, 0.5)),
        ("celu", F.celu),
        ("celu 2.5", lambda x: F.celu(x, 2.5)),
        ("softsign", F.softsign),
        ("mish", F.mish),
        ("hardsigmoid", lambda x: F.relu6(x + 3) / 6),  # the gradient of F.hardsigmoid has a 1/6 of float32
        ("selu", F.selu),
        ("softplus", lambda x: F.softplus(x, threshold=100)),  # PyTorch's own 20 is an approximation
        ("leaky_relu", F.leaky_relu),
        ("leaky_relu 0.3", lambda x: F.leaky_relu(x, 0.3)),
        ("leaky_relu 1.5", lambda x: F.leaky_relu(x, 1.5)),
        ("hardswish", F.hardswish),
        ("rescale -0.7", lambda x: -0.7 * x),
        ("rescale 2 shift=-1", lambda x: 2 * x - 1),
        ("sigmoid", torch.sigmoid),
    ],
)
def test_activations_near_and_far(text: str, function: Callable[[Tensor], Tensor]) -> None:
    layer = Layer(f"input 5x9\n{text}")
    kinks = [-3.0, 3.0, 0.0, -0.0, 20.5, -20.5, 1e-300, 700.0, -700.0]
    layer.x = np.stack([np.random.default_rng(0).normal(0, 3, (5, 9)), np.full((5, 9), -0.3), [kinks] * 5])
    layer.agrees(function)


def test_erf_is_accurate_to_the_last_digits() -> None:
    x = np.concatenate([np.linspace(-8, 8, 20001), np.geomspace(1e-300, 1, 2000), [0, np.inf, -np.inf]])
    expected = np.array([math.erf(value) for value in x])
    np.testing.assert_allclose(erf(x), expected, rtol=1e-15, atol=0)
    np.testing.assert_allclose(erf(x.astype("float32")), expected, rtol=1e-5, atol=3e-7)
    assert np.isnan(erf(np.array([np.nan]))).all()


# --- layers that came later


@pytest.mark.parametrize(
    ("text", "pads", "options"),
    [
        ("conv1d 6 3", (1, 1), {}),
        ("conv1d 6 4", (1, 2), {}),
        ("conv1d 6 4 stride2 groups=2", (1, 2), {"stride": 2, "groups": 2}),  # ceil(9 / 2) results
        ("conv1d 6 3 causal dilation2 stride2", (4, 0), {"stride": 2, "dilation": 2}),
        ("conv1d 6 3 pad=2,0", (2, 0), {}),
        ("conv1d 6 3 valid", (0, 0), {}),
    ],
)
def test_conv1d(text: str, pads: tuple[int, int], options: dict[str, int]) -> None:
    def expected(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv1d(F.pad(x.mT, pads), weight, bias, **options).mT

    Layer(f"input 9x4\n{text}").agrees(expected)


def test_causal_results_see_nothing_later() -> None:
    layer = Layer("input 9x2\nconv1d 3 3 causal stride2 dilation2")
    before = layer.plan.forward(layer.xs, training=False).copy()
    layer.x[:, 5:] += 1
    changed = np.abs(layer.plan.forward(layer.xs, training=False) - before).max(axis=(0, 2)) > 0
    assert changed.tolist() == [False, False, False, True, True]


def test_newer_norms() -> None:
    Layer("input 4x3x6\ngroupnorm 3 eps=0.1").agrees(
        lambda x, weight, bias: F.group_norm(x, 3, weight, bias, 0.1)
    )
    Layer("input 5x6\ngroupnorm 2 noaffine").agrees(lambda x: F.group_norm(x.mT, 2).mT)
    Layer("input 5x6\nrmsnorm eps=0.1").agrees(
        lambda x, weight: weight * x / (x.square().mean(-1, keepdim=True) + 0.1).sqrt()
    )
    for size in (1, 2, 5, 9):
        Layer(f"input 3x2x6\nlrn {size} alpha=0.5 beta=0.7 k=2").agrees(
            lambda x, size=size: nn.LocalResponseNorm(size, 0.5, 0.7, 2.0)(x)
        )


def test_lrn_as_in_alexnet() -> None:
    """b = a / (k + alpha * sum over n neighbours)^beta, n = 5, alpha = 1e-4, k = 2."""

    def expected(x: Tensor) -> Tensor:
        square = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
        around = sum(square[:, shift : shift + 8] for shift in range(5))
        return x / (2 + 1e-4 * around) ** 0.75

    Layer("input 3x2x8\nlrn 5 alpha=5e-4 k=2").agrees(expected)


def test_prelu_and_the_approximate_gelu() -> None:
    Layer("input 4x3x2\nprelu").agrees(lambda x, weight: F.prelu(x, weight))
    Layer("input 4x3\nprelu").agrees(lambda x, weight: F.prelu(x.mT, weight).mT)
    Layer("input 4x3\nprelu 0.1 shared").agrees(lambda x, weight: F.prelu(x, weight))
    Layer("input 4x3\ngelu approximate").agrees(lambda x: F.gelu(x, approximate="tanh"))


def test_sinusoids_step_by_step() -> None:
    found = Layer("input 7x5\nposition")
    added = found.plan.forward(found.xs, training=False) - found.x
    for step, feature in np.ndindex(7, 5):
        angle = step / 10000 ** (2 * (feature // 2) / 5)
        expected = math.cos(angle) if feature % 2 else math.sin(angle)
        np.testing.assert_allclose(added[:, step, feature], expected, rtol=0, atol=1e-14)


def test_learned_positions_may_be_longer() -> None:
    Layer("input 5x3\nposition learned 8").agrees(lambda x, weight: x + weight[:5])


@pytest.mark.parametrize(
    "text", ["input 2000\nsample", "input v 1000\ninput mean 1000\nsample log_variance=v"]
)
@pytest.mark.parametrize("training", [True, False])
def test_a_sample_has_its_mean_and_variance(text: str, training: bool) -> None:
    """On both backends; and the gradients are those of the draw."""
    layer = Layer(text)
    mean, variance = layer.xs[::-1] if len(layer.xs) > 1 else np.split(layer.x, 2, axis=1)
    program = netspec.compile(layer.net, "torch", dtype="float64", device="cpu")
    program.module.train(training)  # type: ignore[attr-defined]
    tensors = [torch.tensor(x, requires_grad=True) for x in layer.xs]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = program.module(*tensors)  # type: ignore[attr-defined]
    drawn.sum().backward()
    gradients = [tensor.grad.numpy() for tensor in tensors if tensor.grad is not None]
    found = layer.plan.forward(layer.xs, training=training)
    layer.plan.backward(np.ones_like(found))
    for y, dxs in ((found, layer.plan.input_gradients), (drawn.detach().numpy(), gradients)):
        normal = (y - mean) / np.exp(variance / 2)
        if not training:
            assert not normal.any()
            continue
        assert abs(normal.mean()) < 5 / normal.size**0.5
        assert abs(normal.std() - 1) < 5 / (2 * normal.size) ** 0.5
        dmean, dvariance = dxs[::-1] if len(dxs) > 1 else np.split(dxs[0], 2, axis=1)
        np.testing.assert_allclose(dmean, 1)
        np.testing.assert_allclose(dvariance, (y - mean) / 2)


# --- every layer


def examples() -> list[str]:
    return [
        example_text(example)
        for definition in catalog.definitions("layer")
        if issubclass(definition, Operation) and not definition.reads_nothing
        for example in definition.examples
    ]


@pytest.mark.parametrize("text", examples())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_keep_to_their_type_and_leave_their_input_alone(text: str, dtype: str) -> None:
    layer = Layer(text, dtype)
    for x in layer.xs:
        x.flags.writeable = False
    for training in (False, True):
        y = layer.plan.forward(layer.xs, training=training)
        for name, value in layer.plan.values.items():
            if name not in layer.plan.sources:
                wanted = dtype if layer.net.shapes[name].of is None else "int64"  # lengths are whole numbers
                assert value.dtype == wanted, name
    dy = np.ones_like(y)
    dy.flags.writeable = False
    layer.plan.backward(dy)
    for x, dx in zip(layer.xs, layer.plan.input_gradients, strict=True):
        assert (dx.dtype, dx.shape) == (dtype, x.shape)
    assert {gradient.dtype for gradient in layer.gradients.values()} <= {np.dtype(dtype)}
