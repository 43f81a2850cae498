"""Networks of a file: laid out, said in expressions, and made into the network of each update."""

import json

import pytest

import netspec
from netspec.backends import compile_net
from netspec.diagnostics import SpecError
from netspec.ir.net import Net
from netspec.ir.updates import Field, Noise, Use
from netspec.limits import Limits
from netspec.passes.updates import alone, applied, fields, made, updates

NETWORKS = """
param width = 8
network encoder:
    input 6
    lstm_free width
    sigmoid 3

network judge:
    dense width relu
    sigmoid 1

block lstm_free(width):
    dense width batchnorm relu
"""
TRAIN = """
train:
    data npz "a.npz" as first
    let code = encoder(first)
    let z = normal 3
    update judge: bce(judge(stop code), 0) + 0.5 * bce(judge(z), 0.9) - 0.1 * mean(judge(uniform 3)) sgd 0.1 every=2
    update encoder: 2 * huber(code, stop code, delta=0.5) + bce(judge(code), 1) + mse(code, y) every=3
    optimizer adam 0.01

generate:
    make judge(z)
"""


def parsed() -> Net:
    return netspec.parse(NETWORKS + TRAIN, name="several.net")


def test_networks_are_laid_out_once_and_in_order() -> None:
    net = parsed()
    assert [each.name for each in net.networks] == ["encoder", "judge"]
    assert [layer.name for layer in net.layers_of("judge")][:3] == [
        "judge_input",
        "judge_dense1",
        "judge_relu1",
    ]
    assert [str(layer.shape) for layer in net.inputs] == ["6", "3"]
    assert set(net.parameters) == {
        each for name in ("encoder", "judge") for each in alone(net, name).parameters
    }
    assert applied(net) == "judge" and alone(alone(net)) == alone(net, "judge")
    assert fields(net) == {
        "x": net.by_name["encoder_input"].shape,
        "y": net.by_name["encoder_sigmoid1"].shape,
    }


def test_each_update_is_a_network() -> None:
    judge, encoder = updates(parsed())
    assert [layer.name for layer in judge.net.inputs] == ["x", "noise1", "noise2"]
    assert judge.inputs[:2] == (Field("x"), Noise("normal", judge.net.by_name["noise1"].shape, 0))
    shared = {layer.name: layer.shares for layer in judge.net if layer.shares}
    assert shared["judge2_dense1"] == shared["judge3_dense1"] == "judge_dense1"
    assert "judge_relu1" not in shared.values()
    assert [aim.loss.weight for aim in judge.aims] == [1, 0.5, -0.1]
    assert judge.targets == (0, 0.9, None)
    assert all(name.startswith("judge_") for name in judge.trained)
    # what is written twice alike is worked out once
    assert [layer.word for layer in encoder.net].count("batchnorm") == 1
    assert [aim.output.name for aim in encoder.aims] == [
        "encoder_sigmoid1",
        "judge_sigmoid1",
        "encoder_sigmoid1",
    ]
    assert encoder.aims[0].target == "stop1" and encoder.targets == (None, 1, Field("y", last=True))
    for derived in (judge, encoder):
        for backend in ("numpy", "torch"):
            compile_net(derived.net, backend, device="cpu")


def test_what_is_made_reads_the_noise_that_has_a_name() -> None:
    net = parsed()
    show = made(net)
    assert show is not None and net.generation is not None
    assert isinstance(net.generation.make, Use) and show.inputs == (updates(net)[0].inputs[1],)


def test_it_comes_back_from_json_and_from_its_own_text() -> None:
    net = parsed()
    document = json.loads(json.dumps(net.to_json()))
    assert document["updates"][0] == "let noise1 = normal 3" and document["make"] == "judge(noise1)"
    assert netspec.from_json(document) == net
    assert netspec.parse(net.to_text(), name="several.net") == net


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda document: document["updates"].append("update judge: bce(judge(noise1), 1)"), "N402"),
        (lambda document: document["updates"].append("dense 3"), "N105"),
        (lambda document: document["updates"].append("let = 3"), "N004"),
        (lambda document: document["networks"][0].update(result="judge_dense1"), "N411"),
        (lambda document: document["networks"][0].update(inputs=["nobody"]), "N108"),
        (lambda document: document.update(make="judge(normal 4)"), "N204"),
        (lambda document: document.update(make="nobody(x)"), "N108"),
    ],
)
def test_documents_that_lie_are_refused(change: object, code: str) -> None:
    document = parsed().to_json()
    change(document)  # type: ignore[operator]
    with pytest.raises(SpecError) as refused:
        netspec.from_json(document)
    assert code in [each.code for each in refused.value.diagnostics]


def test_a_file_of_networks_needs_no_training() -> None:
    net = netspec.parse("network a:\n    input 4\n    dense 3\nnetwork b:\n    input 2\n    dense 5\n")
    assert [str(layer.shape) for layer in net.outputs] == ["3", "5"]
    assert alone(net).name == net.name and [str(layer.shape) for layer in alone(net).inputs] == ["2"]


