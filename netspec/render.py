"""How diagnostics look: full text with carets, one line each, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from unicodedata import combining, east_asian_width
from urllib.parse import quote

from netspec.codes import CODES
from netspec.diagnostics import Diagnostic, Label
from netspec.source import Source

_LONGEST_LINE: Final = 160
_MOST_USES: Final = 5
_BEFORE: Final = 60
"""Characters shown before the place in a line that is cut."""
_SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_RED, _BLUE, _BOLD, _PLAIN = "\x1b[31m", "\x1b[34m", "\x1b[1m", "\x1b[0m"


def full(found: Sequence[Diagnostic], *, colour: bool = False) -> str:
    """Every diagnostic with its place, carets, reason, history and verified suggestions."""
    return "\n\n".join(_full(one, colour) for one in found) + "\n"


def _full(found: Diagnostic, colour: bool) -> str:
    def paint(text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if colour else text

    message = printable(found.message)
    lines = [f"{paint(f'error[{found.code}]', _BOLD + _RED)}: {paint(message, _BOLD)}"]
    if found.span:
        lines.append(f"  {printable(str(found.span))}")
        lines += _excerpt(found.labels, lambda text: paint(text, _RED), lambda text: paint(text, _BLUE))
    details = [("because", found.because), *(("history", way) for way in found.history.split("\n"))]
    details += [("note", note) for note in found.notes]
    details += [("used", text) for text in _uses(found)]
    if found.tries:
        details.append(("try", ", or ".join(found.tries)))
    lines += [f"  {paint(f'{name:<8}', _BLUE)} {printable(text)}" for name, text in details if text]
    return "\n".join(lines)


def _uses(found: Diagnostic) -> list[str]:
    """Where the block around the guilty place is used, innermost first; of many uses the first and the last."""
    texts = [_use(label, found) for label in found.uses]
    if len(texts) <= _MOST_USES:
        return texts
    left = len(texts) - _MOST_USES
    return [*texts[: _MOST_USES - 1], f"inside {left} more", texts[-1]]


def _use(label: Label, found: Diagnostic) -> str:
    """Where a block is used, and with what."""
    return f"on line {label.span.line}" + _in_file(label, found) + f": {label.text or label.span.text}"


def _in_file(label: Label, found: Diagnostic) -> str:
    same = found.span is not None and found.span.source is label.span.source
    return "" if same else f" of {label.span.source.name}"


def _excerpt(labels: Sequence[Label], guilty: Callable[[str], str], other: Callable[[str], str]) -> list[str]:
    """The lines of the labels in order of place, a row of carets under each label."""
    main = labels[0].span.source
    places = sorted(
        enumerate(labels),
        key=lambda pair: (pair[1].span.source is not main, pair[1].span.line, pair[1].span.column),
    )
    width = max(2, *(len(str(label.span.line)) for label in labels))
    lines: list[str] = []
    shown, cut, visible, source = 0, 0, "", main
    for index, label in places:
        line, at = label.span.line, label.span.column - 1
        if label.span.source is not source:
            source, shown = label.span.source, 0
            lines.append(f"  {printable(str(label.span))}")
        text = printable(label.span.source.line_text(line))
        if line != shown or at >= cut + _LONGEST_LINE:
            cut = max(0, at - _BEFORE) if len(text) > _LONGEST_LINE else 0
            visible = text[cut : cut + _LONGEST_LINE]
            if shown and line > shown + 1:
                lines.append(f"  {' ' * width} :")
            lines.append(f"  {line:>{width}} | {visible}")
            shown = line
        start = at - cut
        marked = visible[start : start + label.span.end - label.span.start]
        carets = "^" * max(1, _columns(marked))
        paint = guilty if index == 0 else other
        words = paint(f"{carets} {printable(label.text)}".rstrip())
        lines.append(f"  {' ' * width} | {' ' * _columns(visible[:start])}{words}")
    return lines


def printable(text: str) -> str:
    """A text whose characters can all be seen, so that nothing reaches the terminal that acts on it."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else " " if sign in "\t\N{NO-BREAK SPACE}" else "\N{REPLACEMENT CHARACTER}"
        for sign in text
    )


def _columns(text: str) -> int:
    """Columns that a text takes on a terminal: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)


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
        "uses": [{"file": label.span.source.name, **_label(label)} for label in found.uses],
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
        message = " | ".join(
            filter(None, [one.message, one.because, *(f"try {words}" for words in one.tries)])
        )
        span = one.span
        where = f"file={_escaped(span.source.name, ':,')},line={span.line},col={span.column}," if span else ""
        lines.append(f"::error {where}title={one.code}::{_escaped(message)}\n")
    return "".join(lines)


def _escaped(text: str, more: str = "") -> str:
    """A text as GitHub wants it in a command; `more` are the signs that a property may not hold."""
    return "".join(f"%{ord(sign):02X}" if sign in "%\r\n" + more else sign for sign in text)


def sarif(found: Sequence[Diagnostic]) -> str:
    """A SARIF 2.1.0 log (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), columns counted in characters."""
    codes = sorted({one.code for one in found})
    rules = [{"id": code, "shortDescription": {"text": CODES[code]}} for code in codes]
    run = {
        "tool": {"driver": {"name": "netspec", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(one, codes.index(one.code)) for one in found],
    }
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def _sarif_result(one: Diagnostic, rule: int) -> dict[str, Any]:
    text = "\n".join(filter(None, [one.message, one.because, *(f"try {words}" for words in one.tries)]))
    result: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": text},
    }
    places = [
        {"physicalLocation": _sarif_place(label), **({"message": {"text": label.text}} if label.text else {})}
        for label in one.labels
    ]
    if places:
        result["locations"] = places[:1]
    if places[1:]:
        result["relatedLocations"] = [{"id": number, **place} for number, place in enumerate(places[1:], 1)]
    return result


def _sarif_place(label: Label) -> dict[str, Any]:
    region = _range(label.span.source, label.span.start, label.span.end)
    names = {"line": "startLine", "column": "startColumn", "end_line": "endLine", "end_column": "endColumn"}
    return {
        "artifactLocation": {"uri": quote(label.span.source.name.replace("\\", "/"))},
        "region": {names[key]: value for key, value in region.items()},
    }


FORMATS: Final[dict[str, Callable[[Sequence[Diagnostic]], str]]] = {
    "full": full,
    "concise": concise,
    "json": as_json,
    "github": github,
    "sarif": sarif,
}
