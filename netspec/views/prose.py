"""Prose: a line explained (`views.line`) as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Final

from netspec.views.facts import Facts, Neighbour
from netspec.views.line import Explained, Use
from netspec.views.statements import Said, times

WIDEST: Final = 100
_LABEL: Final = 15
_SHOWN: Final = 6
"""Uses of a line that are told before it is only said how many more there are."""
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def as_text(place: str, entries: Sequence[Explained], width: int | None = None, colour: bool = False) -> str:
    """What stands on a line, as text; `place` is `FILE:LINE`."""
    return _Text(min(width or WIDEST, WIDEST), colour).page(place, entries)


class _Text:
    def __init__(self, width: int, colour: bool) -> None:
        self.width = max(width, 40)
        self.colour = colour

    def page(self, place: str, entries: Sequence[Explained]) -> str:
        parts = []
        for entry in entries:
            parts.append(f"{self.paint(place, _DIM)}  {self.paint(entry.text, _BOLD)}")
            parts += self.entry(entry)
        return "\n\n".join(parts) + "\n"

    def paint(self, text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if self.colour else text

    def entry(self, entry: Explained) -> Iterator[str]:
        """The paragraphs of one statement."""
        if entry.said is not None:
            yield from self.said(entry.said)
            return
        chained = any(use.chain for use in entry.uses)
        if len(entry.uses) > 1:
            yield self.wrapped(
                f"It stands {times(len(entry.uses))} in the network; the numbers of the first:"
            )
        if entry.kind == "line":
            yield from self.layers(entry.layers)
        else:
            yield self.holder(entry)
        if chained or len(entry.uses) > 1:
            yield self.uses(entry.uses)

    # --- layers

    def layers(self, layers: Sequence[Facts]) -> Iterator[str]:
        """A paragraph for each core layer of a line: its name, what it does, its numbers."""
        for index, each in enumerate(layers):
            before, after = layers[:index][-1:], layers[index + 1 :]
            head = [self.paint(each.text, _BOLD)] if len(layers) > 1 else []
            rows = [
                ("reads", "" if before else _neighbours(each.reads)),
                ("shape", each.formula if each.reads else ""),
                ("", each.numbers),
                ("history", "" if before else each.history),
                ("gives", f"{each.name}: {each.output}{_bytes(each.memory)}"),
                ("padding", _padding(each.padding)),
                ("parameters", _number(each.parameters, each.parameters_as)),
                ("weights", _weights(each)),
                ("multiply-adds", _number(each.multiply_adds, each.multiply_adds_as)),
                ("sees", "" if before and _sees(before[0]) == _sees(each) else _sees(each)),
                ("read by", "" if after and len(each.read_by) == 1 else _readers(each)),
            ]
            facts = [self.fact(label, text) for label, text in rows if text]
            yield "\n".join([*head, self.wrapped(each.summary, "  "), *facts])

    def fact(self, label: str, text: str) -> str:
        start = f"  {label:<{_LABEL}}"
        wrapped = fill(
            text, self.width - len(start), break_on_hyphens=False, break_long_words=False
        ).splitlines()
        first, *rest = wrapped
        return "\n".join([self.paint(start, _DIM) + first, *(" " * len(start) + line for line in rest)])

    def wrapped(self, text: str, indent: str = "") -> str:
        return fill(text, self.width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)

    # --- what stands for several

    def holder(self, entry: Explained) -> str:
        """What a use, a join or a repetition stands for."""
        use = entry.uses[0]
        seen = f"{entry.field[0]}x{entry.field[1]} pixels of the input" if entry.field else ""
        rows = [
            ("", ""),
            ("reads", use.reads),
            ("gives", use.output),
            ("stands for", f"{entry.count} core layers"),
            ("parameters", f"{use.parameters:,}" if use.parameters else "none"),
            ("multiply-adds", _number(use.multiply_adds, "")),
            ("sees", seen),
        ]
        lines = [self.wrapped(_KINDS[entry.kind], "  ")]
        lines += [self.fact(label, text) for label, text in rows if text]
        label = "one turn" if entry.kind == "repeat" else "holds"
        texts = ["  " * held.depth + held.text for held in entry.holds]
        columns = [
            (text, held.output, f"{held.parameters:,}" if held.parameters else "")
            for text, held in zip(texts, entry.holds, strict=True)
        ]
        a, b, c = (max((len(row[index]) for row in columns), default=0) for index in range(3))
        a = min(a, self.width - _LABEL - b - c - 6)
        lines += [
            f"  {label if index == 0 else '':<{_LABEL}}{_cut(text, a):<{a}}  {output:<{b}}  {size:>{c}}".rstrip()
            for index, (text, output, size) in enumerate(columns)
        ]
        return "\n".join(lines)

    def uses(self, uses: Sequence[Use]) -> str:
        """The uses of a line, each with what it stands in and its values."""
        lines = [self.paint("uses" if len(uses) > 1 else "use", _BOLD)]
        for use in uses[:_SHOWN]:
            numbers = f"{use.reads} -> {use.output}" if use.reads else use.output
            if use.parameters:
                numbers += f", {use.parameters:,} parameters"
            lines.append(self.wrapped(f"`{use.text}`: {numbers}", "  "))
            if use.chain:
                lines.append(self.wrapped(f"in {', '.join(use.chain)}", "    "))
        if len(uses) > _SHOWN:
            lines.append(f"  and {len(uses) - _SHOWN} more")
        return "\n".join(lines)

    # --- statements that make no layer

    def formula(self, text: str) -> str:
        """A formula, what does not fit on its line further in below it."""
        return fill(text, self.width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)

    def said(self, said: Said) -> Iterator[str]:
        yield self.wrapped(said.text, "  ")
        if said.formulas:
            yield "\n".join(self.formula(line) for line in said.formulas)
        if said.arguments:
            a = max(len(each.name) for each in said.arguments)
            b = max(len(each.value) for each in said.arguments)
            heads = [f"  {each.name:<{a}}  {each.value:<{b}}  " for each in said.arguments]
            yield "\n".join(
                fill(head + each.meaning, self.width, subsequent_indent=" " * len(head)).rstrip()
                for head, each in zip(heads, said.arguments, strict=True)
            )
        if said.rates:
            width = max(len(f"{t:,}") for t, _ in said.rates)
            lines = [f"  {t:>{width},}  {rate:.6g}" for t, rate in said.rates]
            yield "\n".join([self.paint(f"  {'t':>{width}}  rate(t)", _DIM), *lines])
        if said.uses:
            more = [f"  and {len(said.uses) - _SHOWN} more"] if len(said.uses) > _SHOWN else []
            yield "\n".join([*(self.wrapped(use, "  ") for use in said.uses[:_SHOWN]), *more])


def _cut(text: str, most: int) -> str:
    """A text cut to a number of characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


