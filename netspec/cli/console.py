"""The two streams: stdout takes the answer, stderr the rest, and neither gets an escape where none is wanted."""

from __future__ import annotations

import os
from typing import IO, Any

import click


def say(text: str) -> None:
    """Write a part of the answer, which ends its own lines."""
    click.echo(text, nl=False, color=True)


def tell(text: str) -> None:
    """Write what is not the answer to stderr."""
    click.echo(text, nl=False, err=True, color=True)


def has_colour(stream: IO[Any] | None) -> bool:
    """The stream is to be coloured: `NO_COLOR`, then `FORCE_COLOR`, then whether it is a terminal that can."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: IO[Any] | None) -> bool:
    """Somebody looks at this stream."""
    return stream is not None and not stream.closed and stream.isatty()


def width(stream: IO[Any] | None) -> int | None:
    """Columns of the terminal; None where there is none, and nothing has to be made to fit."""
    if not is_terminal(stream):
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns
