"""Strange words: what is told of a word in an expression of networks that means nothing where it stands.

Most are something else, written in another way: `normal(8)` for `normal 8`, `every 5` for `every=5`, a name whose
`let` stands further down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir import catalog
from netspec.ir.updates import NOISE
from netspec.syntax import tree

if TYPE_CHECKING:
    from netspec.passes.expressions import Expressions

EVERY: Final = "every"
"""The option of an update that says at which steps it is done."""
STOP: Final = "stop"
"""The word for a value through which no gradient passes."""


def no_field(expressions: Expressions, node: tree.Name) -> None:
    """Report a name that is neither given by a `let` above nor that of a field."""
    reader = expressions.reader
    if expressions.is_unread:
        return
    if node.text in expressions.written:
        _too_early(expressions, node, expressions.written[node.text])
        return
    if node.text in NOISE:
        expressions.report("N105", shapeless(node.text), node)
        return
    if reader and not expressions.fields:
        message = f"`{reader.word}` is not made of examples and what is to be predicted of each"
        notes = (f"its fields: {', '.join(f'`{each}`' for each in reader.fields(()))}",)
        expressions.report("N411", f"{message}, as an update reads them", node, notes=notes)
        return
    known = [*expressions.fields, *expressions.lets]
    names = ", ".join(f"`{each}`" for each in known)
    notes = (f"known: {names}",) if known else ("`data` in `train:` says what the fields are",)
    what = f"`{reader.word}` has no field" if reader else "there are no data with a field"
    message = f"{what} `{short(node.text)}`, nor does a `let` give the name"
    expressions.report("N412", message, node, fixes=_near(expressions, node, known), notes=notes)


def _too_early(expressions: Expressions, node: tree.Name, line: tree.Let) -> None:
    """Report a name that is read above its `let`, or in it."""
    context, name = expressions.context, short(node.text)
    place, mine = context.span(line), context.span(node)
    if line.start <= node.start < line.end:
        message = f"`{name}` is what this `let` gives a name to, and cannot be read in it"
        context.diagnostics.report("N412", message, mine)
        return
    message = f"the `let` that says what `{name}` is stands further down, on line {place.line}, and has to come first"
    fixes: tuple[Fix, ...] = ()
    if expressions.reading is not None:
        start = context.span(expressions.reading).start
        edits = Edit(place, ""), Edit(context.source.span(start, start), f"{place.text}; ")
        fixes = (Fix(edits, f"`{short(place.text)}` moved before it"),)
    context.diagnostics.report(
        "N412", message, Label(mine, "is not known yet"), Label(place, "stands below"), fixes=fixes
    )


def shapeless(word: str) -> str:
    """What is said of noise without a shape."""
    return f"`{word}` takes a shape in numbers, such as 100 or 7x7x128"


def no_network(expressions: Expressions, node: tree.Name, call: tree.Call | None = None) -> None:
    """Report a word that is no network of the file."""
    if call is not None and node.text in (*NOISE, STOP):
        _called(expressions, call)
        return
    if catalog.find("loss", node.text):
        message = f"`{node.text}` is a loss: it stands in an `update`, and no network reads it"
        expressions.report("N411", message, node)
        return
    known = list(expressions.networks.words)
    names = ", ".join(f"`{each}`" for each in known)
    notes = (f"networks of the file: {names}" if known else "`network NAME:` makes one",)
    message = f"there is no network called `{short(node.text)}`"
    expressions.report("N108", message, node, fixes=_near(expressions, node, known), notes=notes)


def _called(expressions: Expressions, call: tree.Call) -> None:
    """Report noise, or `stop`, with parentheses."""
    word, texts = call.function.text, [_operand(expressions, each) for each in call.arguments]
    sizes = all(isinstance(each, tree.Number) for each in call.arguments)
    text = f"{word} {('x' if sizes else ' ').join(texts)}"
    fixes = (Fix((Edit(expressions.context.span(call), text),), f"`{short(text)}`"),) if texts else ()
    example = f"{STOP} x" if word == STOP else f"{word} 100"
    message = (
        f"`{word}` is no network, and what belongs to it stands after it without parentheses: `{example}`"
    )
    expressions.report("N411", message, call, fixes=fixes)


def _operand(expressions: Expressions, node: tree.Node) -> str:
    """A node as it stands after a word: a sum in parentheses."""
    text = expressions.context.text(node)
    return f"({text})" if isinstance(node, tree.Operation) else text


def no_value(expressions: Expressions, node: tree.Name) -> None:
    """Report a word before others that is neither `stop` nor noise."""
    words = ", ".join(f"`{each}`" for each in NOISE)
    message = f"`{short(node.text)}` makes no value; {words} and `{STOP}` do"
    expressions.report("N411", message, node, fixes=_near(expressions, node, [*NOISE, STOP]))


def no_optimizer(expressions: Expressions, head: tree.Name) -> None:
    """Report a word after the losses that is no optimizer."""
    fixes = _near(expressions, head, list(catalog.words("optimizer")))
    expressions.report("N101", f"there is no optimizer called `{short(head.text)}`", head, fixes=fixes)


def every_apart(expressions: Expressions, written: tree.Command) -> bool:
    """Report `every 5`; False where there is none."""
    context, parts = expressions.context, [written.head, *written.items]
    word = next((each for each in parts if isinstance(each, tree.Name) and each.text == EVERY), None)
    if word is None:
        return False
    at, fixes = parts.index(word), list[Fix]()
    if value := parts[at + 1 : at + 2]:
        others = [context.text(each) for each in parts[:at] + parts[at + 2 :]]
        text = " ".join([*others, f"{EVERY}={context.text(value[0])}"])
        fixes.append(Fix((Edit(context.span(written), text),), f"`{short(text)}`"))
    expressions.report("N105", f"`{EVERY}` is written with its number: `{EVERY}=5`", word, fixes=tuple(fixes))
    return True


def _near(expressions: Expressions, node: tree.Name, known: list[str]) -> tuple[Fix, ...]:
    """The fixes that put a word in the place of one that is like it."""
    span = expressions.context.span(node)
    return tuple(Fix((Edit(span, each),), f"`{each}`") for each in did_you_mean(node.text, known))
