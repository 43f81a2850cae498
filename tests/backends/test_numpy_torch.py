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
from netspec.backends import Array, channels_first
from netspec.backends.numpy.normal import erf
from netspec.backends.numpy.plan import Plan
from netspec.backends.numpy.store import Store
from netspec.init import initial
from netspec.ir import catalog
from netspec.ir.layer import Operation
from netspec.ir.net import Net
from netspec.testing.cases import example_text

BATCH = 3
PRECISION = 1e-12


class Layer:
    """A net of one layer on NumPy; arrays are channels first, parameters go by their short names."""

    def __init__(self, text: str, dtype: str = "float64") -> None:
        self.net = netspec.parse(text)
        self.store = Store(self.net, dtype)
        self.store.load(initial(self.net, 0, dtype))
        self.random = np.random.default_rng(1)
        result = self.net.outputs[-1]
        self.xs = inputs(self.net, dtype)
        shapes = [(BATCH, *layer.shape.known) for layer in self.net.inputs]
        self.plan = Plan(self.net, shapes, self.store, self.random, result.name)
        weights = self.net.weights_of(result)
        self.values = self.store.values_of(weights)
        self.gradients = self.store.gradients_of(weights)

    def tensors(self) -> dict[str, Tensor]:
        """Copies of the parameters that take gradients."""
        return {
            name: torch.tensor(value, requires_grad=name in self.gradients)
            for name, value in self.values.items()
        }

    def agrees(self, function: Callable[..., Tensor], *, training: bool = True) -> None:
        """Output and all gradients are those of `function(*inputs, **parameters)`."""
        xs = [torch.tensor(x, requires_grad=x.dtype.kind != "i") for x in self.xs]
        parameters = self.tensors()
        wanted = function(*xs, **parameters)
        found = self.plan.forward(self.xs, training=training)
        close(found, wanted)
        dy = np.random.default_rng(2).normal(size=found.shape)
        wanted.backward(torch.tensor(dy))
        self.plan.backward(dy)
        for name, gradient in self.gradients.items():
            close(gradient, parameters[name].grad)
        for x, found in zip(xs, self.plan.input_gradients, strict=True):
            if x.requires_grad:
                close(found, x.grad)

    @property
    def x(self) -> Array:
        """The only input."""
        (x,) = self.xs
        return x

    @x.setter
    def x(self, array: Array) -> None:
        self.xs = (array,)


def inputs(net: Net, dtype: str = "float64") -> tuple[Array, ...]:
    random = np.random.default_rng(3)
    found = []
    for shape in (layer.shape for layer in net.inputs):
        size = (BATCH, *shape.known)
        drawn = random.normal(size=size) if shape.of is None else random.integers(0, shape.of, size)
        found.append(channels_first(drawn).astype(dtype if shape.of is None else drawn.dtype))
    return tuple(found)


def close(found: Array, wanted: Tensor | None) -> None:
    assert wanted is not None
    expected = wanted.detach().numpy()
    np.testing.assert_allclose(
        found, expected, rtol=PRECISION, atol=PRECISION * max(1, np.abs(expected).max())
    )


# --- convolution


@pytest.mark.parametrize(
    "text", ["conv 6 3x2 stride2 dilation=2x1 groups=2 pad=1,2,0,1", "depthwise 3x2 pad=1,2,0,1"]
)
def test_conv(text: str) -> None:
    options = {"stride": 2, "dilation": (2, 1), "groups": 2} if text.startswith("conv") else {"groups": 4}
    layer = Layer(f"input 8x7x4\n{text}")
    layer.agrees(lambda x, weight, bias: F.conv2d(F.pad(x, (0, 1, 1, 2)), weight, bias, **options))


def test_same_padding_puts_the_odd_row_after() -> None:
    layer = Layer("input 8x7x2\nconv 3 4x5 stride2")
    layer.agrees(lambda x, weight, bias: F.conv2d(F.pad(x, (2, 2, 1, 1)), weight, bias, stride=2))
    layer = Layer("input 7x7x2\nconv 3 4x2")
    layer.agrees(lambda x, weight, bias: F.conv2d(F.pad(x, (0, 1, 1, 2)), weight, bias))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("upconv 4 3x2 stride=2x3 valid", {"stride": (2, 3)}),
        ("upconv 4 4x4 stride2", {"stride": 2, "padding": 1}),
        ("upconv 4 3x3 stride2 pad=1,0,1,0", {"stride": 2, "padding": 1, "output_padding": 1}),
        (
            "upconv 4 3x3 stride2 dilation2 groups=2 pad=1",
            {"stride": 2, "dilation": 2, "groups": 2, "padding": 1},
        ),
        ("upconv 4 1x1 stride2", {"stride": 2, "output_padding": 1}),  # the last row and column: bias alone
    ],
)
def test_upconv(text: str, options: dict[str, int]) -> None:
    layer = Layer(f"input 4x3x2\n{text}")
    layer.agrees(lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, **options))


