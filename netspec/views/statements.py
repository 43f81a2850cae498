"""Statements: what a line that makes no layer means: a setting, a definition, a parameter, a budget, a condition."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from netspec.ir.definition import Definition
from netspec.ir.layer import Frame
from netspec.ir.net import Net
from netspec.ir.training import Optimizer, Schedule, Training
from netspec.ir.updates import From
from netspec.passes.budget import QUANTITIES
from netspec.passes.count import Row, added, count
from netspec.passes.updates import updates
from netspec.settings.defaults import DEFAULTS
from netspec.settings.plain import Steps
from netspec.source import Source
from netspec.syntax import tree


@dataclass(frozen=True)
class Value:
    """An argument of a setting, its value and its meaning."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Said:
    """A statement that makes no layer, in a sentence or a few, with arguments and uses where it has them."""

    kind: str
    text: str
    arguments: tuple[Value, ...] = ()
    uses: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    """Of a schedule: its formula in names, then in numbers."""
    rates: tuple[tuple[int, float], ...] = ()
    """Of a schedule: some steps, counted from 0, and the step size there."""


def said(
    net: Net,
    source: Source,
    statement: tree.Statement,
    above: Sequence[tree.Statement],
    values: Mapping[str, str],
) -> Said | None:
    """What a statement means; None where it has no meaning of its own.  `values` were given to parameters."""
    if above and _word(statement) in ("let", "update", "make"):
        return _of_networks(net, source, statement)
    if above and _word(above[0]) == "train":
        return _setting(net, source, statement)
    if above and _word(above[0]) == "generate":
        return _generated(net, statement)
    if _word(statement) == "param":
        return _param(source, statement, values)
    explain = _BY_WORD.get(_word(statement))
    return explain(net, source, statement) if explain else _idle(above)


def _idle(above: Sequence[tree.Statement]) -> Said | None:
    """A line of layers of which the network has none, by what it stands in; None where that is not known."""
    for around in reversed(above):
        if isinstance(around, tree.Block) or _word(around) == "network":
            return Said("line", f"It makes no layer: nobody uses the {_word(around)} around it.")
        if isinstance(around, tree.Condition):
            return Said("line", "It makes no layer: the condition around it does not hold.")
        if _word(around) == "else":
            return Said("line", "It makes no layer: the condition above its `else:` holds.")
        if _word(around) in ("repeat", "loop"):
            return Said("line", "It makes no layer: what it stands in is carried out no time.")
    return None


def _word(statement: tree.Statement) -> str:
    """The word that a statement begins with."""
    if isinstance(statement, tree.Command):
        return statement.head.text
    return type(statement).__name__.lower()


# --- settings


def _setting(net: Net, source: Source, statement: tree.Statement) -> Said | None:
    training = net.training
    if training is None or not isinstance(statement, tree.Command):
        return None
    name = statement.head.text
    here = (key for key, span in training.spans.items() if span.start == statement.start)
    definition = training.get(next(here, name))
    if definition is None:
        return None
    text = definition.summary()
    if isinstance(definition, Schedule):
        return _schedule(training, definition)
    if isinstance(definition, Optimizer):
        text = " ".join(definition.prose().split())
    if name == "data" and training.fallback is not None:
        text += f" Where that cannot be had, `{training.fallback.written()}`: {training.fallback.summary()}"
    return Said("setting", text, tuple(_arguments(definition)))


def _of_networks(net: Net, source: Source, statement: tree.Statement) -> Said:
    """A name for a value, an update, or what is shown."""
    if isinstance(statement, tree.Let):
        text = "Gives a value a name. It is worked out anew in each update that reads it."
        return Said("value", text)
    if not isinstance(statement, tree.Update):
        text = "What a picture shows after each epoch, always of the same noise."
        make = net.generation.make if net.generation else None
        if isinstance(make, From):
            text += f" It is what the network gives where `{make.result}` is noise, `{make.of}`."
        return Said("setting", text)
    pairs = zip(net.training.updates if net.training else (), updates(net), strict=True)
    update, derived = next(pair for pair in pairs if pair[0].span and pair[0].span.start == statement.start)
    reads = ", ".join(f"`{layer.name}` {layer.shape}" for layer in derived.net.inputs)
    how = f" by `{update.optimizer.written()}`" if update.optimizer else ""
    when = f"every {update.every} steps" if update.every > 1 else "in each step"
    text = f"Changes `{update.network}` {when}{how}, to make its losses small. It reads {reads}."
    return Said("update", text, tuple(_arguments(update.optimizer)) if update.optimizer else ())


