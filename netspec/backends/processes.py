"""How a process learns from its environment that it is one of several on one run.  Loads no array library."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

NEEDED: Final = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What whoever starts several processes says to each (torchrun, `netspec train --devices`)."""

LAUNCHED: Final = "NETSPEC_LAUNCHED"
"""The variable with the folder for words to the `netspec train --devices` that started this process."""
TOLD: Final = "told"
"""The file in that folder with the rank of the process that told why the run failed."""
RUN: Final = "run"
"""The file in that folder with the place of the run's own folder."""


def is_started() -> bool:
    """This process was started as one of several."""
    return all(name in os.environ for name in NEEDED)


def end(code: int) -> NoReturn:
    """End this process with what it wrote, and without the end of Python's interpreter.

    Threads of gloo go on until then, and now and then one of them aborts the process when it is stopped.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def leave_word(name: str, text: str) -> None:
    """Leave a word for the launcher that started this process, if one did; raises OSError."""
    if LAUNCHED in os.environ:
        Path(os.environ[LAUNCHED], name).write_text(text, encoding="utf-8")


def read_word(folder: Path, name: str) -> str:
    """A word that a process left; empty where none did."""
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError:
        return ""
