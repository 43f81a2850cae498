"""Commands are called in this process; a wrong spec, an empty file and a folder of specs lie ready."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netspec.cli import cli

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "specs"

GOOD = "input 28x28x1\nconv 4 5x5 relu -> 28x28x4\nsoftmax 10\n"
WRONG = "input 28x28x1\ncovn 4 5x5 relu\nsoftmax 10\n"

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Call `netspec` in an empty folder: `run("shapes", "lenet")`."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*args: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a right spec, a wrong one, an empty one, a picture, a folder without specs."""
    (tmp_path / "good.net").write_text(GOOD)
    (tmp_path / "wrong.net").write_text(WRONG)
    (tmp_path / "empty.net").write_text("")
    (tmp_path / "picture.net").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    (tmp_path / "nothing").mkdir()
    return tmp_path
