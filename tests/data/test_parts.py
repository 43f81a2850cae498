"""How examples are divided: by share, by rows, by class, in time."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from netspec.data import Dataset, split
from netspec.data.parts import Division, divide, parts, runs, windows
from netspec.diagnostics import SpecError
from netspec.ir.values import Unreadable
from netspec.settings.values import PART, SCALE
from netspec.syntax import tree

LABELS = np.array([0] * 80 + [1] * 20)


def test_a_share_in_time_is_the_last_one() -> None:
    found = parts(LABELS, Division(0.2, 0.25, split="time"))
    assert found.test.tolist() == list(range(80, 100))
    assert found.validation is not None and found.validation.tolist() == list(range(60, 80))
    assert found.train.tolist() == list(range(60))


def test_rows_are_those_that_are_named() -> None:
    found = parts(LABELS, Division((10, 20), (50, 60)))
    assert found.test.tolist() == list(range(10, 20))
    assert found.validation is not None and found.validation.tolist() == list(range(50, 60))
    assert sorted([*found.train, *found.validation, *found.test]) == list(range(100))


def test_random_disregards_the_classes() -> None:
    _, stratified = divide(LABELS, 0.1, 0)
    assert LABELS[stratified].sum() == 2
    held = [int(LABELS[divide(LABELS, 0.1, seed, "random")[1]].sum()) for seed in range(30)]
    assert len(set(held)) > 1
    assert np.array_equal(divide(LABELS, 0.1, 0, "stratified")[1], stratified)


@pytest.mark.parametrize(
    ("division", "message"),
    [
        (Division((90, 101)), "N404: rows 90 to 100 are held out, and there are 100"),
        (Division((0, 100)), "N404: rows 0 to 99 are held out, and these are all"),
        (Division((0, 50), (40, 60)), "N406: .* hold out 10 rows both, the first of them row 40"),
        (Division((0, 50), (50, 100)), "N404: .* leave none of the 100 examples"),
    ],
)
def test_rows_that_cannot_be_held_out(division: Division, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parts(LABELS, division)


def test_numbers_have_no_classes_to_be_stratified() -> None:
    with pytest.raises(SpecError, match=r"N404: `stratified` .* the targets are no classes"):
        divide(np.linspace(0, 1, 10)[:, None], 0.2, 0, "stratified")


def test_windows_lie_in_one_stretch() -> None:
    rows = np.array([0, 1, 2, 3, 7, 8, 9])
    assert runs(rows) == [(0, 4), (7, 10)]
    assert windows(rows, 3, 1).tolist() == [0, 1, 7]
    assert windows(rows, 3, 2).tolist() == [0, 7]
    assert windows(rows, 5, 1).tolist() == []


def test_what_is_held_out_of_overlapping_windows_does_not_overlap() -> None:
    """Windows of 3 rows, one apart: between a window and the first that shares no row lie 2."""
    starts = np.arange(20)
    kept, held = split(Dataset(starts[:, None], starts[:, None], between=2), 0.25, seed=9)
    assert held.inputs[:, 0].tolist() == list(range(15, 20))
    assert kept.inputs[:, 0].tolist() == list(range(13))
    with pytest.raises(SpecError, match=r"N404: 3 windows that overlap cannot be divided: 2 lie between"):
        split(Dataset(starts[:3, None], starts[:3, None], between=2), 0.25)


# --- as the language writes them


def number(value: float) -> tree.Number:
    return tree.Number(0, 1, value)


def test_parts_are_shares_or_rows() -> None:
    assert PART.read((number(0.25),)) == 0.25
    assert PART.read((number(800), number(1000))) == (800, 1000)
    assert PART.write((800, 1000)) == "800,1000"
    for wrong in ((number(2),), (number(5), number(5)), (number(1), number(2), number(3))):
        with pytest.raises(Unreadable):
            PART.read(wrong)
    assert PART.repairs((number(9), number(5))) == ["5,9"]
    assert PART.repairs((number(20),)) == ["0.2"]


def test_parts_in_a_document_are_checked() -> None:
    adapter: TypeAdapter[object] = TypeAdapter(PART.annotation())
    assert adapter.validate_python(0.5) == 0.5
    assert adapter.validate_python([800, 1000]) == (800, 1000)
    for wrong in (0, 1.0, [5, 5], [-1, 3], [1], "x"):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_raw_is_a_scale_of_one() -> None:
    assert SCALE.words == {"raw": 1.0}
    assert SCALE.read((number(128),)) == 128
