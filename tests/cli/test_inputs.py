"""What every reading command does with files that are wrong, empty, missing, no text, or folders."""

import json
import struct
from pathlib import Path

import pytest
from click.testing import Result

from .conftest import GOOD, SPECS, Run

READING = [["shapes"], ["check"], ["fmt", "--check"], ["export", "--to", "pytorch"]]
BAD = {
    "wrong.net": "N101",
    "empty.net": "N006",
    "picture.net": "N001",
    "nothing": "N008",
    "nowhere.net": "N008",
}


def refused(result: Result, code: str) -> bool:
    shown = result.exit_code == 1 and f"error[{code}]" in result.stderr and result.stdout == ""
    return shown and "Traceback" not in result.stderr


@pytest.mark.parametrize("command", READING, ids=lambda words: words[0])
@pytest.mark.parametrize("file", BAD)
def test_bad_file(run: Run, folder: Path, command: list[str], file: str) -> None:
    if command[0] == "fmt" and file in ("wrong.net", "empty.net"):
        assert run(*command, file).exit_code == 0  # it can be read, and that is all that a formatter asks
        return
    assert refused(run(*command, file), BAD[file])


@pytest.mark.parametrize("command", READING, ids=lambda words: words[0])
def test_no_file_is_wrong_usage(run: Run, command: list[str]) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


@pytest.mark.parametrize("command", ["shapes", "check"])
def test_good_files_are_answered_beside_bad_ones(run: Run, folder: Path, command: str) -> None:
    result = run(command, "wrong.net", "good.net", "nowhere.net")
    assert result.exit_code == 1
    assert "good.net" in result.stdout
    assert "error[N101]" in result.stderr
    assert "error[N008]" in result.stderr


def test_folder_means_the_specs_inside(run: Run, folder: Path) -> None:
    inside = folder / "deeper" / "still"
    inside.mkdir(parents=True)
    (inside / "other.net").write_text(GOOD)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "not.net").write_text("nonsense")
    for name in ("wrong.net", "empty.net", "picture.net"):
        (folder / name).unlink()
    result = run("check", folder)
    assert result.exit_code == 0, result.stderr
    assert [Path(line.split(": ok")[0]).name for line in result.stdout.splitlines()] == [
        "good.net",
        "other.net",
    ]


@pytest.mark.parametrize("format", ["full", "concise", "json", "github", "sarif"])
def test_formats(run: Run, folder: Path, format: str) -> None:
    result = run("shapes", "--format", format, "wrong.net")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "N101" in result.stderr
    if format in ("json", "sarif"):
        json.loads(result.stderr)


@pytest.mark.parametrize("format", ["json", "sarif"])
def test_machine_formats_of_check_are_its_answer(run: Run, folder: Path, format: str) -> None:
    for file in ("wrong.net", "good.net"):
        result = run("check", "--format", format, file)
        assert result.exit_code == (file == "wrong.net")
        assert ("N101" in result.stdout) == (file == "wrong.net")
        json.loads(result.stdout)
        assert result.stderr == ""


@pytest.mark.parametrize("command", ["shapes", "check"])
def test_json_holds_the_errors(run: Run, folder: Path, command: str) -> None:
    result = run(command, "--json", "good.net", "wrong.net")
    assert result.exit_code == 1
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document["error"]["code"] == "N101"
    assert document["error"]["file"] == "wrong.net"
    assert document["error"]["line"] == 2


def test_check_says_the_parameters(run: Run, folder: Path) -> None:
    assert run("check", "good.net").stdout == "good.net: ok, 31,474 parameters\n"


def test_stdin(run: Run) -> None:
    assert run("check", "-", stdin=GOOD).stdout == "<stdin>: ok, 31,474 parameters\n"
    assert refused(run("check", "-", stdin=b"\xff\xfe"), "N001")
    assert refused(run("check", "-", stdin=""), "N006")


def test_bundled_spec_by_bare_name(run: Run) -> None:
    assert run("check", "lenet").stdout == "lenet.net: ok, 61,706 parameters\n"
    assert "did you mean `lenet`?" in run("check", "lenett").stderr
    assert "lenet" not in run("check", "here/lenet").stdout


def test_missing_file_is_looked_for_nearby(run: Run, folder: Path) -> None:
    result = run("check", "god.net")
    assert "did you mean `good.net`?" in result.stderr
    assert result.exit_code == 1


def weights(path: Path, header: object, length: int | None = None) -> Path:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(data) if length is None else length) + data)
    return path


def test_weights_that_carry_their_spec(run: Run, tmp_path: Path) -> None:
    path = weights(
        tmp_path / "best.safetensors", {"__metadata__": {"netspec": (SPECS / "lenet.net").read_text()}}
    )
    assert run("check", path).stdout == f"{path}: ok, 61,706 parameters\n"
    assert run("fmt", path).exit_code == 1


@pytest.mark.parametrize(
    ("header", "length"),
    [
        ({"__metadata__": {"format": "pt"}}, None),
        ({"__metadata__": {"netspec": 5}}, None),
        ({"__metadata__": 5}, None),
        ([], None),
        (b"", None),
        (b"{" * 200_000, None),
        (b"[" * 200_000, None),
        (b"\xff\xff\xff", None),
        ({}, 2**63),
        ({}, 1_000),
    ],
)
def test_weights_without_a_spec(run: Run, tmp_path: Path, header: object, length: int | None) -> None:
    assert refused(run("check", weights(tmp_path / "bad.safetensors", header, length)), "N703")
