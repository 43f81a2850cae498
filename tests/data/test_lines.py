"""Texts line by line, and texts with a class, as long as they are."""

from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, load, read_new
from netspec.data.vocabulary import Tokens
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape
from netspec.settings.text import Pairs, Text
from tests.data.translations import ENGLISH, T, put

# --- line by line


def lines(folder: Path, shape: Shape = Shape((T,), of=20), **options: object) -> Loaded:
    reader = Text("train.en", lines=True, **{"level": "word", **options})  # type: ignore[arg-type]
    return load(reader, None, shape, Shape(shape.dims, of=shape.of), folder=folder)


def test_each_line_is_a_text(folder: Path) -> None:
    loaded = lines(folder, test=0.2)
    assert (len(loaded.train), len(loaded.test)) == (16, 4)
    read, said = np.asarray(loaded.train.inputs), np.asarray(loaded.train.targets)
    assert set(read[:, 0]) == {1} and (said[np.arange(16), loaded.train.lengths["T"] - 1] == 2).all()
    tokens = loaded.preprocessing
    assert isinstance(tokens, Tokens)
    assert [tokens.decode(row) for row in said] == [line.lower() for line in ENGLISH[:16]]
    put(folder, "val.en.gz", ["A man."] * 3, packed=True)
    assert len(lines(folder, test="val.en.gz").test) == 3


def test_a_line_of_characters(folder: Path) -> None:
    loaded = lines(folder, Shape((T,), of=40), level="char")
    tokens = loaded.preprocessing
    assert isinstance(tokens, Tokens)
    assert tokens.decode(np.asarray(loaded.train.targets)[1]) == ENGLISH[1]


def test_new_lines_begin_as_those_of_training(folder: Path) -> None:
    loaded = lines(folder)
    put(folder, "new.txt", ["A dog walks.", "A cat"])
    found = read_new(folder / "new.txt", Shape((T,), of=20), loaded.preprocessing)
    assert found.shape == (2, 5) and found[:, 0].tolist() == [1, 1] and found[1, 2:].tolist() == [3, 0, 0]
    fixed = lines(folder, Shape((4,), of=20))
    assert read_new(folder / "new.txt", Shape((4,), of=20), fixed.preprocessing).tolist() == [
        found[0, :4].tolist(),
        [*found[1, :3].tolist(), 0],
    ]


def test_lines_that_do_not_fit(folder: Path) -> None:
    with pytest.raises(
        SpecError, match=r"N406: `stride` is the distance of two windows, and `lines` makes none"
    ):
        lines(folder, stride=3)
    put(folder, "train.en", ["", " "])
    with pytest.raises(SpecError, match=r"N702: .*train.en: there is no text in it"):
        lines(folder)
    with pytest.raises(SpecError, match=r"N406: `subword` makes pieces of the words of a line"):
        load(Text("train.de", level="subword", window=3), None, Shape((T,), of=9), folder=folder)


def test_a_text_in_windows_may_have_files_for_its_parts(folder: Path) -> None:
    put(folder, "other.en", ["A dog walks."] * 4)
    reader = Text("train.en", level="word", window=4, test="other.en", validation=0.2)
    loaded = load(reader, None, Shape((T,), of=20), folder=folder)
    known = loaded.preprocessing
    assert isinstance(known, Tokens) and loaded.validation is not None
    assert known.decode(np.asarray(loaded.test.inputs)[0]) == "a dog walks."
    assert len(loaded.test) == (16 - 5) // 4 + 1


# --- texts with a class, as long as they are


def test_texts_with_a_class_have_their_own_lengths(tmp_path: Path) -> None:
    rows = [f"{'good ' * (1 + n % 3)}film\t{n % 2}" for n in range(20)]
    put(tmp_path, "t.tsv", rows)
    put(tmp_path, "held.tsv", ["bad film\t0", "good film\t1"])
    shape = Shape((T,), of=9)
    loaded = load(Pairs("t.tsv", test="held.tsv"), None, shape, Shape((1,)), folder=tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (20, 2)
    assert loaded.train.lengths["T"].tolist() == [2 + n % 3 for n in range(20)]
    inputs = np.asarray(loaded.train.inputs)
    np.testing.assert_array_equal((inputs != 0).sum(axis=1), loaded.train.lengths["T"])
    cut = load(Pairs("t.tsv", window=2), None, shape, Shape((1,)), folder=tmp_path)
    assert set(cut.train.lengths["T"]) == {2}
    put(tmp_path, "new.txt", ["a good film of four", "film"])
    assert read_new(tmp_path / "new.txt", shape, loaded.preprocessing).tolist() == [
        [1, 2, 3, 1, 1],
        [3, 0, 0, 0, 0],
    ]
    assert read_new(tmp_path / "new.txt", shape, cut.preprocessing).shape == (2, 2)
