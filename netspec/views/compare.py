"""Compare: what is different between two networks, line by line as written, in numbers, and in `train:`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final

from netspec.ir.definition import Definition
from netspec.ir.generation import Generation
from netspec.ir.layer import Operation
from netspec.ir.net import Net
from netspec.ir.symbolic import Dim
from netspec.ir.training import Training, line_of
from netspec.passes.count import Row, Table, count
from netspec.passes.table import as_json
from netspec.views.align import align, signature

KINDS: Final = ("added", "removed", "changed", "moved", "affected")
"""What can have happened to a line; `affected` is one that stands as before and makes or costs something else."""


@dataclass(frozen=True)
class Change:
    """What happened to one line, and inside what it stands for."""

    kind: str
    before: Row | None
    after: Row | None
    notes: tuple[str, ...] = ()
    inside: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Setting:
    """What happened to one setting of `train:`, both as written."""

    kind: str
    before: str
    after: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Total:
    """A figure of the whole network; None where a symbol decides."""

    name: str
    before: Dim | None
    after: Dim | None


@dataclass(frozen=True)
class Comparison:
    """All that is different between two networks."""

    changes: tuple[Change, ...]
    training: tuple[Setting, ...]
    totals: tuple[Total, ...]
    outputs: tuple[tuple[str, ...], tuple[str, ...]]
    generation: tuple[Setting, ...] = ()

    @property
    def identical(self) -> bool:
        """Nothing is different."""
        settings = (*self.training, *self.generation)
        return not self.changes and not settings and self.outputs[0] == self.outputs[1]


def compare(before: Net, after: Net) -> Comparison:
    """Compare two networks."""
    tables = count(before), count(after)
    changes = _Changes(before, after).of(tables[0].rows, tables[1].rows)
    return Comparison(
        tuple(changes),
        (*_settings(before.training, after.training), *_updates(before, after)),
        tuple(
            Total(name, one, other)
            for (name, one), (_, other) in zip(
                _totals(before, tables[0]), _totals(after, tables[1]), strict=True
            )
        ),
        (_outputs(before), _outputs(after)),
        tuple(_lines(before.generation, after.generation)),
    )


def _outputs(net: Net) -> tuple[str, ...]:
    return tuple(str(layer.shape) for layer in net.outputs)


def _totals(net: Net, table: Table) -> Iterator[tuple[str, Dim | None]]:
    yield "core_layers", len(net.layers)
    yield "parameters", table.parameters
    yield "multiply_adds", table.multiply_adds
    yield "memory_parameters", table.memory.parameters
    yield "memory_predicting", table.memory.predicting
    yield "memory_training", table.memory.training


# --- rows


class _Changes:
    def __init__(self, before: Net, after: Net) -> None:
        self.before = before
        self.after = after
        self.told: set[str] = set()
        """Blocks whose inside was compared once."""

    def of(self, before: Sequence[Row], after: Sequence[Row]) -> list[Change]:
        """The changes from some rows to others, in order."""
        found: list[Change] = []
        for one, other in align(before, after):
            if one is None or other is None:
                found.append(Change("added" if one is None else "removed", one, other))
            elif change := self.pair(one, other):
                found.append(change)
        return _moved(found)

    def pair(self, one: Row, other: Row) -> Change | None:
        """What happened to a row that is there before and after; None where nothing did."""
        notes = tuple(self.notes(one, other))
        inside = tuple(self.inside(one, other))
        word = one.text.split()[0] if one.text else one.kind
        if one.text == other.text and not inside and not notes:
            if one.kind in ("block", "network") and _body(one) != _body(other):
                return Change("changed", one, other, (f"changed inside, like `{word}` above",))
            figures = [(row.output, row.parameters, row.multiply_adds) for row in (one, other)]
            return Change("affected", one, other) if figures[0] != figures[1] else None
        return Change("changed", one, other, notes, inside)

    def inside(self, one: Row, other: Row) -> list[Change]:
        """The changes in what two rows stand for; of a block whose lines are the same, none with other values."""
        if not one.rows or not other.rows or _head(one) != _head(other):
            return []
        first, second = _turn(one), _turn(other)
        if [signature(row) for row in first] == [signature(row) for row in second]:
            return []
        if one.kind in ("join", "path") or (one.kind == "repeat" and one.count == 1):
            return self.of(first, second)
        same_lines = _said(self.before, first) == _said(self.after, second)
        if (one.text != other.text and same_lines) or _head(one) in self.told:
            return []
        self.told.add(_head(one))
        return [each for each in self.of(first, second) if each.kind != "affected"]

    def notes(self, one: Row, other: Row) -> Iterator[str]:
        """What is different between two lines, in words."""
        if one.turns != other.turns:
            yield f"repeated {one.turns} -> {other.turns} times"
        if one.text == other.text or (one.turns != other.turns and one.count == other.count == 1):
            return
        found = list(_operations(self.operations(self.before, one), self.operations(self.after, other)))
        yield from found or _words(one.text.split(), other.text.split())

    @staticmethod
    def operations(net: Net, row: Row) -> list[Operation]:
        """The operations of a line, without those that nobody wrote."""
        layers = [net.by_name[name] for name in row.layers]
        return [layer.operation for layer in layers if not (layer.origin and layer.origin.implicit)]


def _head(row: Row) -> str:
    """The word that a row begins with, which of a block is its name."""
    return row.text.split()[0] if row.text else row.kind


def _body(row: Row) -> list[tuple[object, ...]]:
    return [signature(each) for each in _turn(row)]


def _said(net: Net, rows: Sequence[Row]) -> set[str]:
    """The statements that rows come from, as they stand in the text, before their values are known."""
    found: set[str] = set()
    todo = list(rows)
    while todo:
        row = todo.pop()
        todo += row.rows
        origins = [net.by_name[name].origin for name in row.layers]
        found |= {" ".join(origin.statement.text.split()) for origin in origins if origin}
    return found


def _turn(row: Row) -> Sequence[Row]:
    """What a row holds; of a repetition, what one turn of it does."""
    rows = row.rows[: len(row.rows) // row.turns]
    if row.kind == "repeat" and row.count > 1 and len(rows) == 1:
        return rows[0].rows or rows
    return rows


def _moved(changes: Sequence[Change]) -> list[Change]:
    """The changes with what was removed here and added there as one."""
    gone: dict[tuple[object, ...], int] = {}
    for index, change in enumerate(changes):
        if change.kind == "removed" and change.before:
            gone.setdefault(signature(change.before), index)
    found: list[Change | None] = list(changes)
    for index, change in enumerate(changes):
        if change.kind == "added" and change.after and signature(change.after) in gone:
            source = gone.pop(signature(change.after))
            found[index] = replace(changes[source], kind="moved", after=change.after)
            found[source] = None
    return [change for change in found if change is not None]


# --- words


def _operations(before: Sequence[Operation], after: Sequence[Operation]) -> Iterator[str]:
    """What is different between the operations of two lines: arguments, followers."""
    words = [[operation.word for operation in operations] for operations in (before, after)]
    for tag, a, b, c, d in SequenceMatcher(None, words[0], words[1], autojunk=False).get_opcodes():
        if tag == "equal":
            for one, other in zip(before[a:b], after[c:d], strict=True):
                yield from arguments(one, other)
        else:
            yield from (f"without {operation.written()}" for operation in before[a:b])
            yield from (f"with {operation.written()}" for operation in after[c:d])


def arguments(one: Definition, other: Definition) -> Iterator[str]:
    """The arguments that are different between two uses of one word: `channels 8 -> 16`."""
    for each in one.arguments():
        values = getattr(one, each.name), getattr(other, each.name)
        if values[0] == values[1]:
            continue
        if isinstance(values[0], bool):
            yield f"{each.name} {' -> '.join('yes' if value else 'no' for value in values)}"
            continue
        texts = ["none" if value in (None, ()) else each.kind.write(value) for value in values]
        yield f"{each.name} {' -> '.join(texts)}"


def _words(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """The words that are different between two lines."""
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        old, new = " ".join(before[a:b]), " ".join(after[c:d])
        if tag == "replace":
            yield f"{old} -> {new}"
        elif tag != "equal":
            yield f"without {old}" if old else f"with {new}"


# --- settings


def _settings(before: Training | None, after: Training | None) -> Iterator[Setting]:
    sides = before, after
    uses = [dict(each.settings) if each else {} for each in sides]
    texts = [
        {name: _setting(name, use, each) for name, use in own.items()}
        for each, own in zip(sides, uses, strict=True)
    ]
    return _different(texts, uses)


def _updates(before: Net, after: Net) -> Iterator[Setting]:
    """What is different between the updates, by the network that they change, and in what `make` shows."""
    return _different([_of_networks(net) for net in (before, after)], [{}, {}])


def _lines(before: Generation | None, after: Generation | None) -> Iterator[Setting]:
    """What is different between the lines of `generate:`."""
    uses = [dict(each.lines) if each else {} for each in (before, after)]
    return _different([{word: use.written() for word, use in own.items()} for own in uses], uses)


def _different(
    texts: Sequence[Mapping[str, str]], uses: Sequence[Mapping[str, Definition]]
) -> Iterator[Setting]:
    """What happened to each of some lines by name, before and after; `uses` are the definitions behind them."""
    for name in dict.fromkeys([*texts[0], *texts[1]]):
        old, new = (each.get(name, "") for each in texts)
        if old == new:
            continue
        kind = "changed" if old and new else "removed" if old else "added"
        one, other = (each.get(name) for each in uses)
        same = one is not None and type(one) is type(other)
        yield Setting(kind, old, new, tuple(arguments(one, other)) if same and one and other else ())


def _of_networks(net: Net) -> dict[str, str]:
    """The lines `let`, `update` and `make` by what they begin with."""
    lines, make = net.said
    return {line.split(" = ")[0].split(":")[0]: line for line in lines + [f"make {make}"] * bool(make)}


def _setting(name: str, definition: Definition, training: Training | None) -> str:
    """A setting as the language writes it."""
    text = line_of(name, definition)
    fallback = training.fallback if training and name == "data" else None
    return f"{text} else {fallback.written()}" if fallback else text


# --- as data


def as_data(found: Comparison) -> dict[str, Any]:
    """A comparison as JSON data."""
    return {
        "identical": found.identical,
        "changes": [_change(each) for each in found.changes],
        "training": [_changed(each) for each in found.training],
        "generation": [_changed(each) for each in found.generation],
        "totals": {
            each.name: {"before": as_json(each.before), "after": as_json(each.after)} for each in found.totals
        },
        "outputs": {"before": [*found.outputs[0]], "after": [*found.outputs[1]]},
    }


def _changed(setting: Setting) -> dict[str, Any]:
    return {
        "change": setting.kind,
        "before": setting.before or None,
        "after": setting.after or None,
        "notes": [*setting.notes],
    }


def _change(change: Change) -> dict[str, Any]:
    data: dict[str, Any] = {"change": change.kind}
    for side, row in (("before", change.before), ("after", change.after)):
        data[side] = row and {
            "line": row.line,
            "layer": row.text,
            "count": row.count,
            "output": row.output,
            "parameters": row.parameters,
            "multiply_adds": as_json(row.multiply_adds),
        }
    return data | {"notes": [*change.notes], "inside": [_change(each) for each in change.inside]}
