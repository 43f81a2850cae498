"""The cases of the conformance tests: small networks made from the catalog, so that a new word is a new case.

Every worked example of a layer is run by itself and between two layers with weights, every loss and every optimiser
on a small network.  Knows no layer, loss or optimiser by itself, and no backend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from netspec.backends import Arrays, as_given
from netspec.init import generator, initial
from netspec.ir.catalog import definitions, find
from netspec.ir.layer import Constant, Example, Operation
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Aim, Loss, Training
from netspec.ir.updates import Noise
from netspec.passes import analyse, run
from netspec.passes.objective import aims_of
from netspec.passes.updates import updates
from netspec.source import Source
from netspec.train.noise import Draws

Array = np.ndarray[Any, np.dtype[Any]]

SOME_STEPS: Final = 4
"""Stands for a symbolic dimension unless told otherwise."""
_BEFORE: Final = {"vector": "dense {0}", "sequence": "dense {0}", "image": "conv {0} 1x1"}
_AFTER: Final = {"vector": "dense 2", "sequence": "dense 2", "image": "dense 2", "integers": "embed 2"}
_ANY_SIZE: Final = {"sequence": ("T",), "integers": ("T",), "image": ("H", "W")}
"""The symbols that take the place of the first dimensions."""
_PLAIN_SETTINGS: Final = (
    "regularize l2=0.1 l1=0.05",
    "clip norm=0.05",
    "regularize l2=0.3\n    clip norm=0.4",
    "regularize decay=0.5",
    "clip value=0.02",
    "clip norm=0.05 value=0.02",
    "accumulate 2",
    "average ema=0.5",
    "average last=1",
)

_SEVERAL: Final = """
input 4
dense 5 tanh as trunk
softmax 3 as aux
dense 4 tanh from trunk as middle
sigmoid 2 as answers
dense 2 from middle
output aux answers

train:
    loss mse weight=0.5
    loss crossentropy on aux weight=0.3
    loss bce on answers
