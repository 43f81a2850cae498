"""Pieces of words, and vocabularies that are none."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from netspec.data import load, preprocessing_from, vocabulary
from netspec.data.preprocessing import Fields
from netspec.data.vocabulary import Subwords, Vocabulary
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.settings.text import Pairs
from tests.data.translations import ENGLISH, GERMAN, S, T, arrays, pairs, prepared


def test_pieces_of_words(folder: Path) -> None:
    pytest.importorskip("sentencepiece")
    shapes = Shape((S,), of=60), Shape((T,), of=60)
    for algorithm in ("unigram", "bpe"):
        loaded = pairs(folder, shapes, Shape((T,), of=60), level="subword", algorithm=algorithm)
        source, target = prepared(loaded)
        assert isinstance(target, Subwords) and target.size <= 60
        texts, _, said = arrays(loaded.train)
        assert {source.decode(row) for row in texts} == set(GERMAN)
        assert {target.decode(row) for row in said} == set(ENGLISH)
        assert loaded.classes[:4] == ("<pad>", "<start>", "<stop>", "<unknown>")
        assert loaded.preprocessing is not None
        saved = preprocessing_from(json.loads(json.dumps(loaded.preprocessing.to_json())))
        assert saved == loaded.preprocessing
        assert saved == pairs(folder, shapes, None, level="subword", algorithm=algorithm).preprocessing
        assert target.numbers_of(["\u200b"]) == [[3]]  # nothing of it is left
    with pytest.raises(SpecError, match=r"N404: 12 pieces of words cannot be learnt: .*required_chars"):
        pairs(folder, vocab=12, level="subword")


def test_pieces_need_a_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)
    with pytest.raises(
        SpecError, match=r'N604: pieces of words need SentencePiece: pip install "netspec\[subword\]"'
    ):
        pairs(folder, level="subword")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"model": "no base64!"}, "not written in base64"),
        ({"model": ""}, "of 0 bytes"),
        ({"model": b64encode(bytes((1 << 23) + 1)).decode()}, "8,388,609 bytes, and 8,388,608 are the limit"),
        ({"model": "AAAA", "window": 0}, "the window is below 1"),
        ({"model": 7}, "string"),
        ({}, "required"),
    ],
)
def test_models_that_are_none_are_refused(document: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        preprocessing_from({"kind": "subwords", **document})


def test_a_model_of_another_kind_is_refused_when_it_is_used() -> None:
    library = pytest.importorskip("sentencepiece")
    with pytest.raises(SpecError, match=r"N703: the model of the words' pieces"):
        _ = Subwords(b64encode(b"\x00" * 50).decode()).size
    from io import BytesIO

    written = BytesIO()
    library.SentencePieceTrainer.train(
        sentence_iterator=iter(ENGLISH), model_writer=written, vocab_size=30, minloglevel=2
    )
    with pytest.raises(
        SpecError, match=r"N703: .* has \(-1, 1, 2, 0\) as what fills up, start, stop and unknown"
    ):
        _ = Subwords(b64encode(written.getvalue()).decode()).size


@pytest.mark.parametrize(
    "document",
    [
        {"tokens": ["a"], "level": "word"},
        {"tokens": ["a"], "level": "word", "window": 0},
        {"tokens": ["a"], "level": "word", "window": 3, "marked": True},
        {"tokens": ["a", "a"], "level": "word", "window": 3},
        {"tokens": [], "level": "word", "window": 3},
        {"tokens": ["a"], "level": "subword", "window": 3},
        {"tokens": ["a"], "level": "word", "padded": True, "unknown": False},
    ],
)
def test_vocabularies_that_are_none_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        preprocessing_from({"kind": "vocabulary", **document})


def test_words_that_do_not_fit_the_network_are_refused(folder: Path) -> None:
    reader, shapes = Pairs("train", source="de", target="en"), (Shape((S,), of=30), Shape((T,), of=20))
    many = Vocabulary(tuple(map(str, range(40))), "word", None, padded=True, marked=True)
    plain = Vocabulary(("a",), "word", None, padded=True)
    for known, message in (
        (
            Fields({"source": many, "target": many}),
            "was trained on 44 tokens, and the input is integers below 30",
        ),
        (
            Fields({"source": plain, "target": plain}),
            "was trained on texts of another kind than those of .*train.de",
        ),
    ):
        with pytest.raises(SpecError, match=f"N404: the network {message}"):
            load(reader, None, shapes, None, folder=folder, fitted=known)


def test_the_limit_of_a_model_is_that_of_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_MODEL", 2)
    with pytest.raises(ValueError, match=r"3 bytes, and 2 are the limit"):
        Subwords("AAAA")
