"""Texts as integers: vocabularies, windows, lines with labels, and what is no text."""

import json
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Lazy, Loaded, load, preprocessing_from, read_new, split, texts
from netspec.data.pairs import labels_of
from netspec.data.vocabulary import Vocabulary, tokens_of
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.settings.text import Pairs, Text

T = Symbol("T")
ABC = "abcd" * 50 + "\n"


def put(folder: Path, content: str | bytes, name: str = "t.txt") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def vocabulary(loaded: Loaded) -> Vocabulary:
    assert isinstance(loaded.preprocessing, Vocabulary)
    return loaded.preprocessing


def text(folder: Path, size: int = 5, wanted: Shape | None = None, **options: object) -> Loaded:
    options = {"window": 10, **options}
    wanted = wanted or Shape((T,), of=size)
    return load(Text("t.txt", **options), None, Shape((T,), of=size), wanted, folder=folder)  # type: ignore[arg-type]


def pairs(folder: Path, size: int = 20, wanted: Shape | None = Shape((1,)), **options: object) -> Loaded:
    reader = Pairs("t.tsv", **options)  # type: ignore[arg-type]
    return load(reader, None, Shape((4,), of=size), wanted, folder=folder)


def test_tokens() -> None:
    assert list(tokens_of("To be.", "char")) == ["T", "o", " ", "b", "e", "."]
    assert tokens_of("It's 3.5, dad's  well-known!\n", "word") == [
        *("it's", "3", ".", "5", ",", "dad's", "well", "-", "known", "!"),
    ]


# --- texts that are gone on with


def test_the_target_is_the_next_token(tmp_path: Path) -> None:
    put(tmp_path, ABC)
    loaded = text(tmp_path)
    assert vocabulary(loaded).tokens == ("a", "b", "c", "d")  # the line end is in the test part alone
    assert loaded.classes == ("<unknown>", "a", "b", "c", "d")
    assert loaded.train.inputs.dtype == loaded.train.targets.dtype == np.int64
    assert loaded.train.inputs[0].tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    np.testing.assert_array_equal(loaded.train.targets[:, :-1], loaded.train.inputs[:, 1:])
    assert len(loaded.train) == (181 - 11) // 10 + 1 and len(loaded.test) == 1
    last = text(tmp_path, wanted=Shape((), of=5))
    np.testing.assert_array_equal(last.train.targets, loaded.train.targets[:, -1])


def test_the_vocabulary_is_that_of_the_training_part(tmp_path: Path) -> None:
    put(tmp_path, "ab" * 50 + "xy" * 30)
    loaded = text(tmp_path, 3, test=60 / 160)
    assert vocabulary(loaded).tokens == ("a", "b") and not np.asarray(loaded.test.inputs).any()
    with pytest.raises(
        SpecError, match=r"N404: .*t.txt: 'x' \(token 100, line 1\) is not in the training part"
    ):
        text(tmp_path, 2, test=60 / 160)


def test_as_many_characters_as_numbers_leave_no_unknown_one(tmp_path: Path) -> None:
    put(tmp_path, ABC.strip() * 2)
    loaded = text(tmp_path, 4)
    assert loaded.classes == ("a", "b", "c", "d") and not vocabulary(loaded).unknown
    with pytest.raises(
        SpecError, match=r"N404: the training part of .* has 4 characters, and the input is of 3"
    ):
        text(tmp_path, 3)
    assert vocabulary(text(tmp_path, 3, vocab=3)).tokens == ("a", "b")
    with pytest.raises(SpecError, match=r"N404: `vocab=9` tokens do not fit the input, integers below 4"):
        text(tmp_path, 4, vocab=9)


def test_the_most_frequent_words_are_kept(tmp_path: Path) -> None:
    put(tmp_path, "The cat. The dog. A cat! " * 10)
    loaded = text(tmp_path, 4, level="word", window=5)
    assert vocabulary(loaded).tokens == ("cat", "the", ".") or vocabulary(loaded).tokens == (
        ".",
        "cat",
        "the",
    )
    assert int(np.asarray(loaded.train.inputs).max()) == 3


def test_the_parts_share_no_token(tmp_path: Path) -> None:
    numbers = "".join(chr(0x4E00 + n) for n in range(400))
    put(tmp_path, numbers)
    loaded = text(tmp_path, 401, stride=1, test=0.25, validation=0.1)
    assert loaded.validation is not None
    seen = np.asarray(loaded.train.inputs)
    assert seen.max() < 270 and len(loaded.train) == 270 - 10
    assert not np.asarray(loaded.test.inputs).any()  # characters that training never saw
    kept, held = split(loaded.train, 0.2, seed=3)
    assert np.asarray(kept.targets).max() < np.asarray(held.inputs).min()


