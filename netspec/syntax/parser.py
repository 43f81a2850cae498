"""Parsing: text to `tree.File`, every bad line reported, nothing thrown.

The whole text is parsed in one go.  Only when that fails is each line parsed by itself, so that one run reports every
bad line; Lark is loaded then, and is asked what is wrong with a line.  What is cheap to refuse (size, bytes that are
not text, nesting) is refused before.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, cast

from netspec.collector import collector_paused
from netspec.diagnostics import Diagnostic, Diagnostics, Edit, Fix, Label, SpecError, error
from netspec.limits import DEFAULT, Limits
from netspec.source import Source, Span
from netspec.syntax import tree
from netspec.syntax.build import Sign, TreeBuilder
from netspec.syntax.driver import Driver, Refused
from netspec.syntax.layout import nest
from netspec.syntax.tables import ForLark, load_driver_tables, load_parser, place

if TYPE_CHECKING:
    from lark import Lark

MOST_ERRORS: Final = 25
"""Bad lines reported in one run; a file with more is not a spec."""

_INDENT = re.compile(r"^[ \t]+(?=[^\s])", re.MULTILINE)
_HEADER = re.compile(r"(block|network|if|for|repeat|def)\b")
"""What a line begins with that was meant to open a block."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


def read_source(path: str | Path, limits: Limits = DEFAULT) -> Source:
    """The text of a file; raises `SpecError` N001, N008 or N501 where it is no text that can be read."""
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(limits.source + 1)
    except IsADirectoryError:
        raise error("N008", f"{name} is a folder, not a spec") from None
    except OSError as reason:
        raise error("N008", f"{name}: {(reason.strerror or 'cannot be opened').lower()}") from None
    return decode(data, name, limits)


def decode(data: bytes, name: str, limits: Limits = DEFAULT) -> Source:
    """The text in some bytes: UTF-8 with an optional byte-order mark; raises `SpecError`."""
    if len(data) > limits.source:
        raise error("N501", f"{name} is larger than {limits.source:,} bytes")
    try:
        return Source(data.decode("utf-8-sig"), name)
    except UnicodeDecodeError as reason:
        line = data.count(b"\n", 0, reason.start) + 1
        where = f"byte 0x{data[reason.start]:02x} at offset {reason.start} (line {line}) is not UTF-8"
        kind = next((kind for mark, kind in _KINDS if data.startswith(mark)), f"not text: {where}")
        raise error("N001", f"{name} is {kind}") from None


# The first bytes of files that are no text, and what they are.
_KINDS: Final = (
    (b"\x89PNG", "a PNG picture, not a spec"),
    (b"\xff\xd8\xff", "a JPEG picture, not a spec"),
    (b"\x1f\x8b", "gzip data, not a spec"),
    (b"PK\x03\x04", "a zip archive, not a spec"),
    (b"\x93NUMPY", "a NumPy array, not a spec"),
    (b"%PDF", "a PDF document, not a spec"),
    (b"\xff\xfe", "text in UTF-16, and a spec is saved as UTF-8"),
    (b"\xfe\xff", "text in UTF-16, and a spec is saved as UTF-8"),
)


def parse(source: Source, diagnostics: Diagnostics, limits: Limits = DEFAULT) -> tree.File:
    """The syntax tree of a text.  Bad lines are reported and left out; raises `SpecError` where nothing can be read."""
    _check_text(source, limits)
    _check_tabs(source, diagnostics)
    with collector_paused():
        return _parse(source, diagnostics)


def _parse(source: Source, diagnostics: Diagnostics) -> tree.File:
    text = source.text
    try:
        rows: tuple[tree.Row, ...] = driver().parse(text, "file", 0, len(text))
        return tree.File(rows, nest(source, rows, Diagnostics() if diagnostics else diagnostics))
    except Refused:
        pass  # read line by line below, to report every bad line
    rows = _rows(source, diagnostics)
    # A line that could not be read may have opened a block, and a tab has no width: nesting is not judged then.
    return tree.File(rows, nest(source, rows, Diagnostics()))


@cache
def driver() -> Driver:
    """What reads the language."""
    return Driver(load_driver_tables(grammar()), TreeBuilder(), Sign)


@cache
def lark_parser() -> Lark:
    """What says where a text leaves the language: Lark's own parser, which builds the same."""
    return load_parser(grammar(), ForLark(TreeBuilder(), Sign))


@cache
def grammar() -> str:
    """The text of the grammar."""
    return place("netspec.lark").read_text("utf-8")


