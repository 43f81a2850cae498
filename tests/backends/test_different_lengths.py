"""Examples of different lengths in one batch: what a network gives for each of them, and learns, is what it would give
and learn for each by itself, whatever fills the batch up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import netspec
from netspec.backends import Piece, Program, as_tuple, compile_net
from netspec.init import initial
from netspec.ir.net import Net
from netspec.ir.symbolic import substituted
from netspec.ir.training import LEFT_OUT, Training
from netspec.passes.objective import aims_of
from netspec.passes.ragged import ragged, steps_of, symbols
from netspec.settings.optimizer import Sgd
from netspec.settings.plain import Accumulate, Batch

Array = np.ndarray[Any, np.dtype[Any]]
FAR = 1e-10
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])
SIZES = {"S": (4, 7, 3, 5, 7), "T": (5, 3, 6, 3, 4)}
"""The lengths of five examples; none is below 3, which kernels need."""

WORDS = "input T of 7\nembed 4\n"
NUMBERS = "input Tx3\n"
NETS = {
    "rnn last": f"{WORDS}rnn 5 last\nsoftmax 3",
    "rnn": f"{WORDS}rnn 5\nsoftmax 3",
    "lstm last": f"{NUMBERS}lstm 4 last\nsoftmax 3",
    "lstm reverse": f"{NUMBERS}lstm 4 reverse\nsoftmax 3",
    "lstm reverse last": f"{NUMBERS}lstm 4 reverse last\nsoftmax 3",
    "lstm bidirectional": f"{NUMBERS}lstm 4 bidirectional\nsoftmax 3",
    "lstm bidirectional last": f"{NUMBERS}lstm 4 bidirectional last\nsoftmax 3",
    "lstm bidirectional reverse": f"{NUMBERS}lstm 4 bidirectional reverse\nlstm 3 reverse last\nsoftmax 3",
    "lstm state": f"{NUMBERS}lstm 4 state as end\ndense 3 from end\nsoftmax 3",
    "lstm state and steps": f"{NUMBERS}lstm 4 state as end\nlstm 4 init=end last\nsoftmax 3",
    "gru": f"{NUMBERS}gru 4 bidirectional state as end\ngru 4 bidirectional reverse init=end\nsoftmax 3",
    "gru last": f"{NUMBERS}gru 4 last\nsoftmax 3",
    "gru before": f"{NUMBERS}gru 4 reset=before bidirectional state as end\n"
    "gru 4 reset=before bidirectional reverse init=end last\nsoftmax 3",
    "gru before reverse": f"{NUMBERS}gru 4 reset=before reverse\nsoftmax 3",
    "attention": f"{WORDS}position\nattention 4 heads=2\nsoftmax 3",
    "attention causal": f"{WORDS}position\nattention 4 heads=2 causal\nglobal avg\nsoftmax 3",
    "conv1d same": f"{NUMBERS}conv1d 4 3 relu\nconv1d 4 4 dilation2\nglobal max\nsoftmax 3",
    "conv1d valid": f"{NUMBERS}conv1d 4 3 valid relu\nconv1d 4 1\nsoftmax 3",
    "conv1d stride": f"{NUMBERS}conv1d 4 4 stride2 relu\nconv1d 3 2 stride3\nglobal avg\nsoftmax 3",
    "conv1d stride at each step": f"{NUMBERS}conv1d 4 3 stride2 relu\nconv1d 4 3 tanh\nsoftmax 3",
    "conv1d valid stride": f"{NUMBERS}conv1d 4 3 stride2 valid relu\nlstm 4 bidirectional last\nsoftmax 3",
    "conv1d causal stride": f"{NUMBERS}conv1d 4 3 causal stride2 relu\nlast\nsoftmax 3",
    "conv1d numbers": f"{NUMBERS}conv1d 4 3 pad=1,2 stride2 relu\nlast\nsoftmax 3",
    "global avg": f"{NUMBERS}dense 4 tanh\nglobal avg\nsoftmax 3",
    "global max": f"{NUMBERS}dense 4 tanh\nglobal max\nsoftmax 3",
    "last": f"{NUMBERS}conv1d 4 3\nlast\nsoftmax 3",
    "first": f"{NUMBERS}conv1d 4 3\nfirst\nsoftmax 3",
    "position": f"{NUMBERS}dense 4\nposition learned 9\nlayernorm\nsoftmax 3",
    "each step alone": f"{WORDS}dense 4 relu\nsoftmax 3",
    "weights": f"{NUMBERS}dense 3 tanh\nsoftmax 3\n\ntrain:\n    loss crossentropy weights=0.5,2,1 smoothing=0.1",
    "hinge": f"{NUMBERS}lstm 4 reverse\ndense 3\n\ntrain:\n    loss hinge",
    "images": "input Tx4x4x2\nbatchnorm frozen\nlast\nconv 3 3x3 relu\nsoftmax 3",
    "translation": """
