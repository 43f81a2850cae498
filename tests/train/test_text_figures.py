"""`bleu` and `exact` of what a network generates: against sacrebleu and by hand, after a run and by `netspec eval`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sacrebleu

import netspec as library
from netspec.data import Dataset
from netspec.data.preprocessing import Fields
from netspec.data.vocabulary import Vocabulary
from netspec.diagnostics import SpecError
from netspec.init import initial
from netspec.ir.catalog import find
from netspec.ir.training import Metric
from netspec.passes.objective import figures_of
from netspec.settings.generate import Feed
from netspec.train import metrics as formulas
from netspec.train.checkpoint import metadata_of, save
from netspec.train.generated import Writer
from netspec.train.measure import evaluate_file
from netspec.train.options import resolve
from netspec.train.said import at_once, figures_of_texts
from netspec.train.text_metrics import Texts, text_figure


@pytest.mark.parametrize(("beam", "examples"), [(1, 64), (4, 64), (5, 51), (256, 1), (1000, 1)])
def test_fewer_examples_are_answered_at_a_time_where_more_beginnings_are_followed(
    beam: int, examples: int
) -> None:
    assert at_once(Feed("text", beam=beam)) == examples


TRANSLATION = """input source S of 8
input target T of 10
embed 4 from source
gru 6 state as memory last
embed 4 from target
gru 6 init=memory
softmax 10

train:
    data pairs "train" source=de target=en test="test"
    batch 4
    epochs 2
    {metrics}

generate:
    feed target from output start=1 stop=2 max=6 beam=2
"""
GERMAN = Vocabulary(("ein", "hund", ".", "rot"), "word", None, padded=True, marked=True)
ENGLISH = Vocabulary(
    ("a", "dog", "red", ",", ".", "the"), "word", None, padded=True, marked=True, begins=True
)
LINES = {
    "train.de": "ein hund.\nein hund rot.\nrot rot\nhund hund.\n" * 2,
    "train.en": "a dog.\na red dog, the dog.\nred the\ndog a.\n" * 2,
    "test.de": "ein hund\nrot ein rot\nhund . rot .\nein ein ein\nrot hund\n",
    "test.en": "A dog\nred Cat the\nthe the dog.\na, the dog, a\nRED DOG\n",
}
METRICS = "metric perplexity; metric bleu; metric exact"


def net_of(metrics: str = METRICS) -> library.Net:
    return library.parse(TRANSLATION.format(metrics=metrics), name="translation.net")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the spec and its texts."""
    for name, text in LINES.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "translation.net").write_text(TRANSLATION.format(metrics=METRICS), "utf-8")
    return tmp_path


