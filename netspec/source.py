"""Source text and places in it.

Everything that can be reported to a user starts here: a `Source` is one text with a name, a `Span` is a stretch
of it.  Knows nothing of the language.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, Protocol


class Files(Protocol):
    """The files that a text may import from: a folder on disk, or texts that were kept."""

    texts: dict[str, str]
    """The texts that were read, or are kept, by path."""

    def read(self, path: str, most: int) -> "Source":
        """The file at a relative path of at most so many bytes; raises `SpecError`."""


class Source:
    """One text and the name a user knows it by (a path, or `<stdin>`).

    `files` is what it may import from, None where that is nothing, and `path` where among them it lies itself.
    A text that `is_shipped` belongs to netspec and not to the user.  `sizes` were kept with it: numbers in place of its
    symbols.
    """

    def __init__(
        self,
        text: str,
        name: str = "<text>",
        files: Files | None = None,
        path: str = "main.net",
        is_shipped: bool = False,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.text = text
        self.name = name
        self.files = files
        self.path = path
        self.is_shipped = is_shipped
        self.sizes = sizes or {}

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        find, at = self.text.find, -1
        while (at := find("\n", at + 1)) != -1:
            starts.append(at + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_count(self) -> int:
        """Number of lines, an unfinished last one included."""
        return len(self._line_starts)

    def line_start(self, line: int) -> int:
        """Offset of the first character of a line counted from 1."""
        return self._line_starts[line - 1]

    def line_text(self, line: int) -> str:
        """The text of a line counted from 1, without its line end."""
        start = self._line_starts[line - 1]
        end = self._line_starts[line] if line < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def span(self, start: int, end: int) -> "Span":
        """The stretch of this text from `start` up to, not including, `end`."""
        return Span(self, start, end)

    def line_span(self, line: int) -> "Span":
        """The whole of a line counted from 1, without its line end."""
        start = self._line_starts[line - 1]
        return Span(self, start, start + len(self.line_text(line)))

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.text)} characters)"


class Span(NamedTuple):
    """A stretch `[start, end)` of a source text, in characters."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, counted from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, counted from 1."""
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    def to(self, other: "Span") -> "Span":
        """The stretch from the start of this span to the end of `other`."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Places(Mapping[str, Span]):
    """Spans by name, made when they are asked for: `ranges` are starts and ends, counted from `base`."""

    __slots__ = ("base", "ranges", "source")

    def __init__(self, source: Source, base: int, ranges: Mapping[str, tuple[int, int]]) -> None:
        self.source = source
        self.base = base
        self.ranges = ranges

    def __getitem__(self, name: str) -> Span:
        start, end = self.ranges[name]
        return Span(self.source, self.base + start, self.base + end)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ranges)

    def __len__(self) -> int:
        return len(self.ranges)
