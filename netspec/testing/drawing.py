"""Random networks drawn as text from the catalog: a new layer or option is drawn as soon as it is defined.

A text (`draft`) grows by a statement at a time, a line or several as people write structure (`structure`); one that
does not check is drawn again.  Outputs and losses are drawn at the end.

The same generator of chance draws the same text; whatever is drawn is a network that its `Net` tells of.  Knows no
layer, block or loss by name, and no backend.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from netspec.ir.catalog import definitions
from netspec.ir.net import Net
from netspec.ir.training import Loss
from netspec.testing.draft import SIZES, TRIES, UNREAD, Text, Unreadable, checked, plain, read
from netspec.testing.structure import INDENT, STRUCTURE

__all__ = ["SIZES", "Unreadable", "draw", "read"]

STATEMENTS: Final = 6
"""Most statements after the inputs."""
MAIN: Final = (
    "image",
    "image",
    "image",
    "sequence",
    "sequence",
    "sequence",
    "vector",
    "words",
    "words",
    "video",
)
"""What the main input is, the likelier the more often it stands here; `SHAPES` draws it."""
FURTHER: Final = ("sequence", "vector", "vector", "number", "number", "image")


def _side(random: Random, symbol: str) -> str:
    return symbol if random.random() < 0.3 else str(random.randint(1, 6))


SHAPES: Final[dict[str, Callable[[Random], str]]] = {
    "image": lambda random: f"{_side(random, 'H')}x{_side(random, 'W')}x{random.randint(1, 4)}",
    "sequence": lambda random: f"{_side(random, 'T')}x{random.randint(1, 6)}",
    "vector": lambda random: str(random.randint(2, 8)),
    "words": lambda random: f"{_side(random, 'T')} of 7",
    "number": lambda random: f"of {random.randint(3, 5)}",
    "video": lambda random: (
        f"{_side(random, 'T')}x{random.randint(2, 4)}x{random.randint(2, 4)}x{random.randint(1, 3)}"
    ),
}
"""Shapes of an input as they are written."""


def _started(random: Random) -> Text:
    """A text of inputs: the main one last, at times further ones before it."""
    main = SHAPES[random.choice(MAIN)](random)
    others = [SHAPES[random.choice(FURTHER)](random) for _ in range(random.choice((0, 0, 0, 1, 1, 2)))]
    names = tuple(f"i{number}" for number in range(len(others)))
    lines = [f"input {name} {shape}" for name, shape in zip(names, others, strict=True)]
    lines.append(f"input {'given ' * bool(others)}{main}")
    net = read("\n".join(lines), unread=True)
    assert net is not None, lines
    return Text(random, tuple(lines), net, names=(*names, *["given"] * bool(others)))


def _finished(text: Text) -> Text | None:
    """The text with some results as outputs: what nothing reads, and at times more; an input is then left out."""
    numbers = [name for name in text.names if (shape := text.shape(name)) and shape.of is None]
    outputs = text.random.sample(numbers, min(text.random.choice((0, 0, 0, 1, 2)), len(numbers)))
    lines = "\n".join((*text.heads, *text.lines)).split("\n")
    for number in range(2 * TRIES):
        ending = [f"output {' '.join(dict.fromkeys(outputs))}"] * bool(outputs)
        source = "\n".join((*lines, *ending))
        net, diagnostics = checked(source)
        unread = [each.span for each in diagnostics if each.code == UNREAD]
        if not unread or unread[0] is None:
            if net is None or diagnostics:
                return None
            return replace(text, lines=tuple(source.split("\n")), heads=(), net=net)
        place = unread[0].line - 1
        named = re.search(r" as (\w+)$", lines[place])
        if lines[place].startswith("input"):
            del lines[place]
        elif named is None:
            lines[place] += f" as o{number}"
        else:
            outputs.append(named[1])
    return None


def _with_losses(text: Text) -> Text:
    """The text with a loss for each of some of its outputs."""
    random, lines, trained = text.random, ["", "train:"], text
    losses = [each for each in definitions("loss") if issubclass(each, Loss)]
    for output in text.net.outputs if random.random() < 0.5 else ():
        for _ in range(TRIES):
            loss = random.choice(losses)
            line = f"{INDENT}loss {random.choice((loss.word, *loss.examples))}"
            line += f" on {output.name}" if output is not text.net.outputs[-1] else ""
            line += " weight=0.5" if random.random() < 0.3 else ""
            longer = text.longer(*lines, line)
            if longer is not None:
                lines, trained = [*lines, line], longer
                break
    return trained


def _drawn(random: Random) -> Text | None:
    text = _started(random)
    for number in range(random.randint(1, STATEMENTS)):
        for _ in range(TRIES):
            makes = plain if number == 0 or random.random() < 0.75 else random.choice(STRUCTURE)
            longer = makes(text)
            # the first line is to have weights where it may, so that gradients are seen
            if longer is not None and (number > 0 or longer.net.parameters or random.random() < 0.2):
                text = longer
                break
    return _finished(text)


def draw(random: Random) -> Net:
    """A network, which keeps its text; raises `Unreadable`."""
    while (text := _drawn(random)) is None:
        pass
    return _with_losses(text).net