"""


_FROZEN: Final = (
    "input 4\ndense 5 tanh frozen\nbatchnorm frozen\ndense 3",
    "input 3x4x2\nconv 3 1x1\nbatchnorm noaffine frozen\nconv 2 1x1 frozen batchnorm\ndense 3 frozen",
    "input 4x3\ndense 3\nbatchnorm frozen\nlstm 3 frozen\nlast\ndense 2",
    "input 4 of 7\nembed 3 frozen as words\nrnn 3\ndense 7 tied=words",
    "input 4 of 7\nembed 3 as words\nrnn 3\ndense 7 tied=words frozen",
    "network t:\n    dense 4; batchnorm; tanh\ninput 4\nt frozen\nt\ndense 3",
    "input 4\ndense 3 frozen",
)
"""Parameters and running statistics that are not trained."""


@dataclass(frozen=True, slots=True)
class Case:
    """A network to run; `stated` is the output's shape where an example promises one."""

    name: str
    net: Net
    batch: int = 5
    stated: str = ""
    noise: tuple[Noise | None, ...] = ()
    """What the inputs are drawn as, where a target is made of them that has to be of its kind."""
    kinks: bool = True
    """The first example is all zeros: activations meet their kinks there, and what is largest may be several."""

    def __str__(self) -> str:
        return self.name

    @property
    def training(self) -> Training:
        """The network's own settings, empty where it has none."""
        return self.net.training or Training({})

    @property
    def trains(self) -> bool:
        """Its output is numbers, so that there is a loss; what updates train is not trained as a whole."""
        return self.net.outputs[-1].shape.of is None and not self.training.updates

    def inputs(self, batch: int, dtype: str, steps: int = SOME_STEPS, purpose: str = "inputs") -> Arrays:
        """A batch as the spec writes it."""
        draws, random = Draws(batch, f"{self.name}/{purpose}"), generator(batch, f"{self.name}/{purpose}")
        noise = self.noise or (None,) * len(self.net.inputs)
        given = zip(self.net.inputs, sized(self.net, steps), noise, strict=True)
        return as_given(
            [
                draws.of(each, batch).astype(dtype)
                if each
                else self._drawn(layer.shape, (batch, *dims), dtype, random)
                for layer, dims, each in given
            ]
        )

    def _drawn(self, shape: Shape, dims: tuple[int, ...], dtype: str, random: np.random.Generator) -> Array:
        if shape.of is not None:
            return random.integers(0, shape.of, dims)
        array = random.normal(size=dims)
        array[: self.kinks] = 0
        return array.astype(dtype)

    def targets(self, batch: int, dtype: str, steps: int = SOME_STEPS) -> Arrays:
        """Targets for a batch, prepared: classes, probabilities or numbers, as each loss wants them."""
        shapes = self.net.shapes_for(*sized(self.net, steps))
        return as_given(
            [
                self._target(aim, shapes[aim.output.name], batch, dtype)
                for aim in aims_of(self.net, self.net.training)
            ]
        )

    def _target(self, aim: Aim, shape: Shape, batch: int, dtype: str) -> Array:
        purpose = "/targets" if aim.output is self.net.outputs[-1] else f"/targets/{aim.output.name}"
        random = generator(batch, f"{self.name}{purpose}")
        if aim.targets == "classes":
            *places, classes = shape.known
            return random.integers(0, classes, (batch, *places))
        dims = (batch, *Shape(shape.channels_first).known)
        drawn = random.normal(size=dims) if aim.targets == "numbers" else random.random(dims)
        if aim.targets == "distributions":
            axis = len(dims) - 3 if len(dims) > 3 else len(dims) - 1
            drawn[0] = np.floor(drawn[0] + 0.5)  # some classes that cannot be
            drawn += 1e-3 * (drawn.sum(axis=axis, keepdims=True) == 0)
            drawn /= drawn.sum(axis=axis, keepdims=True)
        return drawn.astype(dtype)

    def start(self, dtype: str) -> dict[str, Array]:
        """Parameters and states to start from: the initial ones, but none left at a constant that would hide it."""
        values = initial(self.net, 0, "float64")
        for name, param in self.net.parameters.items():
            if isinstance(param.initial, Constant):
                values[name] = values[name] + generator(0, f"{self.name}/{name}").uniform(
                    -0.3, 0.3, param.shape
                )
            if name == "before.bias":
                values[name] = np.zeros(param.shape)
        return {name: value.astype(dtype) for name, value in values.items()}


def sized(net: Net, steps: int = SOME_STEPS) -> list[tuple[int, ...]]:
    """The dimensions of the inputs, symbols of a size near `steps` that the network can have, no two alike."""
    wanted = range(steps, steps + max(len(net.symbols), 1))
    sizes = net.constraints.sizes(net.symbols, wanted)
    assert sizes is not None, f"no sizes were found for {net.constraints}"
    return [layer.shape.substitute(sizes).known for layer in net.inputs]


def quiet(net: Net) -> Net:
    """The network with its random layers made to do nothing, so that its training is the same everywhere."""
    identity = find("layer", "identity")
    assert identity is not None
    nothing = identity()
    assert isinstance(nothing, Operation)
    layers = tuple(
        replace(layer, operation=layer.operation.at_prediction() or nothing)
        if layer.operation.random
        else layer
        for layer in net.layers
    )
    return replace(net, layers=layers)


def cases(*nets: Net, batch: int = 3) -> Iterator[Case]:
    """All cases of the catalog, then the given networks and their updates, which are run on a few examples each."""
    for definition in definitions("layer"):
        assert issubclass(definition, Operation)
        for example in definition.examples:
            yield from layer_cases(example, starts=definition.reads_nothing)
    yield from _settings()
    for net in nets:
        yield from net_cases(net, batch)


def net_cases(net: Net, batch: int = 3) -> Iterator[Case]:
    """A network, then what each update of its file trains, on noise as a run draws it."""
    yield Case(net.name, net, batch)
    for update, each in zip(net.training.updates if net.training else (), updates(net), strict=True):
        assert net.training is not None
        alone = replace(each.net, training=each.training(net.training, update.optimizer))
        noise = tuple(given if isinstance(given, Noise) else None for given in each.inputs)
        yield Case(f"{net.name} {update.network}", alone, batch, noise=noise)


