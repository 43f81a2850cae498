"""Bind the settings of `train:`."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Edit, Fix, Label, did_you_mean
from netspec.ir import catalog
from netspec.ir.definition import Definition
from netspec.ir.training import NAMED, Reader, Training
from netspec.passes.arguments import bind_arguments
from netspec.passes.context import Context
from netspec.source import Span
from netspec.syntax import tree


def bind_training(context: Context, body: Sequence[tree.Statement]) -> Training:
    """The settings of a `train:` block; reports what is wrong and leaves it out."""
    return _Settings(context).run(body)


class _Settings:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings: dict[str, Definition] = {}
        self.spans: dict[str, Span] = {}
        self.fallback: Reader | None = None

    def run(self, body: Sequence[tree.Statement]) -> Training:
        for statement in body:
            span = self.context.span(statement)
            if not isinstance(statement, tree.Command) or statement.body is not None:
                self.context.diagnostics.report("N901", "this setting is not supported yet", span)
                continue
            name = statement.head.text
            if name in self.spans:
                labels = [Label(span, "again"), Label(self.spans[name], "first")]
                fix = Fix((Edit(span, ""),), "one of the two")
                self.context.diagnostics.report("N402", f"`{name}` is set twice", *labels, fixes=(fix,))
                continue
            found = self.named(statement) if name in NAMED else self.plain(statement)
            self.spans[name] = span
            if found is not None:
                self.settings[name] = found
        return Training(self.settings, self.fallback, self.spans)

    def plain(self, statement: tree.Command) -> Definition | None:
        definition = self.find("setting", statement.head)
        if definition is None:
            return None
        return bind_arguments(self.context, definition, statement.head, statement.items).instance

    def named(self, statement: tree.Command) -> Definition | None:
        kind = statement.head.text
        items = list(statement.items)
        if kind == "data":
            items = self.without_fallback(items)
        match items:
            case [tree.Name() as head, *rest]:
                definition = self.find(kind, head)
                if definition is None:
                    return None
                return bind_arguments(self.context, definition, head, rest).instance
        known = ", ".join(catalog.words(kind))
        span = self.context.span(statement)
        self.context.diagnostics.report("N405", f"`{kind}` needs a name: {known}", span)
        return None

    def without_fallback(self, items: list[tree.Item]) -> list[tree.Item]:
        """The items up to `else NAME`, which is bound as the fallback."""
        for index, item in enumerate(items):
            match item:
                case tree.Clause(word=tree.Name(text="else"), values=(tree.Name() as head,)):
                    definition = self.find("data", head)
                    if definition is not None:
                        rest = items[index + 1 :]
                        use = bind_arguments(self.context, definition, head, rest)
                        if isinstance(use.instance, Reader):
                            self.fallback = use.instance
                    return items[:index]
        return items

    def find(self, kind: str, head: tree.Name) -> type[Definition] | None:
        found = catalog.find(kind, head.text)
        if found is not None:
            return found
        span = self.context.span(head)
        if catalog.is_planned(kind, head.text):
            self.context.diagnostics.report("N901", f"the {kind} `{head.text}` is not supported yet", span)
            return None
        known = [*catalog.words(kind), *(NAMED if kind == "setting" else ())]
        near = did_you_mean(head.text, known)
        fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
        notes = () if near else (f"known: {', '.join(known)}",)
        code = "N401" if kind == "setting" else "N101"
        message = f"there is no {kind} called `{head.text}`"
        self.context.diagnostics.report(code, message, span, fixes=fixes, notes=notes)
        return None