def test_many_windows_are_made_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, ABC)
    plain = text(tmp_path, stride=1)
    monkeypatch.setattr(texts, "LAZY_FROM", 100)
    late = text(tmp_path, stride=1)
    assert isinstance(late.train.inputs, Lazy)
    np.testing.assert_array_equal(late.train.inputs[:], plain.train.inputs)
    np.testing.assert_array_equal(late.train.targets[np.array([3, 0])], plain.train.targets[[3, 0]])


def test_a_new_text_is_cut_into_windows(tmp_path: Path) -> None:
    put(tmp_path, ABC)
    loaded = text(tmp_path)
    saved = preprocessing_from(json.loads(json.dumps(loaded.preprocessing.to_json())))  # type: ignore[union-attr]
    assert saved == loaded.preprocessing
    shape = Shape((T,), of=5)
    found = read_new(put(tmp_path, "abcd" * 6 + "?", "new.txt"), shape, saved)
    assert found.shape == (3, 10) and found[2].tolist() == [4, 1, 2, 3, 4, 1, 2, 3, 4, 0]
    assert read_new(put(tmp_path, "dab", "new.txt"), shape, saved).tolist() == [[4, 1, 2]]
    with pytest.raises(SpecError, match=r"N705: .*new.txt has 3 tokens, and the network reads 10"):
        read_new(tmp_path / "new.txt", Shape((10,), of=5), saved)
    with pytest.raises(SpecError, match=r"N705: .*integers from 0 to 2, and 4 stands at example 0"):
        read_new(tmp_path / "new.txt", Shape((T,), of=3), saved)


def test_names_of_tokens_can_be_shown() -> None:
    found = Vocabulary(("a", " ", "\n", "\x1b"), "char", 3)
    assert found.names == ("<unknown>", "a", "' '", r"'\n'", r"'\x1b'")


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "N702: .*t.txt: it is empty"),
    "one": ("a", "N702: .*t.txt: there is 1 token in it, and 2 or more are needed"),
    "zero": (b"abc\nd\0ef", "N702: .*it is not text: line 2 holds a zero byte"),
    "latin-1": (b"abc\ncaf\xe9 au lait", "N702: .*line 2 is not UTF-8: byte 0xe9 at offset 7"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0", "N702: .*it is not text"),
    "short": (
        "abcd" * 4,
        "N404: the test part of .* is 2 tokens, and a window of 10 and the token after it take 11",
    ),
}


@pytest.mark.parametrize(("content", "message"), TEXTS.values(), ids=TEXTS)
def test_what_is_no_text_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    put(tmp_path, content)
    with pytest.raises(SpecError, match=message):
        text(tmp_path, 256)


def test_latin_1_is_read_where_it_is_said(tmp_path: Path) -> None:
    put(tmp_path, "café ".encode("latin-1") * 40)
    assert "é" in vocabulary(text(tmp_path, 8, encoding="latin1")).tokens


def test_the_size_is_known_before_it_is_read(tmp_path: Path) -> None:
    put(tmp_path, ABC)
    with pytest.raises(SpecError, match=r"N702: .*it is 201 bytes long, and 62 are the limit"):
        load(Text("t.txt", window=10), None, Shape((T,), of=5), folder=tmp_path, most_bytes=1000)


@pytest.mark.parametrize(
    ("shape", "wanted", "window", "message"),
    [
        (Shape((28, 28, 1)), None, 10, "N404: .*t.txt gives integers .*, and the input is 28x28x1"),
        (Shape((T,), of=5), None, None, "N404: the input T of 5 does not say how many tokens"),
        (
            Shape((8,), of=5),
            None,
            10,
            "N404: `window=10` makes examples of 10 tokens, and the input is 8 of 5",
        ),
        (
            Shape((T,), of=5),
            Shape((T,), of=6),
            10,
            "N404: .*the input tells 5 tokens apart, and the output 6",
        ),
        (Shape((T,), of=5), Shape((1,)), 10, "N404: .* is a token at each of 10 steps, and the output is 1"),
        (
            Shape((T,), of=5),
            Shape((9,), of=5),
            10,
            "N404: .*each of 10 steps, and the output is 5 classes at 9",
        ),
    ],
)
def test_networks_that_do_not_fit(
    tmp_path: Path, shape: Shape, wanted: Shape | None, window: int | None, message: str
) -> None:
    put(tmp_path, ABC)
    with pytest.raises(SpecError, match=message):
        load(Text("t.txt", window=window), None, shape, wanted, folder=tmp_path)


