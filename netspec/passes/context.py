"""What every pass is given: the text, the limits, and the place to report to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netspec.diagnostics import Diagnostics, Label
from netspec.limits import DEFAULT, Limits
from netspec.source import Source, Span
from netspec.syntax import tree
from netspec.syntax.parser import MOST_ERRORS


@dataclass(slots=True)
class Context:
    """One compilation of one text."""

    source: Source
    limits: Limits = DEFAULT
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Numbers to put in place of symbols."""

    def is_enough(self, node: tree.Node) -> bool:
        """So much is wrong that the rest is not looked at; the first time, that is reported at a node."""
        if len(self.diagnostics) == MOST_ERRORS:
            label = Label(self.span(node), "from here on nothing was looked at")
            self.diagnostics.report("N004", f"there are {MOST_ERRORS} mistakes above", label)
        return len(self.diagnostics) > MOST_ERRORS

    def span(self, node: tree.Node) -> Span:
        """The place of a node."""
        return self.source.span(node.start, node.end)

    def text(self, node: tree.Node) -> str:
        """A node as written."""
        return self.source.text[node.start : node.end]
