"""How diagnostics look: full text with carets, one line each, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from netspec.codes import CODES
from netspec.diagnostics import Diagnostic, Label
from netspec.source import Source

_LONGEST_LINE = 160
_RED, _BLUE, _BOLD, _PLAIN = "\x1b[31m", "\x1b[34m", "\x1b[1m", "\x1b[0m"


def full(found: Sequence[Diagnostic], *, colour: bool = False) -> str:
    """Every diagnostic with its place, carets, reason, history and verified suggestions."""
    return "\n\n".join(_full(one, colour) for one in found) + "\n"


def _full(found: Diagnostic, colour: bool) -> str:
    def paint(text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if colour else text

    lines = [f"{paint(f'error[{found.code}]', _BOLD + _RED)}: {paint(found.message, _BOLD)}"]
    if found.span:
        lines.append(f"  {found.span.source.name}:{found.span.line}:{found.span.column}")
        lines += _excerpt(found.labels, lambda text: paint(text, _RED), lambda text: paint(text, _BLUE))
    details = [("because", found.because), ("history", found.history)]
    details += [("note", note) for note in found.notes]
    if found.tries:
        details.append(("try", ", or ".join(found.tries)))
    lines += [f"  {paint(f'{name:<8}', _BLUE)} {text}" for name, text in details if text]
    return "\n".join(lines)


def _excerpt(labels: Sequence[Label], guilty: Callable[[str], str], other: Callable[[str], str]) -> list[str]:
    """The lines of the labels in order of place, a row of carets under each label."""
    places = sorted(enumerate(labels), key=lambda pair: (pair[1].span.line, pair[1].span.column))
    width = max(len(str(label.span.line)) for label in labels)
    width = max(width, 2)
    lines: list[str] = []
    shown = 0
    for index, label in places:
        line, column = label.span.line, label.span.column
        text = label.span.source.line_text(line).replace("\t", " ")
        cut = max(0, column - 60) if len(text) > _LONGEST_LINE else 0
        if line != shown:
            if shown and line > shown + 1:
                lines.append(f"  {' ' * width} :")
            lines.append(f"  {line:>{width}} | {text[cut : cut + _LONGEST_LINE]}")
            shown = line
        room = max(1, min(label.span.end, label.span.start + len(text) - column + 1) - label.span.start)
        carets = "^" * min(room, _LONGEST_LINE)
        paint = guilty if index == 0 else other
        lines.append(
            f"  {' ' * width} | {' ' * (column - 1 - cut)}{paint(f'{carets} {label.text}'.rstrip())}"
        )
    return lines


def concise(found: Sequence[Diagnostic]) -> str:
    """A line each: `file:line:column: N203 message`."""
    return "".join(f"{_place(one)}: {one.code} {one.message}\n" for one in found)


def _place(found: Diagnostic) -> str:
    span = found.span
    return f"{span.source.name}:{span.line}:{span.column}" if span else "netspec"


def as_data(found: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON data with stable keys."""
    span = found.span
    return {
        "code": found.code,
        "title": CODES[found.code],
        "message": found.message,
        "file": span.source.name if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "labels": [_label(label) for label in found.labels],
        "because": found.because or None,
        "history": found.history or None,
        "notes": list(found.notes),
        "try": list(found.tries),
        "fixes": [
            [
                {**_range(edit.span.source, edit.span.start, edit.span.end), "text": edit.text}
                for edit in fix.edits
            ]
            for fix in found.fixes
        ],
    }


def _label(label: Label) -> dict[str, Any]:
    return {**_range(label.span.source, label.span.start, label.span.end), "text": label.text}


def _range(source: Source, start: int, end: int) -> dict[str, int]:
    (line, column), (end_line, end_column) = source.position(start), source.position(end)
    return {"line": line, "column": column, "end_line": end_line, "end_column": end_column}


def as_json(found: Sequence[Diagnostic]) -> str:
    """One JSON document; `error` is the first diagnostic, `errors` are all."""
    errors = [as_data(one) for one in found]
    document = {"schema": "netspec.diagnostics/1", "error": errors[0] if errors else None, "errors": errors}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def github(found: Sequence[Diagnostic]) -> str:
    """Annotations of GitHub's workflow commands."""
    lines = []
    for one in found:
        message = " | ".join(filter(None, [one.message, one.because, *one.tries]))
        message = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        where = f"file={one.span.source.name},line={one.span.line},col={one.span.column}," if one.span else ""
        lines.append(f"::error {where}title={one.code}::{message}\n")
    return "".join(lines)


def sarif(found: Sequence[Diagnostic]) -> str:
    """A SARIF 2.1.0 log."""
    results = []
    for one in found:
        result: dict[str, Any] = {"ruleId": one.code, "level": "error", "message": {"text": one.message}}
        if one.span:
            region = _range(one.span.source, one.span.start, one.span.end)
            names = {
                "line": "startLine",
                "column": "startColumn",
                "end_line": "endLine",
                "end_column": "endColumn",
            }
            place = {
                "artifactLocation": {"uri": one.span.source.name},
                "region": {names[key]: value for key, value in region.items()},
            }
            result["locations"] = [{"physicalLocation": place}]
        results.append(result)
    codes = sorted({one.code for one in found})
    rules = [{"id": code, "shortDescription": {"text": CODES[code]}} for code in codes]
    run = {"tool": {"driver": {"name": "netspec", "rules": rules}}, "results": results}
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=2) + "\n"


FORMATS: Final[dict[str, Callable[[Sequence[Diagnostic]], str]]] = {
    "full": full,
    "concise": concise,
    "json": as_json,
    "github": github,
    "sarif": sarif,
}
