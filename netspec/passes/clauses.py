"""What may stand in any layer line beside the arguments: `from`, `as`, `->`, `state as`, `weights=` and `frozen`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, short
from netspec.frozen import record
from netspec.ir.shape import Dim, Pattern, Symbol
from netspec.ir.symbolic import Expression
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant, amount
from netspec.syntax import tree

FROZEN: Final = "frozen"
"""The word that says that what a line makes is not trained."""


@record
class Clauses:
    """A statement's items without what may stand in any line, and that."""

    items: list[tree.Item] = field(default_factory=list)
    sources: tree.Clause | None = None
    name: tree.Name | None = None
    stated: tree.Result | None = None
    state: tree.Name | None = None
    """The name after `state as`."""
    weights: tree.Name | None = None
    """The layer after `weights=`, whose parameters this one uses."""
    frozen: tree.Name | None = None
    """The word that says that what the line makes is not trained."""


def _clause(item: tree.Item) -> str:
    """Which of the clauses an item is; empty where it is none."""
    kind = item.__class__
    if kind is tree.Number or kind is tree.Size:
        return ""
    match item:
        case tree.Name(text=text):
            return text if text == FROZEN else ""
        case tree.Clause(word=tree.Name(text="from" | "as" as name)):
            return name
        case tree.Result():
            return "->"
        case tree.Option(name=tree.Name(text="weights"), values=(tree.Name(),)):
            return "weights"
    return ""


def read_clauses(context: Context, statement: tree.Command) -> Clauses:
    """Take the clauses of a line out of its items; reports those that do not fit."""
    found = Clauses()
    seen: dict[str, tree.Node] = {}
    for item in statement.items:
        name = _clause(item)
        if name == "as" and isinstance(item, tree.Clause) and _after_state(found):
            found.items.pop()
            found.state = _given(context, item.values)
        elif name == "weights":
            assert isinstance(item, tree.Option) and isinstance(item.values[0], tree.Name)
            found.weights = item.values[0]
        elif not name:
            found.items.append(item)
        elif name in seen:
            _twice(context, name, item, seen[name])
        else:
            seen[name] = item
            _keep(context, found, item)
    return found


def ends_line(item: tree.Item) -> bool:
    """It is a clause that belongs to what a line ends with too: `as`, `->`, `frozen`."""
    match item:
        case tree.Result() | tree.Clause(word=tree.Name(text="as")) | tree.Name(text="frozen"):
            return True
    return False


def _after_state(found: Clauses) -> bool:
    """The last word read is `state`, whose name an `as` gives."""
    match found.items:
        case [*_, tree.Name(text="state")]:
            return True
    return False


def _keep(context: Context, found: Clauses, clause: tree.Item) -> None:
    match clause:
        case tree.Result():
            found.stated = clause
        case tree.Name():
            found.frozen = clause
        case tree.Clause(word=tree.Name(text="from")):
            strangers = [value for value in clause.values if not isinstance(value, tree.Name)]
            for stranger in strangers:
                _no_name(context, "from", stranger)
            found.sources = clause
        case tree.Clause(values=values):
            found.name = _given(context, values)


def _twice(context: Context, name: str, again: tree.Node, first: tree.Node) -> None:
    span = context.span(again)
    labels = Label(span, "again"), Label(context.span(first), "first")
    fix = Fix((Edit(span, ""),), f"without `{short(span.text)}`")
    context.diagnostics.report("N106", f"`{name}` stands twice in one line", *labels, fixes=(fix,))


def _given(context: Context, values: tuple[tree.Value, ...]) -> tree.Name | None:
    """The name after `as`: one plain word."""
    match values:
        case (tree.Name(text=text) as name,) if text in tree.KEYWORDS:
            message = f"`{text}` is a word of the language and cannot be a name"
            fix = Fix((Edit(context.span(name), f"{text}_"),), f"`as {text}_`")
            context.diagnostics.report("N105", message, context.span(name), fixes=(fix,))
            return None
        case (tree.Name(text=text) as name,) if "." not in text:
            return name
        case (tree.Name() | tree.Symbol() as value,):
            _no_name(context, "as", value)
        case _:
            place = tree.Node(values[0].start, values[-1].end)
            _no_name(context, "as", place)
    return None


def _no_name(context: Context, word: str, value: tree.Node) -> None:
    span = context.span(value)
    plain = re.sub(r"\W", "_", span.text.lower())
    fixes = (
        (Fix((Edit(span, plain),), f"`{word} {plain}`"),) if re.fullmatch("[a-z_][a-z0-9_]*", plain) else ()
    )
    message = f"after `{word}` stands a name, in lower case and without dots; found {short(span.text)}"
    context.diagnostics.report("N105", message, span, fixes=fixes)


def read_pattern(context: Context, stated: tree.Result) -> Pattern | None:
    """The shape after `->`, None after a report."""
    try:
        match stated.size:
            case tree.Number(value=int(value)):
                return Pattern((value,))
            case tree.Symbol(text=text):
                return Pattern((Symbol(text),))
            case tree.Name(text="_"):
                return Pattern((None,))
            case tree.Group() as group:
                return Pattern((_dimension(group),))
            case tree.Size(dimensions=dimensions):
                return Pattern(tuple(_dimension(dim) for dim in dimensions))
    except NotConstant as problem:
        context.report_value(problem)
        return None
    span = context.span(stated.size)
    message = f"after `->` stands a shape such as 28x28x4 or _x_x4; found {short(span.text)}"
    context.diagnostics.report("N105", message, span)
    return None


def _dimension(part: int | str | tree.Group | None) -> Dim | None:
    match part:
        case str():
            return Symbol(part)
        case tree.Group():
            value = amount(part)
            if isinstance(value, Expression):
                return value
            if not isinstance(value, int) or value < 1:
                raise NotConstant(part, f"a dimension is a whole number of 1 or more; found {value:g}")
            return value
    return part


def own_name(items: Sequence[tree.Item]) -> tuple[tree.Name | None, list[tree.Item]]:
    """The name that the `input` line of a network gives, before its shape or after `as`, and what else it says."""
    rest = list(items)
    match rest:
        case [tree.Name() as name, *others]:
            return name, others
        case [*others, tree.Clause(word=tree.Name(text="as"), values=(tree.Name() as name,))]:
            return name, others
    return None, rest
