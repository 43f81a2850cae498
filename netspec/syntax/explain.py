"""Syntax errors in the language's own words: what stands there, what could, and what was likely meant.

No terminal of the grammar and no name of the parser's reaches a user.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from netspec.diagnostics import Diagnostic, Edit, Fix, Label
from netspec.source import Source, Span

if TYPE_CHECKING:
    from lark import Token, UnexpectedInput

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

# What is missing where a line ends with a sign or a joining word.
_AFTER: Final = {
    "->": "a shape",
    "=": "a value",
    "as": "a name",
    "from": "a name",
    "of": "a number",
    ",": "a value",
}
_VALUE: Final = frozenset({"WORD", "NUMBER", "SIZE"})

# Signs of other alphabets and keyboards, and what the language writes in their place.
_SIGNS: Final = {
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{DOUBLE LOW-9 QUOTATION MARK}": '"',
    "\N{NO-BREAK SPACE}": " ",
    "\N{MIDDLE DOT}": "*",
    **{chr(ord(sign) + 0xFEE0): sign for sign in ",;:=()"},  # the wide forms of Asian keyboards
}

# Numbers as other languages write them: what is wrong, and how to write them.
_NUMBERS: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    (r"\d+(X\d+)+", "`x` in a size is written small", str.lower),
    (r"\d+(x\d+)*x", "the size ends in `x`", lambda text: text[:-1]),
    (r"\d+_[\d_]+", "numbers are written without `_`", lambda text: text.replace("_", "")),
    (r"\d+\.", "a digit is missing after the point", lambda text: f"{text}0"),
    (r"\.\d+([eE][+-]?\d+)?", "a digit is missing before the point", lambda text: f"0{text}"),
    (r"\d+K", "a thousand is written `k`", str.lower),
    (r"\d+m", "a million is written `M`", str.upper),
)


def explain(source: Source, line: int, problem: UnexpectedInput) -> Diagnostic:
    """The diagnostic of a line that the parser could not read."""
    from lark.exceptions import UnexpectedToken

    span = source.line_span(line)
    if isinstance(problem, UnexpectedToken):
        return _Token(source, span, problem.token, frozenset(problem.accepts)).explain()
    return _characters(source, cast(int, problem.pos_in_stream), span.end)


class _Token:
    """A word, number or sign that cannot stand in its place."""

    def __init__(self, source: Source, line: Span, token: Token, accepts: frozenset[str]) -> None:
        self.source, self.line, self.token, self.accepts = source, line, token, accepts
        at_end = token.type == "$END" or token.start_pos is None
        self.start = line.start + len(_code(line.text).rstrip()) if at_end else int(token.start_pos or 0)
        self.end = self.start if at_end else self.start + len(token)
        self.span = source.span(self.start, self.end)
        self.first = line.start + len(line.text) - len(line.text.lstrip())

    def explain(self) -> Diagnostic:
        cases = (
            self.else_if,
            self.two_headers,
            self.equals,
            self.upper_case,
            self.called,
            self.parenthesis,
            self.comma,
            self.arithmetic,
        )
        for case in cases:
            found = case()
            if found:
                return found
        return self.generic()

    def diagnostic(self, message: str, *labels: Label, fixes: tuple[Fix, ...] = ()) -> Diagnostic:
        return Diagnostic("N004", message, labels or (Label(self.span),), fixes=fixes)

    def replace(self, start: int, end: int, text: str) -> Fix:
        """The fix that replaces a stretch; it shows the line that comes of it."""
        line = self.source.text[self.first : start] + text + self.source.text[end : self.line.end]
        return Fix((Edit(self.source.span(start, end), text),), f"`{_cut(_code(line).rstrip())}`")

    def else_if(self) -> Diagnostic | None:
        """`else if a == b:`, `elif a == b:`."""
        match = re.compile(r"else\s+if\b|elif\b|elseif\b").match(self.source.text, self.first)
        if match is None:
            return None
        label = Label(self.source.span(*match.span()), "`else:` here, and the `if` below it, indented")
        return self.diagnostic(f"`{match[0]}` is written as an `if` among the lines of `else:`", label)

    def two_headers(self) -> Diagnostic | None:
        """`repeat 3: repeat 2: relu`."""
        if self.token.type != "COLON" or ":" not in self.source.text[self.first : self.start]:
            return None
        label = Label(self.span, "a second `:`")
        return self.diagnostic("a line opens one block; the inner one goes on the next line, indented", label)

    def equals(self) -> Diagnostic | None:
        """`if a = 1:`."""
        if self.token.type != "EQUAL" or not re.match(r"if\b", self.source.text[self.first :]):
            return None
        fix = self.replace(self.start, self.end, "==")
        return self.diagnostic("a comparison is written `==`", fixes=(fix,))

    def upper_case(self) -> Diagnostic | None:
        if self.token.type != "SYMBOL" or "WORD" not in self.accepts or "SYMBOL" in self.accepts:
            return None
        return _lower_case(self.span)

    def called(self) -> Diagnostic | None:
        """`conv(8, 5x5)`."""
        if self.token.type != "CALL":
            return None
        match = re.compile(r"(\w+)\(([^()]*)\)").match(self.source.text, self.start, self.line.end)
        fixes: tuple[Fix, ...] = ()
        if match:
            arguments = re.sub(r"\s*,\s*", " ", match[2].strip())
            fixes = (self.replace(match.start(), match.end(), f"{match[1]} {arguments}".rstrip()),)
        return self.diagnostic(
            f"what belongs to `{_cut(self.token)}` stands after it, without parentheses and commas",
            fixes=fixes,
        )

    def parenthesis(self) -> Diagnostic | None:
        before = self.source.text[self.line.start : self.start]
        open_at = _open_parenthesis(before)
        if self.token.type == "RPAR" and open_at is None:
            return self.diagnostic("this `)` closes nothing", fixes=(self.replace(self.start, self.end, ""),))
        if open_at is None:
            return None
        opened = self.line.start + open_at
        listed = re.compile(r"\((\s*\d+\s*(?:,\s*\d+\s*)+)\)").match(self.source.text, opened, self.line.end)
        if listed:
            text = "x".join(part.strip() for part in listed[1].split(","))
            fix = self.replace(listed.start(), listed.end(), text)
            label = Label(self.source.span(*listed.span()))
            return self.diagnostic(
                "a size is written with `x`, without parentheses and commas", label, fixes=(fix,)
            )
        if "RPAR" not in self.accepts or ")" in self.source.text[self.start : self.line.end]:
            return None
        at = self.line.start + len(before.rstrip())
        labels = (
            Label(self.source.span(opened, opened + 1), "opened here"),
            Label(self.span, "`)` is missing before this"),
        )
        shown = labels[:1] if self.start == self.end else labels
        return self.diagnostic("the parenthesis is not closed", *shown, fixes=(self.replace(at, at, ")"),))

    def comma(self) -> Diagnostic | None:
        if self.token.type != "COMMA":
            return None
        rest = re.sub(r"\s*,\s*", " ", self.source.text[self.start : self.line.end])
        fix = self.replace(self.start, self.line.end, rest)
        return self.diagnostic("arguments are separated by spaces, without commas", fixes=(fix,))

    def arithmetic(self) -> Diagnostic | None:
        if (
            self.token.type not in ("MULTIPLY", "PLUS")
            or "(" in self.source.text[self.line.start : self.start]
        ):
            return None
        if self.token == "//":
            return self.diagnostic(
                "a comment starts with `#`", fixes=(self.replace(self.start, self.end, "#"),)
            )
        before = re.search(r"[\w.]+\s*$", self.source.text[self.first : self.start])
        after = re.compile(r"\s*[\w.]+(\s*[-+*/%]\s*[\w.]+)*").match(
            self.source.text, self.end, self.line.end
        )
        start = self.first + before.start() if before else self.start
        if self.token == "%" and before and re.fullmatch(r"\d{1,3}", before[0]):
            fix = self.replace(start, self.end, f"{int(before[0]) / 100:g}")
            return self.diagnostic("a share is written as a number from 0 to 1", fixes=(fix,))
        end = after.end() if after else self.end
        fix = self.replace(start, end, f"({self.source.text[start:end]})")
        return self.diagnostic("arithmetic stands in parentheses", fixes=(fix,))

    def generic(self) -> Diagnostic:
        could = could_stand(self.accepts)
        if self.token.type == "$END":
            last = re.findall(r"->|\w+|[^\w\s]", _code(self.line.text))[-1:]
            lacks = _AFTER.get("".join(last), could)
            label = Label(self.span, f"{lacks} is missing" if lacks else "")
            return self.diagnostic("the line ends too early", label)
        label = Label(self.span, f"here could stand {could}" if could else "")
        if self.start == self.first:
            label = Label(self.span, "a line starts with a word: a layer, a setting or a block")
        return self.diagnostic(f"`{_cut(self.token)}` cannot stand here", label)


def could_stand(terminals: frozenset[str]) -> str:
    """`a word, a number or the end of the line`."""
    known = list(dict.fromkeys(TERMINALS.values()))
    if terminals >= _VALUE:  # after which almost anything may come
        terminals = terminals & (_VALUE | {"$END", "_NEWLINE"})
    words = sorted({TERMINALS[name] for name in terminals if name in TERMINALS}, key=known.index)
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _code(text: str) -> str:
    """A line without its comment."""
    match = re.match(r'(?:[^#"]|"[^"]*"?)*', text)
    return match[0] if match else text


def _open_parenthesis(text: str) -> int | None:
    """Where the last parenthesis stands that is not closed in a text."""
    opened: list[int] = []
    for match in re.finditer(r'"[^"]*"|[()]', text):
        if match[0] == "(":
            opened.append(match.start())
        elif match[0] == ")" and opened:
            opened.pop()
    return opened[-1] if opened else None


def _characters(source: Source, start: int, end: int) -> Diagnostic:
    """Characters that make up no word, number or sign."""
    rest = source.text[start:end]

    def told(length: int, message: str, instead: str | None = None, code: str = "N004") -> Diagnostic:
        span = source.span(start, start + length)
        fixes = () if instead is None else (Fix((Edit(span, instead),), f"`{_cut(instead)}`"),)
        return Diagnostic(code, message, (Label(span),), fixes=fixes)

    word = re.match(r"[A-Za-z_][\w.]*", rest)
    if word and word[0] != word[0].lower():
        return _lower_case(source.span(start, start + word.end()))
    number = re.match(r"\.?\d[\w.×]*", rest)
    if number:
        for pattern, message, mend in _NUMBERS:
            if re.fullmatch(pattern, number[0]):
                return told(number.end(), message, mend(number[0]))
        return told(number.end(), f"`{_cut(number[0])}` is neither a number nor a size such as 3x3")
    quoted = re.match(r"'([^'\"]*)'", rest)
    if quoted:
        return told(quoted.end(), "text stands in double quotes", f'"{quoted[1]}"')
    if rest.startswith('"'):
        fix = Fix((Edit(source.span(end, end), '"'),), "a closing quote at the end of the line")
        label = Label(source.span(start, start + 1), "opened here")
        return Diagnostic("N004", "the quote is not closed on its line", (label,), fixes=(fix,))
    found = word[0] if word else rest[0]
    if found.isascii():
        return told(len(found), f"`{_cut(found)}` cannot stand here")
    if found not in _SIGNS:
        letters = ": words are written with the letters a to z" if found.isalpha() else ""
        return told(len(found), f"{_name(found)} cannot stand in a spec{letters}", code="N002")
    code = _code(rest).rstrip()
    instead = "".join(_SIGNS.get(sign, sign) for sign in code)
    message = f"{_name(found)} cannot stand in a spec"
    if _SIGNS[found].strip():
        message = f"{message}: the language writes `{_SIGNS[found]}`"
    span = source.span(start, start + 1)
    fix = Fix((Edit(source.span(start, start + len(code)), instead),), f"`{_cut(instead.strip())}`")
    return Diagnostic("N002", message, (Label(span),), fixes=(fix,))


def _lower_case(span: Span) -> Diagnostic:
    lower = span.text.lower()
    fix = Fix((Edit(span, lower),), f"`{_cut(lower)}`")
    return Diagnostic("N004", "words are written in lower case", (Label(span),), fixes=(fix,))


def _name(text: str) -> str:
    """A character by what it looks like, or by its name where it cannot be seen."""
    if text.isprintable():
        return f"`{_cut(text)}`"
    name = unicodedata.name(text[0], "character").lower()
    return f"a {name} (U+{ord(text[0]):04X})"


def _cut(text: str, most: int = 70) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
