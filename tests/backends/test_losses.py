"""Losses of both backends against calls of PyTorch written by hand, on awkward outputs and targets; their gradients
against finite differences; several of them against a loop written by hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

import netspec
from netspec.backends.numpy.kernel import rules as numpy_rules
from netspec.backends.torch.code import rules as torch_rules
from netspec.diagnostics import SpecError
from netspec.ir.catalog import find, words
from netspec.ir.shape import Shape
from netspec.ir.training import LEFT_OUT, Loss, Training
from netspec.settings.loss import Crossentropy
from netspec.testing.gradcheck import STEP

WEIGHTS = (0.5, 2.0, 1.0, 3.0)
ByHand = Callable[[Tensor, Tensor], Tensor]


def weighted(x: Tensor, y: Tensor) -> Tensor:
    """By definition, over the logs of the probabilities."""
    shares = torch.full_like(x, 0.3 / 4)
    shares.scatter_add_(1, y[:, None], torch.full_like(x[:, :1], 0.7))
    weights = torch.tensor(WEIGHTS, dtype=x.dtype).reshape(-1, *[1] * (x.ndim - 2))
    every = -(shares * torch.log_softmax(x, 1) * weights)
    return every.sum() / y.numel()


def normals(x: Tensor) -> tuple[Normal, Normal]:
    """The distribution that an output describes, and the standard one."""
    means, logs = x.chunk(2, 1)
    made = Normal(means, (logs / 2).exp())
    return made, Normal(torch.zeros_like(means), torch.ones_like(means))


# use: its loss of outputs with the classes in axis 1
BY_HAND: dict[str, ByHand] = {
    "crossentropy": F.cross_entropy,
    "crossentropy smoothing=0.3": lambda x, y: F.cross_entropy(x, y, label_smoothing=0.3),
    "crossentropy weights=0.5,2,1,3": lambda x, y: (
        F.cross_entropy(x, y, torch.tensor(WEIGHTS, dtype=x.dtype), reduction="sum") / y.numel()
    ),
    "crossentropy smoothing=0.3 weights=0.5,2,1,3": weighted,
    "bce": lambda x, y: F.binary_cross_entropy_with_logits(x, y),
    "bce positive=3": lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor(3.0)),
    "kl": lambda x, y: F.kl_div(x.log_softmax(1), y, reduction="sum") / (y.numel() / 4),
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "huber delta=0.3": lambda x, y: F.huber_loss(x, y, delta=0.3),
    "hinge": lambda x, y: F.multi_margin_loss(x.movedim(1, -1).reshape(-1, 4), y.reshape(-1)),
    "hinge margin=0.4": lambda x, y: F.multi_margin_loss(
        x.movedim(1, -1).reshape(-1, 4), y.reshape(-1), margin=0.4
    ),
    "gaussian": lambda x, y: kl_divergence(*normals(x)).sum() / (x.numel() / 4),
    "mean": lambda x, y: x.mean(),
}
SHAPES = {"vector": (6, 4), "sequence": (6, 5, 4), "image": (6, 4, 3, 2), "images": (2, 3, 4, 3, 2)}
"""Batches of outputs, channels first."""
SIZES = {"small": 1.0, "large": 300.0, "equal": 0.0}


def loss_of(use: str) -> Loss:
    word, *arguments = use.split()
    found = find("loss", word)
    assert found is not None
    values: dict[str, Any] = dict(each.split("=") for each in arguments)
    numbers = {
        name: tuple(map(float, text.split(","))) if "," in text else float(text)
        for name, text in values.items()
    }
    made = found(**numbers)
    assert isinstance(made, Loss)
    return made


def axis_of(shape: tuple[int, ...]) -> int:
    return len(shape) - 3 if len(shape) > 3 else len(shape) - 1


def drawn(loss: Loss, shape: tuple[int, ...], size: float) -> tuple[np.ndarray, np.ndarray]:
    """An output and its targets; of classes one never occurs, of probabilities some are 0."""
    random, axis = np.random.default_rng(len(shape)), axis_of(shape)
    size = min(size, 30.0) if loss.word == "gaussian" else size  # a variance is its exponential
    output = random.normal(size=shape) * size
    kind = loss.targets_for(Shape((shape[axis],)))
    if kind == "classes":
        return output, np.asarray(random.choice([0, 1, 3], tuple(np.delete(shape, axis))))
    if kind == "answers":
        return output, random.integers(0, 2, shape).astype("float64")
    if kind == "distributions":
        target = random.random(shape) * (random.random(shape) < 0.7) + 1e-300
        return output, target / target.sum(axis=axis, keepdims=True)
    return output, random.normal(size=shape)


def by_torch(wanted: ByHand, output: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    x = torch.tensor(output, requires_grad=True)
    axis = axis_of(output.shape)
    y = torch.tensor(target)
    value = wanted(x.movedim(axis, 1), y if y.ndim < x.ndim else y.movedim(axis, 1))
    value.backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    return value.item(), x.grad.numpy()


def found_by(backend: str, loss: Loss, output: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    if backend == "numpy":
        value, gradient = numpy_rules.find(type(loss))(loss).value_and_gradient(output, target)
        return value, gradient
    rule = torch_rules.find(type(loss))
    x = torch.tensor(output, requires_grad=True)
    value = rule(loss, x, torch.tensor(target))
    value.backward()
    assert x.grad is not None
    return value.item(), x.grad.numpy()


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("use", [use for use in BY_HAND if use.startswith(("crossentropy", "hinge"))])
def test_places_without_a_class_are_left_out(use: str, shape: str, backend: str) -> None:
    """The loss is that of the others by themselves, and nothing is learnt from what is left out."""
    loss = loss_of(use)
    output, target = drawn(loss, SHAPES[shape], 1.0)
    inside = np.random.default_rng(1).random(target.shape) < 0.6
    assert 0 < inside.sum() < inside.size
    value, gradient = found_by(backend, loss, output, np.where(inside, target, LEFT_OUT))
    places = np.moveaxis(output, axis_of(output.shape), -1)
    wanted, wanted_gradient = by_torch(BY_HAND[use], places[inside], target[inside])
    assert value == pytest.approx(wanted, rel=1e-9)
    gradients = np.moveaxis(gradient, axis_of(output.shape), -1)
    np.testing.assert_allclose(gradients[inside], wanted_gradient, rtol=1e-9, atol=1e-12)
    assert not gradients[~inside].any()


def test_every_loss_is_written_by_hand() -> None:
    assert {use.split()[0] for use in BY_HAND} == set(words("loss"))


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("use", BY_HAND)
def test_losses_are_those_of_pytorch(use: str, shape: str, size: str, backend: str) -> None:
    loss = loss_of(use)
    output, target = drawn(loss, SHAPES[shape], SIZES[size])
    value, gradient = found_by(backend, loss, output, target)
    wanted, wanted_gradient = by_torch(BY_HAND[use], output, target)
    assert np.isfinite(value)
    assert value == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    if size == "equal" and loss.word in ("mae", "l1", "hinge"):
        return  # at a kink any slope between the two is right
    np.testing.assert_allclose(gradient, wanted_gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("use", [use for use in BY_HAND if use.startswith("crossentropy")])
def test_mixed_classes_are_probabilities(use: str, shape: str, backend: str) -> None:
    """As `augment mixup` makes them; of those that are certain the loss is that of the classes."""
    loss = loss_of(use)
    assert isinstance(loss, Crossentropy)
    output, mixed = drawn(loss_of("kl"), SHAPES[shape], 3.0)
    weights = None if loss.weights is None else torch.tensor(WEIGHTS).double()

    def wanted(x: Tensor, y: Tensor) -> Tensor:
        every = F.cross_entropy(x, y, weights, reduction="none", label_smoothing=loss.smoothing)
        return every.mean()

    value, gradient = found_by(backend, loss, output, mixed)
    expected, expected_gradient = by_torch(wanted, output, mixed)
    assert value == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-9, atol=1e-12)
    _, classes = drawn(loss, SHAPES[shape], 3.0)
    certain = np.moveaxis(np.eye(4)[classes], -1, axis_of(output.shape))
    same, same_gradient = found_by(backend, loss, output, certain)
    value, gradient = found_by(backend, loss, output, classes)
    assert same == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(same_gradient, gradient, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("size", SIZES)
def test_hinge_of_one_number_answers_yes_or_no(size: str, backend: str) -> None:
    loss = loss_of("hinge margin=0.4")
    output, target = drawn(loss, (7, 5, 1), SIZES[size])
    value, gradient = found_by(backend, loss, output, target)
    signs = 2 * target - 1
    assert value == pytest.approx(np.maximum(0, 0.4 - signs * output).mean())
    np.testing.assert_allclose(gradient, np.where(0.4 - signs * output > 0, -signs, 0) / 35)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("use", BY_HAND)
def test_gradients_agree_with_finite_differences(use: str, shape: str) -> None:
    loss = loss_of(use)
    output, target = drawn(loss, SHAPES[shape], 1.7)
    rule = numpy_rules.find(type(loss))(loss)
    _, gradient = rule.value_and_gradient(output, target)
    for index in np.ndindex(output.shape):
        sides = []
        for step in (STEP, -STEP):
            moved = output.copy()
            moved[index] += step
            sides.append(rule.value_and_gradient(moved, target)[0])
        assert gradient[index] == pytest.approx((sides[0] - sides[1]) / (2 * STEP), abs=1e-8)


@pytest.mark.parametrize("use", BY_HAND)
def test_the_losses_of_pieces_add_up(use: str) -> None:
    loss = loss_of(use)
    output, target = drawn(loss, SHAPES["sequence"], 1.0)
    rule = numpy_rules.find(type(loss))(loss)
    whole, gradient = rule.value_and_gradient(output, target)
    pieces = [(slice(0, 1), 1 / 6), (slice(1, 6), 5 / 6)]
    parts = [(rule.value_and_gradient(output[piece], target[piece]), share) for piece, share in pieces]
    assert whole == pytest.approx(sum(value * share for (value, _), share in parts), rel=1e-12)
    joined = np.concatenate([part * share for (_, part), share in parts])
    np.testing.assert_allclose(gradient, joined, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("use", BY_HAND)
def test_what_it_computes_in_is_the_type_of_the_output(use: str) -> None:
    loss = loss_of(use)
    output, target = drawn(loss, SHAPES["image"], 1.0)
    _, gradient = found_by("numpy", loss, output.astype("float32"), target)
    assert gradient.dtype == np.float32


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_weights_that_nobody_has_counted_are_refused(backend: str) -> None:
    net = netspec.parse("input 4\nsoftmax 3")
    program = netspec.compile(net, backend, device="cpu")
    batch = np.ones((2, 4), "float32"), np.array([0, 1])
    with pytest.raises(SpecError, match="N405: `weights=balanced` needs the training data"):
        program.begin(Training({"loss": Crossentropy(weights="balanced")}))
        program.train_step(*batch, 0.1)


# --- several

SIDES = """
input 6
dense 5 tanh as trunk
dense 4 relu; softmax 3 as first
dense 7 tanh from trunk as middle
softmax 3 as second
dense 5 tanh from middle
softmax 3
output first second
train:
    loss crossentropy
    loss crossentropy smoothing=0.1 on first weight=0.3
    loss crossentropy weights=1,2,0.5 on second weight=0.7
    optimizer momentum 0.1
