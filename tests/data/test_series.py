"""Windows of a table in time: what is read, what is predicted, and that the parts do not mix."""

import json
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Lazy, Loaded, load, preprocessing_from, read_new, series, split
from netspec.data.preprocessing import Windows
from netspec.diagnostics import Diagnostic, SpecError
from netspec.ir.shape import Shape, Symbol
from netspec.passes.fields import Wishes
from netspec.settings.data import Series

TABLE = "date,a,b\n" + "".join(f"day {n},{n},{100 + 2 * n}\n" for n in range(100))


def put(folder: Path, content: str | bytes = TABLE, name: str = "s.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(
    folder: Path,
    shape: Shape = Shape((5, 2)),
    wanted: Shape | None = None,
    target: str = "b",
    **options: object,
) -> Loaded:
    reader = Series("s.csv", tuple(target.split(",")), **options)  # type: ignore[arg-type]
    return load(reader, None, shape, wanted, folder=folder)


def refused(folder: Path, *arguments: object, **options: object) -> Diagnostic:
    with pytest.raises(SpecError) as raised:
        read(folder, *arguments, **options)  # type: ignore[arg-type]
    (found,) = raised.value.diagnostics
    return found


def test_a_window_is_followed_by_its_horizon(tmp_path: Path) -> None:
    put(tmp_path)
    loaded = read(tmp_path, horizon=3, standardize=False, drop=("date",))
    assert loaded.train.inputs.shape == (80 - 7, 5, 2) and loaded.train.targets.shape == (73, 3, 1)
    assert loaded.train.inputs[4].tolist() == [[n, 100 + 2 * n] for n in range(4, 9)]
    assert loaded.train.targets[4].ravel().tolist() == [118, 120, 122]
    assert loaded.note == "" and loaded.classes == ()


def test_the_parts_follow_in_time_and_share_no_row(tmp_path: Path) -> None:
    put(tmp_path)
    loaded = read(tmp_path, horizon=3, standardize=False, drop=("date",), validation=0.25)
    assert loaded.validation is not None
    spans = [
        (part.inputs[0][0, 0], (part.targets[-1][-1, 0] - 100) / 2)
        for part in (loaded.train, loaded.validation, loaded.test)
    ]
    assert spans == [(0, 59), (60, 79), (80, 99)]
    named = read(tmp_path, horizon=3, standardize=False, drop=("date",), test=(40, 60))
    assert named.test.inputs[0][0, 0] == 40 and named.test.targets[-1][-1, 0] == 100 + 2 * 59
    assert len(named.train) == (40 - 7) + (40 - 7)


def test_what_stop_holds_out_shares_no_row_with_the_rest(tmp_path: Path) -> None:
    put(tmp_path)
    train = read(tmp_path, horizon=3, standardize=False, drop=("date",)).train
    kept, held = split(train, 0.2, seed=5)
    assert (kept.targets[-1][-1, 0] - 100) / 2 < held.inputs[0][0, 0]
    strided = read(tmp_path, horizon=3, stride=8, standardize=False, drop=("date",)).train
    assert strided.between == 0 and strided.inputs[1][0, 0] == 8


def test_the_scale_is_that_of_the_training_part(tmp_path: Path) -> None:
    put(tmp_path)
    loaded = read(tmp_path, drop=("date",))
    prepared = loaded.preprocessing
    assert isinstance(prepared, Windows)
    assert (prepared.columns[0].mean, prepared.columns[0].deviation) == pytest.approx(
        (np.arange(80).mean(), np.arange(80).std())
    )
    deviation = 2 * np.arange(80).std()
    assert float(loaded.test.targets[0][0, 0]) == pytest.approx((100 + 2 * 85 - 179) / deviation, abs=1e-5)
    original = prepared.original(np.asarray(loaded.test.targets[0], np.float64))
    assert original == pytest.approx(np.array([[270]]), abs=1e-4)


@pytest.mark.parametrize(
    ("wanted", "dims"),
    [(Shape((6,)), (6,)), (Shape((3, 2)), (3, 2)), (Shape((Symbol("H"), 2)), (3, 2)), (None, (3, 2))],
)
def test_targets_are_laid_out_as_the_output_wants(
    tmp_path: Path, wanted: Shape | None, dims: tuple[int, ...]
) -> None:
    put(tmp_path)
    loaded = read(tmp_path, wanted=wanted, target="b,a", horizon=3, standardize=False, drop=("date",))
    assert loaded.train.targets.shape[1:] == dims
    assert loaded.train.targets[0].ravel().tolist() == [110, 5, 112, 6, 114, 7]
    assert isinstance(loaded.preprocessing, Windows)
    assert loaded.preprocessing.original(np.zeros(dims)).shape == dims


