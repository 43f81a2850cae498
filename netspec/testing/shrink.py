"""A text that fails made small: lines, words and numbers are taken away as long as it still fails.

What failing means, the caller says; a text that is no spec at all does not fail.  Knows the language by its lines,
its indentation and its words alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from textwrap import dedent, indent
from typing import Final, TypeAlias

BUDGET: Final = 600
"""Most texts that are tried."""
INPUTS: Final = ("2", "2x2", "2x2x2", "3 of 2")
"""Inputs that may take the place of what comes before."""
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?![\d.])|(?<=x)\d+(?![\d.])")
_SYMBOL: Final = re.compile(r"\b[A-Z](?=x|\b)")

Fails: TypeAlias = Callable[[str], bool]


def shrink(text: str, fails: Fails, budget: int = BUDGET) -> str:
    """The smallest text found that fails as this one does."""
    tried, best, again = 0, text, True
    while again:
        again = False
        for ways in WAYS:
            # whatever was smaller is made smaller in the same way before another one has its turn
            found: str | None = best
            while found is not None:
                found = None
                for candidate in ways(best):
                    if candidate == best:
                        continue
                    if tried == budget:
                        return best
                    tried += 1
                    if fails(candidate):
                        best = found = candidate
                        again = True
                        break
    return best


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _end(lines: list[str], start: int) -> int:
    """Where a statement with its indented lines ends."""
    end = start + 1
    while end < len(lines) and _depth(lines[end]) > _depth(lines[start]):
        end += 1
    return end


def _without_beginnings(text: str) -> Iterator[str]:
    """With an input in the place of the first lines, as many of them as possible."""
    lines = text.split("\n")
    for start in range(len(lines) - 1, 1, -1):
        for shape in INPUTS:
            yield "\n".join([f"input {shape}", *lines[start:]])


def _without_lines(text: str) -> Iterator[str]:
    """Without a stretch of lines, the longest first."""
    lines = text.split("\n")
    size = len(lines) // 2
    while size:
        for start in range(0, len(lines) - size + 1):
            yield "\n".join(lines[:start] + lines[start + size :])
        size //= 2


def _without_statements(text: str) -> Iterator[str]:
    """Without a statement and what is indented under it; or with that alone, in its place."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        end = _end(lines, start)
        yield "\n".join(lines[:start] + lines[end:])
        if end > start + 1:
            body = dedent("\n".join(lines[start + 1 : end])).split("\n")
            yield "\n".join([*lines[:start], *(" " * _depth(line) + each for each in body), *lines[end:]])


def _without_definitions(text: str) -> Iterator[str]:
    """With the lines of a block or network, or of a repetition with numbers, in the place where it is used."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        end = _end(lines, start)
        body = dedent("\n".join(lines[start + 1 : end]))
        if named := re.match(r"(?:block|network) (\w+)(?:\((\w+)\))?:", line):
            word, variable = named.groups()
            kept = "\n".join(lines[:start] + lines[end:])

            def used(found: re.Match[str], body: str = body, variable: str = variable or "\0") -> str:
                return re.sub(rf"\b{variable}\b", found[2] or "", indent(body, found[1]))

            yield re.sub(rf"(?m)^( *){word}\b *(\d*)$", used, kept)
        if counted := re.match(r"( *)for (\w+) in (\d+)", line):
            once = indent(re.sub(rf"\b{counted[2]}\b", counted[3], body), counted[1])
            yield "\n".join([*lines[:start], once, *lines[end:]])


def _without_names(text: str) -> Iterator[str]:
    """Without a name: what gives it, and wherever it is read."""
    for name in dict.fromkeys(re.findall(r"(?:\bas |\binput )([a-z_]\w*)", text)):
        kept = [line for line in text.split("\n") if not re.search(rf"(?:\bas |\binput ){name}\b", line)]
        without = re.sub(rf"(?: from| over| \w+=)? ?\b{name}\b", "", "\n".join(kept))
        yield re.sub(r"(?m)^ *output *\n?$", "", without)
        yield re.sub(rf" as {name}\b", "", text)


def _without_words(text: str) -> Iterator[str]:
    """Without one or two words of a line, or one of its layers."""
    for part in re.finditer(r"[^;\n]+(?:; *)?", text):
        without = text[: part.start()] + text[part.end() :]
        yield re.sub(r"; *$", "", without, flags=re.MULTILINE)
    words = list(re.finditer(r"(?<=\S) +[^\s:;]+", text))
    for number in (2, 1):
        for first, last in zip(words, words[number - 1 :], strict=False):
            if first.end() == last.start() or number == 1:
                yield text[: first.start()] + text[last.end() :]


def _with_smaller_numbers(text: str) -> Iterator[str]:
    for found in _NUMBER.finditer(text):
        number = int(found[0])
        for smaller in dict.fromkeys((1, 2, number // 2, number - 1)):
            if 0 < smaller < number:
                yield f"{text[: found.start()]}{smaller}{text[found.end() :]}"


def _without_symbols(text: str) -> Iterator[str]:
    for symbol in dict.fromkeys(_SYMBOL.findall(text)):
        yield re.sub(rf"\b{symbol}(?=x|\b)|(?<=x){symbol}(?=x|\b)", "3", text)


WAYS: Final[tuple[Callable[[str], Iterator[str]], ...]] = (
    _without_beginnings,
    _without_lines,
    _without_statements,
    _without_definitions,
    _without_names,
    _without_words,
    _without_symbols,
    _with_smaller_numbers,
)