"""


class ByHandNet(nn.Module):
    """The same network, as one would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.side, self.first = nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 3)
        self.middle, self.second = nn.Linear(5, 7), nn.Linear(7, 3)
        self.late, self.last = nn.Linear(7, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        trunk = torch.tanh(self.trunk(x))
        middle = torch.tanh(self.middle(trunk))
        first, second = self.first(F.relu(self.side(trunk))), self.second(middle)
        return first, second, self.last(torch.tanh(self.late(middle)))


def test_side_outputs_are_trained_as_by_hand() -> None:
    net = netspec.parse(SIDES)
    assert net.training is not None
    random = np.random.default_rng(0)
    batches = [(random.normal(size=(8, 6)) * 3, random.integers(0, 3, 8)) for _ in range(6)]
    programs = [netspec.compile(net, each, dtype="float64", device="cpu") for each in ("numpy", "torch")]
    model = ByHandNet().double()
    values = [torch.tensor(value) for value in programs[0].parameters().values()]
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), values, strict=True):
            parameter.copy_(value)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    for program in programs:
        program.begin(net.training)
    for inputs, targets in batches:
        x, y = torch.tensor(inputs), torch.tensor(targets)
        optimizer.zero_grad()
        first, second, last = model(x)
        side = F.cross_entropy(second, y, torch.tensor([1, 2, 0.5]).double(), reduction="sum") / 8
        wanted = F.cross_entropy(last, y) + 0.3 * F.cross_entropy(first, y, label_smoothing=0.1) + 0.7 * side
        wanted.backward()
        optimizer.step()
        for program in programs:
            assert float(program.train_step(inputs, targets, 0.1)) == pytest.approx(wanted.item(), rel=1e-9)
    for program in programs:
        for (name, value), parameter in zip(program.parameters().items(), model.parameters(), strict=True):
            np.testing.assert_allclose(value, parameter.detach(), rtol=1e-9, atol=1e-12, err_msg=name)
        losses, outputs = program.evaluate(*batches[0])
        with torch.no_grad():
            raw = model(torch.tensor(batches[0][0]))
        for output, each in zip(outputs, raw, strict=True):
            np.testing.assert_allclose(output, torch.softmax(each, 1), rtol=1e-9)
        assert losses[2] == pytest.approx(F.cross_entropy(raw[2], torch.tensor(batches[0][1])).item())


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_side_outputs_are_trained_on_logits_that_are_large(backend: str) -> None:
    """By their probabilities, which are 0 and 1, the loss would be infinite and the gradient nothing."""
    net = netspec.parse(SIDES)
    assert net.training is not None
    program = netspec.compile(net, backend, dtype="float32", device="cpu")
    values = program.parameters()
    large = {name: value * (2000 if value.ndim > 1 else 1) for name, value in values.items()}
    program.load(large)
    program.begin(net.training)
    inputs = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    losses, (first, _, _) = program.evaluate(inputs, np.arange(8) % 3)
    assert (first == 0).any() and np.isfinite(losses).all() and max(losses) > 100
    _, gradients = program.loss_and_gradients(inputs, np.arange(8) % 3)
    assert all(np.isfinite(each).all() for each in gradients.values())


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_each_output_may_have_a_target_of_its_own(backend: str) -> None:
    text = (
        "input 3\ndense 4 tanh as trunk\ndense 2 as numbers\nsigmoid 1 from trunk\noutput numbers\n"
        "train:\n    loss bce\n    loss huber on numbers weight=2"
    )
    net = netspec.parse(text)
    program = netspec.compile(net, backend, dtype="float64", device="cpu")
    program.begin(net.training or Training({}))
    random = np.random.default_rng(1)
    x, numbers, answers = random.normal(size=(5, 3)), random.normal(size=(5, 2)), np.ones((5, 1))
    losses, (made, chance) = program.evaluate(x, (numbers, answers))
    assert losses[0] == pytest.approx(F.huber_loss(torch.tensor(made), torch.tensor(numbers)).item())
    assert losses[1] == pytest.approx(-np.log(chance).mean())
    total, gradients = program.loss_and_gradients(x, (numbers, answers))
    assert total == pytest.approx(2 * losses[0] + losses[1])
    alone = netspec.compile(net, backend, dtype="float64", device="cpu")
    alone.begin(Training({"loss": replace(find("loss", "bce")())}))  # type: ignore[misc]
    _, without = alone.loss_and_gradients(x, answers)
    assert gradients["numbers.weight"].any() and not without["numbers.weight"].any()
