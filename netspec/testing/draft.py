"""A text of a random network while it grows: what it is so far, and one more line for it.

What a line makes of its input the compiler says; one that does not check, or makes the network large, is left out.  So
a line is drawn for the shape that it will read, and most fit.  Knows no layer by name, and no backend.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import prod
from random import Random
from typing import Final

from netspec.diagnostics import Diagnostic
from netspec.ir.catalog import definitions
from netspec.ir.layer import Operation
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.limits import Limits
from netspec.passes import run
from netspec.source import Source
from netspec.testing.arguments import Setting, is_wordy, use
from netspec.testing.cases import sized

SMALL: Final = Limits().raised(parameters=3000, activations=4 * 3000)
"""Beyond these a statement is left out: the networks are to be many, not large."""
TRIES: Final = 6
"""How often a statement is drawn again before the text goes on without it."""
SIZES: Final = (4, 7)
"""Sizes near which symbols are bound at run time; a network that cannot have them is not drawn."""
UNREAD: Final = "N305"
"""The code of a result that nothing reads: while a text is drawn, what will read it may be still to come."""


class Unreadable(Exception):
    """The compiler failed on a text that was drawn, with an exception instead of a diagnostic."""

    def __init__(self, text: str, problem: Exception) -> None:
        super().__init__(f"{type(problem).__name__}: {problem}")
        self.text = text


@dataclass
class Text:
    """A text so far: definitions, lines, and the network that they are."""

    random: Random
    lines: tuple[str, ...]
    net: Net
    heads: tuple[str, ...] = ()
    """Definitions and parameters, which stand first."""
    names: tuple[str, ...] = ()
    """The names given so far."""
    count: int = 0
    """Numbers of names, so that none is given twice."""

    @property
    def given(self) -> Shape:
        """What the next line reads."""
        return self.net.layers[-1].shape

    @property
    def extras(self) -> list[str]:
        """Further results of the last layer."""
        last = self.net.layers[-1]
        return list(last.operation.extras(self.net.shapes_into(last)))

    def shape(self, name: str) -> Shape | None:
        """The shape of a name where it is a layer's."""
        found = self.net.by_name.get(name)
        return found.shape if found else None

    def longer(self, *lines: str, head: str = "", name: str = "") -> Text | None:
        """The text with more lines; None where that is no network, or a large one."""
        heads = (*self.heads, head) if head else self.heads
        net = read("\n".join((*heads, *self.lines, *lines)), unread=True)
        if net is None:
            return None
        names = (*self.names, name) if name else self.names
        return replace(
            self, lines=(*self.lines, *lines), net=net, heads=heads, names=names, count=self.count + 1
        )


def read(text: str, *, unread: bool = False) -> Net | None:
    """The network of a text; None where it is none, is not small or has no sizes near `SIZES`.

    With `unread` there may be results that nothing reads yet.  Raises `Unreadable`.
    """
    net, diagnostics = checked(text)
    wrong = [each for each in diagnostics if not (unread and each.code == UNREAD)]
    return None if wrong else net


def checked(text: str) -> tuple[Net | None, list[Diagnostic]]:
    """The network, None where there is none of this size, and what is wrong with it; raises `Unreadable`."""
    try:
        net, diagnostics = run(Source(text, "net"), SMALL)
        return None if net is None or not _is_small(net) else net, diagnostics
    except Exception as problem:
        raise Unreadable(text, problem) from problem


def _is_small(net: Net) -> bool:
    for steps in SIZES[: 1 + bool(net.symbols)]:
        wanted = range(steps, steps + max(len(net.symbols), 1))
        if net.symbols and net.constraints.sizes(net.symbols, wanted) is None:
            return False
        shapes = net.shapes_for(*sized(net, steps)).values()
        if any(prod(shape.known) > SMALL.activations // 4 for shape in shapes):
            return False
    return True


@cache
def operations() -> list[type[Operation]]:
    """All layers that read something."""
    return [each for each in definitions("layer") if issubclass(each, Operation) and not each.reads_nothing]


def _word(text: Text, given: Shape) -> type[Operation]:
    """A layer that may read a shape: each family is as likely as any other, what is made for the shape more so."""
    families: dict[str, list[type[Operation]]] = {}
    for_this_kind = text.random.random() < 0.6
    for each in operations():
        reads = given.kind in each.takes or (each.flattens and given.kind == "image")
        if reads and not each.joins and not (for_this_kind and each.takes == Operation.takes):
            families.setdefault(each.family(), []).append(each)
    found = list(families.values()) or [operations()]
    return text.random.choice(text.random.choice(found))


def _joining(text: Text, given: Shape) -> str:
    """A join with names, of what might fit."""
    join = text.random.choice([each for each in operations() if each.joins])
    near = [name for name in text.names if _alike(text.shape(name), given)]
    return use(join, Setting(text.random, given, near or text.names))


def _alike(one: Shape | None, other: Shape) -> bool:
    return one is not None and one.of is None and one.dims[:-1] == other.dims[:-1]


def _numbers(text: Text) -> list[int]:
    """One number of features or classes that a result or input has."""
    shapes = [layer.shape for layer in text.net.layers]
    found = [each.of or each.dims[-1] for each in shapes if each.of or each.dims]
    return [each for each in text.random.sample(found, 1) if isinstance(each, int)]


def _repeatable(text: Text) -> list[str]:
    """The layers so far that may refer to another one, and do, such as one that goes on from a state."""
    return [
        f"{layer.operation.written()} {each.name}={text.random.choice(text.names)}"
        for layer in text.net.layers
        for each in layer.operation.lookup().references
        if getattr(layer.operation, each.name) is None and not each.spoken
    ]


def _line(text: Text, given: Shape) -> str:
    """A line without a name: a layer or a join, at times with followers, frozen, or with the weights of another."""
    random = text.random
    chance = random.random()
    if text.names and chance < 0.2:
        line = _joining(text, given)
    elif text.names and chance < 0.25 and (repeatable := _repeatable(text)):
        line = random.choice(repeatable)
    else:
        line = use(_word(text, given), Setting(random, given, text.names, _numbers(text)))
    while random.random() < 0.2:
        follower = random.choice([each for each in operations() if is_wordy(each) and not each.joins])
        line += f" {follower.word}"
    if random.random() < 0.05:
        line += " frozen"
    if text.names and random.random() < 0.05:
        line += f" weights={random.choice(text.names)}"
    return line


def plain(text: Text) -> Text | None:
    """One more line, which may read another result than the one above, and whose results may have names."""
    random, given, ending, name = text.random, text.given, "", ""
    if text.names and random.random() < 0.15:
        source = random.choice(text.names)
        given, ending = text.shape(source) or given, f" from {source}"
    line = _line(text, given)
    if random.random() < 0.5:
        name = f"d{text.count}"
        ending += f" as {name}"
    longer = text.longer(line + ending, name=name)
    extras = longer.extras if longer else []
    if extras and random.random() < 0.5:
        name = f"s{text.count}"
        return text.longer(f"{line} {random.choice(extras)} as {name}{ending}", name=name) or longer
    return longer


def row(text: Text, most: int) -> list[str]:
    """Some lines without names, which fit one after the other."""
    lines: list[str] = []
    now = replace(text)
    for _ in range(TRIES):
        line = _line(now, now.given)
        longer = now.longer(line)
        if longer is not None:
            now, lines = longer, [*lines, line]
        if len(lines) == most:
            break
    return lines
