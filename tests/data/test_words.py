"""The words after `data` as the language writes them."""

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import netspec
from netspec.ir.catalog import definitions
from netspec.ir.shape import Shape
from netspec.ir.training import Reader
from netspec.ir.values import Unreadable
from netspec.settings.data import Csv, Digits, Mnist, Npz
from netspec.settings.values import Columns, Condition, Target, condition
from netspec.syntax import tree


def text(value: str) -> tuple[tree.Value, ...]:
    return (tree.Text(0, len(value) + 2, value),)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("G3 >= 10", Condition("G3", ">=", 10.0)),
        ("  G3<1e1 ", Condition("G3", "<", 10.0)),
        ("final grade <= -2.5", Condition("final grade", "<=", -2.5)),
        ("school == GP", Condition("school", "==", "GP")),
        ("school != Gabriel Pereira", Condition("school", "!=", "Gabriel Pereira")),
        ("x == 1e999", Condition("x", "==", "1e999")),
        ("G3", None),
        ("final grade", None),
    ],
)
def test_conditions(written: str, read: Condition | None) -> None:
    assert condition(written) == read
    assert Target().read(text(written)) == written


WRONG = {
    "": "it is empty",
    "  ": "it is empty",
    "G3 >=": "a condition is a column",
    ">= 10": "a condition is a column",
    "G3 => 10": "a condition is a column",
    "G3 = 10": "a condition is a column",
    "0 < G3 < 10": "a condition is a column",
    "G3 >= ten": "`>=` compares numbers, and `ten` is none",
    "G3 > nan": "`>` compares numbers, and `nan` is none",
    "G3 > 1e999": "`>` compares numbers, and `1e999` is none",
}


@pytest.mark.parametrize(("written", "message"), WRONG.items())
def test_wrong_conditions(written: str, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        Target().read(text(written))
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(Target().annotation()).validate_python(written)


@pytest.mark.parametrize(
    ("written", "likely"),
    [
        ("G3 => 10", ['"G3 >= 10"']),
        ("G3 =< 10", ['"G3 <= 10"']),
        ("G3 <> 10", ['"G3 != 10"']),
        ("G3 = 10", ['"G3 == 10"']),
        ("G3 >=", []),
    ],
)
def test_repairs(written: str, likely: list[str]) -> None:
    assert Target().repairs(text(written)) == likely


def test_a_bare_word_is_quoted() -> None:
    assert Target().repairs((tree.Name(0, 5, "grade"),)) == ['"grade"']
    assert Target().repairs((tree.Number(0, 1, 1),)) == []


def test_columns() -> None:
    assert Columns().read(text("G1, G2")) == ("G1", "G2")
    assert Columns().write(("G1", "G2")) == '"G1,G2"'
    for wrong in ("", "a,,b", "a,"):
        with pytest.raises(Unreadable, match=r"a name is empty"):
            Columns().read(text(wrong))
    adapter: TypeAdapter[Any] = TypeAdapter(Columns().annotation())
    assert adapter.validate_python(["a", "b"]) == ("a", "b")
    with pytest.raises(ValidationError):
        adapter.validate_python(["a,b"])


def test_what_is_written_is_what_was_read() -> None:
    assert Mnist().written() == "mnist"
    full = Csv("a.csv", "G3 >= 10", ("G1", "G2"), ("x",), "tab", False, 0.3, 0.1, 7)
    assert full.written() == (
        'csv "a.csv" target="G3 >= 10" drop="G1,G2" categories="x" tab raw test=0.3 validation=0.1 seed=7'
    )
    assert Npz("a.npz", test=0.25).written() == 'npz "a.npz" test=0.25'


def test_every_reader_explains_itself() -> None:
    found = list(definitions("data"))
    assert {Mnist, Digits, Csv, Npz} <= set(found)
    for reader in found:
        assert reader.usage().startswith(reader.word)
        assert reader.summary().endswith((".", ":")) or ":" in reader.summary()
        assert all(argument.meaning for argument in reader.arguments())


def test_targets_are_known_before_a_file_is_opened() -> None:
    assert Mnist().target_shape() == Digits().target_shape() == Shape((), of=10)
    assert Csv("a.csv", "y").target_shape() is None


def test_the_words_load_no_array_library() -> None:
    code = "import sys, netspec.settings.data; assert not {'numpy', 'torch', 'sklearn', 'pooch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


WRITTEN = [
    'npz "a.npz" test=800,1000 validation=0.1 split=time scale=128 standardize mapped',
    'npz "x.npy" targets="y.npy" test_inputs="u.npy" test_targets="v.npy"',
    'idx "x" labels="y" test_inputs="u" test_labels="v" random',
    'images "trees" validation=0.1 standardize',
    'series "s.csv" target="a,b" window=96 horizon=24 stride=2 drop="date" raw test=10,20',
    'text "t.txt" word window=100 vocab=8000 latin1',
    'pairs "t.tsv" char window=40 time',
    'csv "t.csv" target="y" test=0,50 split=time',
]


@pytest.mark.parametrize("line", WRITTEN)
def test_a_reader_survives_text_and_document(line: str) -> None:
    net = netspec.parse(f"input 96x2\ndense 4; flatten; dense 48\ntrain:\n    data {line}")
    assert net.training is not None
    reader = net.training.get("data")
    again = netspec.from_json(json.loads(json.dumps(net.to_json()))).training
    assert again is not None and again.get("data") == reader
    assert isinstance(reader, Reader)
    told = netspec.parse(
        f"input 96x2\ndense 4; flatten; dense 48\ntrain:\n    data {reader.written()}"
    ).training
    assert told is not None and told.get("data") == reader


def test_a_part_that_is_none_is_refused_with_a_repair() -> None:
    with pytest.raises(netspec.SpecError, match=r"N105: .*two numbers of rows such as 800,1000") as refused:
        netspec.parse('input 4\ndense 2\ntrain:\n    data npz "a.npz" test=20')
    assert refused.value.diagnostics[0].tries == ('`npz "a.npz" test=0.2`',)
