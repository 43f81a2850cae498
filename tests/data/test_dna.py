"""Generated DNA: two motifs at the right distance, and what only looks like them."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from netspec.data import Loaded, load
from netspec.data.dna import LETTERS, PREPARED
from netspec.data.new import read_new
from netspec.data.preprocessing import preprocessing_from
from netspec.diagnostics import SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.settings.made import Dna

YES = Shape((1,))
NUMBERS = Shape((60,), of=4)


def read(shape: Shape = NUMBERS, wanted: Shape | None = YES, **options: object) -> Loaded:
    reader = Dna(**{"count": 400, "test": 200} | options)  # type: ignore[arg-type]
    return load(reader, None, shape, wanted, folder=Path())


def texts(loaded: Loaded) -> list[str]:
    return ["".join(LETTERS[number] for number in row) for row in np.asarray(loaded.train.inputs)]


def apart(text: str) -> set[int]:
    """The distances of all pairs of whole motifs, in this order."""
    firsts = [place for place in range(len(text)) if text.startswith("TTGACA", place)]
    seconds = [place for place in range(len(text)) if text.startswith("TATAAT", place)]
    return {second - first - 6 for first in firsts for second in seconds}


def test_a_promoter_is_two_motifs_at_the_right_distance() -> None:
    loaded = read(mutation=0.0)
    distances = [apart(text) for text in texts(loaded)]
    yes = np.asarray(loaded.train.targets)[:, 0] == 1
    assert 0.4 < yes.mean() < 0.6
    right = set(range(15, 20))
    assert all(found & right for found, promoter in zip(distances, yes, strict=True) if promoter)
    others = [found for found, promoter in zip(distances, yes, strict=True) if not promoter]
    assert not any(found & right for found in others)
    wrong = [found for found in others if found]
    assert 0.4 < len(wrong) / len(others) < 0.6
    far = {*range(5, 12), *range(23, 30)}
    assert all(found & far for found in wrong) and far <= set.union(*wrong)
    assert set.union(*(found & right for found in distances)) == right


def test_letters_of_motifs_change() -> None:
    whole = [sum(bool(apart(text)) for text in texts(read(mutation=each))) for each in (0.0, 0.1, 1.0)]
    # of 12 letters none has changed: 0.9^12 = 0.28
    assert whole[1] == pytest.approx(0.28 * whole[0], rel=0.25)
    assert whole[2] == 0


def test_letters_as_numbers_or_as_entries() -> None:
    numbers, entries = read(), read(Shape((60, 4)))
    assert numbers.train.inputs.dtype == np.int64 and entries.train.inputs.dtype == np.float32
    assert entries.train.inputs.shape == (400, 60, 4)
    assert np.array_equal(np.asarray(entries.train.inputs).argmax(-1), numbers.train.inputs)
    assert np.array_equal(np.asarray(entries.train.inputs).sum(-1), np.ones((400, 60)))
    assert read(Shape((Symbol("T"),), of=4), length=50).train.inputs.shape == (400, 50)


def test_two_classes_are_no_and_yes() -> None:
    yes, classes = read(), read(wanted=Shape((), of=2))
    assert classes.classes == yes.classes == ("other", "promoter")
    assert classes.train.targets.dtype == np.int64  # type: ignore[union-attr]
    assert np.array_equal(np.asarray(yes.train.targets)[:, 0], classes.train.targets)


def counts(loaded: Loaded, part: str) -> np.ndarray:
    """How often each of the 64 words of three letters occurs."""
    letters = np.asarray(getattr(loaded, part).inputs)
    words = 16 * letters[:, :-2] + 4 * letters[:, 1:-1] + letters[:, 2:]
    return np.stack([np.bincount(row, minlength=64) for row in words])


def test_counting_words_hardly_tells_them_apart() -> None:
    """What a network has to beat: a logistic regression on the counts of all words of three letters."""
    loaded = read(Shape((80,), of=4), count=20_000, test=2000)
    found = LogisticRegression(max_iter=1000).fit(counts(loaded, "train"), np.ravel(loaded.train.targets))
    share = found.score(counts(loaded, "test"), np.ravel(loaded.test.targets))
    assert 0.55 < share < 0.66


@pytest.mark.parametrize("shape", [Shape((60, 4)), NUMBERS, Shape((Symbol("T"), 4))], ids=str)
def test_a_file_of_letters_is_read_as_those_that_were_drawn(tmp_path: Path, shape: Shape) -> None:
    loaded = read(shape, length=60)
    drawn = np.asarray(loaded.train.inputs)[:3]
    places = drawn if shape.of else drawn.argmax(-1)
    lines = ["".join(LETTERS[number] for number in row) for row in places]
    (tmp_path / "new.txt").write_text(f"{lines[0]}\n{lines[1].lower()}\n  {lines[2]}\n\n")
    fitted = preprocessing_from(loaded.preprocessing.to_json())
    found = read_new(tmp_path / "new.txt", shape, fitted)
    np.testing.assert_array_equal(found, drawn)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ACGT\nACXT\n", "line 2 has `X`, and the letters are A, C, G and T"),
        ("ACGT\nACGT\nACG\n", "line 3 has 3 letters, and the network reads 4"),
        ("ACGT\n\nACGT\n", "line 2 is empty, and each line is an example"),
        ("\n \n", "there are no letters in it"),
        ("ACGT" * 11, "its letters take 1,056 bytes in the network, and 1,000 are the limit"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "new.txt").write_text(text)
    with pytest.raises(SpecError, match="N705") as refused:
        read_new(tmp_path / "new.txt", Shape((4, 4)), PREPARED, 1000)
    assert message in refused.value.diagnostics[0].message


@pytest.mark.parametrize("alphabet", ["", "ACGA", "AC-T", "aA"])
def test_what_is_no_alphabet_is_refused(alphabet: str) -> None:
    with pytest.raises(ValueError, match="alphabet"):
        preprocessing_from({"kind": "letters", "alphabet": alphabet})
