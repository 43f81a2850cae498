"""The generating half of a network: what `generate:` says, as data.

The base of its lines lives here, so that a network can hold them; the lines are defined in `netspec.settings.generate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from netspec.frozen import frozen
from netspec.ir.definition import Definition
from netspec.ir.updates import Value
from netspec.source import Span


class Line(Definition):
    """A line of `generate:`."""


@frozen
class Generation:
    """The lines of `generate:` by their first word (`feed`, `sample`), each a definition's instance."""

    lines: Mapping[str, Definition]
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)
    places: Mapping[str, Mapping[str, Span]] = field(default_factory=dict, compare=False, repr=False)
    """Where the arguments of a line stand, by its word and theirs."""
    make: Value | None = None
    """What `make` shows: of several networks, or of the end of one."""

    def get(self, name: str) -> Definition | None:
        """The line of a word, or None."""
        return self.lines.get(name)

    def place(self, name: str, argument: str) -> Span | None:
        """Where an argument of a line stands, else where the line does; None where it is nowhere written."""
        return self.places.get(name, {}).get(argument) or self.spans.get(name)
