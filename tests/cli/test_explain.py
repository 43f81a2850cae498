"""`netspec explain FILE:LINE`: golden texts, the JSON, lines that hold nothing."""

import json
from collections.abc import Callable

import pytest

from netspec.cli.explain import SCHEMA

from .conftest import GOOD, ROOT, Run

Golden = Callable[[str, str], None]
STRUCTURE = ROOT / "tests" / "golden" / "views" / "structure.net"


def explained(run: Run, line: int) -> str:
    result = run("explain", f"-:{line}", stdin=STRUCTURE.read_text())
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= 100
    return result.stdout


@pytest.mark.parametrize("line", [2, 3, 6, 8, 9, 12, 13, 14, 15, 16, 19, 23, 26, 29, 31, 36])
def test_lines_of_every_kind(run: Run, golden: Golden, line: int) -> None:
    golden(f"views/explain_{line}.txt", explained(run, line))


def test_followers_and_numbers(run: Run, golden: Golden) -> None:
    result = run("explain", "lecture_cnn:5")
    assert "5*5*4*8 + 8 = 808" in result.stdout
    assert "14*14 * 5*5*4*8 = 156,800" in result.stdout
    golden("views/explain_conv.txt", result.stdout)


def test_symbols_are_not_guessed(run: Run) -> None:
    result = run("explain", "-:2", stdin="input Tx32\nlstm 64\ndense 5\n")
    assert "multiply-adds  24576*T\n" in result.stdout
    assert "32*256 + 64*256 + 256 + 256 = 25,088" in result.stdout


def test_value_of_a_parameter(run: Run) -> None:
    text = "param width = 4\ninput 8\ndense width\n"
    assert "`width` is 4." in " ".join(run("explain", "-:1", stdin=text).stdout.split())
    told = run("explain", "-:1", "--set", "width=6", stdin=text).stdout
    assert "`width` is 6." in " ".join(told.split())
    assert "8*6 + 6 = 54" in run("explain", "-:3", "--set", "width=6", stdin=text).stdout


def test_long_lines_are_cut_in_tables(run: Run) -> None:
    long = "conv 64 3x3 stride=1 dilation=2 groups=2 pad=1,1,1,1 nobias batchnorm relu tanh relu"
    text = f"input 9x9x4\nadd:\n    {long}\n    conv 64 3x3 pad=0\nsoftmax 3\n"
    result = run("explain", "-:2", stdin=text)
    assert result.exit_code == 0, result.output
    assert "..." in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_further_results_as_outputs(run: Run) -> None:
    text = "input 8\ndense 8 as code\ndense 3\noutput code\n"
    assert "`code` (8)" in run("explain", "-:4", stdin=text).stdout


@pytest.mark.parametrize(("line", "near"), [(1, "3 | input 28x28x1"), (99, "16 |     epochs 12")])
def test_line_without_anything(run: Run, line: int, near: str) -> None:
    result = run("explain", f"lecture_cnn:{line}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert near in result.stderr


def test_json(run: Run) -> None:
    document = json.loads(run("explain", "--json", "lecture_cnn:5").stdout)
    assert document["schema"] == SCHEMA == "netspec.explain/1"
    assert (document["line"], document["error"], document["nearest"]) == (5, None, [])
    (statement,) = document["statements"]
    conv, relu = statement["layers"]
    assert (conv["parameters"], conv["multiply_adds"], conv["field"]) == (808, 156_800, [9, 9])
    assert relu["read_by"][0]["name"] == "conv3"


def test_wrong_spec_and_wrong_usage(run: Run) -> None:
    wrong = run("explain", "-:2", stdin=GOOD.replace("conv", "covn"))
    assert (wrong.exit_code, "N101" in wrong.stderr) == (1, True)
    assert run("explain", "lenet").exit_code == 2
    assert run("explain", "--jsom").exit_code == 2
    assert "No such option" in run("explain", "--jsom").stderr
    assert run("explain", "nowhere.net:3").exit_code == 1


IDLE = """
block foo(w):
    conv w 3x3
network tower:
    relu
input 8x8x3
if in.channels == 1:
    elu
if in.channels == 3: gelu
else:
    tanh
conv 3 3x3
"""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (3, "nobody uses the block around it"),
        (5, "nobody uses the network around it"),
        (8, "the condition around it does not hold"),
        (11, "the condition above its `else:` holds"),
    ],
)
def test_a_line_that_makes_no_layer_says_why(run: Run, line: int, why: str) -> None:
    assert f"It makes no layer: {why}." in run("explain", f"-:{line}", stdin=IDLE).stdout
