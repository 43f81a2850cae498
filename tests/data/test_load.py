import os
from pathlib import Path

import pytest

from netspec.data import load
from netspec.data.files import Place
from netspec.diagnostics import SpecError
from netspec.ir.definition import word
from netspec.ir.shape import Shape
from netspec.ir.training import Reader
from netspec.settings.data import Csv, Digits, Idx, Images, Mnist, Series
from netspec.settings.text import Pairs, Text
from netspec.source import Source

TABLE = "a,y\n1,2\n3,4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec").mkdir()
    return tmp_path / "spec"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_file_is_looked_for_beside_the_spec_then_in_netspec_data(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSPEC_DATA", str(tmp_path / "shared"))
    shared = put(tmp_path / "shared" / "pupils" / "a.csv")
    assert Place(folder).find("pupils/a.csv") == shared
    beside = put(folder / "pupils" / "a.csv")
    assert Place(folder).find("pupils/a.csv") == beside
    assert Place(folder).find("pupils/../pupils/a.csv").resolve() == beside.resolve()


def test_a_missing_file_says_where_it_was_looked_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSPEC_DATA", str(tmp_path / "shared"))
    put(folder / "data" / "pupils.csv")
    with pytest.raises(SpecError) as refused:
        Place(folder).find("data/pupil.csv")
    (found,) = refused.value.diagnostics
    assert found.code == "N701"
    assert found.message == f"data/pupil.csv is not here (looked in {folder}, {tmp_path / 'shared'})"
    assert found.tries == ('`"data/pupils.csv"`',)


@pytest.mark.parametrize(
    "written", ["../a.csv", "data/../../a.csv", "/etc/passwd", "C:\\a.csv", "\\\\host\\a.csv"]
)
def test_a_path_may_not_leave_the_folder(folder: Path, written: str) -> None:
    put(folder.parent / "a.csv")
    with pytest.raises(SpecError, match=r"N702: .* lies outside of the spec's folder"):
        Place(folder).find(written)


def test_it_may_where_the_user_allows_it(folder: Path) -> None:
    outside = put(folder.parent / "a.csv")
    for written in ("../a.csv", str(outside)):
        assert Place(folder, allow_outside=True).find(written).resolve() == outside.resolve()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_does_not_lead_out(folder: Path) -> None:
    outside = put(folder.parent / "a.csv")
    (folder / "link.csv").symlink_to(outside)
    with pytest.raises(SpecError, match=r"N702: link.csv lies outside"):
        Place(folder).find("link.csv")
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    with pytest.raises(SpecError, match=r"N70[12]: "):
        Place(folder).find("loop.csv")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "is not a path"),
        ("a\0b", "is not a path"),
        (".", "it is a folder"),
        ("a" * 5000, "File name too long"),
    ],
)
def test_what_is_no_file_is_refused(folder: Path, written: str, message: str) -> None:
    with pytest.raises(SpecError, match=f"N702: .*{message}"):
        Place(folder).find(written)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_refused_at_once(folder: Path) -> None:
    os.mkfifo(folder / "a.csv")
    with pytest.raises(SpecError, match=r"N702: .*it is not an ordinary file"):
        Place(folder).find("a.csv")


# --- fallbacks


def test_the_fallback_takes_over_only_what_is_missing(folder: Path) -> None:
    put(folder / "there.csv")
    there, missing = Csv("there.csv", "y"), Csv("missing.csv", "y")
    loaded = load(missing, there, Shape((1,)), folder=folder)
    assert loaded.used == 'csv "there.csv" target="y"'
    assert loaded.note == f"data: missing.csv is not here (looked in {folder}), using {loaded.used} instead"
    assert load(there, missing, Shape((1,)), folder=folder).note == ""
    with pytest.raises(SpecError, match=r"N404"):
        load(there, there, Shape((2,)), folder=folder)
    with pytest.raises(SpecError, match=r"N702: .*outside"):
        load(Csv("../there.csv", "y"), there, Shape((1,)), folder=folder)


def test_where_both_are_missing_both_are_told(folder: Path) -> None:
    with pytest.raises(SpecError) as refused:
        load(Mnist(), Csv("missing.csv", "y"), Shape((1,)), folder=folder)
    assert [found.code for found in refused.value.diagnostics] == ["N701", "N701"]


def test_without_scikit_learn_the_cure_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(SpecError, match=r'N701: digits .* pip install "netspec\[data\]"'):
        load(Digits(), None, Shape((64,)), folder=folder)


def test_errors_point_at_the_line_of_the_spec(folder: Path) -> None:
    source = Source('input 1\ntrain:\n    data csv "missing.csv" target="y"\n', "a.net")
    span = source.span(19, 55)
    with pytest.raises(SpecError) as refused:
        load(Csv("missing.csv", "y"), None, Shape((1,)), folder=folder, span=span)
    assert str(refused.value.diagnostics[0].span) == "a.net:3:5"


def test_a_reader_that_nothing_loads(folder: Path) -> None:
    @word("oracle")
    class Oracle(Reader):
        """Knows everything."""

    with pytest.raises(SpecError, match=r"N901: the data of `oracle` cannot be loaded yet"):
        load(Oracle(), None, Shape((1,)), folder=folder)


@pytest.mark.parametrize(
    ("reader", "field"),
    [
        (Mnist(), "image"),
        (Digits(), "image"),
        (Csv("a.csv", "y"), "x"),
        (Idx("x", "y"), "image"),
        (Images("a"), "image"),
        (Series("a.csv", ("y",)), "window"),
        (Text("a.txt"), "text"),
        (Pairs("a.tsv"), "text"),
    ],
    ids=lambda value: value.word if isinstance(value, Reader) else "",
)
def test_data_of_one_input_do_not_feed_two(folder: Path, reader: Reader, field: str) -> None:
    shapes = Shape((28, 28, 1)), Shape((3,))
    with pytest.raises(SpecError) as refused:
        load(reader, None, shapes, folder=folder)
    (found,) = refused.value.diagnostics
    message = f"`{reader.word}` gives one input (`{field}`), and the network reads 2: `x1` and `x2`"
    assert (found.code, found.message) == ("N404", message)
