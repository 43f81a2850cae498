"""The command as a process: closed pipes, signals, streams without Unicode, what is loaded and when."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import SPECS, WRONG

NETSPEC = [sys.executable, "-m", "netspec"]
LENET = str(SPECS / "lenet.net")


def process(*args: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*NETSPEC, *args], capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "command", [["shapes", *[LENET] * 2000], ["layers", "--json"], ["explain"], ["--help"]]
)
def test_closed_pipe(command: list[str]) -> None:
    """The reader goes away at once, as `| head -1` does."""
    running = subprocess.Popen([*NETSPEC, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    with running.stderr as stream:
        assert stream.read() == b""
    assert running.wait(60) in (0, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C while a command waits for its input."""
    running = subprocess.Popen(
        [*NETSPEC, "shapes", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "stopped\n")


def test_full_disk() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*NETSPEC, "shapes", LENET], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "netspec: no space left on device\n"


def test_ascii_streams(tmp_path: Path) -> None:
    spec = tmp_path / "wrong.net"
    spec.write_text(WRONG.replace("28x28", "28×28"), encoding="utf-8")
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    table = process("shapes", LENET, env=ascii_only)
    assert table.returncode == 0
    assert table.stdout.isascii()
    failed = process("shapes", str(spec), env=ascii_only)
    assert (failed.returncode, "N101" in failed.stderr) == (1, True)


def test_table_is_never_cut() -> None:
    narrow = process("shapes", LENET, env={**os.environ, "COLUMNS": "20"})
    assert "flattened channel by channel: 400" in narrow.stdout
    assert "\x1b" not in narrow.stdout


def test_bug_is_one_sentence_and_debug_shows_the_traceback(tmp_path: Path) -> None:
    code = (
        "import sys, netspec.passes; from netspec.cli import main\n"
        "def broken(*_): raise LookupError('planted')\n"
        "netspec.passes.analyse = broken\n"
        "main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code]
    short = subprocess.run([*command, "shapes", LENET], capture_output=True, text=True, timeout=60)
    assert short.returncode == 1
    assert (
        short.stderr
        == "netspec: this is a bug in netspec (LookupError), run with --debug for the traceback\n"
    )
    for words in (["--debug", "shapes", LENET], ["shapes", "--debug", LENET]):
        long = subprocess.run([*command, *words], capture_output=True, text=True, timeout=60)
        assert long.returncode == 1
        assert "LookupError: planted" in long.stderr


@pytest.mark.parametrize(
    "command", [["--help"], ["shapes", "--help"], ["fmt", "--help"], ["layers", "--help"]]
)
def test_help_loads_next_to_nothing(command: list[str]) -> None:
    code = (
        "import sys; from netspec.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(*sorted({'lark', 'numpy', 'torch', 'pydantic', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_shapes_loads_no_more_than_it_needs() -> None:
    code = (
        "import sys; from netspec.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'numpy', 'torch', 'pydantic', 'rich', 'importlib.metadata', 'importlib.resources'}\n"
        "print(*sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "shapes", LENET], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_export_without_torch_names_the_cure() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from netspec.cli import main\n"
        "main(['export', '--to', 'pytorch', sys.argv[1]])"
    )
    done = subprocess.run([sys.executable, "-c", code, LENET], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[N602]" in done.stderr
    assert 'pip install "netspec[torch]"' in done.stderr
