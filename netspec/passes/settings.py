"""Bind the settings of `train:`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir import catalog
from netspec.ir.definition import Definition
from netspec.ir.training import NAMED, Reader, Training, key_of
from netspec.passes.arguments import Use, bind_arguments
from netspec.passes.context import Context
from netspec.passes.line import not_yet
from netspec.source import Span
from netspec.syntax import tree

SEVERAL: Final = ("loss", "metric")
"""Settings of which there may be several, one of each name (`key_of`)."""


def bind_training(context: Context, body: Sequence[tree.Statement]) -> Training:
    """The settings of a `train:` block; reports what is wrong and leaves it out."""
    return _Settings(context).run(body)


def drops(*spans: Span) -> tuple[Fix, ...]:
    """The fixes that each take away one of some statements."""
    return tuple(Fix((Edit(span, ""),), f"drop line {span.line}") for span in spans)


def report_twice(context: Context, key: str, again: Span, first: Span) -> None:
    """Report a setting that stands twice."""
    labels = Label(again, "again"), Label(first, "first")
    context.diagnostics.report("N402", f"`{key}` is set twice", *labels, fixes=drops(again, first))


def _names_the_first(item: tree.Item) -> bool:
    """`as NAME`, which gives the first field of the data a name for updates."""
    return isinstance(item, tree.Clause) and item.word.text == "as"


class _Settings:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings: dict[str, Definition] = {}
        self.spans: dict[str, Span] = {}
        self.places: dict[str, Mapping[str, Span]] = {}
        self.fallback: Reader | None = None

    def run(self, body: Sequence[tree.Statement]) -> Training:
        for statement in body:
            if self.context.is_enough(statement):
                break
            match statement:
                case tree.Unread() | tree.Let() | tree.Update():
                    continue  # what is said of networks is bound by `passes.networks`
                case tree.Command(body=None):
                    self.setting(statement)
                case tree.Command(head=head):
                    not_yet(self.context, head, f"a block `{short(head.text)}:` in `train:`")
                case _:
                    not_yet(self.context, statement, "this setting")
        return Training(self.settings, self.fallback, self.spans, self.places)

    def setting(self, statement: tree.Command) -> None:
        name, span = statement.head.text, self.context.span(statement)
        if name not in SEVERAL and name in self.spans:
            report_twice(self.context, name, span, self.spans[name])
            return
        use = self.named(statement) if name in NAMED else self.plain(statement)
        found = use.instance if use else None
        key = key_of(name, found) if found else name
        if found and key in self.settings:
            report_twice(self.context, key, span, self.spans[key])
            return
        if name in NAMED or catalog.find("setting", name):
            self.spans[key] = span
        if use and found:
            self.settings[key] = found
            self.places[key] = use.arguments

    def plain(self, statement: tree.Command) -> Use | None:
        definition = self.find("setting", statement.head)
        if definition is None:
            return None
        return bind_arguments(self.context, definition, statement.head, statement.items)

    def named(self, statement: tree.Command) -> Use | None:
        kind = statement.head.text
        items = list(statement.items)
        if kind == "data":
            items = self.without_fallback([each for each in items if not _names_the_first(each)])
        match items:
            case [tree.Name() as head, *rest]:
                definition = self.find(kind, head)
                if definition is None:
                    return None
                return bind_arguments(self.context, definition, head, rest)
        known = catalog.words(kind)
        end = self.context.source.span(statement.head.end, statement.head.end)
        after = short(self.context.source.text[statement.head.end : statement.end])
        fixes = tuple(Fix((Edit(end, f" {word}"),), f"`{kind} {word}{after}`") for word in known[:3])
        message = f"`{kind}` needs a name: {', '.join(known)}"
        self.context.diagnostics.report("N405", message, self.context.span(statement), fixes=fixes)
        return None

    def without_fallback(self, items: list[tree.Item]) -> list[tree.Item]:
        """The items up to `else NAME`, which is bound as the fallback."""
        for index, item in enumerate(items):
            match item:
                case tree.Clause(word=tree.Name(text="else"), values=(tree.Name() as head,)):
                    definition = self.find("data", head)
                    if definition is not None:
                        use = bind_arguments(self.context, definition, head, items[index + 1 :])
                        self.fallback = use.instance if isinstance(use.instance, Reader) else None
                    return items[:index]
        return items

    def find(self, kind: str, head: tree.Name) -> type[Definition] | None:
        found = catalog.find(kind, head.text)
        if found is not None:
            return found
        span = self.context.span(head)
        if catalog.is_planned(kind, head.text):
            not_yet(self.context, head, f"the {kind} `{head.text}`")
            return None
        message = f"there is no {kind} called `{short(head.text)}`"
        if kind == "setting" and catalog.find("layer", head.text):
            message = f"`{head.text}` is a layer and no setting of `train:`"
            label = Label(span, "layers are not indented below `train:`")
            self.context.diagnostics.report("N401", message, label)
            return None
        known = [*catalog.words(kind), *(NAMED if kind == "setting" else ())]
        near = did_you_mean(head.text, known)
        fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
        notes = () if near else (f"known: {', '.join(known)}",)
        code = "N401" if kind == "setting" else "N101"
        self.context.diagnostics.report(code, message, span, fixes=fixes, notes=notes)
        return None