input source S of 6
input target T of 5
embed 4 from source
position
attention 4 heads=2 as memory
embed 4 from target
position
attention 4 heads=2 causal
attention 4 heads=2 over memory
softmax 5
""",
    "recurrent translation": """
input source S of 6
input target T of 5
embed 4 from source
lstm 5 state as meaning
embed 4 from target
lstm 5 init=meaning
softmax 5
""",
    "causal over": "input a Sx3\ninput b Tx3\nattention 4 over a causal from b\nlast\nsoftmax 3",
    "two losses": f"""
{NUMBERS}lstm 4
softmax 3 as tags
lstm 4 last from lstm1
softmax 4
output tags

train:
    loss crossentropy weight=0.7
    loss crossentropy on tags weight=0.4
""",
    "a tower": """
network tower:
    dense 4 tanh
    lstm 4
input a Sx3
input b Tx3
tower from a as left
tower from b as right
last from left as one
last from right as two
add one two
softmax 3
""",
}


@dataclass
class World:
    """A network, its data of different lengths, and its parameters."""

    net: Net
    inputs: list[tuple[Array, ...]]
    """One tuple an example, each with an example axis of 1."""
    targets: list[tuple[Array, ...]]
    lengths: dict[str, tuple[int, ...]]
    values: dict[str, Array]

    def program(self, net: Net, backend: str, training: Training | None = None) -> Program:
        made = compile_net(net, backend, dtype="float64", device="cpu", parameters=self.values)
        made.begin(training or self.net.training or Training({}))
        return made

    @property
    def padded(self) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """The batch, filled up with what must not matter, and its targets."""
        inputs = [filled([each[at] for each in self.inputs], 1) for at in range(len(self.net.inputs))]
        lengths = [np.array(self.lengths[name]) for name in symbols(self.net)]
        targets = [
            filled([each[at] for each in self.targets], LEFT_OUT) for at in range(len(self.targets[0]))
        ]
        return (*inputs, *lengths), tuple(targets)

    @property
    def places(self) -> Array:
        """How many places each example has, for each aim."""
        return np.array([[target.size for target in each] for each in self.targets])


def filled(arrays: list[Array], value: int) -> Array:
    """Arrays side by side, filled up along axis 1; numbers with a large one."""
    if arrays[0].ndim < 2:
        return np.concatenate(arrays)
    longest = max(each.shape[1] for each in arrays)
    rest = [(0, 0)] * (arrays[0].ndim - 2)
    constant = value if arrays[0].dtype.kind == "i" else 50.0
    return np.concatenate(
        [
            np.pad(each, [(0, 0), (0, longest - each.shape[1]), *rest], constant_values=constant)
            for each in arrays
        ]
    )


def world(text: str, examples: int = 5) -> World:
    net = netspec.parse(text)
    random = np.random.default_rng(5)
    lengths = {name: SIZES[name][:examples] for name in symbols(net)}
    inputs, targets = [], []
    for at in range(examples):
        sizes = {name: each[at] for name, each in lengths.items()}
        given = []
        for layer in net.inputs:
            dims = (1, *layer.shape.substitute(sizes).channels_first)
            given.append(
                random.integers(0, layer.shape.of, dims) if layer.shape.of else random.normal(size=dims)
            )
        inputs.append(tuple(given))
        wanted = []
        for aim in aims_of(net, net.training):
            *places, classes = aim.output.shape.substitute(sizes).known
            wanted.append(random.integers(0, classes, (1, *places)))
        targets.append(tuple(wanted))
    values = {name: value + 0.05 for name, value in initial(net, 3, "float64").items()}
    return World(net, inputs, targets, lengths, values)


def written(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(np.moveaxis(each, -3, -1) if each.ndim > 3 else each for each in arrays)


def same(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=FAR, atol=FAR)


def one(arrays: tuple[Array, ...]) -> Any:
    return arrays if len(arrays) > 1 else arrays[0]


@BACKENDS
@pytest.mark.parametrize("name", NETS)
def test_each_example_is_as_it_is_by_itself(name: str, backend: str) -> None:
    data = world(NETS[name])
    alone, together = data.program(data.net, backend), data.program(ragged(data.net), backend)
    inputs, targets = data.padded
    outputs = as_tuple(together.predict(written(inputs)))
    losses, evaluated = together.evaluate(inputs, one(targets))
    found = []
    for at, (each, target) in enumerate(zip(data.inputs, data.targets, strict=True)):
        sizes = {symbol: lengths[at] for symbol, lengths in data.lengths.items()}
        for layer, mine, other in zip(
            data.net.outputs, outputs, as_tuple(alone.predict(one(written(each)))), strict=True
        ):
            steps = steps_of(layer.shape)
            mine = mine[at] if steps is None else mine[at, : substituted(steps, sizes)]
            same(mine, other[0])
        found.append(alone.evaluate(one(each), one(target))[0])
    weights = data.places / data.places.sum(axis=0)
    same(losses, (np.array(found) * weights).sum(axis=0))
    for mine, other in zip(as_tuple(evaluated), outputs, strict=True):
        same(mine, other)


@BACKENDS
@pytest.mark.parametrize("name", NETS)
def test_gradients_are_those_of_the_examples(name: str, backend: str) -> None:
    data = world(NETS[name])
    together = data.program(ragged(data.net), backend)
    inputs, targets = data.padded
    loss, gradients = together.loss_and_gradients(inputs, one(targets))
    wanted_loss, wanted = by_hand(data, backend)
    same(loss, wanted_loss)
    assert list(gradients) == list(wanted)
    for parameter, gradient in gradients.items():
        same(gradient, wanted[parameter])


def by_hand(data: World, backend: str) -> tuple[float, dict[str, Array]]:
    """Loss and gradients, an example and an aim at a time."""
    total, gradients = 0.0, {}
    aims = aims_of(data.net, data.net.training)
    weights = data.places / data.places.sum(axis=0)
    for number, aim in enumerate(aims):
        use = aim.loss if aim.output is not data.net.outputs[-1] else replace(aim.loss, on="")
        settings = Training({f"loss on {use.on}" if use.on else "loss": use})
        alone = data.program(data.net, backend, settings)
        for at, each in enumerate(data.inputs):
            loss, found = alone.loss_and_gradients(one(each), data.targets[at][number])
            total += weights[at, number] * loss
            for name, value in found.items():
                gradients[name] = gradients.get(name, 0) + weights[at, number] * value
    return total, gradients


@pytest.mark.parametrize("name", NETS)
def test_backends_agree_on_the_whole_batch(name: str) -> None:
    """Also on what stands beyond the ends, which is nobody's business but the same everywhere."""
    data = world(NETS[name])
    inputs, targets = data.padded
    numpy, torch = (data.program(ragged(data.net), backend) for backend in ("numpy", "torch"))
    for mine, other in zip(
        *(as_tuple(each.predict(written(inputs))) for each in (torch, numpy)), strict=True
    ):
        same(mine, other)
    found = [each.loss_and_gradients(inputs, one(targets)) for each in (torch, numpy)]
    same(found[0][0], found[1][0])
    for parameter, gradient in found[0][1].items():
        same(gradient, found[1][1][parameter])