# --- texts with a class

LINES = "".join(
    f"{'a good film' if n % 2 else 'a very bad film indeed'}\t{'good' if n % 2 else 'bad'}\n"
    for n in range(20)
)


def test_lines_become_numbers_and_classes(tmp_path: Path) -> None:
    put(tmp_path, LINES, "t.tsv")
    loaded = pairs(tmp_path)
    assert loaded.classes == ("bad", "good")
    assert (len(loaded.train), len(loaded.test)) == (16, 4)
    assert vocabulary(loaded).tokens[:2] == ("a", "film")
    good = int(np.flatnonzero(loaded.train.targets[:, 0])[0])
    assert loaded.train.inputs[good].tolist()[0] == 2 and loaded.train.inputs[good].tolist()[3] == 0
    assert loaded.train.inputs.dtype == np.int64
    few = pairs(tmp_path, 4)
    assert sorted(set(few.train.inputs.ravel())) == [0, 1, 2, 3]  # type: ignore[union-attr]


def test_a_file_a_class(tmp_path: Path) -> None:
    put(tmp_path, "dull\nvery dull\n\nslow\n" * 3, "films/rt.neg")
    put(tmp_path, b"caf\xe9\nfine\nlovely\n" * 3, "films/rt.pos")
    reader = Pairs("films", encoding="latin1")
    loaded = load(reader, None, Shape((4,), of=20), Shape((), of=2), folder=tmp_path)
    assert loaded.classes == ("neg", "pos") and len(loaded.train) + len(loaded.test) == 18
    with pytest.raises(SpecError, match=r"N702: .*rt.pos: line 1 is not UTF-8: byte 0xe9 at offset 3"):
        load(Pairs("films"), None, Shape((4,), of=20), Shape((), of=2), folder=tmp_path)
    (tmp_path / "films" / "more").mkdir()
    with pytest.raises(SpecError, match=r"N702: .*more: it is no file, and here each class has a file"):
        load(reader, None, Shape((4,), of=20), Shape((), of=2), folder=tmp_path)


def test_what_tells_files_apart() -> None:
    assert labels_of(["neg.txt", "pos.txt"]) == ["neg", "pos"]
    assert labels_of(["rt.neg", "rt.pos"]) == ["neg", "pos"]
    assert labels_of(["a.x", "a.y", "b.x"]) == ["a.x", "a.y", "b.x"]


def test_new_texts_stand_a_line_each(tmp_path: Path) -> None:
    put(tmp_path, LINES, "t.tsv")
    saved = pairs(tmp_path).preprocessing
    new = put(tmp_path, "a film\nan unknown story of a film\n", "new.txt")
    assert read_new(new, Shape((4,), of=20), saved).tolist() == [[2, 3, 0, 0], [1, 1, 1, 1]]
    with pytest.raises(SpecError, match=r"N705: .*new.tsv: line 1 has a tab, and a text alone is needed"):
        read_new(put(tmp_path, LINES, "new.tsv"), Shape((4,), of=20), saved)


