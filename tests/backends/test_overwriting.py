"""Where the generated module writes a result over its input, and that nothing changes by it."""

from __future__ import annotations

import numpy as np
import pytest

import netspec
from netspec.backends import channels_first, on_each
from netspec.backends.torch import build as building
from netspec.backends.torch.source import module_source
from netspec.testing.cases import Case

OVER = "inplace=True"
WRITTEN = {
    "conv": "input 6x6x2\nconv 3 3x3 relu\ndense 2",
    "batchnorm": "input 6x6x2\nconv 3 3x3 batchnorm relu\ndense 2",
    "dense": "input 4\ndense 3 relu\ndense 2",
    "sum": "input 4\ndense 4 as a\nadd:\n    dense 4 from a\n    dense 4 tanh from a\nrelu\ndense 2",
}
LEFT = {
    "read twice": "input 4\ndense 4 as a\nrelu\nadd a\ndense 2",
    "an output": "input 4\ndense 4 as a\nrelu\ndense 2\noutput a",
    "a view": "input 4x3x2\nflatten\nrelu\ndense 2",
    "the input": "input 4\nrelu\ndense 2",
    "needs its result": "input 4\ndense 4 tanh relu\ndense 2",
    "the steps of a sequence": "input 5x4\ndense 4 relu\ndense 2",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_what_nobody_else_needs_is_written_over(text: str) -> None:
    assert module_source(netspec.parse(text)).count(OVER) == 1


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_everything_else_stays(text: str) -> None:
    assert OVER not in module_source(netspec.parse(text))


@pytest.mark.parametrize("text", [*WRITTEN.values(), *LEFT.values()], ids=[*WRITTEN, *LEFT])
def test_gradients_are_the_same_to_the_bit(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("over", netspec.parse(text))
    found = []
    for source in (module_source, lambda net: module_source(net).replace(f", {OVER}", "")):
        monkeypatch.setattr(building, "module_source", source)
        program = netspec.compile(
            case.net, "torch", dtype="float64", device="cpu", parameters=case.start("float64")
        )
        inputs = on_each(channels_first, case.inputs(3, "float64"))
        found.append(program.loss_and_gradients(inputs, case.targets(3, "float64")))
    assert found[0][0] == found[1][0]
    for name, gradient in found[0][1].items():
        assert np.array_equal(gradient, found[1][1][name]), name
