"""Networks as documents: text to IR to JSON to IR to text, and documents that lie."""

import copy
import json
from pathlib import Path

import pytest

import netspec
from netspec.ir.net import Net

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.net"))
MORE = [
    "input words T of 8000\nembed 32\nlstm 64 bidirectional last\nsigmoid 1",
    "input 8x8x3\nconv 4 3x3 pad=1,2,0,1 stride2\npool avg 3x3 stride=2x1 same\nupsample 2 bilinear as big\nglobal max",
    "input 28x28x1\nflatten\nreshape 7x7x16\nupconv 4 3x3 stride2 nobias; leaky_relu 0.2\ndense 3\ndense 2 nobias",
    "input 5x3\ngru 4 reverse as memory\nlast\nbatchnorm momentum=0.25 noaffine\ndropout 0.125\nlinear 2",
]


def texts() -> list[str]:
    return [path.read_text("utf-8") for path in SPECS] + MORE


@pytest.mark.parametrize("text", texts())
def test_json_and_text_give_the_same_network_back(text: str) -> None:
    net = netspec.parse(text)
    document = json.loads(json.dumps(net.to_json()))
    assert netspec.from_json(document) == net
    assert netspec.parse(net.to_text()) == net


def test_places_do_not_count() -> None:
    assert netspec.parse("input 4\ndense 3") == netspec.parse("# twice\n\ninput   4 ; dense 3")
    assert netspec.parse("input 4\ndense 3") != netspec.parse("input 4\ndense 2")


def test_a_network_is_frozen() -> None:
    net = netspec.parse("input 4\ndense 3")
    with pytest.raises(AttributeError):
        net.name = "other"  # type: ignore[misc]


def test_schema_knows_every_layer_and_rejects_what_the_reader_rejects() -> None:
    schema = Net.schema()
    assert schema["$id"] == "netspec.net/1"
    units = schema["$defs"]["layer.dense"]["properties"]["units"]
    assert units["minimum"] == 1
    assert {f"layer.{word}" for word in ("conv", "lstm", "softmax")} <= set(schema["$defs"])


def broken() -> dict[str, dict[str, object]]:
    good = netspec.parse("input 28x28x1\nconv 4 5x5\ndense 10\nsoftmax").to_json()
    cases = {}
    for name, change in {
        "not a document": lambda document: document.clear(),
        "wrong version": lambda document: document.update(version=2),
        "unknown key": lambda document: document.update(extra=1),
        "unknown word": lambda document: document["layers"][1].update(word="covn"),
        "bad argument": lambda document: document["layers"][1]["arguments"].update(channels=0),
        "huge argument": lambda document: document["layers"][1]["arguments"].update(channels=10**400),
        "unknown argument": lambda document: document["layers"][1]["arguments"].update(bogus=1),
        "unknown input": lambda document: document["layers"][1].update(inputs=["nobody"]),
        "reads itself": lambda document: document["layers"][1].update(inputs=["conv1"]),
        "name taken": lambda document: document["layers"][1].update(name="input1"),
        "name that is code": lambda document: document["layers"][1].update(name="x = 1\nimport os"),
        "wrong shape": lambda document: document["layers"][1].update(shape="1x1x1"),
        "no input": lambda document: document["layers"].pop(0),
        "kernel too large": lambda document: document["layers"][1]["arguments"].update(
            kernel=[99, 99], pad="valid"
        ),
    }.items():
        document = copy.deepcopy(good)
        change(document)
        cases[name] = document
    return cases


@pytest.mark.parametrize("name", broken())
def test_documents_that_lie_are_refused(name: str) -> None:
    with pytest.raises(netspec.SpecError):
        netspec.from_json(broken()[name])