def test_upconv_of_unequal_sides_is_the_full_result_cut() -> None:
    layer = Layer("input 4x3x2\nupconv 3 4x3 stride2 pad=2,1,0,2")
    layer.agrees(lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, stride=2)[:, :, 2:-1, :-2])


@pytest.mark.parametrize("size", ["1x1", "3x4", "2x1"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("factor", [(2, 2), (3, 5), (1, 4)])
def test_upsample(size: str, mode: str, factor: tuple[int, int]) -> None:
    options = {"align_corners": False} if mode == "bilinear" else {}
    layer = Layer(f"input {size}x2\nupsample {factor[0]}x{factor[1]} {mode}")
    layer.agrees(lambda x: F.interpolate(x, scale_factor=factor, mode=mode, **options))


@pytest.mark.parametrize(
    ("text", "sides", "options"),
    [
        ("2", (2, 2, 2, 2), {}),
        ("0 top=1 right=3 value=-1.5", (0, 3, 1, 0), {"value": -1.5}),
        ("3 left=1 bottom=0 reflect", (1, 3, 3, 0), {"mode": "reflect"}),
        ("7 top=0 replicate", (7, 7, 0, 7), {"mode": "replicate"}),
        ("4 right=5 circular", (4, 5, 4, 4), {"mode": "circular"}),
    ],
)
def test_pad(text: str, sides: tuple[int, ...], options: dict[str, str | float]) -> None:
    Layer(f"input 4x5x2\npad {text}").agrees(lambda x: F.pad(x, sides, **options))


# --- pooling


POOLS = [
    ("3x2 stride=2x1", {"kernel_size": (3, 2), "stride": (2, 1)}),
    ("3 stride2 pad=1", {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("3 stride2 pad=1 ceil", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("2 stride3 ceil", {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
    ("4 ceil", {"kernel_size": 4, "ceil_mode": True}),
]


@pytest.mark.parametrize(("text", "options"), POOLS)
def test_max_pool_with_ties(text: str, options: dict[str, int]) -> None:
    """Entries are few different numbers: which of several maxima gets the gradient is seen."""
    layer = Layer(f"input 8x7x2\npool max {text}")
    layer.x = np.random.default_rng(0).integers(-2, 1, layer.x.shape).astype(float)
    layer.agrees(lambda x: F.max_pool2d(x, **options))


@pytest.mark.parametrize(("text", "options"), POOLS)
def test_average_pool(text: str, options: dict[str, int]) -> None:
    layer = Layer(f"input 8x7x2\npool avg {text}")
    layer.agrees(lambda x: F.avg_pool2d(x, count_include_pad=False, **options))
    layer = Layer(f"input 8x7x2\npool avg {text} counted")
    layer.agrees(lambda x: F.avg_pool2d(x, **options))


def test_unequal_padding_of_pools() -> None:
    sides = (0, 1, 1, 0)
    layer = Layer("input 4x4x2\npool max 2 stride1 pad=1,0,0,1")
    layer.x -= 10  # padding of zeros would win
    layer.agrees(lambda x: F.max_pool2d(F.pad(x, sides, value=-torch.inf), 2, stride=1))
    layer = Layer("input 4x4x2\npool avg 2 stride1 pad=1,0,0,1")

    def mean(x: Tensor) -> Tensor:
        share = F.avg_pool2d(F.pad(torch.ones_like(x), sides), 2, stride=1)
        return F.avg_pool2d(F.pad(x, sides), 2, stride=1) / share

    layer.agrees(mean)
    layer = Layer("input 4x4x2\npool avg 2 stride1 pad=1,0,0,1 counted")
    layer.agrees(lambda x: F.avg_pool2d(F.pad(x, sides), 2, stride=1))


def test_global() -> None:
    Layer("input 4x3x2\nglobal max").agrees(lambda x: F.adaptive_max_pool2d(x, 1).flatten(1))
    Layer("input 4x3x2\nglobal avg").agrees(lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1))
    Layer("input 5x3\nglobal max").agrees(lambda x: x.max(dim=1).values)
    Layer("input 5x3\nglobal avg").agrees(lambda x: x.mean(dim=1))


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


# --- recurrent layers


@pytest.mark.parametrize("word", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("last", ["", " last"])
@pytest.mark.parametrize("reading", ["", " reverse", " bidirectional", " bidirectional reverse"])
def test_recurrent(word: str, last: str, reading: str) -> None:
    layer = Layer(f"input 5x3\n{word} 4{last}{reading}")
    both, reverse = "bidirectional" in reading, "reverse" in reading
    module = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[word]
    peer = module(3, 4, batch_first=True, bidirectional=both, dtype=torch.float64)

    def expected(x: Tensor, **parameters: Tensor) -> Tensor:
        x = x.flip(1) if reverse else x
        states, final = torch.func.functional_call(peer, parameters, (x,))
        if last:
            hidden = final[0] if word == "lstm" else final
            return torch.cat(list(hidden), dim=1)
        return states.flip(1) if reverse else states

    layer.agrees(expected)


def test_first_and_last() -> None:
    Layer("input 5x3\nfirst").agrees(lambda x: x[:, 0])
    Layer("input 5x3\nlast").agrees(lambda x: x[:, 4])


# --- embeddings


def test_embedding_adds_up_repeated_words() -> None:
    layer = Layer("input 9 of 4\nembed 5")
    layer.agrees(lambda x, weight: F.embedding(x, weight))


@pytest.mark.parametrize(
    ("dims", "order"), [("3x4", (0, 3, 1, 2)), ("3x4x2", (0, 2, 4, 3, 1)), ("6x3x4x2", (0, 1, 3, 5, 4, 2))]
)
def test_embedded_grids_have_their_features_as_channels(dims: str, order: tuple[int, ...]) -> None:
    layer = Layer(f"input {dims} of 7\nembed 5")
    layer.agrees(lambda x, weight: F.embedding(x, weight).permute(order))


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


# --- states, attention


def test_lstm_starts_from_a_state_and_gives_its_own() -> None:
    layer = Layer("input start 16\ninput given 5x3\nlstm 4 bidirectional init=start state as memory")
    module = nn.LSTM(3, 4, batch_first=True, bidirectional=True, dtype=torch.float64)

    def expected(start: Tensor, x: Tensor, **parameters: Tensor) -> Tensor:
        h, c = start.view(BATCH, 4, 4).movedim(1, 0).chunk(2)
        y, (h, c) = torch.func.functional_call(module, parameters, (x, (h.contiguous(), c.contiguous())))
        state = torch.cat([h[0], h[1], c[0], c[1]], dim=1)
        close(layer.plan.values["lstm1.state"], state)
        return torch.as_tensor(y)

    layer.plan.forward(layer.xs, training=True)
    layer.agrees(expected)


def test_gru_that_resets_before_the_product() -> None:
    """Cho et al. 2014, equations 5 to 8, with PyTorch's names and its z (theirs is 1 - z)."""
    layer = Layer("input start 4\ninput given 5x3\ngru 4 reset=before init=start")

    def expected(h: Tensor, x: Tensor, **p: Tensor) -> Tensor:
        states = []
        for step in x.unbind(1):
            wr, wz, wn = (p["weight_ih_l0"] @ step.mT + p["bias_ih_l0"][:, None]).mT.chunk(3, dim=1)
            ur, uz, un = p["weight_hh_l0"].chunk(3)
            cr, cz, cn = p["bias_hh_l0"].chunk(3)
            r, z = torch.sigmoid(wr + h @ ur.mT + cr), torch.sigmoid(wz + h @ uz.mT + cz)
            h = z * h + (1 - z) * torch.tanh(wn + (r * h) @ un.mT + cn)
            states.append(h)
        return torch.stack(states, dim=1)

    layer.agrees(expected)


@pytest.mark.parametrize("causal", ["", "causal"])
@pytest.mark.parametrize("size", ["", "key=5 value=3"])
def test_attention(causal: str, size: str) -> None:
    """Head by head, entry by entry of the paper's formula."""
    heads, key = 2, 5 if size else 3
    layer = Layer(f"input memory 7x3\ninput given 5x4\nattention 6 heads=2 over memory {causal} {size}")

    def expected(memory: Tensor, x: Tensor, **p: Tensor) -> Tensor:
        query, keys, values = (
            (given @ p[f"{name}.weight"].mT + p[f"{name}.bias"]).chunk(heads, dim=2)
            for name, given in (("query", x), ("key", memory), ("value", memory))
        )
        mixed = []
        for q, k, v in zip(query, keys, values, strict=True):
            scores = q @ k.mT / math.sqrt(key)
            if causal:
                scores = scores + torch.full((5, 7), -math.inf, dtype=x.dtype).triu(1)
            mixed.append(scores.softmax(dim=2) @ v)
        return torch.cat(mixed, dim=2) @ p["out.weight"].mT + p["out.bias"]

    layer.agrees(expected)


def test_attention_is_that_of_pytorch() -> None:
    layer = Layer("input 5x6\nattention 6 heads=3")
    module = nn.MultiheadAttention(6, 3, batch_first=True, dtype=torch.float64)

    def expected(x: Tensor, **p: Tensor) -> Tensor:
        parts = ("query", "key", "value")
        values = {
            "in_proj_weight": torch.cat([p[f"{part}.weight"] for part in parts]),
            "in_proj_bias": torch.cat([p[f"{part}.bias"] for part in parts]),
            "out_proj.weight": p["out.weight"],
            "out_proj.bias": p["out.bias"],
        }
        return torch.as_tensor(torch.func.functional_call(module, values, (x, x, x))[0])

    layer.agrees(expected)


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