_KINDS: Final = {
    "block": "A use of a block: the block's lines stand here, with weights of their own.",
    "network": "A use of a network: all uses of it share one set of weights.",
    "repeat": "A repetition: each turn reads the result of the one before, with weights of its own.",
    "join": "A join: its branches read the same result, and theirs are made one.",
}


def _neighbours(neighbours: Sequence[Neighbour]) -> str:
    return ", ".join(f"{each.name} ({each.shape}{_place(each)})" for each in neighbours)


def _place(each: Neighbour) -> str:
    return f", {each.place}" if each.place else ""


def _bytes(size: int | None) -> str:
    return "" if size is None else f", {size:,} bytes in float32"


def _padding(sides: tuple[int | str | None, ...] | None) -> str:
    if not sides or not any(sides):
        return ""
    return ", ".join(
        f"{name} {size}" for name, size in zip(("top", "bottom", "left", "right"), sides, strict=True)
    )


def _weights(each: Facts) -> str:
    names = ", ".join(
        f"{weights.name} {'x'.join(map(str, weights.shape))}{'' if weights.trained else ' (not trained)'}"
        for weights in each.weights
    )
    return f"{names}, those of {each.shares}" if each.shares else names


def _number(value: int | str | None, how: str) -> str:
    """A number with how it comes about, or the expression that it is; empty for 0."""
    if value is None:
        return "depends on sizes that have no number"
    if isinstance(value, str):
        return value
    if not value:
        return ""
    return f"{how} = {value:,}" if how and how != str(value) else f"{value:,}"


def _sees(each: Facts) -> str:
    if not each.of_image or not each.reads:
        return ""
    if each.field is None or each.jump is None:
        return "the whole input"
    if each.field == (1, 1) and each.jump == ("1", "1"):
        return "one pixel of the input"
    across = each.jump[0] if each.jump[0] == each.jump[1] else " and ".join(each.jump)
    return f"{each.field[0]}x{each.field[1]} pixels of the input, {across} between neighbours"


def _readers(each: Facts) -> str:
    readers = _neighbours(each.read_by)
    if not each.is_output:
        return readers
    return (
        f"{readers}; it is an output of the network" if readers else "nothing: it is an output of the network"
    )