def _generated(net: Net, statement: tree.Statement) -> Said | None:
    line = net.generation.get(_word(statement)) if net.generation else None
    if line is None:
        return None
    return Said("setting", " ".join(line.prose().split()), tuple(_arguments(line)))


def _schedule(training: Training, schedule: Schedule) -> Said:
    """A schedule with its formula, and the step sizes that it comes to as far as they are known beforehand."""
    optimizer, steps = training.get("optimizer") or DEFAULTS["optimizer"], training.get("steps")
    base = optimizer.rate if isinstance(optimizer, Optimizer) else 0.0
    total = steps.count if isinstance(steps, Steps) else None
    named, numbers = schedule.formulas(), schedule.with_numbers(base, total)
    needs_total = any(re.search(r"\bT\b", line) for line in numbers)
    text = schedule.summary()
    if needs_total:
        text += " T, all steps, is the number of epochs times that of the batches in the data."
    places = sorted({0, total // 4, total // 2, total}) if total is not None else _PLACES
    known = not needs_total and not schedule.watches
    rates = tuple((t, schedule.rate(base, t, total or 1)) for t in places) if known else ()
    formulas = (*named, *(numbers if numbers != named else ()))
    return Said("setting", text, tuple(_arguments(schedule)), formulas=formulas, rates=rates)


_PLACES: Final = (0, 100, 1000, 10_000)
"""The steps that are told where it is not known how many there will be."""


def _arguments(definition: Definition) -> Iterator[Value]:
    for each in definition.arguments():
        value = getattr(definition, each.name)
        if isinstance(value, bool):
            yield Value(each.name, "yes" if value else "no", each.meaning)
        elif value not in (None, ""):
            yield Value(each.name, each.kind.write(value), each.meaning)


# --- structure


def _train(net: Net, source: Source, statement: tree.Statement) -> Said:
    names = list(net.training.settings) if net.training else []
    return Said("train", f"How the network is trained: {', '.join(names) or 'nothing is set'}.")


def _generate(net: Net, source: Source, statement: tree.Statement) -> Said:
    names = list(net.generation.lines) if net.generation else []
    return Said("generate", f"How the network generates: {', '.join(names) or 'nothing is said'}.")


def _edition(net: Net, source: Source, statement: tree.Statement) -> Said:
    return Said("edition", "The edition of the language; the meaning of a text never changes within one.")


def _output(net: Net, source: Source, statement: tree.Statement) -> Said:
    shapes = [f"`{name}` ({net.shapes[name]})" for name in net.named_outputs]
    return Said("output", f"Results that are outputs beside that of the last line: {', '.join(shapes)}.")


def _param(source: Source, statement: tree.Statement, values: Mapping[str, str]) -> Said:
    text = "A parameter of the file: a value with a name, which `--set NAME=VALUE` replaces."
    for item in statement.items if isinstance(statement, tree.Command) else ():
        if isinstance(item, tree.Option):
            name = item.name.text
            own = source.text[item.values[0].start : item.values[-1].end]
            return Said("param", f"{text} Here `{name}` is {values.get(name, own)}.")
    return Said("param", text)


def _expect(net: Net, source: Source, statement: tree.Statement) -> Said:
    assert isinstance(statement, tree.Expect)
    parts = []
    for test in statement.tests:
        quantity = test.operands[0]
        if isinstance(quantity, tree.Name) and quantity.text in QUANTITIES:
            find, meaning = QUANTITIES[quantity.text]
            have = find(net)
            number = "a number that depends on symbols" if have is None else f"{have:,}"
            parts.append(f"`{quantity.text}`, {meaning}: {number}")
    return Said("expect", f"A budget, which holds. {'; '.join(parts)}.")


def _import(net: Net, source: Source, statement: tree.Statement) -> Said:
    assert isinstance(statement, tree.Import)
    names = [name.text for name in statement.names]
    uses = [use for name in names for use in _uses(net, name, source)]
    return Said("import", f"Blocks from another file, used {times(len(uses))}.", uses=tuple(uses))


def _definition(net: Net, source: Source, statement: tree.Statement) -> Said | None:
    if isinstance(statement, tree.Block):
        name, text = (
            statement.name.text,
            "A block: its lines stand for every use of it, each with weights of its own.",
        )
    else:
        items = statement.items if isinstance(statement, tree.Command) else ()
        if not items or not isinstance(items[0], tree.Name):
            return None
        name, text = items[0].text, "A network: all its uses share one set of weights."
    uses = tuple(_uses(net, name, source))
    return Said("definition", f"{text} It is used {times(len(uses))}.", uses=uses)


def _uses(net: Net, word: str, main: Source) -> Iterator[str]:
    """The uses of a block, with the shapes that come in."""
    seen: dict[int, Frame] = {}
    for layer in net.layers:
        for frame in layer.origin.frame.chain() if layer.origin and layer.origin.frame else ():
            if frame.kind in ("block", "network") and frame.text.split()[:1] == [word]:
                seen.setdefault(id(frame), frame)
    for frame in seen.values():
        statement = frame.statement
        where = f"line {statement.line}" if statement.source is main else str(statement).rpartition(":")[0]
        reads = f", reads {frame.reads}" if frame.reads else ""
        yield f"{where}: `{frame.text}`{reads}"


def times(number: int) -> str:
    """How often, in words."""
    return {0: "nowhere", 1: "once", 2: "twice"}.get(number, f"{number} times")


def _body(net: Net, source: Source, statement: tree.Statement) -> Said:
    """A statement whose lines are carried out: a loop, a condition, a branch."""
    kind = _word(statement)
    made = list(_inside(count(net).rows, _lines(source, statement)))
    text = _HOLDERS[kind]
    if isinstance(statement, tree.Loop):
        values = ", ".join(source.text[value.start : value.end] for value in statement.values)
        text = f"Carries out the lines below it for `{statement.name.text}` = {values}."
    if not made:
        return Said(kind, f"{text} Its lines make no layer here.")
    products = added(row.multiply_adds for row in made)
    ways = times(sum(row.line == made[0].line for row in made))
    parameters = sum(row.parameters for row in made)
    if not parameters and not products:
        return Said(kind, f"{text} Its lines are carried out {ways}.")
    numbers = f"{parameters:,} parameters"
    numbers += "" if products is None else f" and {products:,} multiply-adds"
    return Said(kind, f"{text} Its lines are carried out {ways} and come to {numbers}.")


_HOLDERS: Final = {
    "loop": "",
    "repeat": "Carries out the lines below it several times, each on the result of the one before.",
    "condition": "The lines below it stand where the condition holds, which is known before anything runs.",
    "else": "The lines below it stand where the condition above does not hold.",
    "path": "A branch of several lines.",
}


def _lines(source: Source, statement: tree.Statement) -> range:
    """The lines of a statement's body."""
    ends = [statement.end]
    body = list(statement.body or ())
    starts = [each.start for each in body]
    while body:
        each = body.pop()
        ends.append(each.end)
        body += each.body or ()
    first = source.position(min(starts))[0] if starts else 0
    return range(first, source.position(max(ends))[0] + 1 if starts else 0)


def _inside(rows: Sequence[Row], lines: range) -> Iterator[Row]:
    """The outermost rows on some lines of the text itself."""
    for row in rows:
        if row.line in lines and not row.file:
            yield row
        else:
            yield from _inside(row.rows, lines)


_BY_WORD: Final[dict[str, Callable[[Net, Source, tree.Statement], Said | None]]] = {
    "netspec": _edition,
    "train": _train,
    "generate": _generate,
    "output": _output,
    "expect": _expect,
    "import": _import,
    "block": _definition,
    "network": _definition,
    **dict.fromkeys(_HOLDERS, _body),
}
