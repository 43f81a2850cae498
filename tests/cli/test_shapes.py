"""`netspec shapes`: the table, its golden texts, its JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netspec.cli.shapes import SCHEMA
from netspec.passes import analyse
from netspec.passes.count import count
from netspec.passes.table import as_text
from netspec.source import Source

from .conftest import SPECS, Run

Golden = Callable[[str, str], None]

EVERY_KIND_OF_NOTE = """
input 27x28x3 ; conv 8 4x4 stride2 relu
pool avg 3x3 stride2 same as small -> _x_x8
dense 20 sigmoid
sigmoid 3
"""


@pytest.mark.parametrize("name", sorted(path.stem for path in SPECS.glob("*.net")))
def test_table_of_every_bundled_spec(run: Run, golden: Golden, name: str) -> None:
    result = run("shapes", name)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    golden(f"cli/shapes_{name}.txt", result.stdout)


def test_notes(golden: Golden) -> None:
    net = analyse(Source(EVERY_KIND_OF_NOTE, "notes.net"))
    golden("cli/shapes_notes.txt", as_text(count(net)))
    narrow = as_text(count(net), width=80)
    assert max(map(len, narrow.splitlines())) <= 80
    golden("cli/shapes_notes_narrow.txt", narrow)


def test_symbols_are_not_guessed(golden: Golden) -> None:
    net = analyse(Source("input Tx32\nlstm 64\ndense 5", "symbols.net"))
    table = count(net)
    assert table.symbols == ("T",)
    assert str(table.multiply_adds) == f"{4 * 64 * (32 + 64) + 64 * 5}*T"
    assert table.parameters == 4 * 64 * (32 + 64 + 2) + 65 * 5
    golden("cli/shapes_symbols.txt", as_text(table))


def test_numbers_of_lenet() -> None:
    table = count(analyse(Source((SPECS / "lenet.net").read_text(), "lenet")))
    assert table.parameters == 61_706
    assert table.multiply_adds == 117_600 + 240_000 + 48_000 + 10_080 + 840
    assert table.memory.parameters == 4 * 61_706
    assert table.memory.predicting == 4 * 2 * 28 * 28 * 6  # the first relu
    outputs = [784, 2 * 4704, 1176, 2 * 1600, 400, 400, 2 * 120, 2 * 84, 2 * 10]
    assert table.memory.training == 4 * (sum(outputs) + 2 * 4704)


def test_json(run: Run) -> None:
    document = json.loads(run("shapes", "--json", "lecture_cnn").stdout)
    assert list(document) == ["schema", "networks", "error", "errors"]
    assert document["schema"] == SCHEMA == "netspec.shapes/1"
    assert document["error"] is None
    (net,) = document["networks"]
    assert list(net) == [
        "file",
        "name",
        "rows",
        "parameters",
        "multiply_adds",
        "symbols",
        "constraints",
        "convention",
        "memory",
    ]
    assert net["parameters"] == 122_270
    keys = ["line", "layer", "name", "output", "parameters", "multiply_adds", "notes"]
    assert all(list(row) == keys for row in net["rows"])
    assert net["rows"][2]["notes"] == ["pad 1,2,1,2 (top,bottom,left,right)"]
    assert list(net["memory"]) == ["parameters", "predicting", "training"]


def test_colour_only_where_it_is_wanted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in run("shapes", "lenet").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1m" in run("shapes", "lenet").output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("shapes", "lenet").output
    assert "\x1b" not in run("shapes", "--json", "lenet").output


def test_limit_is_raised_by_flag_only(run: Run) -> None:
    refused = run("shapes", "--limit", "parameters=1000", "lenet")
    assert refused.exit_code == 1
    assert "N506" in refused.stderr
    assert run("shapes", "--limit", "parameters=100000", "--limit", "layers=30", "lenet").exit_code == 0


@pytest.mark.parametrize("value", ["parametres=5", "parameters", "parameters=x", "parameters=-1", "=", ""])
def test_wrong_limit_is_wrong_usage(run: Run, value: str) -> None:
    assert run("shapes", "--limit", value, "lenet").exit_code == 2


def test_sizes(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "sizes.net"
    spec.write_text("input HxWx3\nconv 8 5x5 valid\nglobal avg\n")
    shown = run("shapes", str(spec))
    assert "sizes  H >= 5, W >= 5" in shown.stdout
    (net,) = json.loads(run("shapes", str(spec), "--json").stdout)["networks"]
    assert net["constraints"] == ["H >= 5", "W >= 5"]
    assert net["multiply_adds"].startswith("600*H*W")
    bound = run("shapes", str(spec), "--bind", "H=20", "--bind", "W=9")
    assert "16x5x8" in bound.stdout and "sizes  " not in bound.stdout
    for sizes, words in (("H=4", "H = 4 does not fit"), ("HH=4", "did you mean `H`?"), ("H", "as in T=100")):
        refused = run("shapes", str(spec), "--bind", sizes)
        assert refused.exit_code != 0 and words in refused.stderr


def test_numbers_make_a_network_that_any_size_would_not(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "dense.net"
    spec.write_text("input HxHx3\ndense 10\n")
    assert "N207" in run("check", str(spec)).stderr
    result = run("shapes", str(spec), "--bind", "H=8")
    assert result.exit_code == 0 and "1,930" in result.stdout