def example_text(example: Example, starts: bool = False, before: str = "", after: str = "") -> str:
    """A worked example as a network, its further inputs first; `starts`: its own text says what comes in."""
    others = [f"input {name} {shape}" for name, shape in example.others]
    given = [] if starts else [f"input {'given ' * bool(others)}{example.input}"]
    return "\n".join(line for line in (*others, *given, before, example.text, after) if line)


def layer_cases(example: Example, *, starts: bool = False) -> Iterator[Case]:
    """The cases of one worked example: alone, between layers with weights, and on sequences and images of any size."""
    with_others = " and ".join([example.input, *(shape for _, shape in example.others)])
    title = f"{example.text} on {with_others}"
    alone = _net(example_text(example, starts))
    yield Case(title, alone, stated=example.output)
    given, made = alone.inputs[-1].shape, alone.outputs[-1].shape
    before = "" if starts else _BEFORE.get(given.kind, "").format(*given.dims[-1:])
    before, after = before and f"{before} as before", _AFTER.get(made.kind, "")
    yield Case(f"{title}, between layers", _net(example_text(example, starts, before, after)))
    if given.kind in _ANY_SIZE and not starts:
        after = f"global avg\n{after}" if made.kind == "image" else after
        text = example_text(_any_size(example, _ANY_SIZE[given.kind]), False, before, after)
        net, diagnostics = run(Source(text, "net"))
        if net is None or diagnostics:
            return  # the layer needs to know the size
        if net.constraints.sizes(net.symbols, (SOME_STEPS,)) is not None:
            yield Case(f"{title}, any {'size' if given.kind == 'image' else 'length'}", net)


def _any_size(example: Example, symbols: tuple[str, ...]) -> Example:
    """The example with symbols for its first dimensions, in all inputs that begin with the same."""
    numbers = re.findall(r"\d+", example.input)[: len(symbols)]

    def symbolic(shape: str) -> str:
        return re.sub(rf"^{'x'.join(numbers)}(?=x| of)", "x".join(symbols), shape)

    others = tuple((name, symbolic(shape)) for name, shape in example.others)
    return replace(example, input=symbolic(example.input), others=others)


def _settings() -> Iterator[Case]:
    body = "input 4\ndense 5 tanh\nbatchnorm\ndense 3\n\ntrain:\n"
    for definition in definitions("optimizer"):
        yield Case(f"optimizer {definition.word}", _net(f"{body}    optimizer {definition.word} 0.05"))
    for settings in _PLAIN_SETTINGS:
        yield Case(" ".join(settings.split()), _net(f"{body}    {settings}"))
    for body in _FROZEN:
        name = " ".join(body.replace("\n", "; ").split())
        yield Case(name, _net(f"{body}\n\ntrain:\n    regularize l2=0.1 decay=0.2\n    average ema=0.5"))
    for definition in definitions("loss"):
        assert issubclass(definition, Loss)
        entries = 4 if definition().misfit(Shape((3,))) else 3
        for shape in ("3", "4x3", "2x3x2"):
            for use in (definition.word, *definition.examples):
                yield Case(f"loss {use} of {shape}", _net(_loss_text(use, shape, entries, definition.fuses)))
        if definition().targets_for(Shape((1,))) != definition().targets_for(Shape((3,))):
            name = f"loss {definition.word} of one number"
            yield Case(name, _net(_loss_text(definition.word, "2x3x2", 1, definition.fuses)))
    yield Case("several losses", _net(_SEVERAL))


def _loss_text(use: str, shape: str, entries: int, fuses: str) -> str:
    """A small network that ends in so many entries, and is trained with a loss."""
    layer = f"conv {entries} 1x1" if shape.count("x") == 2 else f"dense {entries}"
    return f"input {shape}\n{layer}\n{fuses or 'identity'}\n\ntrain:\n    loss {use}"


def _net(text: str) -> Net:
    return analyse(Source(text, "net"))
