"""How an argument that does not fit is told: what was found, what fits, and the likeliest thing that was meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir.definition import Argument
from netspec.ir.values import Unreadable
from netspec.syntax import tree

if TYPE_CHECKING:
    from netspec.passes.arguments import Binder

_TAIL = re.compile(r"([a-z_]+?)(\d[\dx]*)")


def unknown_word(binder: Binder, item: tree.Name) -> None:
    """A bare word that is no value of any argument."""
    if binder.argument(item.text):
        _option_without_value(binder, item)
        return
    if _belongs_to_earlier(binder, item):
        return
    upcoming, fixes = binder.next_positional(), _spelling(binder, item)
    choice = _open_choice(binder)
    expected = upcoming or choice
    if expected and (not fixes or (expected is choice and choice.required)):
        unreadable(binder, expected, (item,), item, "")
        binder.values[expected.name] = None
        return
    _unknown(binder, item, fixes)


def _open_choice(binder: Binder) -> Argument | None:
    """The positional argument that is one of a few words and was not given: `max` or `avg`."""
    for each in binder.definition.arguments():
        if each.positional and each.kind.only_words and each.name not in binder.values:
            return each
    return None


def unknown_option(binder: Binder, item: tree.Option | tree.Clause, name: tree.Name) -> None:
    """`name=value` or a clause whose word is no option."""
    owner = binder.owner(name.text)
    if owner:
        _takes_no_value(binder, owner, name.text, item)
        return
    if _belongs_to_earlier(binder, item):
        return
    if isinstance(item, tree.Clause):
        binder.report(
            "N110", f"`{short(name.text)}` does not belong to `{binder.word}`", item, notes=binder.usage
        )
        return
    options = [each.name for each in binder.definition.arguments() if not each.kind.only_words]
    value = binder.context.source.text[name.end : item.end]
    near = did_you_mean(name.text, options)
    fixes = [binder.replace(name, word, f"`{short(word + value)}`") for word in near]
    match item.values:  # `activation=relu`: the value is a word of its own
        case (tree.Name(text=text),) if binder.around.follows(text) or binder.owner(text):
            fixes.append(binder.replace(item, text))
    _unknown(binder, name, fixes)


def _unknown(binder: Binder, name: tree.Name, fixes: Sequence[Fix]) -> None:
    what = "no such argument" if binder.definition.arguments() else "no arguments at all"
    message = f"`{binder.word}` has no argument `{short(name.text)}`"
    binder.surplus = True
    label = Label(binder.context.span(name), what)
    binder.report("N102", message, label, notes=binder.usage, fixes=tuple(fixes))


def _spelling(binder: Binder, item: tree.Name) -> list[Fix]:
    """The words nearest to a bare word: values, options with the word's own number, followers."""
    spaced = _spaced_size(binder, item)
    if spaced:
        return spaced
    arguments = binder.definition.arguments()
    tail = _TAIL.fullmatch(item.text)
    near = []
    if tail:
        options = [each.name for each in arguments if not each.kind.only_words]
        near = [f"{name}{tail[2]}" for name in did_you_mean(tail[1], options)]
    bare = [word for each in arguments for word in each.kind.words]
    # where a value is expected, a word that only resembles a follower was not meant for one
    likeness = 0.75 if binder.next_positional() else 0.6
    near = near or did_you_mean(item.text, bare)
    near = near or did_you_mean(item.text, binder.around.followers(), likeness=likeness)
    return [binder.replace(item, word, f"`{short(word)}`") for word in near]


def _spaced_size(binder: Binder, item: tree.Name) -> list[Fix]:
    """`3 x 3` where `3x3` was meant."""
    around = binder.items[max(binder.at - 1, 0) : binder.at + 2]
    match around:
        case [tree.Number() as left, tree.Name(text="x"), tree.Number() as right]:
            binder.at += 1
            text = f"{binder.context.text(left)}x{binder.context.text(right)}"
            return [binder.replace(tree.Node(left.start, right.end), text)]
    return []


