"""Diagnostics as data: what is wrong, where, why, and what to write instead.

A diagnostic is a value, collected and shown together with the others of its file; `SpecError` carries them where a
caller wants an exception.  How they look is `render`'s concern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field

from netspec.codes import CODES
from netspec.frozen import frozen
from netspec.source import Span


@frozen
class Label:
    """A stretch of text and what is to be said of it, under a row of carets."""

    span: Span
    text: str = ""


@frozen
class Edit:
    """A replacement of one stretch of the text."""

    span: Span
    text: str


@frozen
class Fix:
    """A change that should cure a diagnostic; it is shown only after the checker has verified it.

    `say` words it: a string, or a function of the shape that the changed line then has.
    Fixes of one `group` are alternatives of one kind and are told in one breath (`drop one pool (lines 4, 6)`).
    """

    edits: tuple[Edit, ...]
    say: str | Callable[[str], str]
    group: str = ""


@frozen
class Diagnostic:
    """One finding.  `labels[0]` is the guilty place, further labels are the other parties."""

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    because: str = ""
    history: str = ""
    tries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    uses: tuple[Label, ...] = ()
    """Where the block that holds the guilty place is used, innermost first, each with what is known of that use."""
    fixes: tuple[Fix, ...] = field(default=(), compare=False, repr=False)
    """Candidates that are not verified yet; `tries` holds the words of those that were."""

    def __post_init__(self) -> None:
        assert self.code in CODES, self.code

    @property
    def span(self) -> Span | None:
        """The guilty place, None where the file as a whole is at fault."""
        return self.labels[0].span if self.labels else None


class SpecError(Exception):
    """A spec, a file or a run that cannot be accepted; `diagnostics` says why."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics
        super().__init__("\n".join(f"{found.code}: {found.message}" for found in diagnostics))


def error(code: str, message: str, *spans: Span, **details: object) -> SpecError:
    """A `SpecError` of one diagnostic, its labels without words."""
    return SpecError(Diagnostic(code, message, tuple(Label(span) for span in spans), **details))  # type: ignore[arg-type]


class Diagnostics(list[Diagnostic]):
    """Collects the findings of one file."""

    uses: tuple[Label, ...] = ()
    """The uses of blocks that are being unfolded, innermost first; findings of now are theirs."""

    def report(self, code: str, message: str, *labels: Label | Span, **details: object) -> None:
        """Add one finding; a bare span is a label without words.  A place in a block is found fault with once."""
        marks = tuple(label if isinstance(label, Label) else Label(label) for label in labels)
        if marks and any(
            found.code == code and found.labels[:1] == marks[:1] and (self.uses or found.message == message)
            for found in self
        ):
            return
        if self.uses and marks and marks[0].span.source.is_shipped:
            # what ships is right: the use is at fault, once
            use = next(use for use in self.uses if not use.span.source.is_shipped)
            if any(use.span == label.span for found in self for label in found.labels):
                return
            marks = (Label(use.span, "does not fit here"), *marks)
        self.append(Diagnostic(code, message, marks, uses=self.uses, **details))  # type: ignore[arg-type]

    def raise_if_any(self) -> None:
        """Raise `SpecError` with all findings, sorted by place, if there are any."""
        if self:
            raise SpecError(*in_order(self))


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place in the text that was read, for a block of another file by where it is used."""

    def place(found: Diagnostic) -> tuple[int, int]:
        outer = found.uses[-1].span if found.uses else found.span
        return (outer.start, found.span.start if found.span else -1) if outer else (-1, -1)

    found = list(diagnostics)
    sources = {one.uses[-1].span.source if one.uses else one.span.source for one in found if one.span}
    if len(sources) == 1 and all(one.span is None or one.span.source in sources for one in found):
        return sorted(found, key=lambda one: one.span.start if one.span else -1)
    return sorted(found, key=place)


def did_you_mean(word: str, known: Iterable[str], most: int = 1, likeness: float = 0.6) -> list[str]:
    """The known words nearest in spelling, best first; empty when nothing is as like as `likeness` (at most 1).

    >>> did_you_mean("covn", ["conv", "dense"])
    ['conv']
    """
    from difflib import get_close_matches

    return get_close_matches(word[:40], list(known), n=most, cutoff=likeness)


def short(text: str, most: int = 40) -> str:
    """A text cut where it is long."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
