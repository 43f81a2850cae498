"""Arguments: from what follows a word to an instance of the word's definition.

Positional values fill the positional arguments in order; `name=value`, `stride2` and bare words find theirs by name.
Knows nothing of layers: the same rules serve optimisers, schedules and readers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.diagnostics import Edit, Fix, Label, did_you_mean
from netspec.ir.definition import Argument, Definition
from netspec.ir.values import Unreadable
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant, evaluate
from netspec.source import Span
from netspec.syntax import tree

_JOINED = re.compile(r"([a-z_]+?)_?(\d+(?:x\d+)*)")


@dataclass(slots=True)
class Use:
    """One use of a word: the definition's instance, None where something was wrong, and where each argument stands."""

    instance: Definition | None
    arguments: dict[str, Span]
    rest: Sequence[tree.Item]
    """What belongs to a follower, its word first."""


@dataclass(slots=True)
class _Binder:
    context: Context
    definition: type[Definition]
    head: tree.Name
    follows: Callable[[str], bool]
    values: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    failed: bool = False

    @property
    def word(self) -> str:
        return self.definition.word

    def argument(self, name: str) -> Argument | None:
        return next((each for each in self.definition.arguments() if each.name == name), None)

    def report(self, code: str, message: str, node: tree.Node, **details: Any) -> None:
        self.failed = True
        self.context.diagnostics.report(code, message, self.context.span(node), **details)

    def run(self, items: Sequence[tree.Item]) -> Use:
        rest: Sequence[tree.Item] = ()
        for index, item in enumerate(items):
            if isinstance(item, tree.Name) and not self.bare(item) and self.follows(item.text):
                rest = items[index:]
                break
            self.item(item)
        end = rest[0].start if rest else None
        self.require(end)
        instance = None if self.failed else self.definition(**self.values)
        return Use(instance, self.spans, rest)

    def bare(self, item: tree.Name) -> bool:
        """The word is a value, an option with a number, or fills a positional argument."""
        return (
            any(item.text in each.kind.words for each in self.definition.arguments())
            or self.joined(item) is not None
            or self.word_argument() is not None
        )

    def joined(self, item: tree.Name) -> tuple[Argument, tree.Value] | None:
        """`stride2` as the option and the number."""
        match = _JOINED.fullmatch(item.text)
        found = self.argument(match[1]) if match else None
        if not match or not found:
            return None
        parts = [int(part) for part in match[2].split("x")]
        start = item.end - len(match[2])
        if len(parts) == 1:
            return found, tree.Number(start, item.end, parts[0])
        return found, tree.Size(start, item.end, tuple(parts))

    def word_argument(self) -> Argument | None:
        """The next positional argument, where any word fits it."""
        upcoming = self.next_positional()
        return upcoming if upcoming and upcoming.kind.takes_any_word else None

    def next_positional(self) -> Argument | None:
        for each in self.definition.arguments():
            if each.positional and each.name not in self.values and not each.kind.words:
                return each
        return None

    def item(self, item: tree.Item) -> None:
        match item:
            case tree.Name():
                self.name(item)
            case tree.Option(name=name, values=values):
                found = self.argument(name.text)
                if found:
                    self.give(found, values, item)
                else:
                    self.unknown(name, f"`{self.word}` has no option `{name.text}`")
            case tree.Clause(word=name, values=values):
                found = self.argument(name.text)
                if found:
                    self.give(found, values, item)
                else:
                    self.report("N110", f"`{name.text}` does not belong to `{self.word}`", item)
            case tree.Result():
                self.report("N110", f"`->` does not belong to `{self.word}`", item)
            case _:
                found = self.next_positional()
                if found:
                    self.give(found, (item,), item)
                else:
                    self.surplus(item)

    def name(self, item: tree.Name) -> None:
        for each in self.definition.arguments():
            if item.text in each.kind.words:
                self.store(each, each.kind.words[item.text], item)
                return
        joined = self.joined(item)
        if joined:
            self.give(joined[0], (joined[1],), item)
            return
        found = self.word_argument()
        if found:
            self.give(found, (item,), item)
        else:
            self.unknown(item, f"`{self.word}` has no argument `{item.text}`")

    def unknown(self, name: tree.Name, message: str) -> None:
        arguments = self.definition.arguments()
        options = [each.name for each in arguments if not each.kind.words or each.kind.takes_any_word]
        bare = [word for each in arguments for word in each.kind.words]
        fixes = tuple(
            Fix((Edit(self.context.span(name), near),), f"`{near}`")
            for near in did_you_mean(name.text, options + bare, most=1)
        )
        because = f"it is written  {self.definition.usage()}"
        self.report("N102", message, name, notes=(because,), fixes=fixes)

    def surplus(self, item: tree.Item) -> None:
        count = sum(each.positional and not each.kind.words for each in self.definition.arguments())
        message = f"`{self.word}` takes {count or 'no'} value{'s' * (count != 1)} and this is one too many"
        fix = Fix((Edit(self.context.span(item), ""),), f"`{self.word}` without `{self.context.text(item)}`")
        self.report("N104", message, item, notes=(f"it is written  {self.definition.usage()}",), fixes=(fix,))

    def give(self, found: Argument, values: tuple[tree.Value, ...], item: tree.Item) -> None:
        try:
            value = found.kind.read(tuple(self.evaluated(node) for node in values))
        except NotConstant as problem:
            self.report(problem.code, str(problem), problem.node)
        except Unreadable as problem:
            self.misfit(found, values, item, str(problem))
        else:
            self.store(found, value, item)

    def evaluated(self, node: tree.Value) -> tree.Value:
        if isinstance(node, tree.Group):
            return tree.Number(node.start, node.end, evaluate(node))
        if isinstance(node, tree.Size) and any(isinstance(part, tree.Group) for part in node.dimensions):
            parts = [evaluate(part) if isinstance(part, tree.Group) else part for part in node.dimensions]
            return tree.Size(node.start, node.end, tuple(parts))  # type: ignore[arg-type]
        return node

    def misfit(self, found: Argument, values: tuple[tree.Value, ...], item: tree.Item, more: str) -> None:
        self.values[found.name] = None
        place = tree.Node(values[0].start, values[-1].end)
        written = self.context.text(place)
        message = f"`{found.name}` of `{self.word}` must be {found.kind.phrase}; found {_short(written)}"
        fixes = tuple(
            Fix((Edit(self.context.span(place), text),), f"`{_short(self.statement(place, text))}`")
            for text in found.kind.repairs(values)
        )
        notes = (more,) if more else ()
        self.failed = True
        label = Label(self.context.span(place), f"{found.name}: {found.meaning}")
        self.context.diagnostics.report("N105", message, label, fixes=fixes, notes=notes)

    def statement(self, place: tree.Node, text: str) -> str:
        """The word and its arguments up to a place, with other text there."""
        return self.context.source.text[self.head.start : place.start] + text

    def store(self, found: Argument, value: Any, item: tree.Item) -> None:
        span = self.context.span(item)
        if found.name in self.values:
            self.failed = True
            labels = [Label(span, "again"), Label(self.spans.get(found.name, span), "first")]
            fix = Fix((Edit(span, ""),), f"without `{span.text}`")
            self.context.diagnostics.report(
                "N106", f"`{found.name}` of `{self.word}` is given twice", *labels, fixes=(fix,)
            )
            return
        self.values[found.name] = value
        self.spans[found.name] = span

    def require(self, end: int | None) -> None:
        missing = [each for each in self.definition.arguments() if each.required and each.name not in self.values]
        if not missing or self.failed:
            return
        first = missing[0]
        message = f"`{self.word}` needs {first.name.upper() if first.positional else first.usage}: {first.meaning}"
        at = max([self.head.end, *(span.end for span in self.spans.values())])
        text = " " + " ".join(
            each.kind.sample if each.positional else f"{each.name}={each.kind.sample}" for each in missing
        )
        whole = self.context.source.text[self.head.start : at] + text
        fix = Fix((Edit(self.context.source.span(at, at), text),), f"`{whole}`")
        notes = (f"it is written  {self.definition.usage()}",)
        self.report("N103", message, self.head, notes=notes, fixes=(fix,))


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def bind_arguments(
    context: Context,
    definition: type[Definition],
    head: tree.Name,
    items: Sequence[tree.Item],
    follows: Callable[[str], bool] = lambda _word: False,
) -> Use:
    """Give a definition its arguments; reports what does not fit.

    `follows` tells which words start something of their own; what they start is handed back as `rest`.
    """
    return _Binder(context, definition, head, follows).run(items)