def _option_without_value(binder: Binder, item: tree.Name) -> None:
    """`stride 2` or a bare `stride`."""
    found = binder.argument(item.text)
    assert found is not None
    following = binder.items[binder.at + 1] if binder.at + 1 < len(binder.items) else None
    if isinstance(following, tree.VALUES):
        binder.at += 1
        gap = binder.context.source.span(item.end, following.start)
        text = f"{item.text}={binder.context.text(following)}"
        fix = Fix((Edit(gap, "="),), f"`{text}`")
        place: tree.Node = tree.Node(item.start, following.end)
        message = f"`{item.text}` of `{binder.word}` is written with `=` before its value"
    else:
        text = f"{item.text}={found.kind.sample}"
        fix, place = binder.replace(item, text), item
        message = f"`{item.text}` of `{binder.word}` needs a value: {found.kind.phrase}"
    binder.values.setdefault(found.name, None)
    binder.report("N103", message, place, fixes=(fix,))


def _belongs_to_earlier(binder: Binder, item: tree.Name | tree.Option | tree.Clause) -> bool:
    """An argument of a word before this one: `conv 8 5x5 relu stride2`."""
    owner = next((each for each in reversed(binder.around.earlier) if each.knows(item)), None)
    if owner is None:
        return False
    text = binder.context.text(item)
    shown = short(text)
    source = binder.context.source
    own_end = max([owner.head.end, *(span.end for span in owner.spans.values())])
    gap = source.span(own_end, own_end)
    before = source.text[: item.start]
    removed = source.span(len(before.rstrip()), item.end)
    rewritten = f"{source.text[owner.head.start : own_end]} {text}{source.text[own_end : removed.start]}"
    fix = Fix((Edit(gap, f" {text}"), Edit(removed, "")), f"`{short(rewritten, 70)}`")
    binder.surplus = True
    binder.report(
        "N110",
        f"`{shown}` belongs to `{owner.word}` and stands before `{binder.word}`",
        Label(binder.context.span(item), f"`{binder.word}` has no argument `{shown}`"),
        Label(binder.context.span(owner.head), f"an argument of `{owner.word}`"),
        fixes=(fix,),
    )
    return True


def _takes_no_value(binder: Binder, owner: Argument, word: str, item: tree.Node) -> None:
    """`nobias=true`, `bias=false`."""
    message = f"`{word}` of `{binder.word}` is a bare word and takes no value"
    if word not in owner.kind.words:
        message = f"`{owner.name}` of `{binder.word}` is set by a bare word: {', '.join(owner.kind.words)}"
    say = word if word in owner.kind.words else next(iter(owner.kind.words))
    binder.values.setdefault(owner.name, None)
    binder.report("N105", message, item, fixes=(binder.replace(item, say),))


def surplus(binder: Binder, item: tree.Item) -> None:
    """A value for which there is no argument; what follows it is told with it."""
    extra = [item]
    while binder.at + 1 < len(binder.items) and isinstance(binder.items[binder.at + 1], tree.VALUES):
        binder.at += 1
        extra.append(binder.items[binder.at])
    if binder.surplus:
        return
    binder.surplus = True
    lowered = binder.context.text(item).lower()
    if isinstance(item, tree.Symbol) and (binder.owner(lowered) or binder.around.follows(lowered)):
        fix = binder.replace(item, lowered)
        binder.report("N004", "words are written in lower case", item, fixes=(fix,))
        return
    count = sum(each.positional and not each.kind.words for each in binder.definition.arguments())
    takes = f"{count or 'no'} value{'s' * (count != 1)}"
    if any(not each.positional and not each.kind.only_words for each in binder.definition.arguments()):
        takes = f"{takes} without a name"
    found = f"there {'is' if len(extra) == 1 else 'are'} {len(extra)} more"
    place = tree.Node(extra[0].start, extra[-1].end)
    label = Label(binder.context.span(place), "too many" if len(extra) > 1 else "one too many")
    drop = Fix((Edit(binder.context.span(place), ""),), f"without `{short(binder.context.text(place))}`")
    fixes = (*_one_size(binder, extra), *_called(binder, item), *_named(binder, item), drop)
    message = f"`{binder.word}` takes {takes}, and {found}"
    binder.report("N104", message, label, notes=binder.usage, fixes=fixes)


