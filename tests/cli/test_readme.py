"""What README and `docs/tools.md` show is what the commands print."""

import re
from pathlib import Path

import pytest

from .conftest import ROOT, Run

README = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = r"```console\n\$ netspec (.*)\n((?:.*\n)*?)```"
SHOWN = dict(re.findall(EXAMPLE, README))


TOOLS = dict(re.findall(EXAMPLE, (ROOT / "docs" / "tools.md").read_text("utf-8")))
ROUNDED = re.compile(r"(?<=difference )\d\.\de[-+]\d\d(?: in `[^`]+`)?")
"""What rounding makes of a sum is another number on another processor."""


@pytest.mark.parametrize("command", TOOLS)
def test_tools(run: Run, command: str) -> None:
    found, shown = (ROUNDED.sub("...", text) for text in (run(*command.split()).stdout, TOOLS[command]))
    assert found == shown


def test_both_examples_are_found() -> None:
    assert list(SHOWN) == ["shapes specs/lenet.net", "check deep.net"]


def test_shapes_of_lenet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert run("shapes", "specs/lenet.net").stdout == SHOWN["shapes specs/lenet.net"]


def test_a_mistake(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1] / "golden" / "readme")
    result = run("check", "deep.net")
    assert result.exit_code == 1
    assert result.stderr == SHOWN["check deep.net"]


def test_the_spec_is_the_one_that_ships() -> None:
    assert (ROOT / "specs" / "lenet.net").read_text("utf-8") in README
