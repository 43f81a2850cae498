"""What only networks of one step are made of: the same on both backends, forward and backward, and as each is meant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import netspec
from netspec.generate import Stepper, generate
from netspec.ir import catalog
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.layers.attention import AttentionKeys, AttentionOver, AttentionStep
from netspec.layers.conv1d import Slide
from netspec.layers.join import Concat
from netspec.layers.position import PositionAt
from netspec.layers.recurrent import At
from netspec.passes.derive import Draft
from netspec.passes.ragged import ragged
from netspec.passes.stepped import stepped
from netspec.settings.generate import Feed
from netspec.testing import conformance
from netspec.testing.cases import Case

from .networks import SPECS, Spec, compiled, others

ONLY_STEPS = (At, Slide, PositionAt, AttentionKeys, AttentionOver, AttentionStep)
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])


def sides(spec: Spec) -> list[Net]:
    found = stepped(spec.net, Feed(spec.fed, max=5))
    return [found.step, *([] if found.prelude is None else [found.prelude])]


@BACKENDS
@pytest.mark.parametrize("name", SPECS)
def test_both_networks_mean_the_same_everywhere(name: str, backend: str) -> None:
    for number, net in enumerate(sides(SPECS[name])):
        assert conformance.run(Case(f"{name}, {number}", net, 3), backend) == []


def drafted(make: Callable[[Draft], object], **inputs: Shape) -> Net:
    draft = Draft(())
    for name, shape in inputs.items():
        draft.input(name, shape)
    make(draft)
    return draft.net("net", {})[0]


def add(draft: Draft, name: str, operation: object, *inputs: str) -> str:
    return draft.add(name, operation, inputs, [draft.shapes[each] for each in inputs])  # type: ignore[arg-type]


def both_of_keys(draft: Draft) -> None:
    keys = add(draft, "keys", AttentionKeys(4, 2, None, 3, 2), "x")
    add(draft, "both", Concat(), keys, f"{keys}.values")


def values_alone(draft: Draft) -> None:
    keys = add(draft, "keys", AttentionKeys(4, 2, None, 3, 2, bias=False), "x")
    add(draft, "first", At(), f"{keys}.values", "count")


def all_of_a_step(draft: Draft) -> None:
    step = add(draft, "step", AttentionStep(4, 2, None, 3, 2, True), "x", "other", "keys", "values", "count")
    parts = [add(draft, f"{each}_at", At(), f"{step}.{each}", "count") for each in ("keys", "values")]
    add(draft, "all", Concat(), step, *parts)


def memories_of_a_step(draft: Draft) -> None:
    step = add(draft, "step", AttentionStep(4, 2, None, 3, 2, True), "x", "other", "keys", "values", "count")
    add(draft, "all", At(), f"{step}.keys", "count")


def over_some(causal: bool) -> Callable[[Draft], object]:
    def make(draft: Draft) -> None:
        more = ["count"] if causal else []
        over = AttentionOver(4, 2, None, 3, 2, causal, lengths="lengths")
        add(draft, "over", over, "x", "keys", "values", *more, "lengths")

    return make


COUNT = {"count": Shape((1,), 5)}
CACHE = {"keys": Shape((5, 6)), "values": Shape((5, 4))}
ONE = {"x": Shape((1, 3))}


@BACKENDS
@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (both_of_keys, {"x": Shape((5, 3))}),
        (values_alone, {"x": Shape((5, 3)), **COUNT}),
        (all_of_a_step, {**ONE, "other": Shape((1, 2)), **CACHE, **COUNT}),
        (memories_of_a_step, {**ONE, "other": Shape((1, 2)), **CACHE, **COUNT}),
        (over_some(True), {**ONE, **CACHE, **COUNT, "lengths": Shape((), 6)}),
        (over_some(False), {**ONE, **CACHE, "lengths": Shape((), 6)}),
    ],
    ids=["keys", "values", "step", "memories", "causal", "lengths"],
)
def test_further_results_and_inputs(
    make: Callable[[Draft], object], inputs: dict[str, Shape], backend: str
) -> None:
    assert conformance.run(Case("net", drafted(make, **inputs), 5), backend) == []


def test_every_word_is_met_and_none_is_offered() -> None:
    met = {type(layer.operation) for spec in SPECS.values() for net in sides(spec) for layer in net}
    assert set(ONLY_STEPS) <= met
    assert not {each.word for each in ONLY_STEPS} & set(catalog.words("layer"))
    with pytest.raises(netspec.SpecError, match="N101"):
        netspec.parse("input 5x3\nslide\n")


@BACKENDS
def test_sources_of_different_lengths(backend: str) -> None:
    """In one batch, filled up, they are followed as each by itself."""
    text = (
        "input source S of 9\nembed 6\nposition\nattention 6 heads=2\nlstm 4 state as end\nconv1d 6 3 as memory\n"
        "input text T of 7\nembed 6\nbatchnorm\nlstm 4 init=end\nattention 6 heads=2 over memory\n"
        "attention 4 causal\nsoftmax 7"
    )
    spec = Spec(text, ((6,),))
    program, feed = compiled(spec, backend), Feed("text", start=1, max=6, beam=2)
    told = netspec.compile(ragged(spec.net), backend, dtype="float64", device="cpu")
    told.borrow(program, list(program.net.parameters))
    source, lengths = others(spec, 4)["source"], np.array([6, 3, 1, 5])
    one = Stepper(program, stepped(spec.net, feed), backend=backend, dtype="float64")
    alone = [
        generate(one, feed, inputs={"source": source[[example], :length]})[0]
        for example, length in enumerate(lengths)
    ]
    source[np.arange(6) >= lengths[:, None]] = 0
    division = stepped(told.net, feed)
    assert division.inputs == ("source", "lengths_s")
    every = Stepper(told, division, backend=backend, dtype="float64")
    together = generate(every, feed, inputs={"source": source, "lengths_s": lengths})
    for found, wanted in zip(together, alone, strict=True):
        assert found.tokens.tolist() == wanted.tokens.tolist()
        assert found.score == pytest.approx(wanted.score, rel=1e-10)
