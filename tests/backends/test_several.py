"""Networks that are no chain: several inputs and outputs, layers that share or borrow weights, on both backends.

Built from layers, so that what is tested is the backends alone.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from netspec.backends import as_tuple, compile_net, on_each
from netspec.ir.layer import Layer
from netspec.ir.net import Net, add_results
from netspec.ir.shape import Shape
from netspec.ir.training import Training
from netspec.layers.activation import Relu, Tanh
from netspec.layers.conv import Conv
from netspec.layers.dense import Dense
from netspec.layers.input import Input
from netspec.layers.join import Add, Concat, Mean, Mul
from netspec.layers.norm import Batchnorm
from netspec.layers.output import Sigmoid, Softmax
from netspec.settings.optimizer import Adamw
from netspec.settings.plain import Regularize
from netspec.testing.conformance import Case, run
from netspec.testing.gradcheck import check_gradients


def net(*layers: Layer, name: str = "several", outputs: tuple[str, ...] = ()) -> Net:
    """The network with its shapes."""
    shapes: dict[str, Shape] = {}
    done = []
    for layer in layers:
        inputs = [shapes[each] for each in layer.inputs]
        shape = layer.operation.result(inputs)
        done.append(replace(layer, shape=shape))
        add_results(shapes, layer, inputs, shape)
    return Net(name, tuple(done), None, outputs)


def shared() -> Net:
    """Two outputs, one layer used twice, with running means that both uses move."""
    return net(
        Layer("left", Input((4,))),
        Layer("right", Input((4,))),
        Layer("tower", Dense(3), ("left",)),
        Layer("norm", Batchnorm(), ("tower",)),
        Layer("again", Dense(3), ("right",), shares="tower"),
        Layer("norm_again", Batchnorm(), ("again",), shares="norm"),
        Layer("first", Tanh(), ("norm",)),
        Layer("second", Dense(2), ("norm_again",)),
        Layer("last", Softmax(None), ("second",)),
    )


def aside() -> Net:
    """An output that the loss does not reach, with weights of its own."""
    return net(
        Layer("given", Input((5, 4, 2))),
        Layer("conv1", Conv(3, (3, 3)), ("given",)),
        Layer("relu1", Relu(), ("conv1",)),
        Layer("aux", Conv(2, (1, 1)), ("relu1",)),
        Layer("conv2", Conv(2, (1, 1)), ("conv1",)),
    )


def sides() -> Net:
    """Probabilities at the side, one of them read on; what they are made of is given to losses as it is."""
    return net(
        Layer("given", Input((4,))),
        Layer("trunk", Dense(3), ("given",)),
        Layer("scores", Dense(3), ("trunk",)),
        Layer("first", Softmax(None), ("scores",)),
        Layer("numbers", Dense(2), ("first",)),
        Layer("answer", Dense(1), ("trunk",)),
        Layer("second", Sigmoid(None), ("answer",)),
        Layer("dense1", Dense(2), ("numbers",)),
        Layer("last", Softmax(None), ("dense1",)),
        outputs=("first", "numbers"),
    )


NETS = {"shared": shared(), "aside": aside(), "sides": sides()}


@pytest.mark.parametrize("name", NETS)
def test_backends_agree(name: str) -> None:
    for backend in ("numpy", "torch"):
        assert run(Case(name, NETS[name]), backend) == []


@pytest.mark.parametrize("name", NETS)
def test_gradients(name: str) -> None:
    assert check_gradients(NETS[name]) == []


def test_what_the_loss_does_not_reach_has_gradient_0() -> None:
    """Also with an optimiser and a penalty, which change these weights, the same on both backends."""
    case = Case("aside", NETS["aside"])
    training = Training({"optimizer": Adamw(0.1), "regularize": Regularize(0.1)})
    batch = on_each(lambda array: np.moveaxis(array, -1, 1), case.inputs(4, "float64"))
    results = []
    for backend in ("numpy", "torch"):
        program = compile_net(case.net, backend, dtype="float64", device="cpu")
        _, gradients = program.loss_and_gradients(batch, case.targets(4, "float64"))
        assert not gradients["aux.weight"].any()
        assert gradients["conv1.weight"].any()
        program.begin(training)
        for _ in range(3):
            program.train_step(batch, case.targets(4, "float64"), 0.1)
        results.append(program.parameters())
    for name, value in results[0].items():
        np.testing.assert_allclose(value, results[1][name], rtol=1e-9, err_msg=name)


def test_several_inputs_and_outputs_are_tuples() -> None:
    program = compile_net(NETS["shared"], "torch", device="cpu")
    found = program.predict((np.ones((2, 4)), np.zeros((2, 4))))
    assert [output.shape for output in as_tuple(found)] == [(2, 3), (2, 2)]


def test_source(golden: object) -> None:
    from netspec.backends.torch.export import export

    for name, each in NETS.items():
        text = export(replace(each, name=name))
        golden(f"torch/{name}.py", text)  # type: ignore[operator]
        with torch.random.fork_rng():
            exec(compile(text, name, "exec"), {"__name__": "__main__"})


def joined(word: type, *shapes: str) -> Net:
    """Several inputs, joined."""
    names = [f"given{number}" for number in range(len(shapes))]
    given = [
        Layer(name, Input(tuple(map(int, dims.split("x"))))) for name, dims in zip(names, shapes, strict=True)
    ]
    return net(*given, Layer("joined", word(), tuple(names)), Layer("dense", Dense(2), ("joined",)))


@pytest.mark.parametrize(
    "case",
    [
        joined(Add, "5x4", "5x4", "4"),
        joined(Add, "4", "5x4", "4"),
        joined(Mul, "6", "6", "6", "6"),
        joined(Mean, "3x4", "3x4", "3x4"),
        joined(Concat, "5x2", "5x1", "5x3"),
    ],
    ids=lambda case: f"{case.layers[-2].word} of {len(case.inputs)}",
)
def test_three_and_more_are_joined(case: Net) -> None:
    assert check_gradients(case) == []
    assert run(Case(case.name, case), "torch") == []


def test_one_result_read_twice() -> None:
    twice = net(
        Layer("given", Input((4,))),
        Layer("dense", Dense(3), ("given",)),
        Layer("square", Mul(), ("dense", "dense")),
        Layer("double", Add(), ("square", "dense", "square")),
        Layer("last", Dense(2), ("double",)),
    )
    assert check_gradients(twice) == []
    assert run(Case("twice", twice), "torch") == []
