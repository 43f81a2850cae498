"""`netspec generate`: what a trained network writes."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import pytest

import netspec
from netspec.cli import main
from netspec.data.preprocessing import Fields
from netspec.data.vocabulary import Vocabulary
from netspec.init import initial
from netspec.train.checkpoint import metadata_of, save

TEXT = """input text T of 5
embed 4
lstm 6
softmax 5

generate:
    feed text from output max=12
    sample temperature=2
"""
CHARACTERS = Vocabulary(("\n", "a", "b", "c", "d"), "char", 4, unknown=False)


def weights(folder: Path, text: str = TEXT, vocabulary: Vocabulary | None = CHARACTERS) -> str:
    path, net = folder / "best.safetensors", netspec.parse(text, name="letters")
    save(path, initial(net, 5, "float32"), metadata_of(net, (), vocabulary))
    return str(path)


def run(*words: str) -> int:
    return main(["generate", *words], standalone_mode=False) or 0


def test_a_text_follows_its_prompt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = weights(tmp_path)
    assert run(path, "--prompt", "abca", "--seed", "1") == 0
    first = capsys.readouterr().out
    assert first.startswith("abca") and len(first.rstrip("\n")) <= 16
    assert run(path, "--prompt", "abca", "--seed", "1", "--backend", "numpy") == 0
    assert capsys.readouterr().out == first
    assert run(path, "--prompt", "abca", "--seed", "2") == 0
    assert capsys.readouterr().out != first


def test_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(weights(tmp_path), "--json", "--count", "3", "--prompt", "ab", "--max", "5") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "netspec.generate/1"
    texts = document["generated"]
    assert [each["index"] for each in texts] == [0, 1, 2]
    assert all(each["prompt"] == "ab" and len(each["text"]) == len(each["tokens"]) == 5 for each in texts)
    assert all(each["score"] < 0 and not each["stopped"] for each in texts)


def test_the_likeliest_and_a_beam_draw_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, scores = weights(tmp_path), []
    for words in (["--greedy"], ["--beam", "1"], ["--beam", "5"]):
        texts = set()
        for seed in ("0", "1"):
            assert run(path, "--prompt", "d", "--max", "4", "--json", "--seed", seed, *words) == 0
            (one,) = json.loads(capsys.readouterr().out)["generated"]
            texts.add(one["text"])
            scores.append(one["score"])
        assert len(texts) == (1 if words != ["--beam", "1"] else 2)
    assert scores[-1] >= scores[0]


def test_without_a_vocabulary_tokens_are_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT.replace("max=12", "start=1 stop=2 max=12")
    assert run(weights(tmp_path, text, None)) == 0
    assert set(capsys.readouterr().out.split()) <= set("01234")


@pytest.mark.parametrize(
    ("words", "code"), [(["--prompt", "x"], "N705"), (["--greedy", "--top-k", "3"], ""), (["rows.csv"], "")]
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = weights(tmp_path)
    if code:
        assert run(path, *words) == 1
        assert f"error[{code}]" in capsys.readouterr().err
    else:
        with pytest.raises(SystemExit) as ended:
            main(["generate", path, *words])
        assert ended.value.code == 2


def test_a_network_that_feeds_nothing_back_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(weights(tmp_path, "input 4\ndense 2\n", None)) == 1
    assert "error[N405]" in capsys.readouterr().err


TRANSLATION = """input source S of 8
input target T of 9
embed 4 from source
gru 6 state as memory last
embed 4 from target
gru 6 init=memory
softmax 9

train:
    data pairs "train" source=de target=en

generate:
    feed target from output start=1 stop=2 max=6
"""
GERMAN = Vocabulary(("ein", "hund", ".", "rot"), "word", None, padded=True, marked=True)
ENGLISH = Vocabulary(("a", "dog", "red", ",", "."), "word", None, padded=True, marked=True, begins=True)


def translation(folder: Path) -> str:
    path, net = folder / "best.safetensors", netspec.parse(TRANSLATION, name="translation")
    random = np.random.default_rng(2)
    values = {name: random.normal(size=value.shape) * 2 for name, value in initial(net, 5, "float32").items()}
    prepared = Fields({"source": GERMAN, "target": ENGLISH})
    save(path, values, metadata_of(net, ENGLISH.names, prepared))
    return str(path)


@pytest.mark.parametrize("words", [[], ["--beam", "3"], ["--temperature", "0.7", "--seed", "4"]])
def test_each_line_of_a_file_is_answered_as_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    path, file = translation(tmp_path), tmp_path / "new.txt"
    lines = ["ein hund.", "rot", "ein roter hund . . .", "hund rot", "rot rot ein"]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert run(path, str(file), "--json", *words) == 0
    together = json.loads(capsys.readouterr().out)["generated"]
    assert [each["index"] for each in together] == [0, 1, 2, 3, 4]
    assert run(path, str(file), "--json", "--backend", "numpy", *words) == 0
    assert [each["tokens"] for each in json.loads(capsys.readouterr().out)["generated"]] == [
        each["tokens"] for each in together
    ]
    if "--seed" not in words:
        for line, each in zip(lines, together, strict=True):
            file.write_text(line, encoding="utf-8")
            assert run(path, str(file), "--json", *words) == 0
            (alone,) = json.loads(capsys.readouterr().out)["generated"]
            assert alone["text"] == each["text"] and alone["score"] == pytest.approx(each["score"], abs=1e-5)
    assert len({each["text"] for each in together}) > 1


def test_a_translation_needs_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = translation(tmp_path), tmp_path / "new.txt"
    with pytest.raises(click.UsageError, match=r"The network reads `source`: GIVEN names a file with that"):
        run(path)
    file.write_text("ein hund\nrot\n", encoding="utf-8")
    assert run(path, str(file), "--prompt", "a dog") == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and all(line.startswith("a dog") for line in said)
    file.write_text("a\tb\n", encoding="utf-8")
    assert run(path, str(file)) == 1
    assert "N705" in capsys.readouterr().err
