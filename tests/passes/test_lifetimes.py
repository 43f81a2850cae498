"""How long results live, and what that comes to: small networks worked out by hand."""

from __future__ import annotations

import pytest

import netspec
from netspec.passes.lifetimes import last_read, learning, most_predicting, most_training, needed
from netspec.passes.memory import memory_of

# text: the most numbers at one time in predicting, and in training
WORKED: dict[str, tuple[str, int, int]] = {
    # 10 in, 8 and 6 out; there and back: the input, the gradient of the last (6) and of what it reads (8), which is
    # itself read back (8), and the result, which stays (6)
    "a chain": ("input 10; dense 8; dense 6", 10 + 8 + 6, 10 + 8 + 6 + 6 + 8),
    # the relu and what follows read the relu's result, and nobody what comes before it
    "a relu": ("input 10; dense 8 relu; dense 6", 10 + 8 + 8, 10 + 8 + 6 + 8 + 8),
    # a vector of the image's own numbers
    "a view": ("input 4x3x2; flatten; dense 5", 24 + 5, 24 + 5 + 5),
    # a waits for the sum while b and c are made
    "a shortcut": (
        "input 4; dense 10 as a; dense 20; dense 10; add a; dense 2",
        4 + 10 + 20 + 10,
        # a, what is made of it and the result; the sum's gradient, which is that of both, and that of the wide one
        4 + 10 + 20 + 2 + 10 + 20,
    ),
    # dropout hands its input on, and keeps a mask in training
    "dropout": ("input 10; dense 8; dropout 0.5; dense 2", 10 + 8 + 2, 10 + 8 + 8 + 2 + 2 + 8),
    # nothing goes back to where nothing is trained
    "frozen": ("input 10; dense 8 frozen; dense 2", 10 + 8 + 2, 10 + 8 + 2 + 2),
    # the softmax is the loss's
    "a softmax": ("input 10; softmax 3", 10 + 3 + 3, 10 + 3 + 3),
    # a state that nobody reads stays to the end
    "a state": ("input 5x4; lstm 3 last; dense 2", 20 + 3 + 6 + 2, 20 + 3 + 6 + 5 * 3 * 6 + 2 + 2 + 3),
}


@pytest.mark.parametrize(("text", "predicting", "training"), WORKED.values(), ids=WORKED)
def test_the_most_at_one_time(text: str, predicting: int, training: int) -> None:
    net = netspec.parse(text)
    assert most_predicting(net) == predicting
    assert most_training(net) == training
    memory = memory_of(net)
    assert memory.predicting == 4 * predicting and memory.training == 4 * training


def test_symbols_decide() -> None:
    net = netspec.parse("input Tx4; dense 3")
    assert most_predicting(net) is None and most_training(net) is None
    assert most_predicting(net.bind(T=5)) == 20 + 15


def test_who_reads_last() -> None:
    net = netspec.parse("input 4 as x; dense 4 as a; dense 4 as b; add a; dense 2; output b")
    *_, total, last = (layer.name for layer in net.layers)
    assert last_read(net.layers) == {"x": (), "a": ("x",), "b": (), total: ("a", "b"), last: (total,)}
    assert last_read(net.layers, {"b"})[total] == ("a",)


def test_the_function_of_an_output_is_not_needed_for_training() -> None:
    net = netspec.parse("input 4; softmax 3")
    assert [layer.name for layer in needed(net, ["softmax1"])] == [layer.name for layer in net.layers]
    assert [layer.word for layer in needed(net, ["dense1"])] == ["input", "dense"]


def test_what_learns_is_what_comes_after_something_trained() -> None:
    net = netspec.parse("input 4; dense 4 frozen; tanh; dense 3; relu")
    trained = [name for name, param in net.parameters.items() if param.trainable]
    assert learning(net, net.layers, trained) == {"dense2", "relu1"}


def test_a_step_is_all_of_it_for_the_examples_that_it_works_on() -> None:
    text = "input 10\ndense 8 relu\ndense 2\ntrain:\n    loss mse\n    batch 30\n    optimizer {}{}\n"
    plain = memory_of(netspec.parse(text.format("sgd", "")))
    assert plain.parameters == plain.gradients == 4 * (88 + 18) and plain.optimizer == 0
    assert plain.step == 2 * 4 * 106 + 30 * (plain.training or 0)
    adam = memory_of(netspec.parse(text.format("adam", "\n    accumulate 3")))
    assert adam.optimizer == 2 * 4 * 106 and adam.batch == 10
    assert adam.step == 4 * 4 * 106 + 10 * (adam.training or 0)
    assert memory_of(netspec.parse("input 3; dense 2")).step is None
