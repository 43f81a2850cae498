"""`netspec generate`: what a trained network writes, texts and rows."""

from __future__ import annotations

import json
import re
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
from tests.cli.generating import run

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


@pytest.mark.parametrize("words", [["--greedy"], ["--top-k", "1"]], ids=str)
def test_the_likeliest_is_one_beginning_where_the_spec_names_a_beam(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for beam in ("", " beam=5"):
        text = TEXT.replace("    sample temperature=2\n", "").replace("max=12", f"max=12{beam}")
        for more in (words, []):
            assert run(weights(tmp_path, text), "--prompt", "d", "--max", "6", "--json", *more) == 0
            (one,) = json.loads(capsys.readouterr().out)["generated"]
            found.append((one["text"], round(one["score"], 6)))
    greedy, alone, again, several = found
    assert greedy == alone == again
    assert several[1] > greedy[1]


def test_without_a_vocabulary_tokens_are_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TEXT.replace("max=12", "start=1 stop=2 max=12")
    assert run(weights(tmp_path, text, None)) == 0
    assert set(capsys.readouterr().out.split()) <= set("01234")
    path = weights(tmp_path, TEXT, None)
    assert run(path, "--prompt", "3, 1 4", "--max", "5") == 0
    said = capsys.readouterr().out
    assert said.startswith("3, 1 4 ") and len(said.split()) == 8
    assert run(path, "--prompt", "3 1 4", "--max", "5", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["generated"]
    assert said.rstrip("\n") == f"3, 1 4 {' '.join(map(str, one['tokens']))}" == f"3, 1 4{one['text']}"


@pytest.mark.parametrize("prompt", ["3 5", "-1", "a", "1.0", "9" * 5000])
def test_a_prompt_of_numbers_is_of_tokens(
    tmp_path: Path, prompt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(weights(tmp_path, TEXT, None), "--prompt", prompt) == 1
    said = capsys.readouterr().err
    assert "error[N705]" in said and "is in the prompt, and the network was trained on no text" in said
    assert "its tokens are numbers from 0 to 4" in said and len(said) < 400


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


NOTHING_SAID = {
    "input 4\ndense 2\n": ["make LAYER=normal"],
    "input text T of 5\nembed 4\nlstm 6\nsoftmax 5\n": ["feed text from output"],
    "network one:\n    input 6\n    dense 2\n\nnetwork two:\n    input 2\n    dense 2\n"
    "\ntrain:\n    update one: mse(two(one(normal 6)), 1)\n": ["make NETWORK(normal 100)"],
}


@pytest.mark.parametrize("words", [[], ["--to", "made.png"]])
@pytest.mark.parametrize("text", NOTHING_SAID)
def test_a_network_that_says_nothing_is_told_which_lines_may_help(
    tmp_path: Path, text: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(weights(tmp_path, text, None), *words) == 1
    said = capsys.readouterr().err
    assert "error[N405]: the spec of `letters` does not say what is generated" in said
    assert re.findall("(?:feed|make) .*$", said, re.MULTILINE) == NOTHING_SAID[text]


@pytest.mark.parametrize(
    "words", ["--max=1000001", "--max=100000000000", "--beam=1001", "--temperature=1001"]
)
def test_options_have_the_bounds_of_the_spec(tmp_path: Path, words: str) -> None:
    with pytest.raises(click.BadParameter, match="is not in the range"):
        run(weights(tmp_path), words)


@pytest.mark.parametrize("words", ["--temperature=nan", "--top-p=nan"])
def test_what_is_no_number_is_within_no_bounds(tmp_path: Path, words: str) -> None:
    with pytest.raises(click.BadParameter, match="nan is no number"):
        run(weights(tmp_path), words)


ROWS = """input rows Tx2
lstm 3
dense 2

generate:
    feed rows from output max=4
"""


@pytest.mark.parametrize(
    "words",
    ["--count=3", "--beam=2", "--temperature=0.5", "--top-k=2", "--top-p=0.5", "--prompt=x", "--greedy"],
)
def test_rows_take_no_words_about_texts(
    tmp_path: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, file = weights(tmp_path, ROWS, None), tmp_path / "rows.npy"
    np.save(file, np.ones((1, 3, 2)))
    with pytest.raises(click.UsageError, match=f"{words.partition('=')[0]} is about texts, and the network"):
        run(path, str(file), words)
    assert run(path, str(file), "--max", "2") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


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


@pytest.mark.parametrize("words", [[], ["--temperature", "3"], ["--prompt", "a"]])
def test_a_line_of_the_answer_belongs_to_a_line_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    path, file, found = translation(tmp_path), tmp_path / "new.txt", []
    for text in ("ein hund.\nrot\n\n \nhund rot\n\n", "ein hund.\nrot\nrot\nrot\nhund rot\nrot"):
        file.write_text(text, encoding="utf-8")
        assert run(path, str(file), *words) == 0
        found.append(capsys.readouterr().out.split("\n"))
    assert len(found[0]) == 7 and [found[0][place] for place in (2, 3, 5, 6)] == [""] * 4
    assert [found[0][place] for place in (0, 1, 4)] == [found[1][place] for place in (0, 1, 4)]
    file.write_text("\nrot", encoding="utf-8")
    assert run(path, str(file), "--json", *words) == 0
    first, second = json.loads(capsys.readouterr().out)["generated"]
    nothing = {"prompt": "", "text": "", "tokens": [], "score": 0.0, "stopped": True}
    assert first == {"index": 0, **nothing} and second["index"] == 1


def test_a_translation_needs_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = translation(tmp_path), tmp_path / "new.txt"
    with pytest.raises(click.UsageError, match=r"The network reads `source`: GIVEN names a file with that"):
        run(path)
    file.write_text("ein hund\nrot\n", encoding="utf-8")
    assert run(path, str(file), "--prompt", "a dog") == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and all(line.startswith("a dog") for line in said)
    with pytest.raises(click.UsageError, match="--count is how many texts follow a --prompt"):
        run(path, str(file), "--count", "2")
    file.write_text("a\tb\n", encoding="utf-8")
    assert run(path, str(file)) == 1
    assert "N705" in capsys.readouterr().err


def test_texts_are_printed(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="--to takes what `make` gives"):
        run(weights(tmp_path), "--prompt", "a", "--to", str(tmp_path / "a.png"))
