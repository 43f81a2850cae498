"""`netspec diff`: golden texts of typical changes, what counts as identical, the JSON, exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec.cli.diff import SCHEMA

from .conftest import ROOT, SPECS, Run

Golden = Callable[[str, str], None]
STRUCTURE = ROOT / "tests" / "golden" / "views" / "structure.net"

CHANGES = {
    "lines": (
        SPECS / "lecture_cnn.net",
        [
            ("conv 8 5x5 stride2 relu ", "conv 16 5x5 stride2 batchnorm relu "),
            ("-> 14x14x8", ""),
            ("dense 200 relu", "dense 100 relu\ndropout 0.5"),
            ("adam 0.003", "adam 0.002"),
            ("schedule cosine", "clip norm=1"),
        ],
    ),
    "structure": (
        STRUCTURE,
        [
            ("repeat 3: residual", "repeat 5: residual"),
            ("repeat 2:", "repeat 4:"),
            ("conv width 3x3 batchnorm\n", "conv width 5x5 nobias batchnorm\n"),
            ("conv 32 1x1", "conv 48 1x1"),
            ("expect params < 2M", ""),
        ],
    ),
}


def changed(name: str, folder: Path) -> tuple[str, str]:
    """A spec and a changed one, as files of a folder."""
    path, edits = CHANGES[name]
    text = path.read_text()
    (folder / "before.net").write_text(text)
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "after.net").write_text(text)
    return "before.net", "after.net"


@pytest.mark.parametrize("name", ["lines", "structure"])
def test_changes(run: Run, golden: Golden, tmp_path: Path, name: str) -> None:
    result = run("diff", *changed(name, tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")
    golden(f"views/diff_{name}.txt", result.stdout)


def test_other_networks(run: Run, golden: Golden) -> None:
    golden("views/diff_other.txt", run("diff", "lenet", "lecture_cnn").stdout)


def test_more_turns_are_one_change(run: Run, tmp_path: Path) -> None:
    text = "input 8x8x4\nrepeat {n}: conv 4 3x3 relu\nsoftmax 3\n"
    for n in (3, 40):
        (tmp_path / f"{n}.net").write_text(text.replace("{n}", str(n)))
    document = json.loads(run("diff", "3.net", "40.net", "--json").stdout)
    (change,) = document["changes"]
    assert change["notes"] == ["repeated 3 -> 40 times"]
    assert change["after"]["parameters"] - change["before"]["parameters"] == 37 * 148


def test_moved_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text("input 8\ndropout 0.5\ndense 8\nrelu\nsoftmax 3\n")
    (tmp_path / "b.net").write_text("input 8\ndense 8\nrelu\ndropout 0.5\nsoftmax 3\n")
    changes = json.loads(run("diff", "a.net", "b.net", "--json").stdout)["changes"]
    moved = [(each["before"]["line"], each["after"]["line"]) for each in changes if each["change"] == "moved"]
    assert moved == [(2, 4)]
    assert {each["change"] for each in changes} == {"moved"}


def test_identical(run: Run, tmp_path: Path) -> None:
    spaced = STRUCTURE.read_text().replace("relu as skip", "relu  as  skip  # noted")
    (tmp_path / "spaced.net").write_text(spaced)
    result = run("diff", STRUCTURE, "spaced.net", "--exit-code")
    assert result.exit_code == 0
    assert "describe the same network" in result.stdout
    assert json.loads(run("diff", "--json", "lenet", "lenet").stdout)["identical"] is True


def test_values_are_those_of_the_second(run: Run) -> None:
    document = json.loads(run("diff", STRUCTURE, STRUCTURE, "--set", "width=32", "--json").stdout)
    assert document["changes"][0]["notes"] == ["channels 64 -> 32"]
    assert document["totals"]["parameters"] == {"before": 1_486_986, "after": 1_462_058}


def test_json_and_exit_codes(run: Run, folder: Path) -> None:
    result = run("diff", "lenet", "lecture_cnn", "--json", "--exit-code")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["schema"]) == (1, SCHEMA)
    assert SCHEMA == "netspec.diff/1"
    assert (document["identical"], document["error"]) == (False, None)
    assert [each["before"] for each in document["training"]] == ["optimizer adam 0.002"]
    assert run("diff", "lenet", "lecture_cnn").exit_code == 0
    wrong = run("diff", "lenet", "wrong.net")
    assert (wrong.exit_code, "N101" in wrong.stderr) == (1, True)
    assert json.loads(run("diff", "wrong.net", "lenet", "--json").stdout)["error"]["code"] == "N101"
    assert run("diff", "lenet").exit_code == 2
    assert run("diff", "lenet", ".").exit_code in (1, 2)


def test_a_change_inside_a_block_shows_though_its_use_changed_too(run: Run, tmp_path: Path) -> None:
    block = "block b(w):\n    conv w 3x3 relu\n    conv w 1x1\n"
    before, after = tmp_path / "a.net", tmp_path / "b.net"
    before.write_text(f"{block}input 8x8x1\nrepeat 3: b 8\nsoftmax 10\n", "utf-8")
    changed = block.replace("3x3", "5x5")
    after.write_text(f"{changed}input 8x8x1\nrepeat 4: b 16\nsoftmax 10\n", "utf-8")
    told = run("diff", str(before), str(after)).stdout
    assert "repeated 3 -> 4 times" in told and "kernel 3x3 -> 5x5" in told
    after.write_text(f"{block}input 8x8x1\nrepeat 4: b 16\nsoftmax 10\n", "utf-8")
    assert "conv" not in run("diff", str(before), str(after)).stdout  # that follows from the values
