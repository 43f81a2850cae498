"""What every pass is given: the text, the limits, and the place to report to."""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.diagnostics import Diagnostics
from netspec.limits import DEFAULT, Limits
from netspec.source import Source, Span
from netspec.syntax import tree


@dataclass(slots=True)
class Context:
    """One compilation of one text."""

    source: Source
    limits: Limits = DEFAULT
    diagnostics: Diagnostics = field(default_factory=Diagnostics)

    def span(self, node: tree.Node) -> Span:
        """The place of a node."""
        return self.source.span(node.start, node.end)

    def text(self, node: tree.Node) -> str:
        """A node as written."""
        return self.source.text[node.start : node.end]
