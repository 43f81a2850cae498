"""Pairs of two texts, and packed files."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from netspec.data import load
from netspec.data.vocabulary import Vocabulary, joined
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.passes.fields import Wishes
from netspec.settings.text import Pairs, Text
from tests.data.translations import ENGLISH, GERMAN, S, T, arrays, pairs, prepared, put


def test_the_second_text_is_read_from_its_start_and_said_up_to_its_stop(folder: Path) -> None:
    loaded = pairs(folder)
    assert (len(loaded.train), len(loaded.test)) == (16, 4)
    source, target, said = arrays(loaded.train)
    lengths = loaded.train.lengths
    assert source.dtype == target.dtype == said.dtype == np.int64
    assert source.shape == (16, 5) and target.shape == said.shape == (16, 9)
    for row in range(16):
        long, short = lengths["T"][row], lengths["S"][row]
        assert target[row, 0] == 1 and said[row, long - 1] == 2
        np.testing.assert_array_equal(target[row, 1:long], said[row, : long - 1])
        assert (target[row, long:] == 0).all() and (said[row, long:] == -1).all()
        assert (source[row, :short] > 2).all() and (source[row, short:] == 0).all()
    assert loaded.classes[:4] == ("<pad>", "<start>", "<stop>", "<unknown>")


def test_what_was_made_of_a_text_reads_like_it(folder: Path) -> None:
    loaded = pairs(folder)
    source, target = prepared(loaded)
    texts, read, said = arrays(loaded.train)
    heard = {source.decode(row) for row in texts}
    assert heard == {line.lower() for line in GERMAN}
    assert {target.decode(row) for row in said} == {line.lower() for line in ENGLISH}
    assert [target.decode(row) for row in read] == [target.decode(row) for row in said]


def test_both_sides_are_cut_and_counted_by_themselves(folder: Path) -> None:
    loaded = pairs(folder, vocab=7, least=5)
    source, target = prepared(loaded)
    assert source.size == target.size == 7 and isinstance(source, Vocabulary)
    assert source.names[3:] == ("<unknown>", *source.tokens)
    few = pairs(folder, window=2)
    assert few.train.lengths["S"].max() == 2 and few.train.lengths["T"].max() == 3
    assert prepared(few)[0].window == 2
    with pytest.raises(SpecError, match=r"N404: no word of the training part occurs 99 times"):
        pairs(folder, least=99)
    with pytest.raises(SpecError, match=r"N404: `vocab=25` does not fit: 0 to 3 are no words"):
        pairs(folder, vocab=25)


def test_inputs_of_a_known_length_are_filled_up_to_it(folder: Path) -> None:
    shapes = Shape((4,), of=30), Shape((5,), of=20)
    loaded = pairs(folder, shapes, Shape((5,), of=20))
    source, target, said = arrays(loaded.train)
    assert source.shape == (16, 4) and target.shape == said.shape == (16, 5) and not loaded.train.lengths
    assert set(said[target[:, 4] != 0, 4]) == {2}
    with pytest.raises(SpecError, match=r"N404: `window=5` makes examples of 5 tokens and a start"):
        pairs(folder, (Shape((9,), of=30), shapes[1]), Shape((5,), of=20), window=5)
    with pytest.raises(
        SpecError, match=r"N404: a text has a token or more and a start, and the input is 1 of"
    ):
        pairs(folder, (shapes[0], Shape((1,), of=20)), Shape((1,), of=20))


def test_inputs_are_fed_by_name_and_by_what_is_fed(folder: Path) -> None:
    shapes = Shape((T,), of=20), Shape((S,), of=30)
    by_name = pairs(folder, shapes, wishes=Wishes(("target", "source")))
    by_feed = pairs(folder, shapes, wishes=Wishes(("words", "german"), fed="words"))
    for loaded in (by_name, by_feed):
        target, source, _ = arrays(loaded.train)
        assert set(target[:, 0]) == {1} and 1 not in source


def test_parts_may_be_files_of_their_own(folder: Path) -> None:
    for name, count in (("val", 2), ("test", 3)):
        put(folder, f"{name}.de.gz", [f"Der {name} geht."] * count, packed=True)
        put(folder, f"{name}.en.gz", [f"The {name} walks."] * count, packed=True)
    loaded = pairs(folder, validation="val", test="test")
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [20, 2, 3]
    assert 3 in arrays(loaded.test)[0]  # the training part does not have the word
    shared = pairs(folder, validation=0.25, test="test")
    assert shared.validation is not None and (len(shared.train), len(shared.validation)) == (15, 5)
    assert len(pairs(folder, validation="val", test=0.1).test) == 2


def test_the_same_numbers_come_out_again(folder: Path) -> None:
    one, other = pairs(folder, seed=3), pairs(folder, seed=3)
    assert one.preprocessing == other.preprocessing
    for first, second in zip(arrays(one.test), arrays(other.test), strict=True):
        np.testing.assert_array_equal(first, second)
    put(folder, "train.de", GERMAN + ["Neue Worte"] * 9)
    put(folder, "train.en", ENGLISH + ["New words"] * 9)
    reader, shapes = Pairs("train", source="de", target="en"), (Shape((S,), of=30), Shape((T,), of=20))
    again = load(reader, None, shapes, None, folder=folder, fitted=one.preprocessing)
    assert again.preprocessing == one.preprocessing and 3 in arrays(again.train)[0]


HOSTILE: dict[str, tuple[dict[str, bytes], str]] = {
    "lines": (
        {"train.en": b"A man.\nA dog.\n"},
        r"N702: .*train.en: it has 2 lines, and train.de 20: line by line they belong together",
    ),
    "empty line": (
        {"train.en": "\n".join([*ENGLISH[:6], "", *ENGLISH[7:]]).encode()},
        r"N702: .*train.en: line 7 is empty",
    ),
    "nothing": ({"train.en": b""}, r"N702: .*train.en: it is empty"),
    "latin1": (
        {"train.de": "\n".join(GERMAN).encode("latin-1")},
        r"N702: .*train.de: line 4 is not UTF-8: byte 0xe4",
    ),
    "bomb": (
        {"train.en": gzip.compress(b"a\n" * 40_000_000)},
        r"N702: .*train.en: its .* bytes unpack to more than 33,554,",
    ),
    "cut": (
        {"train.en": gzip.compress(b"A man.\n" * 20)[:-9]},
        r"N702: .*train.en: it is packed and cut short",
    ),
    "damaged": ({"train.en": b"\x1f\x8b\x08\x00garbage garbage"}, r"N702: .*train.en: it is packed and "),
    "long": (
        {"train.de": ("a " * 900_000 + "\n").encode() + "\n".join(GERMAN[1:]).encode()},
        r"N702: .*train.de: train.de, line 1 has 900,000 tokens, and 20 texts of 900,000 tokens take 144,000,000",
    ),
}


@pytest.mark.parametrize(("files", "message"), HOSTILE.values(), ids=HOSTILE)
def test_files_that_do_not_belong_together_are_refused(
    folder: Path, files: dict[str, bytes], message: str
) -> None:
    for name, raw in files.items():
        put(folder, name, raw)
    most = 1 << 27 if "144" in message else 1 << 30
    with pytest.raises(SpecError, match=message):
        pairs(folder, most=most)


def test_networks_that_do_not_fit(folder: Path) -> None:
    source, target = Shape((S,), of=30), Shape((T,), of=20)
    for shapes, wanted, message in (
        ((source, Shape((S,), of=20)), None, "both inputs have S steps"),
        ((Shape((3,)), target), None, r"train.de gives integers \(`T of V`\), and the input is 3"),
        ((source, target), Shape((T,), of=21), "the input tells 20 tokens apart, and the output 21"),
        (
            (source, target),
            Shape((S,), of=20),
            "is a token at each of T steps, and the output is 20 classes at S",
        ),
        ((source, target), Shape((), of=20), "is a token at each of T steps, and the output is 20 classes"),
        ((source, target), Shape((1,)), "is a token at each of T steps, and the output is 1"),
        ((source,), None, r"`pairs` gives two inputs \(`source`, `target`\), and the network reads one"),
        ((source, Shape((T,), of=4)), None, "an input of 4 does not fit: 0 to 3 are no words"),
    ):
        with pytest.raises(SpecError, match=f"N404: .*{message}"):
            pairs(folder, shapes, wanted)


def test_options_that_contradict_each_other(folder: Path) -> None:
    with pytest.raises(
        SpecError, match=r"N406: pairs of two texts are two files, and nothing says .* of the target"
    ):
        pairs(folder, target=None)
    with pytest.raises(SpecError, match=r"N406: `source=de` and `target=de` are the same file"):
        pairs(folder, target="de")
    with pytest.raises(SpecError, match=r"N406: `least` is of words"):
        pairs(folder, level="subword", least=2)
    with pytest.raises(SpecError, match=r"N701: train.fr is not here"):
        pairs(folder, target="fr")


def test_words_are_joined_as_people_write_them() -> None:
    assert joined(["is", "it", '"', "so", '"', "?"]) == 'is it "so"?'
    assert joined(["e", "-", "mail", "…", "[", "a", "]"]) == "e-mail… [a]"
    known = Vocabulary(("a", "b"), "word", None, padded=True, marked=True)
    assert known.decode([1, 4, 3, 5, 2, 4]) == "a <unknown> b"
    assert known.decode([4, 99, 0, -1]) == "a"
    chars = Vocabulary(("a", " "), "char", 4)
    assert chars.decode([1, 2, 0]) == "a <unknown>"


# --- the real things


def test_real_captions(shared_data: Path, tmp_path: Path) -> None:
    if not (shared_data / "multi30k" / "val.de.gz").is_file():
        pytest.skip("NETSPEC_DATA holds no multi30k")
    reader = Pairs(
        "multi30k/val", source="de", target="en", test="multi30k/test_2016_flickr", validation=0.1, least=2
    )
    shapes = Shape((S,), of=2000), Shape((T,), of=2000)
    loaded = load(reader, None, shapes, Shape((T,), of=2000), folder=tmp_path)
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [913, 101, 1000]
    source, target = prepared(loaded)
    assert source.names[4:7] == (".", "ein", "einem") and target.names[4:6] == ("a", ".")
    assert loaded.test.lengths["T"].max() == 34
    texts = load(
        Text("multi30k/val.en.gz", level="word", lines=True),
        None,
        Shape((T,), of=2000),
        folder=tmp_path,
    )
    assert len(texts.train) + len(texts.test) == 1014
