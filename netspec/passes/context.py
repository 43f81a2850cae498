"""What every pass is given: the text, the limits, and the place to report to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Any

from netspec.diagnostics import Diagnostics, Edit, Fix, Label, did_you_mean
from netspec.frozen import record
from netspec.limits import DEFAULT, Limits
from netspec.passes.evaluate import NotConstant
from netspec.source import Source, Span
from netspec.syntax import tree
from netspec.syntax.parser import MOST_ERRORS


@record
class Context:
    """One compilation of one text; `source` is the text that nodes now belong to, which blocks of others change."""

    source: Source
    limits: Limits = DEFAULT
    values: Mapping[str, str] = field(default_factory=dict)
    """Values for the text's parameters, in place of those it gives them."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Numbers to put in place of symbols."""
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    given: list[tuple[int, int, str]] = field(default_factory=list)
    """Where the text's own values stand that were replaced, and by what."""
    in_force: dict[str, str] = field(default_factory=dict)
    """The values of the text's parameters, as they are written."""
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The values that the text's parameters are tried with."""
    visible: Collection[str] = ()
    """The names that stand for values where something is being read."""
    texts: dict[str, str] = field(default_factory=dict)
    """The other texts that were read, by path."""
    library: dict[str, Any] = field(default_factory=dict)
    """The blocks of the standard library that were used."""
    later_input: tree.Statement | None = None
    """The first `input` of the text, wherever it stands."""
    asks_in: bool | None = None
    main: Source = field(init=False)
    """The text itself."""

    def __post_init__(self) -> None:
        self.main = self.source

    @property
    def asks(self) -> bool:
        """The text that is read asks for sizes by `in.`, or belongs to a block."""
        if self.source is not self.main:
            return True
        if self.asks_in is None:
            self.asks_in = "in." in self.main.text
        return self.asks_in

    def is_enough(self, node: tree.Node) -> bool:
        """So much is wrong that the rest is not looked at; the first time, that is reported at a node."""
        if len(self.diagnostics) == MOST_ERRORS:
            label = Label(self.span(node), "from here on nothing was looked at")
            self.diagnostics.report("N004", f"there are {MOST_ERRORS} mistakes above", label)
        return len(self.diagnostics) > MOST_ERRORS

    def report_start(self, head: tree.Name) -> None:
        """Report a layer before the input, or without one."""
        span, later = self.span(head), self.later_input
        if later is None or later.start < head.start:
            note = "the first line says what comes in, such as  input 28x28x1"
            message = f"`{head.text}` has nothing to read: there is no `input`"
            self.diagnostics.report("N301", message, span, notes=(note,))
            return
        place = self.main.span(later.start, later.end)
        start = self.source.span(span.start, span.start)
        fix = Fix((Edit(place, ""), Edit(start, f"{place.text}; ")), f"`{place.text}` moved before it")
        labels = Label(span, "has nothing to read"), Label(place, "the input stands below")
        self.diagnostics.report("N303", f"`{head.text}` stands before the input", *labels, fixes=(fix,))

    def report_value(self, problem: NotConstant) -> None:
        """Report a value that cannot be worked out, with the name that may have been meant."""
        span = self.span(problem.node)
        near = did_you_mean(span.text, [*problem.instead, *self.visible])
        near = near or [
            name for name in problem.instead if name.partition(".")[0] == span.text.partition(".")[0]
        ]
        fixes = tuple(Fix((Edit(span, name),), f"`{name}`") for name in near)
        self.diagnostics.report(problem.code, str(problem), span, fixes=fixes)

    def report_limit(self, layers: int, span: Span | None) -> None:
        """Report that there are more layers than allowed."""
        message = f"the network has more than {self.limits.layers:,} layers"
        labels = [Label(span, f"makes {layers:,}")] if span else []
        note = "`--limit layers=NUMBER` raises the limit"
        self.diagnostics.report("N505", message, *labels, notes=(note,))

    def span(self, node: tree.Node) -> Span:
        """The place of a node."""
        return Span(self.source, node.start, node.end)

    def text(self, node: tree.Node) -> str:
        """A node as written."""
        return self.source.text[node.start : node.end]
