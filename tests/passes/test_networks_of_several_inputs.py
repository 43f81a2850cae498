"""Networks that read several values: said in `input` lines, given in the parentheses of a use."""

import json

import numpy as np
import pytest

import netspec
from netspec.backends import compile_net
from netspec.diagnostics import SpecError
from netspec.ir.net import Net
from netspec.ir.updates import Field, Noise, Use
from netspec.limits import Limits
from netspec.passes.updates import alone, fields, made, updates

CONDITIONAL = """
network generator:
    input 4 as latent
    input which of 3
    embed 5
    concat latent
    dense 6

network discriminator:
    input picture 6
    input of 3
    embed 5
    concat picture
    sigmoid 1

train:
    data npz "a.npz"
    let fake = generator(normal 4, y)
    update discriminator: bce(discriminator(x, y), 1) + bce(discriminator(stop fake, y), 0)
    update generator: bce(discriminator(fake, y), 1)

generate:
    make generator(normal 4, y)
"""


def parsed() -> Net:
    return netspec.parse(CONDITIONAL, name="conditional.net")


def test_each_input_line_is_an_input() -> None:
    net = parsed()
    generator, discriminator = net.networks
    assert generator.inputs == ("generator_latent", "generator_which")
    assert discriminator.inputs == ("discriminator_picture", "discriminator_input2")
    assert [str(net.by_name[name].shape) for name in generator.inputs] == ["4", "of 3"]
    assert net.by_name["generator_concat1"].inputs == ("generator_embed1", "generator_latent")
    assert [layer.name for layer in alone(net, "discriminator").inputs] == list(discriminator.inputs)
    assert net.layers_of("generator")[:2] == tuple(net.by_name[name] for name in generator.inputs)


def test_a_field_is_read_by_several_networks_and_a_class_may_be() -> None:
    net = parsed()
    label = Field("y", last=True)
    judge, maker = updates(net)
    assert judge.inputs == (Field("x"), label, Noise("normal", net.by_name["generator_latent"].shape, 0))
    assert maker.inputs == (judge.inputs[2], label)
    assert [str(shape) for shape in fields(net).values()] == ["6", "of 3"]
    show = made(net)
    assert show is not None and show.inputs[1] == label
    use = net.generation and net.generation.make
    assert isinstance(use, Use) and use.of[1] == label
    for derived in (judge, maker, show):
        inputs = [
            np.zeros((2, *layer.shape.known), int if layer.shape.of else "float32")
            for layer in derived.net.inputs
        ]
        one, other = (
            np.asarray(compile_net(derived.net, backend, device="cpu", seed=1).predict(tuple(inputs))[-1])
            for backend in ("numpy", "torch")
        )
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_it_comes_back_from_json_and_from_its_own_text() -> None:
    net = parsed()
    document = json.loads(json.dumps(net.to_json()))
    assert document["networks"][0]["inputs"] == ["generator_latent", "generator_which"]
    assert document["make"] == "generator(noise2, y)" or document["make"] == "generator(normal 4, y)"
    assert netspec.from_json(document) == net
    assert netspec.parse(net.to_text(), name="conditional.net") == net


def test_layers_read_the_input_above_them() -> None:
    """As they do where a file is one network; what nothing reads is told where it stands."""
    net = netspec.parse(
        "network a:\n    input 4 as p\n    dense 2 as u\n    input 3 as q\n    dense 2\n    add u\n"
    )
    assert net.by_name["a_u"].inputs == ("a_p",) and net.by_name["a_dense1"].inputs == ("a_q",)
    for lines, place in (("input 4 as p; input 3; dense 2", 2), ("input 4; dense 2; input 3; dense 5", 3)):
        with pytest.raises(SpecError) as found:
            netspec.parse("network a:\n    " + lines.replace("; ", "\n    "))
        (told,) = found.value.diagnostics
        assert (told.code, told.span and told.span.line) == ("N305", place)


@pytest.mark.parametrize(
    "lines",
    [
        "input 4 as p; dense 4; add p; dense 4; softmax 3",
        "input 4 as p; dense 4 as u; add p; dense 4; dense 4 weights=u",
        "input 4x5; lstm 4 state as s; lstm 4 init=s",
    ],
)
def test_what_a_line_of_a_network_calls_has_a_name_in_its_own_text(lines: str) -> None:
    net = netspec.parse("network a:\n    " + lines.replace("; ", "\n    "), name="a.net")
    assert netspec.parse(net.to_text(), name="a.net") == net


def refused(text: str, **limits: int) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as found:
        netspec.parse(text, limits=Limits(**limits))
    return [(each.code, each.message) for each in found.value.diagnostics]


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        (
            "let fake = generator(normal 4, y)",
            "let fake = generator(normal 4)",
            "N411",
            "reads 2 values (4, of 3)",
        ),
        ("let fake = generator(normal 4, y)", "let fake = generator(normal 4, y, y)", "N411", "given 3"),
        ("bce(discriminator(fake, y), 1)", "bce(discriminator(y, fake), 1)", "N204", "reads 6, and here"),
        (
            "bce(discriminator(fake, y), 1)",
            "bce(discriminator(fake, fake), 1)",
            "N204",
            "reads of 3, and here",
        ),
        ("bce(discriminator(fake, y), 1)", "crossentropy(generator(normal 4, y), fake)", "N4", ""),
        ("input which of 3", "input latent of 3", "N109", "given twice"),
        ("    input which of 3\n", "    input which\n", "N103", "needs a shape"),
        ("    sigmoid 1\n", "    generator\n    sigmoid 1\n", "N304", "reads 2 values"),
    ],
)
def test_what_does_not_fit_is_told(old: str, new: str, code: str, says: str) -> None:
    assert old in CONDITIONAL
    found = refused(CONDITIONAL.replace(old, new, 1))
    assert any(each.startswith(code) and says in message for each, message in found), found


def test_values_that_double_are_bounded() -> None:
    """What is read twice counts twice, however short the text."""
    text = 'network a:\n    input 4 as p\n    input 4 as q\n    add p q\n    dense 4\ntrain:\n    data npz "a.npz"\n'
    lets = "    let x0 = a(x, x)\n" + "".join(
        f"    let x{number} = a(x{number - 1}, x{number - 1})\n" for number in range(1, 60)
    )
    assert ("N503", "a value is made of more than") in [
        (code, message[:28]) for code, message in refused(f"{text}{lets}    update a: mean(x59)\n")
    ]


def test_a_class_target_is_no_value() -> None:
    text = """
network a:
    input 4
    softmax 3

train:
    data npz "a.npz"
    update a: crossentropy(a(x), categorical 3)
"""
    assert "is a class" in refused(text)[0][1]
    netspec.parse(text.replace("crossentropy", "kl"))
