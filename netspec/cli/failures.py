"""How a command ends that did not do what it was asked: the message, on which stream, and the exit code.

0 the reader of a pipe has gone, 1 the spec is wrong or something failed, 130 stopped from the keyboard.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import click

from netspec import render
from netspec.cli.console import has_colour, say, tell
from netspec.cli.state import State
from netspec.diagnostics import Diagnostic, SpecError

INTERRUPTED: Final = 130


def explain_failure(failure: BaseException, state: State) -> int:
    """Say what went wrong; the exit code."""
    match failure:
        case SpecError(diagnostics=found):
            report(found, state)
            return 1
        case BrokenPipeError():
            _silence()
            return 0
        case KeyboardInterrupt() | click.Abort():
            tell("stopped\n")
            return INTERRUPTED
        case SystemExit():
            raise failure
        case OSError() if not state.debug:
            place = f"{failure.filename}: " if failure.filename else ""
            tell(f"netspec: {place}{(failure.strerror or str(failure)).lower()}\n")
            return 1
        case Exception() if not state.debug:
            kind = type(failure).__name__
            tell(f"netspec: this is a bug in netspec ({kind}), run with --debug for the traceback\n")
            return 1
    raise failure


def report(found: Sequence[Diagnostic], state: State) -> None:
    """Show diagnostics: in the JSON document where one is wanted, otherwise on stderr in the chosen format."""
    if state.schema:
        say(document(state.schema, found))
    else:
        tell(rendered(found, state.format))


def rendered(found: Sequence[Diagnostic], format: str) -> str:
    """Diagnostics in a format, coloured where it is the full one and stderr is a terminal."""
    return (
        render.full(found, colour=has_colour(sys.stderr))
        if format == "full"
        else render.FORMATS[format](found)
    )


def document(schema: str, found: Sequence[Diagnostic] = (), **answer: Any) -> str:
    """A JSON document: its schema, the answer, and `error` (the first of `errors`, or null)."""
    errors = [render.as_data(one) for one in found]
    data = {"schema": schema, **answer, "error": errors[0] if errors else None, "errors": errors}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _silence() -> None:
    """Let the interpreter's last flush go nowhere: nobody reads any more."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
