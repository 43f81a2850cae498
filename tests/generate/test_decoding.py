"""Which token comes next: against the whole network and every text there is, on both backends."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np
import pytest

import netspec
from netspec.backends import Program
from netspec.generate import Said, Stepper, continue_rows, generate
from netspec.generate.decoding import drawn
from netspec.init import generator
from netspec.settings.generate import Feed, Sample

from .networks import SPECS, TEXT, Spec, compiled, fed, others, whole

BACKENDS = pytest.mark.parametrize("backend", ["numpy", "torch"])
SMALL = Spec("input text T of 4\nembed 5\nlstm 6\nsoftmax 4")
TRANSLATION = SPECS["encoder and decoder"]


def made(spec: Spec, feed: Feed, backend: str = "numpy", most: int | None = None) -> tuple[Stepper, Program]:
    program = compiled(spec, backend, scale=1.5)
    return Stepper.of(program, feed, most, backend=backend, dtype="float64"), program


def logarithms(spec: Spec, program: Program, given: dict[str, np.ndarray], prefix: list[int]) -> np.ndarray:
    return np.log(whole(spec, program, given, np.array([prefix]))[0])


@BACKENDS
@pytest.mark.parametrize("spec", [SMALL, TRANSLATION], ids=["lstm", "translation"])
def test_greedy_takes_the_likeliest(spec: Spec, backend: str) -> None:
    stop = 2 if spec is SMALL else 4
    feed = Feed(spec.fed, start=1, stop=stop, max=7)
    stepper, program = made(spec, feed, backend)
    given = others(spec, 5)
    found = generate(stepper, feed, inputs=given, examples=5)
    for example, said in enumerate(found):
        own = {name: value[[example]] for name, value in given.items()}
        text, score = [1], 0.0
        while len(text) < 8:
            logs = logarithms(spec, program, own, text)
            token = int(logs.argmax())
            score += logs[token]
            if token == stop:
                break
            text.append(token)
        stopped = len(text) < 8
        assert said.tokens.tolist() == text[1:]
        assert said.stopped is stopped
        assert said.score == pytest.approx(score / (len(text) - 1 + stopped), rel=1e-10)
    assert spec is SMALL or any(said.stopped for said in found)


@BACKENDS
@pytest.mark.parametrize(
    ("spec", "start", "prompts"),
    [
        (SMALL, 1, [[], [3], [0, 0]]),
        (SMALL, None, [[3], [1, 0, 2]]),
        (TRANSLATION, 1, [[], [3, 1], [4]]),
    ],
    ids=["start", "no start", "translation"],
)
def test_a_wide_beam_finds_the_best_of_all_texts(
    spec: Spec, start: int | None, prompts: list[list[int]], backend: str
) -> None:
    """Of all texts up to a length, that with the highest mean of logarithms; the prompt is none of it."""
    tokens, stop, most = (4, 2, 4) if spec is SMALL else (7, 4, 3)
    feed = Feed(spec.fed, start=start, stop=stop, max=most, beam=tokens**3)
    stepper, program = made(spec, feed, backend, most=6)
    given = others(spec, len(prompts))
    found = generate(stepper, feed, inputs=given, prompts=prompts)
    for example, (said, prompt) in enumerate(zip(found, prompts, strict=True)):
        own = {name: value[[example]] for name, value in given.items()}
        begin = [*([] if start is None else [start]), *prompt]
        says = cache(lambda prefix, own=own: logarithms(spec, program, own, [*prefix]))
        scores = {
            way: float(np.mean([says((*begin, *way[:place]))[token] for place, token in enumerate(way)]))
            for way in texts(tokens, stop, most)
        }
        best = max(scores, key=lambda way: scores[way])
        assert (*said.tokens[len(prompt) :].tolist(), *[stop] * said.stopped) == best
        assert said.tokens[: len(prompt)].tolist() == prompt
        assert said.score == pytest.approx(scores[best], rel=1e-10)


def texts(tokens: int, stop: int, most: int) -> Iterator[tuple[int, ...]]:
    """All texts: those that stop, and those that are as long as may be."""
    words = [token for token in range(tokens) if token != stop]
    for length in range(most):
        yield from ((*way, stop) for way in product(words, repeat=length))
    yield from product(words, repeat=most)


@BACKENDS
def test_a_beam_finds_better_texts_and_examples_do_not_mix(backend: str) -> None:
    given = others(TRANSLATION, 6)
    scores = {}
    for beam in (1, 2, 4):
        feed = Feed("text", start=1, max=6, beam=beam)
        stepper, _ = made(TRANSLATION, feed, backend)
        together = generate(stepper, feed, inputs=given)
        alone = [
            generate(stepper, feed, inputs={name: value[[one]] for name, value in given.items()})[0]
            for one in range(6)
        ]
        assert_same(together, alone)
        assert all(len(said.tokens) == 6 and not said.stopped for said in together)
        scores[beam] = np.array([said.score for said in together])
    assert (scores[4] > scores[1] + 1e-3).any()


def assert_same(found: list[Said], wanted: list[Said]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        assert one.stopped is other.stopped
        assert one.score == pytest.approx(other.score, rel=1e-9)


@pytest.mark.parametrize(
    ("beam", "sample"),
    [(1, None), (3, None), (1, Sample(0.7, top_k=3, top_p=0.9)), (1, Sample(2.0))],
    ids=["greedy", "beam", "few", "many"],
)
def test_backends_say_the_same(beam: int, sample: Sample | None) -> None:
    feed = Feed("text", start=1, stop=4, max=9, beam=beam)
    found = []
    for backend in ("numpy", "torch"):
        stepper, _ = made(TRANSLATION, feed, backend)
        found.append(generate(stepper, feed, sample, inputs=others(TRANSLATION, 20), seed=4))
    assert_same(*found)
    assert len({tuple(said.tokens.tolist()) for said in found[0]}) > 2
    assert any(said.stopped for said in found[0])


def test_draws_depend_on_the_seed_and_the_number_of_the_example_alone() -> None:
    feed, sample = Feed("text", start=1, stop=2, max=9), Sample()
    stepper, _ = made(SMALL, feed)
    every = generate(stepper, feed, sample, examples=8, seed=1)
    assert_same(generate(stepper, feed, sample, examples=3, seed=1, numbers=(2, 3, 4)), every[2:5])
    # a prompt is not drawn, so that the same draws follow it whatever stands beside
    one = generate(stepper, feed, sample, prompts=[[3]], seed=1)
    assert_same(generate(stepper, feed, sample, prompts=[[3], [0, 0, 0, 0, 0]], seed=1)[:1], one)
    others_ = generate(stepper, feed, sample, examples=8, seed=2)
    assert [said.tokens.tolist() for said in others_] != [said.tokens.tolist() for said in every]


def test_draws_follow_the_probabilities() -> None:
    feed = Feed("text", start=1, max=1)
    stepper, program = made(SMALL, feed)
    probabilities = whole(SMALL, program, {}, np.array([[1]]))[0]
    for sample in (Sample(), Sample(0.5)):
        wanted = probabilities ** (1 / sample.temperature)
        wanted /= wanted.sum()
        found = generate(stepper, feed, sample, examples=4000)
        counts = np.bincount([said.tokens[0] for said in found], minlength=4)
        # within four deviations of a binomial distribution
        assert (abs(counts - 4000 * wanted) < 4 * np.sqrt(4000 * wanted * (1 - wanted))).all()


def test_what_is_left_to_draw_from() -> None:
    probabilities = np.array([0.1, 0.4, 0.2, 0.3])
    even = (np.arange(1000) + 0.5) / 1000

    def shares(sample: Sample) -> list[float]:
        tokens = drawn(np.tile(probabilities, (1000, 1)), sample, even)
        return [round(float(share), 3) for share in np.bincount(tokens, minlength=4) / 1000]

    assert shares(Sample()) == [0.1, 0.4, 0.2, 0.3]
    assert shares(Sample(top_k=1)) == [0, 1, 0, 0]
    assert shares(Sample(top_k=2)) == [0, 0.571, 0, 0.429]
    assert shares(Sample(top_k=9)) == [0.1, 0.4, 0.2, 0.3]
    assert shares(Sample(top_p=0.4)) == [0, 1, 0, 0]
    assert shares(Sample(top_p=0.41)) == [0, 0.571, 0, 0.429]
    assert shares(Sample(top_p=1)) == [0.1, 0.4, 0.2, 0.3]
    # of the three that are left, together 1, two have 0.7 / 0.9 of the probability
    assert shares(Sample(top_k=3, top_p=0.7)) == [0, 0.571, 0, 0.429]
    assert shares(Sample(0.01)) == [0, 1, 0, 0]


def test_the_largest_number_that_is_drawn_is_a_token_that_is_left() -> None:
    uneven = np.array([[0.3, 0.7 - 1e-12, 1e-12, 0.0]])
    assert drawn(uneven, Sample(), np.array([1 - 2.0**-53]))[0] in (1, 2)
    assert drawn(uneven, Sample(top_k=2), np.array([1 - 2.0**-53]))[0] == 1
    assert drawn(np.eye(4)[[2]], Sample(), np.array([0.0]))[0] == 2
    assert drawn(np.eye(4)[[2]], Sample(0.01), np.array([1 - 2.0**-53]))[0] == 2


def test_it_goes_on_when_its_memory_is_full() -> None:
    spec = SPECS["attention with learned positions"]
    feed = Feed("text", max=30)
    stepper, program = made(spec, feed)
    (said,) = generate(stepper, feed, prompts=[[3, 1, 4]])
    assert len(said.tokens) == 33
    text = said.tokens.tolist()
    # 11 steps in a row, then from the last 5 of them 6 more, and so on
    for place in range(3, 33):
        first = 0 if place <= 11 else (place - 12) // 6 * 6 + 6
        logs = np.log(whole(spec, program, {}, np.array([text[first:place]]))[0])
        assert text[place] == logs.argmax()


@BACKENDS
@pytest.mark.parametrize("name", ["rows", "rows of a recurrence alone"])
def test_rows_are_fed_as_they_are(name: str, backend: str) -> None:
    spec = SPECS[name]
    stepper, program = made(spec, Feed("rows", max=5), backend)
    rows = fed(spec, 4, steps=6)
    found = continue_rows(stepper, rows, 5)
    wanted = rows
    for _ in range(5):
        wanted = np.concatenate([wanted, whole(spec, program, {}, wanted)[:, None]], axis=1)
    np.testing.assert_allclose(found, wanted[:, 6:], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("start", [None, 1])
def test_texts_that_may_end_take_memory_as_they_grow(
    start: int | None, beam: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed("text", start=start, stop=2, max=40, beam=beam)
    spec = Spec("input text T of 4\nembed 5\nlstm 6\ndense 4\nsoftmax")
    stepper, program = made(spec, feed)
    values = program.parameters()
    program.load({**values, "dense1.bias": np.array([0.0, 0.0, -50.0, 0.0])})  # it does not end early
    prompts = [[3], [1, 0, 1, 3, 0]]
    whole = generate(stepper, feed, prompts=prompts)
    assert [len(said.tokens) for said in whole] == [41, 45]
    monkeypatch.setattr("netspec.generate.texts.FIRST", 2)
    assert_same(generate(stepper, feed, prompts=prompts), whole)
    # two texts of 16 places fit, and no more
    monkeypatch.setattr(stepper, "free_memory", lambda: 2 * 2 * beam * 16 * 8)
    monkeypatch.setattr(stepper, "_check_room", lambda *_: None)
    monkeypatch.setattr("netspec.generate.stepper.check_room", lambda *_: None)
    with pytest.raises(netspec.SpecError, match=f"N507: {2 * beam} texts of 32 tokens at a time: that takes"):
        generate(stepper, feed, prompts=prompts)


def test_memory_that_is_needed_is_asked_for_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed("text", start=1, max=1_000_000, beam=1000)
    stepper, _ = made(SMALL, feed)
    monkeypatch.setattr(stepper.program, "free_memory", lambda: 1 << 30)
    with pytest.raises(
        netspec.SpecError, match="N507: 1,000 texts of 1,000,000 tokens at a time: that takes 16,000"
    ):
        generate(stepper, feed)
    rows, _ = made(SPECS["rows"], Feed("rows", max=1_000_000))
    monkeypatch.setattr(rows.program, "free_memory", lambda: 1 << 30)
    with pytest.raises(
        netspec.SpecError, match="N507: 1,000,000 rows of each of 100 examples: that takes 4,800"
    ):
        continue_rows(rows, np.zeros((100, 1, 3)), 1_000_000)


def test_there_has_to_be_a_beginning() -> None:
    feed = Feed("text", max=3)
    stepper, _ = made(SMALL, feed)
    for prompts in (None, [[1], []]):
        with pytest.raises(netspec.SpecError, match="N405: there is nothing to begin with"):
            generate(stepper, feed, prompts=prompts)
    rows, _ = made(SPECS["rows"], Feed("rows"))
    with pytest.raises(netspec.SpecError, match="N405"):
        continue_rows(rows, np.zeros((2, 0, 3)), 2)
    assert generate(stepper, feed, prompts=[]) == []


@pytest.mark.parametrize("token", [4, -1])
def test_a_prompt_is_of_tokens(token: int) -> None:
    feed = Feed("text", start=1, max=3)
    stepper, _ = made(SMALL, feed)
    with pytest.raises(
        netspec.SpecError, match=f"N705: the prompt has the token {token}, and tokens are 0 to 3"
    ):
        generate(stepper, feed, prompts=[[0], [1, token]])


@pytest.mark.parametrize("beam", [1, 2])
def test_tokens_are_chosen_by_probabilities(beam: int) -> None:
    feed = Feed("text", start=1, max=3, beam=beam)
    stepper, _ = made(Spec(TEXT + "embed 4\nlstm 5\ndense 7"), feed)
    with pytest.raises(netspec.SpecError, match="N413: the output that is fed gives no probabilities"):
        generate(stepper, feed)


def test_the_draws_are_those_of_the_one_generator() -> None:
    feed = Feed("text", start=1, max=4)
    stepper, program = made(SMALL, feed)
    (said,) = generate(stepper, feed, Sample(), seed=5, numbers=[3])
    random, text = generator(5, "generate/3"), [1]
    for token in said.tokens.tolist():
        reached = np.cumsum(whole(SMALL, program, {}, np.array([text]))[0])
        assert token == np.searchsorted(reached, random.random() * reached[-1], side="right")
        text.append(token)