def test_a_line_without_a_text_is_not_passed_over(tmp_path: Path) -> None:
    put(tmp_path, LINES, "t.tsv")
    saved, shape = pairs(tmp_path).preprocessing, Shape((4,), of=20)
    end = put(tmp_path, "a film\n \n\n", "end.txt")
    assert read_new(end, shape, saved).tolist() == [[2, 3, 0, 0]]
    assert read_new(end, shape, saved, blank=True).tolist() == [[2, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    between = put(tmp_path, "\na film\n\t\na", "between.txt")
    with pytest.raises(SpecError, match=r"N705: .*between.txt: line 1 is empty, and each line is an example"):
        read_new(between, shape, saved)
    assert read_new(between, shape, saved, blank=True)[:, 0].tolist() == [0, 2, 0, 2]
    with pytest.raises(SpecError, match=r"N705: .*none.txt: there is no text in it"):
        read_new(put(tmp_path, "\n \n", "none.txt"), shape, saved, blank=True)


def test_weights_are_measured_with_their_own_words_and_classes(tmp_path: Path) -> None:
    put(tmp_path, LINES, "t.tsv")
    known = Vocabulary(("film",), "word", 4, padded=True)
    reader, shape = Pairs("t.tsv"), Shape((4,), of=20)
    loaded = load(
        reader, None, shape, Shape((), of=3), folder=tmp_path, fitted=known, classes=("awful", "bad", "good")
    )
    assert loaded.classes == ("awful", "bad", "good") and set(loaded.test.targets) == {1, 2}
    assert int(np.asarray(loaded.test.inputs).max()) == 2
    with pytest.raises(
        SpecError, match=r"N404: .*t.tsv holds `good` at line 2, which was no class in training"
    ):
        load(reader, None, shape, None, folder=tmp_path, fitted=known, classes=("bad", "fine"))


PAIRS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "N702: .*t.tsv: it is empty"),
    "blank": ("\n \n", "N702: .*t.tsv: there is no text in it"),
    "no tab": (
        LINES + "no label here\n",
        "N702: .*line 21 has no tab; one stands between the text and its label",
    ),
    "two tabs": ("a\tb\tc\n", "N702: .*line 1 has 2 tabs"),
    "no text": (LINES + "\tgood\n", "N702: .*line 21 has no text"),
    "no label": (LINES + "text\t \n", "N702: .*line 21 has no label"),
    "zero": (b"a\tb\nc\0\td\n", "N702: .*line 2 holds a zero byte"),
    "encoding": (b"a\tb\ncaf\xe9\td\n", "N702: .*line 2 is not UTF-8: byte 0xe9 at offset 7"),
    "one class": ("a\tb\nc\tb\n", "N404: .*t.tsv is `b` in every row"),
    "three classes": ("a\tb\nc\td\ne\tf\n", "N404: the targets are 3 classes, and the output is 1"),
}


@pytest.mark.parametrize(("content", "message"), PAIRS.values(), ids=PAIRS)
def test_broken_lines_are_refused_with_their_number(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    put(tmp_path, content, "t.tsv")
    with pytest.raises(SpecError, match=message):
        pairs(tmp_path)


def test_pairs_that_do_not_fit(tmp_path: Path) -> None:
    put(tmp_path, LINES, "t.tsv")
    with pytest.raises(SpecError, match=r"N404: .*t.tsv has 2 classes, and the output tells 5 apart"):
        pairs(tmp_path, wanted=Shape((), of=5))
    with pytest.raises(SpecError, match=r"N404: .*one class for each text, and the output 20 at each step"):
        pairs(tmp_path, wanted=Shape((T,), of=20))
    with pytest.raises(SpecError, match=r"N404: an input of 2 does not fit: 0 and 1 are no words"):
        pairs(tmp_path, 2)
    with pytest.raises(SpecError, match=r"N404: `vocab=30` does not fit: .* integers below 20"):
        pairs(tmp_path, vocab=30)
    with pytest.raises(SpecError, match=r"N702: .*20 texts of 4 tokens take 640 bytes|it is .* bytes long"):
        load(Pairs("t.tsv"), None, Shape((4,), of=20), folder=tmp_path, most_bytes=600)
    with pytest.raises(SpecError, match=r"N702: .* lies outside of the spec's folder"):
        load(Pairs("../t.tsv"), None, Shape((4,), of=20), folder=tmp_path)


# --- the real things


def test_real_plays(shared_data: Path, tmp_path: Path) -> None:
    if not (shared_data / "shakespeare" / "input.txt").is_file():
        pytest.skip("NETSPEC_DATA holds no shakespeare/input.txt")
    reader = Text("shakespeare/input.txt", window=100)
    loaded = load(reader, None, Shape((T,), of=65), Shape((T,), of=65), folder=tmp_path)
    assert len(loaded.classes) == 65 and loaded.classes[0] == r"'\n'"
    assert loaded.train.inputs.shape == (10_038, 100)


def test_real_reviews(shared_data: Path, tmp_path: Path) -> None:
    if not (shared_data / "rt-polarity" / "rt-polarity.pos").is_file():
        pytest.skip("NETSPEC_DATA holds no rt-polarity")
    reader = Pairs("rt-polarity", encoding="latin1")
    loaded = load(reader, None, Shape((40,), of=5000), Shape((1,)), folder=tmp_path)
    assert loaded.classes == ("neg", "pos") and len(loaded.train) + len(loaded.test) == 10_662
    assert float(np.asarray(loaded.test.targets).mean()) == pytest.approx(0.5, abs=0.01)
