"""Random small networks: both backends agree on them, and every way of writing them down gives them back."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings

import netspec
from netspec.backends import compile_net
from netspec.ir.net import Net
from netspec.testing.cases import Case, quiet
from netspec.testing.conformance import distance
from netspec.testing.strategies import nets

BATCH = 3
PRECISION = 1e-8
SHAKE = 1e-13
"""A change of the input by about as much as rounding; a network that answers with a larger one is not compared."""

ONLY_PADDED = netspec.parse("input 2x4x3; pool 3x1 avg stride=3x1 same; dense 1")
"""The window fits because of the padding after the image, which PyTorch's own padding does not have."""

common = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """For arrays this small, threads cost more than they save."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


Results = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]


def results(case: Case, backend: str, shake: float = 0.0) -> Results:
    """Outputs, loss and gradients in float64."""
    program = compile_net(case.net, backend, dtype="float64", device="cpu")
    program.load(case.start("float64"))
    inputs = case.inputs(BATCH, "float64")
    if inputs.dtype == "float64":
        inputs = inputs * (1 + shake)
    predicted = program.predict(inputs)
    prepared = netspec.backends.channels_first(inputs)
    loss, gradients = program.loss_and_gradients(prepared, case.targets(BATCH, "float64"))
    return predicted, np.asarray(loss), gradients


def apart(one: Results, other: Results) -> float:
    """The largest difference between two results."""
    assert list(one[2]) == list(other[2])
    both = [one[:2], other[:2]]
    return max(
        distance(a, b) for a, b in [*zip(*both, strict=True), *((one[2][k], other[2][k]) for k in one[2])]
    )


@settings(common, max_examples=150)
@given(nets())
@example(ONLY_PADDED)
def test_backends_agree(net: Net) -> None:
    case = Case("random", quiet(net))
    found, wanted = results(case, "numpy"), results(case, "torch")
    if apart(found, wanted) > PRECISION:
        assume(apart(wanted, results(case, "torch", SHAKE)) < PRECISION / 100)
        pytest.fail(f"{net.text}\nby {apart(found, wanted):.1e}")


@settings(common, max_examples=150)
@given(nets())
def test_text_and_documents_give_the_network_back(net: Net) -> None:
    document = json.loads(json.dumps(net.to_json()))
    assert netspec.from_json(document) == net
    assert netspec.from_json(document).to_json() == document
    text = net.to_text()
    assert netspec.parse(text) == net
    assert netspec.parse(text).to_text() == text
