"""Suggest: try every proposed fix on the text, and keep the words of those after which the checker is content.

What a message proposes has been checked.  A fix holds when its own complaint is gone and it brought no other: what
comes up elsewhere may only be of a later stage, which the complaint had silenced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from netspec.diagnostics import Diagnostic, Diagnostics, Edit, Fix, SpecError
from netspec.ir.layer import Layer
from netspec.source import Source
from netspec.syntax.files import Changed

MOST_CHECKS: Final = 24
"""Checks of the whole text spent on one file."""
FEWEST_CHECKS: Final = 3
"""Checks spent on a long file."""
MOST_CHARACTERS: Final = 60_000
"""Characters read in all checks together, beyond the fewest: the answer of a long file is not to wait for them."""

# What is looked at in this order: a complaint of one stage keeps the later ones from being seen.
STAGES: Final = (
    ("N0",),
    ("N1", "N301", "N303", "N401", "N402", "N405", "N9"),
    ("N2", "N304"),
    ("N3", "N4"),
)

Check = Callable[[Source], tuple[Sequence[Layer], Diagnostics]]


def suggest(source: Source, found: Sequence[Diagnostic], check: Check) -> list[Diagnostic]:
    """The diagnostics with `tries` filled in from those of their fixes that hold."""
    left = min(MOST_CHECKS, max(FEWEST_CHECKS, MOST_CHARACTERS // (len(source.text) + 1)))
    done = []
    for diagnostic in found:
        held: list[tuple[Fix, str]] = []
        for fix in diagnostic.fixes[:left]:
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


def _try(source: Source, fix: Fix, mine: Diagnostic, found: Sequence[Diagnostic], check: Check) -> str | None:
    """The shape of the changed line where the fix holds ("" where it has none), None where it does not."""
    changed = _changed(source, fix.edits)
    if changed is None:
        return None
    try:
        layers, left = check(changed)
    except SpecError:  # a limit met by the changed text
        return None
    line = fix.edits[0].span.line
    mended = {edit.span.line for edit in fix.edits}
    others = [other for other in found if other is not mine]
    for diagnostic in left:
        same = next((other for other in others if _is_same(other, diagnostic)), None)
        if same:
            others.remove(same)
        elif diagnostic.span is None or diagnostic.span.line in mended or not _silenced(mine, diagnostic):
            return None
    on_line = [layer for layer in layers if layer.origin and layer.origin.statement.line == line]
    return str(on_line[-1].shape) if on_line else ""


def _changed(source: Source, edits: Sequence[Edit]) -> Source | None:
    """The text with the edits made, in the files that it imports too; None where a file is not the user's own."""
    others: dict[str, list[Edit]] = {}
    for edit in edits:
        if edit.span.source is not source:
            if edit.span.source.files is None:
                return None
            others.setdefault(edit.span.source.path, []).append(edit)
    texts = {path: apply(found[0].span.source.text, found) for path, found in others.items()}
    files = Changed(source.files, texts) if source.files and texts else source.files
    own = [edit for edit in edits if edit.span.source is source]
    return Source(apply(source.text, own), source.name, files, source.path)


def _is_same(one: Diagnostic, other: Diagnostic) -> bool:
    """It is the same complaint in the changed text: of the same line, or in the same words."""
    if one.code != other.code:
        return False
    lines = [each.span.source.line_text(each.span.line) for each in (one, other) if each.span]
    return one.message == other.message or (len(lines) == 2 and lines[0] == lines[1])


def _silenced(mine: Diagnostic, other: Diagnostic) -> bool:
    """The one complaint had kept the checker from the other."""
    return _stage(other) is not None and (_stage(mine) or 0) < (_stage(other) or 0)


def _stage(found: Diagnostic) -> int | None:
    """The stage with the longest prefix of the code."""
    fitting = [
        (len(prefix), stage)
        for stage, prefixes in enumerate(STAGES)
        for prefix in prefixes
        if found.code.startswith(prefix)
    ]
    return max(fitting)[1] if fitting else None


def _words(held: Sequence[tuple[Fix, str]]) -> tuple[str, ...]:
    """The fixes in words, those of one group in one breath."""
    words: dict[str, list[str]] = {}
    for fix, shape in held:
        said = fix.say if isinstance(fix.say, str) else fix.say(shape)
        members = words.setdefault(fix.group or said, [])
        if fix.group and said not in members:
            members.append(said)
    return tuple(
        f"{name} (line{'s' * (len(lines) > 1)} {', '.join(lines)})" if lines else name
        for name, lines in words.items()
    )
