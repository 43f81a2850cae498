"""Parsing: text to `tree.File`, every bad line reported, nothing thrown.

The whole text is parsed in one go by Lark's LALR parser.  Only when that fails is each line parsed by itself, so that
one run reports every bad line.  What is cheap to refuse (size, bytes that are not text, nesting) is refused before.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

from lark import Lark, TextSlice, UnexpectedInput
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from netspec.diagnostics import Diagnostic, Diagnostics, Edit, Fix, Label, SpecError, error
from netspec.limits import DEFAULT, Limits
from netspec.source import Source
from netspec.syntax import tree
from netspec.syntax.build import TreeBuilder
from netspec.syntax.layout import nest
from netspec.syntax.tables import load_parser, place

MOST_ERRORS: Final = 50
"""Bad lines reported in one run; a file with more is not a spec."""

# The terminals of the grammar in the language's own words.
TERMINALS: Final = {
    "WORD": "a word",
    "NUMBER": "a number",
    "SIZE": "a size such as 3x3",
    "SYMBOL": "a symbol such as T",
    "STRING": 'text in "quotes"',
    "ARROW": "`->`",
    "COLON": "`:`",
    "SEMICOLON": "`;`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "PLUS": "an operator",
    "MULTIPLY": "an operator",
    "COMPARE": "a comparison such as `<=`",
    "AND": "`and`",
    "OR": "`or`",
    "FROM": "`from`",
    "AS": "`as`",
    "IN": "`in`",
    "$END": "the end of the line",
    "_NEWLINE": "the end of the line",
}
_INSIDE = re.compile(r"[^\S\n]*\t")
_LONG_NUMBER = re.compile(r"\d{15,}")
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
        kind = _kind_of(data)
        line = data.count(b"\n", 0, reason.start) + 1
        where = f"byte 0x{data[reason.start]:02x} at offset {reason.start} (line {line}) is not UTF-8"
        raise error("N001", f"{name} is {kind}: {where}") from None


def _kind_of(data: bytes) -> str:
    for mark, kind in ((b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"\x1f\x8b", "gzip data")):
        if data.startswith(mark):
            return f"{kind}, not a spec"
    return "not text"


def parse(source: Source, diagnostics: Diagnostics, limits: Limits = DEFAULT) -> tree.File:
    """The syntax tree of a text.  Bad lines are reported and left out; raises `SpecError` where nothing can be read."""
    _check_text(source, limits)
    _check_tabs(source, diagnostics)
    parser = _parser()
    if not diagnostics:
        try:
            rows = parser.parse(source.text, start="file")
            return tree.File(rows, nest(source, rows, diagnostics))
        except UnexpectedInput:
            pass  # read line by line below, to report every bad line
    rows = _rows(parser, source, diagnostics)
    # A line that could not be read may have opened a block: where lines nest is not judged then.
    return tree.File(rows, nest(source, rows, Diagnostics()))


@cache
def _parser() -> Lark:
    return load_parser(grammar(), TreeBuilder())


@cache
def grammar() -> str:
    """The text of the grammar."""
    return place("netspec.lark").read_text("utf-8")


def _rows(parser: Lark, source: Source, diagnostics: Diagnostics) -> tuple[tree.Row, ...]:
    rows = []
    tabbed = {found.span.line for found in diagnostics if found.span}
    for line in range(1, source.line_count() + 1):
        span = source.line_span(line)
        if not span.text.strip() or line in tabbed:
            continue
        try:
            rows.append(parser.parse(TextSlice(source.text, span.start, span.end), start="row"))
        except UnexpectedInput as problem:
            diagnostics.append(_explain(source, line, problem))
            if len(diagnostics) >= MOST_ERRORS:
                label = Label(source.line_span(line), "the lines from here on were not read")
                diagnostics.append(Diagnostic("N004", f"more than {MOST_ERRORS} bad lines", (label,)))
                break
    return tuple(rows)


def _check_text(source: Source, limits: Limits) -> None:
    text = source.text
    if len(text) > limits.source:
        raise error("N501", f"{source.name} is longer than {limits.source:,} characters")
    control = re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text)
    if control:
        name = "NUL" if control[0] == "\0" else f"control character U+{ord(control[0]):04X}"
        raise error("N002", f"a {name} cannot stand in a spec", source.span(*control.span()))
    if len(text) > limits.tokens and sum(1 for _ in _TOKEN.finditer(text)) > limits.tokens:
        raise error("N502", f"the text has more than {limits.tokens:,} words, numbers and signs")
    for match in _LONG_NUMBER.finditer(text):
        if len(match[0]) > limits.digits:
            _refuse_digits(source, match, limits)
    if text.count("(") > limits.nesting or text.count("    ") > limits.nesting:
        _check_nesting(source, limits)


def _refuse_digits(source: Source, match: re.Match[str], limits: Limits) -> NoReturn:
    start, end = match.span()
    label = Label(source.span(start, min(end, start + 20)), f"{end - start:,} digits")
    raise SpecError(Diagnostic("N504", f"a number has more than {limits.digits} digits", (label,)))


def _check_nesting(source: Source, limits: Limits) -> None:
    depth, deepest = 0, 0
    for match in re.finditer(r"[()\n]", source.text):
        depth = 0 if match[0] == "\n" else depth + 1 if match[0] == "(" else max(depth - 1, 0)
        deepest = max(deepest, depth)
        if depth > limits.nesting:
            label = Label(source.span(*match.span()), f"the {depth}th open parenthesis")
            raise SpecError(Diagnostic("N503", f"parentheses are nested more than {limits.nesting} deep", (label,)))
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
            span = source.line_span(line)
            raise error("N503", f"blocks are nested more than {limits.nesting} deep", span)


def _check_tabs(source: Source, diagnostics: Diagnostics) -> None:
    if "\t" not in source.text:
        return
    for line in range(1, source.line_count() + 1):
        text = source.line_text(line)
        match = _INSIDE.match(text)
        if match and text.strip():
            start, whole = source.line_start(line), len(text) - len(text.lstrip())
            indent = source.span(start, start + whole)
            fix = Fix((Edit(indent, text[:whole].expandtabs(4)),), "4 spaces in place of each tab")
            label = Label(source.span(start + match.end() - 1, start + match.end()), "a tab")
            diagnostics.report("N003", "blocks are indented with spaces", label, fixes=(fix,))


def _explain(source: Source, line: int, problem: UnexpectedInput) -> Diagnostic:
    """A syntax error in the language's own words."""
    span = source.line_span(line)
    start = problem.pos_in_stream if problem.pos_in_stream is not None else span.end
    if isinstance(problem, UnexpectedToken):
        if problem.token.type == "$END":
            label = Label(source.span(span.start, span.end), f"here could stand {_could_stand(problem.accepts)}")
            return Diagnostic("N004", "the line ends too early", (label,))
        end = start + len(problem.token)
        label = Label(source.span(start, end), f"here could stand {_could_stand(problem.accepts)}")
        return Diagnostic("N004", f"`{problem.token}` cannot stand here", (label,))
    assert isinstance(problem, UnexpectedCharacters)
    return _character(source, start, span.end)


