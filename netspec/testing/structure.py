"""Lines written as people write structure: as branches of a join, a repetition, a `for`, a `param`, a block.

Each way takes a text and gives it with one more statement, or None where what was drawn is no network.  Knows no layer
or block by name, and no backend.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from textwrap import indent
from typing import Final, TypeAlias

from netspec.passes.shelf import shelf
from netspec.testing.arguments import OPTIONAL
from netspec.testing.draft import TRIES, Text, operations, row

INDENT: Final = "    "


def indented(lines: Sequence[str]) -> str:
    """Lines as the body of a statement."""
    return indent("\n".join(lines), INDENT)


def _branch(random: Random, lines: Sequence[str]) -> list[str]:
    """Lines as one branch of a join."""
    if len(lines) > 1 and random.random() < 0.5:
        return ["path:", indented(lines)]
    return ["; ".join(lines)]


def _branches(text: Text) -> Text | None:
    """A join of branches from the same point; where what is drawn does not fit, the same layers twice."""
    random = text.random
    join = random.choice([each for each in operations() if each.joins]).word
    first, *others = (row(text, random.randint(1, 2)) for _ in range(random.randint(2, 3)))
    for rows in ([first, *others], [first, ["identity"]], [first, first]):
        lines = [line for row in rows for line in _branch(random, row)]
        longer = text.longer(f"{join}:", indented(lines))
        if longer is not None:
            return longer
    return None


def _repeated(text: Text) -> Text | None:
    return text.longer(f"repeat {text.random.randint(2, 3)}:", indented(row(text, text.random.randint(1, 2))))


_NUMBER: Final = re.compile(r"(?<![\w.,=x-])\d+(?![\w.,x])|(?<==)\d+(?![\w.,x])")
"""A whole number that a variable may stand for."""


def _with_variable(text: Text, lines: Sequence[str], variable: str) -> tuple[list[str], str] | None:
    """Lines with a variable in the place of a number, and the number."""
    body = "\n".join(lines)
    found = list(_NUMBER.finditer(body))
    if not found:
        return None
    chosen = text.random.choice(found)
    return [*(body[: chosen.start()] + variable + body[chosen.end() :]).split("\n")], chosen[0]


def _counted(text: Text) -> Text | None:
    """A `for`, at times with a choice in it."""
    random = text.random
    made = _with_variable(text, row(text, random.randint(1, 2)), "n")
    if made is None:
        return None
    lines, number = made
    if random.random() < 0.4:
        lines = ["if n < 3:", indented(lines), "else:", indented(row(text, 1))]
    values = [number, str(random.randint(1, 4))]
    random.shuffle(values)
    return text.longer(f"for n in {', '.join(values)}:", indented(lines))


def _parameter(text: Text) -> Text | None:
    name = f"p{text.count}"
    made = _with_variable(text, row(text, 1), name)
    return text.longer(*made[0], head=f"param {name} = {made[1]}") if made else None


def _block(text: Text) -> Text | None:
    """A block or a network, used once or twice in a row; the uses of a network share their weights."""
    random, word = text.random, f"b{text.count}"
    kind = random.choice(("block", "network"))
    lines = row(text, random.randint(1, 3))
    made = _with_variable(text, lines, "n") if kind == "block" else None
    body, values = (made[0], [made[1], str(random.randint(1, 4))]) if made else (lines, [])
    head = f"{kind} {word}{'(n)' if made else ''}:\n{indented(body)}"
    once = text.longer(f"{word} {values[0]}" if made else word, head=head)
    if once is None or random.random() < 0.3:
        return once
    return once.longer(f"{word} {random.choice(values)}" if made else word) or once


def _shipped(text: Text) -> Text | None:
    """A use of a block that ships, by its own list of parameters."""
    random = text.random
    likely = [*map(str, range(1, 5)), *map(str, text.given.dims[-1:]), *text.names]
    for _ in range(TRIES):
        block = random.choice(list(shelf().values()))
        parts = [block.word]
        for name in block.usage.split()[1:]:
            if not name.startswith("["):
                parts.append(random.choice(likely))
            elif random.random() < OPTIONAL:
                parts.append(f"{name.strip('[]').partition('=')[0]}={random.randint(1, 3)}")
        longer = text.longer(" ".join(parts))
        if longer is not None:
            return longer
    return None


Maker: TypeAlias = Callable[[Text], Text | None]
STRUCTURE: Final[tuple[Maker, ...]] = (
    _branches,
    _branches,
    _repeated,
    _counted,
    _parameter,
    _block,
    _block,
    _shipped,
)