@BACKENDS
def test_statistics_are_of_the_steps_that_are_there(backend: str) -> None:
    """As of one long example, of whose steps each is alone."""
    data = world("input Tx3\ndense 4\nbatchnorm\ntanh\nbatchnorm noaffine\nsoftmax 3")
    settings = Training({"optimizer": Sgd(0.3)})
    inputs, targets = data.padded
    together = data.program(ragged(data.net), backend, settings)
    long = data.program(data.net, backend, settings)
    steps = tuple(np.concatenate([each[0][0] for each in part])[None] for part in (data.inputs, data.targets))
    found, wanted = together.loss_and_gradients(inputs, one(targets)), long.loss_and_gradients(*steps)
    same(found[0], wanted[0])
    for parameter, gradient in found[1].items():
        same(gradient, wanted[1][parameter])
    together.train_step(inputs, one(targets), 0.3)
    long.train_step(*steps, 0.3)
    for parameter, value in together.parameters().items():
        same(value, long.parameters()[parameter])
    same(together.evaluate(inputs, one(targets))[0], long.evaluate(*steps)[0])


@BACKENDS
def test_statistics_of_images_are_of_those_that_are_there(backend: str) -> None:
    layers = "batchnorm\n{}global\nsoftmax 3\n\ntrain:\n    optimizer sgd 0.1"
    data = world(f"input Tx4x3x2\n{layers.format('last' + chr(10))}")
    together = data.program(ragged(data.net), backend)
    inputs, targets = data.padded
    together.train_step(inputs, one(targets), 0.1)
    single = data.program(netspec.parse(f"input 4x3x2\n{layers.format('')}"), backend)
    images = np.concatenate([each[0][0] for each in data.inputs])
    single.train_step(images, np.zeros(len(images), np.int64), 0.1)
    for parameter in ("batchnorm1.running_mean", "batchnorm1.running_var"):
        same(together.parameters()[parameter], single.parameters()[parameter])
        assert not np.allclose(single.parameters()[parameter], data.values[parameter])


