"""Random networks: every way of writing one down gives it back."""

import json

from hypothesis import HealthCheck, given, settings

import netspec
from netspec.ir.net import Net
from netspec.testing.strategies import nets

common = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@settings(common, max_examples=150)
@given(nets())
def test_text_and_documents_give_the_network_back(net: Net) -> None:
    document = json.loads(json.dumps(net.to_json()))
    assert netspec.from_json(document) == net
    assert netspec.from_json(document).to_json() == document
    text = net.to_text()
    assert netspec.parse(text) == net
    assert netspec.parse(text).to_text() == text