@pytest.mark.parametrize("wanted", [Shape((5, 2)), Shape((Symbol("T"), 2)), None])
def test_of_rows_that_are_fed_back_the_target_is_the_window_a_step_later(
    tmp_path: Path, wanted: Shape | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path)
    reader = Series("s.csv", ("a", "b"), window=5, stride=3, drop=("date",), standardize=False)
    for lazy in (False, True):
        loaded = load(reader, None, Shape((Symbol("T"), 2)), wanted, Wishes(("x",), fed="x"), folder=tmp_path)
        assert isinstance(loaded.train.targets, Lazy) == lazy and loaded.train.between == 1
        assert len(loaded.train) == len(loaded.train.targets) == 25  # 6 rows, 3 apart, in 80
        assert loaded.train.targets[4].tolist() == [[n, 100 + 2 * n] for n in range(13, 18)]
        assert loaded.baseline == f"repeating the last row: mse 2.5000, rmse {2.5**0.5:.4f}, mae 1.5000"
        monkeypatch.setattr(series, "LAZY_FROM", 100)


def test_one_column_may_be_a_vector(tmp_path: Path) -> None:
    put(tmp_path)
    loaded = read(tmp_path, Shape((12,)), Shape((1,)), drop=("date", "a"))
    assert loaded.train.inputs.shape == (68, 12) and loaded.train.targets.shape == (68, 1)
    assert read(tmp_path, Shape((Symbol("T"), 2)), window=7, drop=("date",)).train.inputs.shape[1:] == (7, 2)


def test_columns_without_numbers_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert read(tmp_path).note == f"data: `date` of {path} holds no numbers and is left out; `drop` says so"


def test_many_windows_are_made_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    plain = read(tmp_path, drop=("date",))
    monkeypatch.setattr(series, "LAZY_FROM", 100)
    late = read(tmp_path, drop=("date",))
    assert isinstance(late.train.inputs, Lazy)
    np.testing.assert_array_equal(late.train.inputs[:], plain.train.inputs)
    which = np.array([7, 3])
    np.testing.assert_array_equal(late.test.take(which).targets[:], plain.test.targets[which])


