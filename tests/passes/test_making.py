"""`make code=normal`: the end of a network by itself, behind a layer that is noise."""

import numpy as np
import pytest

import netspec
from netspec.backends import compile_net
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.ir.shape import Shape
from netspec.ir.updates import From, Noise
from netspec.passes.updates import fields, made

TEXT = """
input 6
dense 5 relu
dense 8 as code
sample as drawn
dense 3 relu
add:
    dense 3
    dense 3
sigmoid 6
output code

train:
    data npz "a.npz"
    target x

generate:
    make drawn=uniform
"""


def test_the_end_of_a_network_is_a_network() -> None:
    net = netspec.parse(TEXT, name="vae.net")
    assert net.generation.make == From("drawn", Noise("uniform", Shape((4,)), 0))
    show = made(net)
    assert show.inputs == (net.generation.make.of,) and fields(net) == {}
    behind = [layer.name for layer in net.layers[net.layers.index(net.by_name["drawn"]) + 1 :]]
    assert [layer.name for layer in show.net.layers] == ["noise1", *behind]
    assert [str(layer.shape) for layer in show.net.inputs] == ["4"]
    assert show.net.outputs[-1].name == net.outputs[-1].name


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_it_gives_what_the_whole_gives(backend: str) -> None:
    """`sample` is its mean in prediction: the first half of what it reads."""
    net = netspec.parse(TEXT, name="vae.net")
    values = initial(net, 3, "float64")
    whole = compile_net(net, backend, dtype="float64", parameters=values)
    show = made(net)
    own = {name: values[name] for name in show.net.parameters}
    end = compile_net(show.net, backend, dtype="float64", parameters=own)
    inputs = np.random.default_rng(0).normal(size=(4, 6))
    code, found = whole.predict(inputs)
    np.testing.assert_allclose(end.predict(code[:, :4]), found, rtol=1e-12)


def test_documents_and_texts_keep_it() -> None:
    net = netspec.parse(TEXT, name="vae.net")
    document = net.to_json()
    assert document["make"] == "drawn=uniform"
    assert netspec.from_json(document).to_json() == document
    assert netspec.parse(net.to_text(), name="vae.net").to_json() == document


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (("make drawn=uniform", "make code"), "N411", "`make` says of a layer that it is noise"),
        (("make drawn=uniform", "make drawn=3"), "N411", "`make` says of a layer that it is noise"),
        (("make drawn=uniform", "make drawn=gauss"), "N411", "noise is `normal`"),
        (("make drawn=uniform", "make drawm=normal"), "N108", "no layer called `drawm`"),
        (("make drawn=uniform", "make sigmoid1=normal"), "N411", "does not depend on what `sigmoid1` gives"),
        (
            ("output code", "dense 2 from code\noutput sigmoid1"),
            "N411",
            "does not depend on what `drawn` gives",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change: tuple[str, str], code: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        netspec.parse(TEXT.replace(*change), name="vae.net")
    first = refused.value.diagnostics[0]
    assert first.code.startswith(code) and message in first.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input image 4\ndense 3 as code\nconcat code image\ndense 4", "depends on the input `image` too"),
        ("input 4 of 9\nembed 3\ndense 2", "integers, and noise is so many numbers"),
        ("input Tx3 as code\ndense 2", "of no fixed size, and noise is so many numbers"),
        ("input 6\ndense 3 as first\nrelu as code\ndense 6 tied=first", "uses the weights of `first`"),
    ],
)
def test_what_does_not_stand_alone_is_refused(text: str, message: str) -> None:
    name = "code" if "code" in text else "input1"
    with pytest.raises(SpecError, match="N411") as refused:
        netspec.parse(f"{text}\ngenerate:\n    make {name}=normal", name="end.net")
    assert message in refused.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("make", "code"), [("drawn=gauss", "N411"), ("drawn=normal\nfeed x", "N105"), ("(", "N")]
)
def test_a_document_is_refused_as_a_text_is(make: str, code: str) -> None:
    document = netspec.parse(TEXT, name="vae.net").to_json() | {"make": make}
    with pytest.raises(SpecError) as refused:
        netspec.from_json(document)
    assert refused.value.diagnostics[0].code.startswith(code)
