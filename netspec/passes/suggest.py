"""Suggest: try every proposed fix on the text, and keep the words of those after which the checker is content.

A fix counts when its own complaint is gone and no other has come: what a message proposes has been checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from netspec.diagnostics import Diagnostic, Diagnostics, Edit, Fix
from netspec.ir.layer import Layer
from netspec.source import Source

MOST_CHECKS: Final = 24
"""Checks of the whole text spent on one file."""
LONGEST: Final = 100_000
"""Characters of a text beyond which nothing is tried: an answer at once is worth more."""

Check = Callable[[Source], tuple[Sequence[Layer], Diagnostics]]


def suggest(source: Source, found: Sequence[Diagnostic], check: Check) -> list[Diagnostic]:
    """The diagnostics with `tries` filled in from those of their fixes that hold."""
    left = MOST_CHECKS if len(source.text) <= LONGEST else 0
    done = []
    for diagnostic in found:
        held: list[tuple[Fix, str]] = []
        for fix in diagnostic.fixes:
            if left <= 0:
                break
            left -= 1
            shape = _try(source, fix, diagnostic, found, check)
            if shape is not None:
                held.append((fix, shape))
        done.append(replace(diagnostic, tries=_words(held), fixes=tuple(fix for fix, _ in held)))
    return done


def apply(text: str, edits: Sequence[Edit]) -> str:
    """A text with the edits made."""
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def _try(
    source: Source, fix: Fix, mine: Diagnostic, found: Sequence[Diagnostic], check: Check
) -> str | None:
    """The shape of the changed line where the fix holds ("" where it has none), None where it does not."""
    changed = Source(apply(source.text, fix.edits), source.name)
    try:
        layers, left = check(changed)
    except Exception:  # a limit met by the changed text: the fix does not hold
        return None
    others = [(other.code, other.message) for other in found if other is not mine]
    for diagnostic in left:
        if (diagnostic.code, diagnostic.message) not in others:
            return None
        others.remove((diagnostic.code, diagnostic.message))
    line = fix.edits[0].span.line
    on_line = [layer for layer in layers if layer.origin and layer.origin.statement.line == line]
    return str(on_line[-1].shape) if on_line else ""


def _words(held: Sequence[tuple[Fix, str]]) -> tuple[str, ...]:
    """The fixes in words, those of one group in one breath."""
    words: list[str] = []
    groups: dict[str, list[str]] = {}
    for fix, shape in held:
        said = fix.say if isinstance(fix.say, str) else fix.say(shape)
        if fix.group:
            groups.setdefault(fix.group, []).append(said)
        elif said not in words:
            words.append(said)
    for group, lines in groups.items():
        words.append(f"{group} (line{'s' * (len(lines) > 1)} {', '.join(lines)})")
    return tuple(words)
