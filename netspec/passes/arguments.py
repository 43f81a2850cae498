"""Arguments: from what follows a word to an instance of the word's definition.

Positional values fill the positional arguments in order; `name=value`, `stride2` and bare words find theirs by name.
Knows nothing of layers: the same rules serve optimisers, schedules and readers.  How a misfit is told is the part of
`passes.misfit`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from netspec.diagnostics import Edit, Fix, Label, short
from netspec.frozen import record
from netspec.ir.definition import Argument, Definition
from netspec.ir.symbolic import Expression
from netspec.ir.values import Unreadable
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant, amount
from netspec.passes.telling import misfit
from netspec.source import Span
from netspec.syntax import tree

JOINED: Final = re.compile(r"([a-z_]+?)_?(\d+(?:x\d+)*)")
"""An option with its number: `stride2`, `kernel_3x3`."""


@record
class Use:
    """One use of a word: the definition's instance, None where something was wrong, and where each argument stands."""

    instance: Definition | None
    arguments: dict[str, Span]
    rest: Sequence[tree.Item]
    """What belongs to a follower, its word first."""


@record
class Around:
    """What may stand after the arguments of a word, and what stood before the word."""

    follows: Callable[[str], bool] = lambda _word: False
    """Whether a word starts something of its own."""
    followers: Callable[[], Sequence[str]] = tuple
    """All such words, asked for when one is misspelt."""
    names: Container[str] = ()
    """Names of layers, which win over words where names may stand."""
    earlier: tuple[Binder, ...] = ()
    """The words before this one in its statement, to which an argument may have been meant."""


def bind_arguments(
    context: Context,
    definition: type[Definition],
    head: tree.Name,
    items: Sequence[tree.Item],
    around: Around | None = None,
) -> Use:
    """Give a definition its arguments; reports what does not fit."""
    return Binder(context, definition, head, around or Around()).run(items)


