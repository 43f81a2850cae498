"""One layer line: its first word and the followers after it, each with its arguments."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, SpecError, did_you_mean, short
from netspec.ir import catalog
from netspec.ir.definition import Definition
from netspec.ir.layer import Operation
from netspec.ir.training import NAMED
from netspec.passes.arguments import Around, Binder, Use
from netspec.passes.clauses import FROZEN
from netspec.passes.context import Context
from netspec.passes.library import blocks
from netspec.passes.place import Defined
from netspec.syntax import tree

_BARE: Final[dict[type[Operation], Operation]] = {}
_LOWER: Final = re.compile(r"[a-z](x([a-z]|\d+))+")
"""A shape with its symbols in lower case."""
HOLDERS = ("network", "path", "else")
"""Words of the structure that lines stand below."""
SECTIONS = ("train", "generate")
"""Words that open a block of settings."""


def bind_line(
    context: Context,
    statement: tree.Command,
    items: Sequence[tree.Item],
    own: Mapping[str, Defined],
    names: Container[str],
) -> tuple[list[tuple[tree.Name, Use]], tree.Name | None, tree.Command | None] | None:
    """The words of a line with their arguments, and the name that its first word may give; None after a report.

    `items` are the statement's without its clauses, `own` the words that the file itself defines, `names` those given
    to layers.  A block that follows the layers comes back as a statement of its own.
    """
    head, name = statement.head, None
    definition = find_layer(context, head, own)
    if definition is not None and definition.names_itself and items and isinstance(items[0], tree.Name):
        name, items = items[0], items[1:]
        if not items and _LOWER.fullmatch(name.text):
            _report_lower(context, name)
            return None
    uses: list[tuple[tree.Name, Use]] = []
    binders: list[Binder] = []
    starts = partial(_starts, own=own)
    while definition is not None:
        if not items and not definition.lookup().required:
            use = Use(_bare(definition), {}, ())
        else:
            binder = Binder(context, definition, head, Around(starts, _following, names, tuple(binders)))
            binders.append(binder)
            use = binder.run(items)
        uses.append((head, use))
        if not use.rest:
            return (uses, name, None) if all(each.instance is not None for _, each in uses) else None
        first, items = use.rest[0], use.rest[1:]
        assert isinstance(first, tree.Name)
        head = first
        if is_block(head.text, own):
            rest = tree.Command(head.start, statement.end, head, tuple(items), body=None, inline=False)
            return (uses, name, rest) if all(each.instance is not None for _, each in uses) else None
        definition = find_layer(context, head, own)
        if definition is not None and not _may_follow(context, definition, statement, head, items):
            return None
    return None


def _report_lower(context: Context, name: tree.Name) -> None:
    """`input hxwx3`, which reads as a name."""
    span = context.span(name)
    size = "x".join(part.upper() for part in name.text.split("x"))
    message = f"a size that is not known yet is written in upper case; `{name.text}` reads as a name"
    context.diagnostics.report("N105", message, span, fixes=(Fix((Edit(span, size),), f"`{size}`"),))


def _bare(definition: type[Operation]) -> Operation:
    """A word without arguments, one and the same wherever it stands."""
    if definition not in _BARE:
        _BARE[definition] = definition()
    return _BARE[definition]


def is_block(word: str, own: Mapping[str, Defined]) -> bool:
    """The word is a block's, of the file itself or of those that ship with netspec, and no layer's."""
    if word in own:
        return own[word].is_missing or catalog.find("layer", word) is None
    return catalog.find("layer", word) is None and word in blocks()


def _starts(word: str, own: Mapping[str, Defined]) -> bool:
    return follows(word) or is_block(word, own)


def follows(word: str) -> bool:
    """A word that is not an argument starts a follower; a misspelt one is told so."""
    return catalog.find("layer", word) is not None or catalog.is_planned("layer", word)


def followers() -> list[str]:
    """The layers that may follow another: those that need no argument."""
    return [word for word in catalog.words("layer") if _is_follower(word)]


def _following() -> list[str]:
    """What may follow the arguments of a word, beside the clauses that join another word to the line."""
    return [*followers(), FROZEN]


def _is_follower(word: str) -> bool:
    try:
        found = catalog.find("layer", word)
    except SpecError:  # a plug-in that cannot be used
        return False
    return found is not None and not _needs_value(found)


def is_setting(word: str) -> bool:
    """The word is one of `train:` and no layer."""
    if follows(word):
        return False
    return word in NAMED or catalog.is_planned("setting", word) or catalog.find("setting", word) is not None


def _needs_value(definition: type[Definition]) -> bool:
    return any(each.required for each in definition.arguments())


def find_layer(context: Context, head: tree.Name, own: Mapping[str, Defined]) -> type[Operation] | None:
    """The layer that a word is; None after a report."""
    found = catalog.find("layer", head.text)
    if found is not None:
        assert issubclass(found, Operation)
        return found
    span = context.span(head)
    report = context.diagnostics.report
    if head.text in HOLDERS:
        label = Label(span, "what it holds stands below it, indented by 4 spaces")
        report("N101", f"`{head.text}` opens a block and needs a `:` at the end of its line", label)
    elif head.text in SECTIONS:
        fix = Fix((Edit(span, f"{head.text}:"),), f"`{head.text}:` with its settings indented below")
        label = Label(span, "its settings stand below it, indented by 4 spaces")
        report("N101", f"`{head.text}` opens a block and needs a `:`", label, fixes=(fix,))
    elif catalog.is_planned("layer", head.text):
        not_yet(context, head, f"`{head.text}`")
    else:
        near = did_you_mean(head.text, [*catalog.words("layer"), *SECTIONS, *own, *blocks()])
        fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
        notes = () if near else ("`netspec layers` lists the layers",)
        report("N101", f"there is no layer called `{short(head.text)}`", span, fixes=fixes, notes=notes)
    return None


def not_yet(context: Context, node: tree.Node, what: str) -> None:
    """Report a part of the language that this version does not support."""
    first, _, rest = context.text(node).partition("\n")
    place = context.source.span(node.start, node.start + len(first) if rest else node.end)
    message = f"{what} is not supported yet"
    context.diagnostics.report("N901", message, Label(place, "planned for a later version"))


def _may_follow(
    context: Context,
    definition: type[Operation],
    statement: tree.Command,
    head: tree.Name,
    items: Sequence[tree.Item],
) -> bool:
    """A follower stands without values: those that it needs want a line of their own."""
    values = []
    for item in items:
        if not isinstance(item, tree.VALUES):
            break
        values.append(item)
    if not values and not _needs_value(definition):
        return True
    end = values[-1].end if values else head.end
    place = context.source.span(head.start, end)
    takes = [each for each in definition.arguments() if each.positional and not each.kind.words]
    if not takes:
        extra = context.source.span(values[0].start, end)
        text = context.source.text[statement.start : head.end]
        drop = Fix((Edit(context.source.span(head.end, end), ""),), f"`{short(text, 70)}`")
        message = f"`{head.text}` takes no value, and {short(extra.text)} stands after it"
        context.diagnostics.report("N107", message, extra, fixes=(drop,))
        return False
    samples = "" if values else "".join(f" {each.kind.sample}" for each in takes if each.required)
    before = context.source.text[statement.start : head.start].rstrip()
    gap = context.source.span(statement.start + len(before), head.start)
    added = (Edit(context.source.span(end, end), samples),) if samples else ()
    fix = Fix((Edit(gap, "; "), *added), f"`{short(before, 50)}; {short(place.text)}{samples}`")
    message = (
        f"`{head.text}` takes a value, so it is a layer of its own and cannot follow `{statement.head.text}`"
    )
    label = Label(place, "goes after a `;` or on the next line")
    context.diagnostics.report("N107", message, label, fixes=(fix,))
    return False
