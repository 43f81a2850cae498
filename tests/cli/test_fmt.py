"""`netspec fmt`: files rewritten in place, listed, compared; stdin; shapes stated and taken away."""

import os
import stat
from pathlib import Path

import pytest

from .conftest import GOOD, Run

LOOSE = "# head\n\n\n\ninput   28×28x1\nconv 4  5x5 relu # first\ndense 3 ; dropout .5\n".replace(
    " .5", " 0.5"
)
TIDY = "# head\n\ninput 28x28x1\nconv 4 5x5 relu  # first\ndense 3; dropout 0.5\n"
ANNOTATED = (
    "# head\n\ninput 28x28x1\nconv 4 5x5 relu         -> 28x28x4  # first\ndense 3; dropout 0.5    -> 3\n"
)


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    path = tmp_path / "loose.net"
    path.write_text(LOOSE, encoding="utf-8")
    return path


def test_rewrites_in_place_and_keeps_the_permissions(run: Run, loose: Path) -> None:
    loose.chmod(0o640)
    result = run("fmt", loose)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"formatted {loose}\n"
    assert loose.read_bytes() == TIDY.encode()
    assert stat.S_IMODE(loose.stat().st_mode) == 0o640
    assert [path.name for path in loose.parent.iterdir()] == ["loose.net"]
    assert run("fmt", loose).stderr == ""


def test_follows_a_link(run: Run, loose: Path) -> None:
    link = loose.with_name("link.net")
    link.symlink_to(loose.name)
    assert run("fmt", link).exit_code == 0
    assert link.is_symlink()
    assert loose.read_text() == TIDY


def test_windows_line_ends_and_byte_order_mark(run: Run, loose: Path) -> None:
    loose.write_bytes(b"\xef\xbb\xbf" + LOOSE.replace("\n", "\r\n").encode())
    run("fmt", loose)
    assert loose.read_bytes() == TIDY.encode()


def test_check(run: Run, loose: Path) -> None:
    result = run("fmt", "--check", loose)
    assert (result.exit_code, result.stdout) == (1, f"{loose}\n")
    assert loose.read_text(encoding="utf-8") == LOOSE
    run("fmt", loose)
    result = run("fmt", "--check", loose)
    assert (result.exit_code, result.output) == (0, "")


def test_diff(run: Run, loose: Path) -> None:
    result = run("fmt", "--diff", loose)
    assert result.exit_code == 0
    assert "\n-conv 4  5x5 relu # first\n" in result.stdout
    assert "\n+conv 4 5x5 relu  # first\n" in result.stdout
    assert loose.read_text(encoding="utf-8") == LOOSE
    assert run("fmt", "--diff", "--check", loose).exit_code == 1


def test_stdin(run: Run) -> None:
    assert run("fmt", "-", stdin=LOOSE).stdout == TIDY
    assert run("fmt", "-", stdin="").stdout == ""


def test_annotate_and_strip(run: Run) -> None:
    assert run("fmt", "--annotate", "-", stdin=LOOSE).stdout == ANNOTATED
    assert run("fmt", "--annotate", "-", stdin=ANNOTATED).stdout == ANNOTATED
    assert run("fmt", "--strip", "-", stdin=ANNOTATED).stdout == TIDY
    assert run("fmt", "--annotate", "--strip", "-").exit_code == 2


def test_annotate_replaces_a_wrong_shape(run: Run) -> None:
    assert (
        run("fmt", "--annotate", "-", stdin="input 9\ndense 4 -> 5\n").stdout == "input 9\ndense 4     -> 4\n"
    )
    assert run("fmt", "--annotate", "-", stdin="input 9\ndense 0 -> 5\n").exit_code == 1


def test_a_line_that_cannot_be_read_leaves_the_file_alone(run: Run, loose: Path) -> None:
    loose.write_text(GOOD + "conv 4 = = 3\n")
    result = run("fmt", loose)
    assert result.exit_code == 1
    assert "N004" in result.stderr
    assert loose.read_text() == GOOD + "conv 4 = = 3\n"


def test_bundled_specs_are_not_rewritten(run: Run) -> None:
    assert run("fmt", "lenet").exit_code == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(run: Run, loose: Path) -> None:
    loose.parent.chmod(0o500)
    try:
        result = run("fmt", loose)
    finally:
        loose.parent.chmod(0o700)
    assert result.exit_code == 1
    assert "permission denied" in result.stderr