@BACKENDS
@pytest.mark.parametrize(
    "name", ["lstm last", "lstm reverse", "weights", "hinge", "two losses", "translation"]
)
def test_a_batch_in_parts_is_the_batch(name: str, backend: str) -> None:
    """The loss is the mean over the places of the whole batch, in however many parts it is worked on."""
    data = world(NETS[name])
    inputs, targets = data.padded
    settings = {**(data.net.training.settings if data.net.training else {}), "optimizer": Sgd(0.5)}
    parts = {**settings, "batch": Batch(5), "accumulate": Accumulate(3)}
    whole, cut = (data.program(ragged(data.net), backend, Training(each)) for each in (settings, parts))
    same(float(cut.train_step(inputs, one(targets), 0.5)), float(whole.train_step(inputs, one(targets), 0.5)))
    for parameter, value in cut.parameters().items():
        same(value, whole.parameters()[parameter])


@pytest.mark.parametrize("name", ["lstm reverse", "two losses"])
def test_pieces_add_up_to_the_batch(name: str) -> None:
    """What two processes find of their pieces is together what one finds of the batch."""
    data = world(NETS[name])
    inputs, targets = data.padded
    places = tuple(map(int, data.places.sum(axis=0)))
    rate, start = 0.5, data.values
    settings = Training({**(data.net.training.settings if data.net.training else {}), "optimizer": Sgd(rate)})
    changes, losses = [], []
    for first, end in pairwise([0, 2, 5]):
        program = data.program(ragged(data.net), "torch", settings)
        some = [tuple(each[first:end] for each in part) for part in (inputs, targets)]
        losses.append(float(program.train_step(some[0], one(some[1]), rate, Piece(first, 5, places))))
        changes.append({name: value - start[name] for name, value in program.parameters().items()})
    whole = data.program(ragged(data.net), "torch", settings)
    same(sum(losses), float(whole.train_step(inputs, one(targets), rate)))
    for parameter, value in whole.parameters().items():
        same(sum(change[parameter] for change in changes), value - start[parameter])


@BACKENDS
def test_a_part_without_any_place_counts_nothing(backend: str) -> None:
    data = world(NETS["lstm reverse"])
    inputs, (target,) = data.padded
    target = target.copy()
    target[:2] = LEFT_OUT
    settings = Training({"optimizer": Sgd(0.5), "batch": Batch(4), "accumulate": Accumulate(2)})
    program, rest = (data.program(ragged(data.net), backend, settings) for _ in range(2))
    four = tuple(each[:4] for each in inputs)
    some = tuple(each[2:4] for each in inputs)
    same(float(program.train_step(four, target[:4], 0.5)), float(rest.train_step(some, target[2:4], 0.5)))
    for parameter, value in program.parameters().items():
        same(value, rest.parameters()[parameter])
