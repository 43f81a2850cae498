"""Line: what one line of a spec is, every use of it included: layers, what stands for several, or a setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netspec.diagnostics import Diagnostics
from netspec.ir.layer import Frame, Layer
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.passes.count import Row, count
from netspec.passes.reach import Field, receptive_fields
from netspec.passes.table import as_json
from netspec.source import Source, Span
from netspec.syntax import tree
from netspec.syntax.parser import parse
from netspec.views.facts import Facts, facts
from netspec.views.statements import Said, said


@dataclass(frozen=True)
class Use:
    """One use of a line: through what it came to be there, and what it is there."""

    chain: tuple[str, ...]
    """Innermost first, in words."""
    text: str
    reads: str
    output: str
    parameters: int
    multiply_adds: int | str | None


@dataclass(frozen=True)
class Held:
    """A row of what a line stands for: how deep inside, what, and what it comes to."""

    depth: int
    text: str
    output: str
    parameters: int
    multiply_adds: int | str | None


@dataclass(frozen=True)
class Explained:
    """One statement of a line.  The facts, or what it holds, are those of its first use."""

    text: str
    kind: str
    """`line`, `block`, `network`, `repeat`, `join`, or a word of the language's structure."""
    uses: tuple[Use, ...] = ()
    layers: tuple[Facts, ...] = ()
    holds: tuple[Held, ...] = ()
    count: int = 0
    """Core layers that it stands for."""
    field: tuple[int, int] | None = None
    """The receptive field at its end."""
    said: Said | None = None
    """What a statement that makes no layer means."""


def explain_line(
    net: Net,
    source: Source,
    line: int,
    limits: Limits = DEFAULT,
    values: Mapping[str, str] | None = None,
) -> list[Explained]:
    """What stands on a line of the text that a network was read from; empty where nothing does."""
    look = _Look(net, source, line)
    found = look.rows()
    if found:
        return found
    statements = parse(source, Diagnostics(), limits).statements
    return [
        Explained(" ".join(source.span(statement.start, statement.end).text.split()), each.kind, said=each)
        for statement, above in _all(statements)
        if source.position(statement.start)[0] == line
        and (each := said(net, source, statement, above, values or {})) is not None
    ]


def nearest(source: Source, line: int) -> list[tuple[int, str]]:
    """The lines above and below an empty one that hold something."""
    lines = [(number, source.line_text(number)) for number in range(1, source.line_count() + 1)]
    full = [(number, text) for number, text in lines if text.strip() and not text.lstrip().startswith("#")]
    above = [each for each in full if each[0] < line][-1:]
    return above + [each for each in full if each[0] > line][:1]


def as_data(entries: Sequence[Explained]) -> list[dict[str, Any]]:
    """What stands on a line as JSON data."""
    return [asdict(each) for each in entries]


def _all(
    statements: Sequence[tree.Statement], above: tuple[tree.Statement, ...] = ()
) -> Iterator[tuple[tree.Statement, tuple[tree.Statement, ...]]]:
    """All statements, each with those that it stands in."""
    for statement in statements:
        yield statement, above
        yield from _all(statement.body or (), (*above, statement))


class _Look:
    """Looks for a line in the table of a network."""

    def __init__(self, net: Net, source: Source, line: int) -> None:
        self.net = net
        self.source = source
        self.line = line
        self.fields: dict[str, Field] = {}

    def rows(self) -> list[Explained]:
        """What the rows of the line say, those of one statement together."""
        by_place: dict[tuple[int, str], list[Row]] = {}
        for row in self.outermost(count(self.net).rows):
            by_place.setdefault(self.key(row), []).append(row)
        if by_place:
            self.fields = receptive_fields(self.net)
        return [self.explained(rows) for rows in by_place.values()]

    def outermost(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The rows of the line that stand in no other row of it."""
        for row in rows:
            if row.line == self.line and not row.file and row.kind != "path":
                yield row
            else:
                yield from self.outermost(row.rows)

    def key(self, row: Row) -> tuple[int, str]:
        """The statement of a row: where it starts, and its kind."""
        start = self.statement(row).start
        return start, row.kind

    def statement(self, row: Row) -> Span:
        """The statement of a row, as written."""
        if row.kind == "line" or row.kind == "join":
            origin = self.layers(row)[-1].origin
            assert origin is not None
            return origin.statement
        return self.frames(row)[-1].statement

    def layers(self, row: Row) -> list[Layer]:
        return [self.net.by_name[name] for name in row.all_layers()]

    def frames(self, row: Row) -> list[Frame]:
        """The frames of a row's first layer that stand on the line, innermost first."""
        origin = self.layers(row)[0].origin
        chain = origin.frame.chain() if origin and origin.frame else iter(())
        return [each for each in chain if self.is_here(each)]

    def is_here(self, frame: Frame) -> bool:
        return frame.statement.source is self.source and frame.statement.line == self.line

    def explained(self, rows: Sequence[Row]) -> Explained:
        """One statement from its rows, one a use."""
        first = rows[0]
        uses = tuple(self.use(row) for row in rows)
        if first.kind == "line":
            layers = tuple(facts(self.net, layer, self.fields, self.source) for layer in self.layers(first))
            return Explained(first.text, "line", uses, layers)
        seen = self.fields[first.name]
        return Explained(
            f"{first.text} x {first.count}" if first.count > 1 else first.text,
            first.kind,
            uses,
            holds=tuple(_held(first)),
            count=len(self.layers(first)),
            field=None if seen.whole or first.output.count("x") < 2 else seen.pixels,
        )

    def use(self, row: Row) -> Use:
        layers = self.layers(row)
        inside = {layer.name for layer in layers}
        reads = [
            str(self.net.shapes[name])
            for layer in layers
            for name in layer.inputs
            if name.partition(".")[0] not in inside
        ]
        return Use(
            tuple(self.chain(layers[0], row)),
            row.text,
            ", ".join(dict.fromkeys(reads)),
            row.output,
            row.parameters,
            as_json(row.multiply_adds),
        )

    def chain(self, layer: Layer, row: Row) -> Iterator[str]:
        """In words, what a row stands in: everything around the outermost frame on its line."""
        frames = list(layer.origin.frame.chain()) if layer.origin and layer.origin.frame else []
        here = [index for index, frame in enumerate(frames) if self.is_here(frame) and row.kind != "line"]
        if row.kind == "line":
            here = [
                index for index, frame in enumerate(frames) if self.is_here(frame) and frame.kind == "branch"
            ]
        for frame in frames[here[-1] + 1 if here else 0 :]:
            if frame.kind != "branch":
                yield _in_words(frame, self.source)


def _in_words(frame: Frame, main: Source) -> str:
    line = frame.statement.line
    source = frame.statement.source
    where = f"line {line}" if source is main else f"{source.name}:{line}"
    text = " ".join(frame.text.split("->")[0].split())
    if frame.kind == "repeat":
        return f"turn {frame.turn + 1} of {frame.turns} of `{text}` on {where}"
    return f"`{text}` on {where}"


def _held(row: Row) -> Iterator[Held]:
    """The rows that a row stands for, the branches of joins a level deeper; equal turns once."""
    rows = row.rows[: len(row.rows) // row.turns] if row.turns > 1 else row.rows
    yield from _opened(rows, 0)


def _opened(rows: Sequence[Row], depth: int) -> Iterator[Held]:
    for row in rows:
        text = f"{row.text} x {row.count}" if row.count > 1 else row.text
        yield Held(depth, text, row.output, row.parameters, as_json(row.multiply_adds))
        if row.kind in ("join", "path"):
            yield from _opened(row.rows, depth + 1)