def _could_stand(terminals: set[str] | frozenset[str]) -> str:
    """`a word, a number or the end of the line`."""
    words = sorted({TERMINALS[name] for name in terminals if name in TERMINALS}, key=list(TERMINALS.values()).index)
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _character(source: Source, start: int, end: int) -> Diagnostic:
    rest = source.text[start:end]
    word = re.match(r"[A-Za-z_][\w.]*", rest)
    if word and word[0] != word[0].lower():
        span = source.span(start, start + word.end())
        fix = Fix((Edit(span, word[0].lower()),), f"`{word[0].lower()}`")
        return Diagnostic("N004", "words are written in lower case", (Label(span),), fixes=(fix,))
    glued = re.match(r"-?\d[\w.×]*", rest)
    if glued:
        span = source.span(start, start + glued.end())
        return Diagnostic("N004", f"`{glued[0][:40]}` is neither a number nor a size such as 3x3", (Label(span),))
    if rest.startswith('"'):
        fix = Fix((Edit(source.span(end, end), '"'),), "a closing quote")
        return Diagnostic("N004", "the quote is not closed on its line", (Label(source.span(start, end)),), fixes=(fix,))
    found = word[0] if word else rest[0]
    span = source.span(start, start + len(found))
    code = "N004" if found.isascii() else "N002"
    name = f"`{found}`" if found.isprintable() else f"U+{ord(found):04X}"
    return Diagnostic(code, f"{name} cannot stand here", (Label(span),))