@pytest.fixture
def weights(folder: Path) -> Path:
    path, net = folder / "best.safetensors", net_of()
    random = np.random.default_rng(29)
    values = {name: random.normal(size=value.shape) * 2 for name, value in initial(net, 5, "float32").items()}
    values["dense1.bias"][[0, 1, 3]] -= 99  # what fills up, the start and the unknown word are never said
    values["dense1.bias"][2] += 1
    save(path, values, metadata_of(net, ENGLISH.names, Fields({"source": GERMAN, "target": ENGLISH})))
    return path


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_the_figures_are_those_of_what_is_generated(weights: Path, backend: str) -> None:
    """Against the lines of the file as they stand, words of which the vocabulary has some alone."""
    found = evaluate_file(weights, backend=backend).figures
    said = [each.text for each in Writer.load(weights, backend=backend).answers(weights.parent / "test.de")]
    wanted = [line.lower() for line in LINES["test.en"].splitlines()]
    assert found.metrics["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [wanted], force=True).score)
    assert found.metrics["bleu"] > 0 and found.metrics["exact"] == 0
    assert list(found.metrics) == ["bleu", "exact", "perplexity"]


def test_texts_that_are_right_count(folder: Path, weights: Path) -> None:
    said = [each.text for each in Writer.load(weights, backend="numpy").answers(folder / "test.de")]
    assert all(said) and len(set(said)) > 2
    wanted = [*said[:3], said[3] + " dog", said[4].upper() + " cat"]
    (folder / "test.en").write_text("\n".join(wanted), "utf-8")
    found = evaluate_file(weights, backend="numpy").figures.metrics
    assert found["exact"] == pytest.approx(3 / 5) and found["bleu"] > 50


def test_more_figures_are_asked_for(weights: Path) -> None:
    found = evaluate_file(weights, metrics=["top5", "exact"], backend="numpy").figures
    assert list(found.metrics) == ["bleu", "exact", "perplexity", "top5"]
    with pytest.raises(SpecError, match="N101: there is no metric called `blue`"):
        evaluate_file(weights, metrics=["blue"], backend="numpy")


def test_a_run_measures_them_in_the_end_alone(
    folder: Path, netspec: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert netspec("train", "translation.net", "--backend", "numpy", "--json") == 0
    *_, end = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"bleu", "exact", "perplexity"} <= set(end["test"])
    rows = (folder / "runs/translation-001/metrics.jsonl").read_text().splitlines()
    assert [set(json.loads(row)) & {"test.bleu", "test.exact", "test.perplexity"} for row in rows] == [
        {"test.perplexity"}
    ] * 2
    assert netspec("eval", "runs/translation-001/best.safetensors", "--backend", "numpy", "--json") == 0
    again = json.loads(capsys.readouterr().out)["test"]
    assert again["bleu"] == pytest.approx(end["test"]["bleu"]) and again["exact"] == end["test"]["exact"]


def test_what_is_measured_when() -> None:
    """Beside figures of texts each epoch has those that are implied; nothing can wait for what comes in the end."""
    alone = resolve(net_of("metric bleu"))
    assert [each.word for each in alone.metrics] == ["accuracy"] and [each.word for each in alone.texts] == [
        "bleu"
    ]
    assert "val.bleu" not in figures_of(net_of(), net_of().training)
    with pytest.raises(SpecError, match=r"N108: there is no figure `val\.bleu` to watch"):
        net_of("metric bleu\n    stop patience=3 on val.bleu")
    tags = library.parse("input T of 5\nembed 4\nsoftmax 5\ntrain:\n    metric exact")
    assert resolve(tags).texts == () and "val.exact" in figures_of(tags, tags.training)
    endless = library.parse(
        "input words T of 5\nembed 4\nlstm 4\nsoftmax 5\n"
        "train:\n    metric exact\ngenerate:\n    feed words from output"
    )
    assert resolve(endless).texts == ()


def test_a_missing_package_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "find_spec", lambda name: None)
    assert [each.word for each in resolve(net_of("metric exact")).texts] == ["exact"]
    with pytest.raises(SpecError, match=r"N604: the metric `bleu` needs sacrebleu: .*netspec\[metrics\]"):
        resolve(net_of())


def figure(word: str, texts: Texts) -> float:
    metric = find("metric", word)
    assert metric is not None and issubclass(metric, Metric)
    return text_figure(metric(), texts)


def test_without_a_vocabulary_numbers_are_compared() -> None:
    texts = Texts([[5, 6, 7, 8, 9], [5, 6]], [[5, 6, 7, 8, 9], [5, 7]])
    assert figure("exact", texts) == 0.5
    words = (
        [" ".join(map(str, each)) for each in texts.said],
        [" ".join(map(str, each)) for each in texts.meant],
    )
    assert figure("bleu", texts) == pytest.approx(
        sacrebleu.corpus_bleu(words[0], [words[1]], tokenize="none").score
    )
    assert figure("exact", Texts([[3]], [[3]], unknown=3)) == 0
    assert np.isnan(figure("exact", Texts([], [])))


def test_what_is_drawn_is_the_same_whatever_lies_beside_it() -> None:
    """Texts that are drawn of examples of different lengths: by the number of each."""
    text = TRANSLATION.format(metrics="metric exact").replace(" beam=2", "\n    sample temperature=1.5")
    net = library.parse(text)
    random = np.random.default_rng(1)
    lengths = np.array([3, 1, 3, 2])
    source = random.integers(3, 8, (4, 3)) * (np.arange(3) < lengths[:, None])
    targets = np.full((4, 5), 2)
    data = Dataset((source, targets), targets, lengths={"S": lengths, "T": np.full(4, 5)})
    values = {name: random.normal(size=value.shape) for name, value in initial(net, 5, "float64").items()}
    found = [
        figures_of_texts(
            net, resolve(net), data, None, values, backend=backend, device="cpu", dtype="float64"
        )
        for backend in ("numpy", "torch")
    ]
    assert found[0] == found[1]
