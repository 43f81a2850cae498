"""The blocks that ship: outputs and gradients of their examples are the same on both backends."""

from __future__ import annotations

import pytest

from netspec.backends import as_tuple, channels_first, compile_net, on_each
from netspec.passes.shelf import shelf
from netspec.testing.cases import Case
from netspec.testing.conformance import distance


@pytest.mark.parametrize("word", sorted(shelf()))
def test_both_backends_agree(word: str) -> None:
    case = Case(word, shelf()[word].net(), batch=2)
    start = case.start("float64")
    programs = [
        compile_net(case.net, backend, dtype="float64", device="cpu", parameters=start)
        for backend in ("numpy", "torch")
    ]
    inputs = case.inputs(2, "float64")
    outputs = [as_tuple(program.predict(inputs)) for program in programs]
    for one, other in zip(*outputs, strict=True):
        assert distance(one, other) < 1e-10
    if any(layer.operation.random for layer in case.net):
        return  # the backends draw from generators of their own while training
    prepared, targets = on_each(channels_first, inputs), case.targets(2, "float64")
    (loss, gradients), (other_loss, others) = (
        program.loss_and_gradients(prepared, targets) for program in programs
    )
    assert abs(loss - other_loss) < 1e-10 * max(1.0, abs(other_loss))
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        assert distance(gradient, others[name]) < 1e-9, name