def test_one_network_is_trained_by_itself() -> None:
    net = netspec.parse('network a:\n    input 4\n    softmax 3\ntrain:\n    data npz "a.npz"\n    batch 4\n')
    assert net.training is not None and not net.training.updates
    assert netspec.from_json(net.to_json()) == net


def refused(text: str, **limits: int) -> set[str]:
    with pytest.raises(SpecError) as found:
        netspec.parse(text, limits=Limits(**limits))
    return {each.code for each in found.value.diagnostics}


def test_what_a_few_lines_may_ask_for_is_bounded() -> None:
    text = 'network a:\n    input 4\n    dense 4\ntrain:\n    data npz "a.npz"\n    let x0 = a(x)\n'
    chain = "".join(f"    let x{number} = a(x{number - 1})\n" for number in range(1, 3000))
    assert "N503" in refused(f"{text}{chain}    update a: mean(x2999)\n")
    terms = " + ".join(f"mean(a(normal 4), weight={number})" for number in range(1, 12))
    assert refused(f"{text}    update a: {terms} + mean(x0)\n", layers=20) == {"N505"}
    huge = 'network a:\n    dense 1\ntrain:\n    data npz "a.npz"\n    update a: mean(a(normal 1000000x1000000))\n'
    assert "N507" in refused(huge)


def test_an_input_that_says_nothing_is_told_in_its_place() -> None:
    """It has no shape in a network that an update applies, and none in one that nothing uses yet."""
    text = "network a:\n    input\n    dense 2\n\ntrain:\n    data mnist as real\n    update a: mse(a(normal 3), 0)\n"
    with pytest.raises(SpecError) as refused:
        netspec.parse(text)
    (found,) = refused.value.diagnostics
    assert (found.code, found.span and found.span.line) == ("N103", 2)


PAIRS = """
network reader:
    input {size} of 500
    embed 8
    gru 8 last
    softmax 2

train:
    data pairs "reviews.tsv"
    update reader: crossentropy(reader(text), label)
"""


def test_updates_read_texts_of_one_length() -> None:
    assert refused(PAIRS.format(size="T")) == {"N409"}
    for net in (netspec.parse(PAIRS.format(size="T"), sizes={"T": 20}), netspec.parse(PAIRS.format(size=20))):
        assert str(net.inputs[0].shape) == "20 of 500"
        assert netspec.from_json(net.to_json()) == net
    said = PAIRS.format(size="T").partition("    update")[0]
    assert str(netspec.parse(said).inputs[0].shape) == "T of 500"


FACTORS = """
param half = 0.5
param few = 3
network judge:
    input 4
    sigmoid 1

train:
    data npz "a.npz"
    update judge: {loss} {how}
"""


@pytest.mark.parametrize(
    ("loss", "weights"),
    [
        ("bce(judge(x), 1) / 2", [0.5]),
        ("(1/2) * bce(judge(x), 1)", [0.5]),
        ("1/3 * bce(judge(x), 1) - mse(judge(x), 0) / 4 / 2", [1 / 3, -0.125]),
        ("(bce(judge(x), 1) + mse(judge(x), 0)) / few", [1 / 3, 1 / 3]),
        ("half * bce(judge(x), 1) + mse(judge(x), 0) * (half/few)", [0.5, 0.5 / 3]),
        ("few/2 * bce(judge(x), 1/few)", [1.5]),
    ],
)
def test_factors_are_worked_out_as_real_numbers(loss: str, weights: list[float]) -> None:
    net = netspec.parse(FACTORS.format(loss=loss, how="every=few"))
    assert net.training is not None
    (update,) = net.training.updates
    assert [term.loss.weight for term in update.terms] == weights
    assert update.every == 3
    assert netspec.from_json(net.to_json()) == net


def test_parameters_stand_for_numbers_in_all_of_an_update() -> None:
    text = FACTORS.format(
        loss="mse(judge(x), 0) + huber(judge(normal (few+1)), 0, delta=half)", how="adam (half/10) every=few"
    )
    plain = FACTORS.format(
        loss="mse(judge(x), 0) + huber(judge(normal 4), 0, delta=0.5)", how="adam 0.05 every=3"
    )
    one, other = (netspec.parse(each).training for each in (text, plain))
    assert one is not None and other is not None and one.updates == other.updates
    changed = netspec.parse(text, values={"half": "0.2"}).training
    assert changed is not None and changed.updates != one.updates


def test_a_parameter_without_a_value_is_reported_once() -> None:
    text = FACTORS.format(loss="half * bce(judge(normal half), half)", how="adam half every=half")
    with pytest.raises(SpecError) as found:
        netspec.parse(text.replace("half = 0.5", "half = (1/0)"))
    assert [each.message for each in found.value.diagnostics] == ["division by zero"]