def test_what_follows_the_end_of_a_new_file_is_predicted(tmp_path: Path) -> None:
    put(tmp_path)
    loaded = read(tmp_path, drop=("date",))
    saved = preprocessing_from(json.loads(json.dumps(loaded.preprocessing.to_json())))  # type: ignore[union-attr]
    assert saved == loaded.preprocessing
    found = read_new(put(tmp_path, TABLE, "new.csv"), Shape((5, 2)), saved)
    rows = np.arange(95, 100)[:, None] * [1, 2] + [0, 100]
    means, deviations = np.array([39.5, 179]), np.arange(80).std() * np.array([1, 2])
    assert found == pytest.approx(((rows - means) / deviations)[None], abs=1e-5)
    short = "a,b\n1,2\n"
    with pytest.raises(SpecError, match=r"N705: .*new.csv has 1 rows, and the network reads the last 5"):
        read_new(put(tmp_path, short, "new.csv"), Shape((5, 2)), saved)
    with pytest.raises(SpecError, match=r"N705: .*new.csv has no column `b`, which the network reads"):
        read_new(put(tmp_path, "a\n1\n", "new.csv"), Shape((5, 2)), saved)


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "N702: .*s.csv: it is empty"),
    "header": ("a,b\n", "N702: .*there is no row below"),
    "ragged": (TABLE + "day 100,7\n", "N702: .*line 102 has 2 cells, and the header 3"),
    "nan": (TABLE + "day 100,nan,7\n", "N702: .*line 102 holds `nan`, .* in the column `a`"),
    "missing": (TABLE + "day 100,,7\n", "N702: .*line 102 holds nothing, in the column `a`"),
    "large": (TABLE + "day 100,1e300,7\n", "N702: .*the numbers of the column `a` are too large"),
    "zero": (TABLE.encode() + b"\0", "N702: .*line 102 holds a zero byte"),
    "encoding": (TABLE.encode() + b"\xe9,1,2\n", "N702: .*line 102 is not UTF-8: byte 0xe9 at offset"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0", "N702: .*it is not text"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_table_is_refused_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    put(tmp_path, content)
    with pytest.raises(SpecError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {"target": "c"}, "N108: .*has no column `c`, which is the target"),
        ((), {"drop": ("c",)}, "N108: .*has no column `c`, which `drop` names"),
        ((), {"drop": ("b",)}, "N406: `b` is the target, and `drop` leaves it out"),
        ((), {"target": "date"}, "N702: .*line 2 holds `day 0`, which is no finite number"),
        ((Shape((5, 3)),), {}, "N404: a window of .*s.csv is 5x2, and the input is 5x3"),
        ((Shape((10,)),), {}, "N404: the input 10 does not say how many rows"),
        ((Shape((Symbol("T"), 2)),), {}, "N404: the input Tx2 does not say how many rows .*; `window` does"),
        ((Shape((5, 2)),), {"window": 6}, "N404: a window of .* is 6x2, and the input is 5x2"),
        ((Shape((5,), of=9),), {"window": 5}, "N404: the input is integers"),
        (
            (Shape((Symbol("T"), 2)), Shape((Symbol("T"), 1))),
            {"window": 5},
            "N404: .* is 1x1, .* output is 5x1",
        ),
        ((Shape((5, 2)), Shape((4,))), {"horizon": 3}, "N404: a target of .* is 3x1, and the output is 4"),
        ((Shape((5, 2)), Shape((), of=4)), {}, "N404: the output tells 4 classes apart, and .* in numbers"),
        (
            (),
            {"horizon": 16},
            "N404: the test part of .* is 20 rows, and a window of 5 and a horizon of 16 take 21",
        ),
        ((), {"horizon": 90}, "N404: the training part of .* is 80 rows, and .* take 95 in a row"),
        ((), {"test": (90, 120)}, "N404: rows 90 to 119 are held out, and there are 100"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_numbers(
    tmp_path: Path, arguments: tuple[object, ...], options: dict[str, object], message: str
) -> None:
    put(tmp_path)
    found = refused(tmp_path, *arguments, **options)
    with pytest.raises(SpecError, match=message):
        raise SpecError(found)


@pytest.mark.parametrize(
    ("path", "columns", "wanted"),
    [
        ("etth1/ETTh1.csv", ("OT",), Shape((24,))),
        ("temperatures/daily-min-temperatures.csv", ("Temp",), Shape((24, 1))),
    ],
)
def test_real_series(
    shared_data: Path, tmp_path: Path, path: str, columns: tuple[str, ...], wanted: Shape
) -> None:
    if not (shared_data / path).is_file():
        pytest.skip(f"NETSPEC_DATA holds no {path}")
    width = 7 if columns == ("OT",) else 1
    reader = Series(path, columns, horizon=24, validation=0.25)
    loaded = load(reader, None, Shape((96, width)), wanted, folder=tmp_path)
    rows = {1: 3650, 7: 17_420}[width]
    assert len(loaded.test) == round(rows * 0.2) - 119
    assert float(np.mean(np.asarray(loaded.train.inputs))) == pytest.approx(0, abs=0.05)


def test_rows_after_those_that_are_used_are_in_no_part(tmp_path: Path) -> None:
    put(tmp_path)
    loaded = read(tmp_path, drop=("date",), standardize=False, rows=60, test=(40, 60))
    assert loaded.train.targets[-1][-1, 0] == 100 + 2 * 39
    assert loaded.test.targets[-1][-1, 0] == 100 + 2 * 59
    found = refused(tmp_path, drop=("date",), rows=101)
    assert found.code == "N404" and "`rows=101` asks for more rows than" in found.message


def test_repeating_the_last_row_is_what_figures_are_compared_with(tmp_path: Path) -> None:
    """The column grows by 2 a row: after 1, 2 and 3 rows the last one is 2, 4 and 6 away."""
    put(tmp_path)
    loaded = read(tmp_path, horizon=3, standardize=False, drop=("date",))
    mse = (4 + 16 + 36) / 3
    assert loaded.baseline == f"repeating the last row: mse {mse:.4f}, rmse {mse**0.5:.4f}, mae 4.0000"