def _one_size(binder: Binder, extra: Sequence[tree.Item]) -> list[Fix]:
    """`28 28 1` where `28x28x1` was meant."""
    at = binder.items.index(extra[0])
    numbers: list[tree.Item] = [*binder.items[max(at - 1, 0) : at], *extra]
    if len(numbers) < 2 or not all(isinstance(each, tree.Number | tree.Size) for each in numbers):
        return []
    text = "x".join(binder.context.text(each) for each in numbers)
    return [binder.replace(tree.Node(numbers[0].start, numbers[-1].end), text)]


def _named(binder: Binder, item: tree.Item) -> list[Fix]:
    """`clip 1` where `clip norm=1` was meant: options that must be given, or one of them."""
    arguments, any_of = binder.definition.arguments(), binder.definition.any_of
    required = [each for each in arguments if (each.required or each.name in any_of) and not each.positional]
    text = binder.context.text(item)
    return [
        binder.replace(item, f"{each.name}={text}") for each in required if each.name not in binder.values
    ]


def _called(binder: Binder, item: tree.Item) -> list[Fix]:
    """`relu()` where `relu` was meant."""
    match item:
        case tree.Call(function=tree.Name(text=word), arguments=(), keywords=()) if binder.around.follows(
            word
        ):
            return [binder.replace(item, word)]
    return []


def unreadable(
    binder: Binder, found: Argument, values: tuple[tree.Value, ...], item: tree.Item, more: str
) -> None:
    """A value that does not fit its argument."""
    if found.kind.only_words and isinstance(item, tree.Option) and found.name not in found.kind.words:
        words = list(found.kind.words)
        if len(words) == 1:
            _takes_no_value(binder, found, item.name.text, item)
            return
    skipped = _skipped(binder, found, values, item)
    if skipped:
        missing(binder, [found], before=item)
        binder.values[skipped.name] = None
        return
    place = tree.Node(values[0].start, values[-1].end)
    written = short(binder.context.text(place))
    stands_for = written
    if isinstance(values[0], tree.Name):
        stands_for = values[0].text
    elif isinstance(values[0], tree.Number) and not written.lstrip("-").replace(".", "")[:1].isdigit():
        stands_for = f"{values[0].value:g}"
    if stands_for != written and len(values) == 1:
        written = f"{written}, which is {short(stands_for)}"
    message = f"`{found.name}` of `{binder.word}` must be {found.kind.phrase}; found {written}"
    near = did_you_mean(written, binder.context.visible) if isinstance(values[0], tree.Name) else []
    fixes = []
    for text in dict.fromkeys([*near, *([] if near else found.kind.repairs(values))]):
        whole = binder.context.source.text[binder.head.start : place.start] + text
        fixes.append(binder.replace(place, text, f"`{short(whole, 60)}`"))
    label = Label(binder.context.span(place), found.meaning)
    binder.report("N105", message, label, fixes=tuple(fixes), notes=(more,) if more else ())


def _skipped(
    binder: Binder, found: Argument, values: tuple[tree.Value, ...], item: tree.Item
) -> Argument | None:
    """The next positional argument, where the value fits that: the one before it was left out (`conv 5x5`)."""
    if not found.required or found.name in binder.values or isinstance(item, tree.Option):
        return None
    later = [each for each in binder.definition.arguments() if each.positional and each.required]
    for each in later[later.index(found) + 1 :] if found in later else ():
        try:
            each.kind.read(values)
        except Unreadable:
            return None
        return each
    return None


def missing(binder: Binder, lacking: Sequence[Argument], before: tree.Node | None = None) -> None:
    """Arguments that must be given and were not."""
    first = lacking[0]
    name = first.name.upper() if first.positional else first.usage
    text = " ".join(
        each.kind.sample if each.positional else f"{each.name}={each.kind.sample}" for each in lacking
    )
    source = binder.context.source
    if before:
        at, added, rest = before.start, f"{text} ", source.text[before.start : before.end]
    else:
        at = max([binder.head.end, *(span.end for span in binder.spans.values())])
        added, rest = f" {text}", ""
    whole = source.text[binder.head.start : at] + added + rest
    fix = Fix((Edit(source.span(at, at), added),), f"`{short(whole, 60)}`")
    binder.report(
        "N103",
        f"`{binder.word}` needs {name}: {first.meaning}",
        Label(binder.context.span(binder.head), f"{name} is missing"),
        notes=binder.usage,
        fixes=(fix,),
    )
