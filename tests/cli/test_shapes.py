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


STRUCTURED = """
block up(width, skip):
    upsample 2
    concat skip
    conv width 3x3 relu
input 8x8x2
conv 4 3x3 relu as top
repeat 2: residual 4
pool 2
concat:
    conv 4 1x1
    path:
        pool 3x3 stride1 same
        conv 4 1x1
    for kernel in 3, 5: conv 2 kernel
up 4 top
repeat 2:
    conv 4 3x3
    relu
softmax 10
"""


@pytest.mark.parametrize("option", [[], ["--depth", "1"], ["--expand"]], ids=["folded", "opened", "all"])
def test_structure_folds_and_opens(run: Run, golden: Golden, option: list[str]) -> None:
    result = run("shapes", "-", *option, stdin=STRUCTURED)
    assert result.exit_code == 0, result.output
    golden(f"cli/shapes_structured{''.join(option)}.txt", result.stdout)


def test_parameters_by_the_conventions_of_others(run: Run) -> None:
    """PyTorch has two biases a gate, Keras one (but for its GRU), the papers one."""
    text = "input 7x3\nlstm 5\ngru 5\nrnn 5 bidirectional\ndense 2\n"
    lstm, gru, rnn, dense = 4 * 5 * (3 + 5), 3 * 5 * (5 + 5), 2 * 5 * (5 + 5), 11 * 2
    biases = {"torch": (40, 30, 20), "keras": (20, 30, 10), "paper": (20, 15, 10)}
    for convention, counts in biases.items():
        document = json.loads(run("shapes", "-", "--json", "--count", convention, stdin=text).stdout)
        (net,) = document["networks"]
        assert net["convention"] == convention
        assert net["parameters"] == lstm + gru + rnn + dense + sum(counts)
    assert "as in Keras: one bias a gate" in run("shapes", "-", "--count", "keras", stdin=text).stdout


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
    assert table.memory.predicting == 4 * (784 + 2 * 4704)  # the input and the first relu
    # the first relu goes back: the input, its output, two gradients; and the scores at the end, which stay
    assert table.memory.training == 4 * (784 + 3 * 4704 + 10)
    assert table.memory.gradients == 4 * 61_706 and table.memory.optimizer == 2 * 4 * 61_706
    assert table.memory.batch == 100
    assert table.memory.step == 4 * 4 * 61_706 + 100 * (table.memory.training or 0)


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
        "trained",
        "multiply_adds",
        "symbols",
        "constraints",
        "convention",
        "memory",
    ]
    assert net["parameters"] == net["trained"] == 122_270
    keys = ["line", "layer", "name", "output", "parameters", "multiply_adds", "notes"]
    assert all(list(row) == keys for row in net["rows"])
    assert net["rows"][2]["notes"] == ["pad 1,2,1,2 (top,bottom,left,right)"]
    assert list(net["memory"]) == [
        "parameters",
        "predicting",
        "training",
        "gradients",
        "optimizer",
        "batch",
        "step",
    ]


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
