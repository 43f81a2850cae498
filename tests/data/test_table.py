import json
from pathlib import Path

import numpy as np
import pytest

from netspec.data import Loaded, load, preprocessing_from, read_new
from netspec.data.table import read_table
from netspec.diagnostics import Diagnostic, SpecError
from netspec.ir.shape import Shape
from netspec.settings.data import Csv


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(
    folder: Path, width: int, wanted: Shape | None = None, target: str = "y", **options: object
) -> Loaded:
    return load(Csv("table.csv", target, **options), None, Shape((width,)), wanted, folder=folder)  # type: ignore[arg-type]


def refused(
    folder: Path, width: int, wanted: Shape | None = None, target: str = "y", **options: object
) -> Diagnostic:
    with pytest.raises(SpecError) as raised:
        read(folder, width, wanted, target, **options)
    (found,) = raised.value.diagnostics
    return found


PEOPLE = "age,town,y\n" + "".join(f"{n},{'abc'[n % 3]},{n % 2}\n" for n in range(20))


def test_numbers_and_words_become_entries(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    loaded = read(tmp_path, 4)
    assert (len(loaded.train), len(loaded.test), loaded.classes) == (16, 4, ())
    assert loaded.train.inputs.dtype == loaded.train.targets.dtype == np.float32
    assert loaded.train.targets.shape == (16, 1)
    assert loaded.used == 'csv "table.csv" target="y"'
    assert loaded.train.inputs[:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert loaded.train.inputs[:, 0].std() == pytest.approx(1, abs=1e-6)
    assert set(map(tuple, loaded.train.inputs[:, 1:])) == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


def test_only_the_training_part_is_looked_at(tmp_path: Path) -> None:
    """A word and a number that the test part alone has are not known."""
    rows = [f"{n},w{n},{n % 2}" for n in range(10)]
    write(tmp_path, "a,b,y\n" + "\n".join(rows))
    loaded = read(tmp_path, 10, test=0.1)
    (held,) = set(range(10)) - {int(word[1:]) for word in loaded.preprocessing.columns[1].categories}  # type: ignore
    assert loaded.test.inputs[0, 1:].tolist() == [0] * 9
    numbers = [n for n in range(10) if n != held]
    column = loaded.preprocessing.columns[0]  # type: ignore[union-attr]
    assert (column.mean, column.deviation) == pytest.approx((np.mean(numbers), np.std(numbers)))
    assert loaded.test.inputs[0, 0] == pytest.approx((held - np.mean(numbers)) / np.std(numbers))


def test_a_validation_part_is_not_fitted_to(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    loaded = read(tmp_path, 4, validation=0.25)
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [12, 4, 4]
    assert loaded.train.inputs[:, 0].mean() == pytest.approx(0, abs=1e-6)


def test_the_seed_decides_which_rows(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    first, again, other = (read(tmp_path, 4, seed=seed, standardize=False) for seed in (1, 1, 2))
    assert np.array_equal(first.test.inputs, again.test.inputs)
    assert not np.array_equal(first.test.inputs, other.test.inputs)


def test_options_drop_raw_categories(tmp_path: Path) -> None:
    write(tmp_path, "a,b,c,y\n" + "".join(f"{n},{n % 2},same,{n}\n" for n in range(10)))
    loaded = read(tmp_path, 3, drop=("c",), categories=("b",), standardize=False)
    rows = np.concatenate([loaded.train.inputs, loaded.test.inputs])
    assert sorted(rows[:, 0]) == list(range(10))
    assert np.array_equal(rows[:, 1], 1 - rows[:, 2])


def test_a_constant_column_stays_finite(tmp_path: Path) -> None:
    write(tmp_path, "a,y\n" + "7,1\n7,0\n" * 5)
    assert not read(tmp_path, 1).train.inputs.any()


@pytest.mark.parametrize(
    ("sign", "name"), [(",", None), (";", None), ("\t", None), ("|", "bar"), (";", "semicolon")]
)
def test_delimiters(tmp_path: Path, sign: str, name: str | None) -> None:
    path = write(tmp_path, PEOPLE.replace(",", sign))
    assert read_table(path, name).names == ("age", "town", "y")


def test_what_tables_come_with_in_the_wild(tmp_path: Path) -> None:
    path = write(tmp_path, b'\xef\xbb\xbf"a b", "c;d",y\r\n\r\n1,"x, ""y""\r\nz",2\r\n3,\xc3\xa9,4\r\n\r\n')
    table = read_table(path)
    assert table.names == ("a b", "c;d", "y")
    assert table.rows == [["1", 'x, "y"\r\nz', "2"], ["3", "é", "4"]]
    assert table.lines == [4, 5]


# --- targets


@pytest.mark.parametrize(
    ("asked", "yes"),
    [
        ("n >= 6", [6, 7, 8, 9]),
        ("n>6", [7, 8, 9]),
        ("n < 2.5", [0, 1, 2]),
        ("n <= 1e0", [0, 1]),
        ("n == 3", [3]),
        ("n != 3", [0, 1, 2, 4, 5, 6, 7, 8, 9]),
        ("w == odd", [1, 3, 5, 7, 9]),
        ("w != odd", [0, 2, 4, 6, 8]),
    ],
)
def test_conditions(tmp_path: Path, asked: str, yes: list[int]) -> None:
    write(tmp_path, "n,w,x\n" + "".join(f"{n}.0,{('even', 'odd')[n % 2]},{n}\n" for n in range(10)))
    drop = ("w",) if asked[0] == "n" else ("n",)
    loaded = read(tmp_path, 1, Shape((1,)), asked, drop=drop, standardize=False)
    parts = (loaded.train, loaded.test)
    found = {int(x[0]) for part in parts for x, y in zip(part.inputs, part.targets, strict=True) if y[0] == 1}
    assert sorted(found) == yes
    assert loaded.classes[1].split()[0] == asked[0]


def test_a_condition_names_its_classes(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    loaded = read(tmp_path, 4, Shape((), of=2), "age >= 10")
    assert loaded.classes == ("age < 10", "age >= 10")
    assert loaded.train.targets.dtype == np.int64


def test_words_as_target(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    three = read(tmp_path, 2, Shape((), of=3), "town")
    assert three.classes == ("a", "b", "c")
    assert set(three.train.targets) == {0, 1, 2}
    assert (
        "has 3 classes, and the output tells 4 apart" in refused(tmp_path, 2, Shape((), of=4), "town").message
    )
    assert (
        "the targets are 3 classes, and the output is 1" in refused(tmp_path, 2, Shape((1,)), "town").message
    )


def test_two_words_are_no_and_yes(tmp_path: Path) -> None:
    write(tmp_path, "a,y\n1,pass\n2,fail\n3,pass\n4,fail\n")
    loaded = read(tmp_path, 1, Shape((1,)))
    assert loaded.classes == ("fail", "pass")
    assert loaded.train.targets.shape == (3, 1)
    assert read(tmp_path, 1, Shape((), of=2)).train.targets.dtype == np.int64


def test_numbers_as_classes(tmp_path: Path) -> None:
    write(tmp_path, "a,y\n" + "".join(f"{n},{n % 3}\n" for n in range(9)))
    assert read(tmp_path, 1, Shape((), of=3)).classes == ("0", "1", "2")
    assert read(tmp_path, 1, Shape((), of=5)).train.targets.max() == 2
    assert read(tmp_path, 1, Shape((1,))).train.targets.dtype == np.float32
    write(tmp_path, "a,y\n" + "".join(f"{n},{(5, 7.5, 1e300)[n % 3]}\n" for n in range(9)))
    assert read(tmp_path, 1, Shape((), of=3)).classes == ("5", "7.5", "1e+300")
    assert refused(tmp_path, 1, Shape((), of=4)).tries == ("`softmax 3`",)
    assert "the target holds inf" in refused(tmp_path, 1).message


# --- refusals

BROKEN: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "it is empty"),
    "blank": ("\n\n  \n", "column 1 has no name"),
    "header only": ("a,y\n", "there is no row below the names of the columns"),
    "ragged": ("a,b,y\n1,2,3\n4,5\n", r"line 3 has 2 cells, and the header 3 \(comma between\)"),
    "too long": ("a,y\n1,2,3\n", "line 2 has 3 cells, and the header 2"),
    "no names": ("1,2\n3,4\n", "line 1 holds numbers where the names of the columns are expected"),
    "unnamed": ("a,,y\n1,2,3\n", "line 1: column 2 has no name"),
    "same name": ("a,b,a\n1,2,3\n", "line 1: columns 1 and 3 are both called `a`"),
    "zero byte": (b"a,y\n1,\0\n", "it is not text: line 2 holds a zero byte"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0", "it is not text"),
    "latin-1": (b"a,y\n1,2\nf\xfcr,3\n", "line 3 is not UTF-8: byte 0xfc at offset 9"),
    "open quote": ('a,y\n1,"2\n3,4\n', "line 3: unexpected end of data"),
    "text after quote": ('a,y\n"1"x,2\n', "line 2: ',' expected after"),
    "large cell": (f"a,y\n{'1' * 200_000},2\n", r"line 2: field larger than field limit \(131072\)"),
    "stray sign": (
        "a,y\n1,2\n17',3\n4,5\n",
        r"line 3 holds `17'`, which is no finite number, in the column `a`",
    ),
    "missing": ("a,y\n1,2\n,3\n", "line 3 holds nothing, in the column `a` of numbers"),
    "nan": ("a,y\n1,2\nnan,3\n", "line 3 holds `nan`"),
    "infinite": ("a,y\n1,2\n1e999,3\n", "line 3 holds `1e999`"),
    "too large": ("a,y\n-1e308,2\n1e308,3\n1e308,4\n", "the numbers of the column `a` are too large"),
    "underscore": ("a,y\n1,2\n1_0,3\n", "line 3 holds `1_0`"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_table_is_refused_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(SpecError, match=f"N702: .*{message}") as raised:
        read(tmp_path, 1)
    assert raised.value.diagnostics[0].message.startswith(str(path))


def test_a_cell_that_is_no_number_comes_with_the_cure(tmp_path: Path) -> None:
    write(tmp_path, "a,y\n1,2\n17',3\n4,5\n")
    found = refused(tmp_path, 1)
    assert found.because == "2 cells of the column are numbers and 1 not"
    assert found.notes == ('`drop="a"` leaves the column out, `categories="a"` reads all of it as words',)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"target": "Y"}, "N108", "has no column `Y`, which is the target"),
        ({"target": "ages >= 3"}, "N108", "has no column `ages`, which is the target"),
        ({"drop": ("twon",)}, "N108", "has no column `twon`, which `drop` names"),
        ({"categories": ("z",)}, "N108", "has no column `z`, which `categories` names"),
        ({"drop": ("age", "town")}, "N404", "no column is left for the input"),
        ({"target": "age >= 100"}, "N404", "`age < 100` holds for every one of the 20 rows"),
        ({"target": "town == d"}, "N404", "`town != d` holds for every one"),
        ({"target": "town >= 3"}, "N404", "`>=` compares numbers, and the column `town` holds words"),
    ],
)
def test_options_that_the_table_contradicts(
    tmp_path: Path, options: dict[str, object], code: str, message: str
) -> None:
    write(tmp_path, PEOPLE)
    found = refused(tmp_path, 4, **options)  # type: ignore[arg-type]
    assert (found.code, message in found.message) == (code, True), found


def test_a_misspelt_column_gets_a_suggestion(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    found = refused(tmp_path, 4, target="towm")
    assert found.tries == ("`town`",)
    assert found.notes == ("its columns: age, town, y",)


def test_a_target_that_is_always_the_same(tmp_path: Path) -> None:
    write(tmp_path, "a,y\n1,b\n2,b\n")
    assert "the column `y` is `b` in every row" in refused(tmp_path, 1).message


def test_the_width_is_explained(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    found = refused(tmp_path, 2)
    assert found.code == "N404"
    assert "is 4 entries, and the input is 2" in found.message
    assert (
        found.because
        == "1 columns of numbers = 1 entries, 1 columns of words = 3 entries (one for each word)"
    )
    assert found.tries == ("`input 4`",)


def test_limits_hold(tmp_path: Path) -> None:
    path = write(tmp_path, PEOPLE)
    with pytest.raises(SpecError, match=r"N702: .* bytes long, and 100 are the limit"):
        read_table(path, most_bytes=3200)
    write(tmp_path, "w,y\n" + "".join(f"word{n},{n % 2}\n" for n in range(2000)))
    with pytest.raises(
        SpecError, match=r"12,800,000 bytes, and 1,000,000 are the limit; the column `w` alone is 1,600"
    ):
        load(Csv("table.csv", "y"), None, Shape((9,)), folder=tmp_path, most_bytes=1_000_000)


# --- new rows


def test_new_rows_are_prepared_like_the_old_ones(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE)
    loaded = read(tmp_path, 4, standardize=True)
    kept = preprocessing_from(json.loads(json.dumps(loaded.preprocessing.to_json())))  # type: ignore[union-attr]
    assert kept == loaded.preprocessing
    new = write(tmp_path, "note;town;age\nx;b;3\ny;elsewhere;4\n", "new.csv")
    rows = read_new(new, Shape((4,)), kept)
    mean, deviation = kept.columns[0].mean, kept.columns[0].deviation
    assert rows.dtype == np.float32
    assert rows.tolist() == [
        pytest.approx([(3 - mean) / deviation, 0, 1, 0]),
        pytest.approx([(4 - mean) / deviation, 0, 0, 0]),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("age\n3\n", "has no column `town`, which the network reads"),
        ("town,age\na,x\n", "line 2 holds `x`"),
        ("", "empty"),
    ],
)
def test_new_rows_that_do_not_fit_are_refused(tmp_path: Path, content: str, message: str) -> None:
    write(tmp_path, PEOPLE)
    kept = read(tmp_path, 4).preprocessing
    assert kept is not None
    with pytest.raises(SpecError, match=f"N705: .*{message}"):
        read_new(write(tmp_path, content, "new.csv"), Shape((4,)), kept)


@pytest.mark.parametrize(
    "document",
    [{}, {"columns": [{"name": "a", "mean": "much"}]}, {"columns": [{"name": "a"}], "delimiter": "x"}],
)
def test_preprocessing_from_elsewhere_is_checked(document: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        preprocessing_from(document)


# --- the real thing


def test_real_pupils(shared_data: Path, tmp_path: Path) -> None:
    if not (shared_data / "student" / "student-mat.csv").is_file():
        pytest.skip("NETSPEC_DATA holds no student/student-mat.csv")
    reader = Csv("student/student-mat.csv", "G3 >= 10", drop=("G1", "G2"))
    loaded = load(reader, None, Shape((56,)), Shape((1,)), folder=tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (316, 79)
    assert loaded.classes == ("G3 < 10", "G3 >= 10")
    assert float(loaded.train.targets.mean()) == pytest.approx(265 / 395, abs=0.01)
    with pytest.raises(
        SpecError, match=r"line 267 holds `17'`, which is no finite number, in the column `G1`"
    ):
        load(Csv("student/student-mat.csv", "G3 >= 10"), None, Shape((58,)), folder=tmp_path)
