"""`netspec fmt`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from netspec.cli import options
from netspec.cli.console import has_colour, say, tell
from netspec.diagnostics import Diagnostic, SpecError, error
from netspec.limits import Limits
from netspec.source import Source


@click.command(short_help="Rewrite specs in the one style.")
@options.files
@click.option(
    "--check", is_flag=True, help="Write nothing; list the files that would change, and exit with 1."
)
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("--annotate", is_flag=True, help="State the shape of each layer after `->`.")
@click.option("--strip", is_flag=True, help="Take every `->` away.")
@options.reading
@click.pass_context
def fmt(
    ctx: click.Context,
    files: tuple[str, ...],
    check: bool,
    diff: bool,
    annotate: bool,
    strip: bool,
    limits: Limits,
) -> None:
    """Rewrite specs, and folders of specs, in the one style.  `-` reads stdin and writes stdout."""
    from netspec.cli.files import STDIN, spec_files
    from netspec.passes.tidy import tidy
    from netspec.train.durable import replace_file

    if annotate and strip:
        raise click.UsageError("--annotate and --strip exclude each other.")
    changed = 0
    found: list[Diagnostic] = []
    for file in spec_files(files, found):
        try:
            old = _text_of(file, limits)
            new = tidy(old, limits, annotate=annotate, strip=strip)
        except SpecError as wrong:
            found.extend(wrong.diagnostics)
            continue
        changed += old.text != new
        if diff:
            say(_difference(old, new))
        elif check:
            say(f"{old.name}\n" if old.text != new else "")
        elif file == STDIN:
            say(new)
        elif old.text != new:
            replace_file(Path(file), new)
            tell(f"formatted {old.name}\n")
    if found:
        raise SpecError(*found)
    ctx.exit(1 if check and changed else 0)


def _text_of(file: str, limits: Limits) -> Source:
    """The text of a file that may be written again."""
    from netspec.cli.files import STDIN, WEIGHTS, find_spec, read

    if file != STDIN and not os.path.lexists(file):
        bundled = find_spec(file)
        raise error("N008", f"{file}: there is no such file; the bundled {bundled.name} is not rewritten")
    if file.endswith(WEIGHTS):
        raise error("N008", f"{file} holds weights; only specs are rewritten")
    return read(file, limits)


def _difference(old: Source, new: str) -> str:
    """A unified diff, coloured on terminals; empty where nothing changes."""
    from difflib import unified_diff

    colours = {"-": "31", "+": "32", "@": "36"} if has_colour(sys.stdout) else {}
    lines = unified_diff(
        old.text.splitlines(), new.splitlines(), old.name, f"{old.name} (formatted)", lineterm=""
    )
    painted = (f"\x1b[{colours[line[0]]}m{line}\x1b[0m" if line[:1] in colours else line for line in lines)
    return "".join(f"{line}\n" for line in painted)