@record
class Binder:
    """Binds the arguments of one use of a word."""

    context: Context
    definition: type[Definition]
    head: tree.Name
    around: Around = field(default_factory=Around)
    values: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    items: Sequence[tree.Item] = ()
    at: int = 0
    """The item that is bound."""
    failed: bool = False
    surplus: bool = False
    """What stands here cannot be placed: values after it are no news."""

    @property
    def word(self) -> str:
        """The word itself."""
        return self.definition.word

    def report(self, code: str, message: str, place: tree.Node | Label, *more: Label, **details: Any) -> None:
        """Report a finding about this use, which fails."""
        self.failed = True
        label = place if isinstance(place, Label) else Label(self.context.span(place))
        self.context.diagnostics.report(code, message, label, *more, **details)

    def replace(self, node: tree.Node, text: str, say: str = "") -> Fix:
        """The fix that puts another text in the place of a node."""
        return Fix((Edit(self.context.span(node), text),), say or f"`{text}`")

    @property
    def usage(self) -> tuple[str, ...]:
        """The note on how the word is written."""
        return (f"it is written  {self.definition.usage()}",)

    # --- what an item means

    def argument(self, name: str) -> Argument | None:
        """The argument of a name."""
        return self.definition.lookup().named.get(name)

    def owner(self, word: str) -> Argument | None:
        """The argument of which a bare word is a value."""
        return self.definition.lookup().owners.get(word)

    def joined(self, item: tree.Name) -> tuple[Argument, tree.Value] | None:
        """`stride2` as the option and the number."""
        if not item.text[-1].isdigit():
            return None
        match = JOINED.fullmatch(item.text)
        found = self.argument(match[1]) if match else None
        if not match or not found:
            return None
        parts = [int(part) for part in match[2].split("x")]
        start = item.end - len(match[2])
        if len(parts) == 1:
            return found, tree.Number(start, item.end, parts[0])
        return found, tree.Size(start, item.end, tuple(parts))

    def spoken(self, item: tree.Name) -> tuple[Argument, tree.Option] | None:
        """`over memory` as the option and its value."""
        found = self.argument(item.text)
        following = self.items[self.at + 1] if self.at + 1 < len(self.items) else None
        if not found or not found.spoken or not isinstance(following, tree.Name):
            return None
        return found, tree.Option(item.start, following.end, item, (following,))

    def word_argument(self) -> Argument | None:
        """The next positional argument, where any word fits it."""
        upcoming = self.next_positional()
        return upcoming if upcoming and upcoming.kind.takes_any_word else None

    def next_positional(self) -> Argument | None:
        """The positional argument that the next value fills."""
        for each in self.definition.lookup().positional:
            if each.name not in self.values or each.kind.many:
                return each
        return None

    def knows(self, item: tree.Item) -> bool:
        """The item says of itself which argument it is."""
        match item:
            case tree.Name(text=text):
                return self.owner(text) is not None or self.joined(item) is not None
            case tree.Option(name=name) | tree.Clause(word=name):
                return self.argument(name.text) is not None
        return False

    # --- binding

    def run(self, items: Sequence[tree.Item]) -> Use:
        """Bind the items up to the first follower."""
        self.items = items
        while self.at < len(items):
            item = items[self.at]
            if isinstance(item, tree.Name) and self.starts_follower(item):
                break
            if self.context.is_enough(item):
                return Use(None, self.spans, ())
            self.item(item)
            self.at += 1
        if not self.failed:
            self.require()
        instance = None if self.failed else self.definition(**self.values)
        return Use(instance, self.spans, items[self.at :])

    def starts_follower(self, item: tree.Name) -> bool:
        """The word is none of this word's own."""
        upcoming = self.word_argument()
        is_value = upcoming is not None and (not upcoming.kind.many or item.text in self.around.names)
        own = self.knows(item) or is_value or self.argument(item.text) is not None
        return not own and self.around.follows(item.text)

    def item(self, item: tree.Item) -> None:
        """Bind one item."""
        match item:
            case tree.Name():
                self.name(item)
            case tree.Option(name=name, values=values) | tree.Clause(word=name, values=values):
                found = self.argument(name.text)
                if found:
                    self.give(found, values, item)
                else:
                    misfit().unknown_option(self, item, name)
            case tree.Result():
                self.report("N110", f"`->` does not belong to `{self.word}`, which has no shape", item)
            case _:
                found = self.next_positional()
                if found:
                    self.give(found, (item,), item)
                else:
                    misfit().surplus(self, item)

    def name(self, item: tree.Name) -> None:
        """Bind a bare word."""
        owner = self.owner(item.text)
        joined = self.joined(item)
        found = self.word_argument()
        spoken = self.spoken(item)
        if spoken:
            self.at += 1
            self.give(spoken[0], spoken[1].values, spoken[1])
        elif owner:
            self.store(owner, owner.kind.words[item.text], item)
        elif joined:
            self.give(joined[0], (joined[1],), item)
        elif found:
            self.give(found, (item,), item)
        else:
            misfit().unknown_word(self, item)

    def give(self, found: Argument, values: tuple[tree.Value, ...], item: tree.Item) -> None:
        """Read an argument's value."""
        try:
            value = found.kind.read(tuple(_evaluated(node, self.context.sizes) for node in values))
        except NotConstant as problem:
            self.failed = True
            self.context.report_value(problem)
            self.values.setdefault(found.name, None)
        except Unreadable as problem:
            misfit().unreadable(self, found, values, item, str(problem))
            self.values.setdefault(found.name, None)
        else:
            self.store(found, value, item)

    def store(self, found: Argument, value: Any, item: tree.Item) -> None:
        """Keep an argument's value; it may be given once."""
        span = self.context.span(item)
        if found.kind.many and found.name in self.spans:
            value, span = (*self.values[found.name], *value), self.spans[found.name].to(span)
        elif found.name in self.values and not found.kind.many:
            labels = Label(span, "again"), Label(self.spans.get(found.name, span), "first")
            drop = Fix((Edit(span, ""),), f"without `{short(span.text)}`")
            self.report("N106", f"`{found.name}` of `{self.word}` is given twice", *labels, fixes=(drop,))
            return
        self.values[found.name] = value
        self.spans[found.name] = span

    def require(self) -> None:
        """Report arguments that have no default and were not given."""
        missing = [each for each in self.definition.lookup().required if each.name not in self.values]
        if missing:
            misfit().missing(self, missing)


def _evaluated(node: tree.Value, sizes: Mapping[str, int]) -> tree.Value:
    """The value with its groups computed; the symbols of a shape stay, those of a number have a size."""
    if node.__class__ is tree.Number or node.__class__ is tree.Name:
        return node
    one = (
        isinstance(node, tree.Size)
        and len(node.dimensions) == 1
        and isinstance(node.dimensions[0], Expression)
    )
    if isinstance(node, tree.Group) or (isinstance(node, tree.Size) and one):
        value = amount(node, sizes)
        if isinstance(value, Expression):
            return tree.Size(node.start, node.end, (value,))  # type: ignore[arg-type]
        return tree.Number(node.start, node.end, value)
    if isinstance(node, tree.Size) and any(isinstance(part, tree.Group) for part in node.dimensions):
        parts = [amount(part) if isinstance(part, tree.Group) else part for part in node.dimensions]
        return tree.Size(node.start, node.end, tuple(parts))  # type: ignore[arg-type]
    return node