def _rows(source: Source, diagnostics: Diagnostics) -> tuple[tree.Row, ...]:
    """The rows of a text, line by line; a bad one is reported and its place kept."""
    rows: list[tree.Row] = []
    bad = 0
    for line in range(1, source.line_count() + 1):
        span = source.line_span(line)
        if not span.text.strip():
            continue
        if bad >= MOST_ERRORS:
            label = Label(span, "the lines from here on were not read")
            diagnostics.append(Diagnostic("N004", f"there are {bad} bad lines above", (label,)))
            break
        try:
            rows.append(driver().parse(source.text, "row", span.start, span.end))
        except Refused:
            problem, row = _refused(source, line, span)
            rows.append(row)
            if problem:
                diagnostics.append(problem)
                bad += 1
    return tuple(rows)


def _refused(source: Source, line: int, span: Span) -> tuple[Diagnostic | None, tree.Row]:
    """What Lark says of a line, and its row."""
    from lark import TextSlice, UnexpectedInput

    try:
        row = lark_parser().parse(TextSlice(source.text, span.start, span.end), start="row")
        return None, cast(tree.Row, row)
    except UnexpectedInput as problem:
        from netspec.syntax.explain import explain  # most texts have no bad line

        return explain(source, line, problem), _unread(span)


def _unread(line: Span) -> tree.Row:
    """The place of a bad line, which may have opened a block."""
    start = line.end - len(line.text.lstrip())
    said = line.text.partition("#")[0].strip()
    opens = said.endswith(":") or _HEADER.match(said) is not None
    return tree.Row((tree.Unread(start, line.end, body=None, inline=False),), opens, None, start)


def _check_text(source: Source, limits: Limits) -> None:
    text = source.text
    if len(text) > limits.source:
        raise error("N501", f"{source.name} has {len(text):,} characters, and the limit is {limits.source:,}")
    control = re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text)
    if control:
        name = "NUL" if control[0] == "\0" else f"control character U+{ord(control[0]):04X}"
        raise error("N002", f"a {name} cannot stand in a spec", source.span(*control.span()))
    solid = len(text) - text.count(" ") - text.count("\n")  # at least as many as there are tokens
    if solid > limits.tokens and len(_TOKEN.findall(text)) > limits.tokens:
        raise error("N502", f"{source.name} has more than {limits.tokens:,} words, numbers and signs")
    digits = re.search(rf"\d{{{limits.digits + 1},}}", text)
    if digits:
        _refuse_digits(source, digits, limits)
    _check_parentheses(source, limits)
    _check_indents(source, limits)


def _refuse_digits(source: Source, match: re.Match[str], limits: Limits) -> NoReturn:
    start, end = match.span()
    label = Label(source.span(start, min(end, start + 20)), "starts here")
    raise SpecError(
        Diagnostic("N504", f"a number has {end - start:,} digits, and the limit is {limits.digits}", (label,))
    )


def _check_parentheses(source: Source, limits: Limits) -> None:
    if source.text.count("(") <= limits.nesting:
        return
    depth = 0
    for match in re.finditer(r"[()\n]", source.text):
        depth = 0 if match[0] == "\n" else depth + 1 if match[0] == "(" else max(depth - 1, 0)
        if depth > limits.nesting:
            label = Label(source.span(*match.span()), "one too many")
            raise SpecError(
                Diagnostic("N503", f"parentheses are nested more than {limits.nesting} deep", (label,))
            )


def _check_indents(source: Source, limits: Limits) -> None:
    if source.text.count(":") <= limits.nesting or not re.search(
        rf"\n[^\S\n]{{{limits.nesting}}}", source.text
    ):
        return  # in a block nested too deeply, a line is indented by a space for each block at least
    indents: list[int] = []
    for line in range(1, source.line_count() + 1):
        text = source.line_text(line)
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        indent = len(text) - len(text.lstrip())
        while indents and indents[-1] >= indent:
            indents.pop()
        indents.append(indent)
        if len(indents) > limits.nesting:
            start = source.line_start(line) + indent
            label = Label(source.span(start, start + len(text.strip())), "one too many")
            raise SpecError(
                Diagnostic("N503", f"blocks are nested more than {limits.nesting} deep", (label,))
            )


def _check_tabs(source: Source, diagnostics: Diagnostics) -> None:
    """Report the tabs in indentations, once for the whole text."""
    edits, first = [], None
    for match in _INDENT.finditer(source.text) if "\t" in source.text else ():
        if "\t" in match[0]:
            first = first or source.span(
                match.start() + match[0].index("\t"), match.start() + match[0].index("\t") + 1
            )
            edits.append(Edit(source.span(*match.span()), match[0].expandtabs(4)))
    if first:
        label = Label(
            first, "a tab" if len(edits) == 1 else f"a tab, the first of {len(edits)} lines with one"
        )
        fix = Fix(tuple(edits), "4 spaces in place of each tab")
        diagnostics.report("N003", "blocks are indented with spaces, not with tabs", label, fixes=(fix,))
