"""Random networks drawn as text from the catalog: a new layer or option is drawn as soon as it is defined.

A text grows by a statement at a time.  What a statement then makes of its input the compiler says; one that does not
check, or makes the network large, is drawn again.  So a statement is drawn for the shape that it will read, and most
texts are right.  Lines first stand in a row; some rows are then written as people write structure: as branches of a
join, a repetition, a `for`, a `param`, a block, a network whose uses share weights.  Losses are drawn at the end.

The same generator of chance draws the same text; whatever is drawn is a network that its `Net` tells of.  Knows no
layer, block or loss by name, and no backend.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from random import Random
from textwrap import indent
from typing import Final, TypeAlias

from netspec.ir.catalog import definitions
from netspec.ir.layer import Operation
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Loss
from netspec.limits import Limits
from netspec.passes import run
from netspec.passes.shelf import shelf
from netspec.source import Source
from netspec.testing.arguments import OPTIONAL, Setting, is_wordy, use
from netspec.testing.cases import sized

SMALL: Final = Limits().raised(parameters=3000, activations=4 * 3000)
"""Beyond these a statement is left out: the networks are to be many, not large."""
STATEMENTS: Final = 6
"""Most statements after the inputs."""
TRIES: Final = 6
"""How often a statement is drawn again before the text goes on without it."""
SIZES: Final = (4, 7)
"""Sizes near which symbols are bound at run time; a network that cannot have them is not drawn."""

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
UNREAD: Final = "N305"
"""The code of a result that nothing reads: while a text is drawn, what will read it may be still to come."""
_INDENT: Final = "    "


class Unreadable(Exception):
    """The compiler failed on a text that was drawn, with an exception instead of a diagnostic."""

    def __init__(self, text: str, problem: Exception) -> None:
        super().__init__(f"{type(problem).__name__}: {problem}")
        self.text = text


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
    try:
        net, diagnostics = run(Source(text, "net"), SMALL)
        wrong = [each for each in diagnostics if not (unread and each.code == UNREAD)]
        return None if wrong or net is None or not _is_small(net) else net
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


# --- lines


def _operations() -> list[type[Operation]]:
    return [each for each in definitions("layer") if issubclass(each, Operation) and not each.reads_nothing]


def _word(text: Text, given: Shape) -> type[Operation]:
    """A layer that may read a shape: each family is as likely as any other, what is made for the shape more so."""
    families: dict[str, list[type[Operation]]] = {}
    for_this_kind = text.random.random() < 0.6
    for each in _operations():
        reads = given.kind in each.takes or (each.flattens and given.kind == "image")
        if reads and not each.joins and not (for_this_kind and each.takes == Operation.takes):
            families.setdefault(each.family(), []).append(each)
    found = list(families.values()) or [_operations()]
    return text.random.choice(text.random.choice(found))


def _joining(text: Text, given: Shape) -> str:
    """A join with names, of what might fit."""
    join = text.random.choice([each for each in _operations() if each.joins])
    near = [name for name in text.names if _alike(text.shape(name), given)]
    return use(join, Setting(text.random, given, near or text.names))


def _alike(one: Shape | None, other: Shape) -> bool:
    return one is not None and one.of is None and one.dims[:-1] == other.dims[:-1]


def _line(text: Text, given: Shape) -> str:
    """A line without a name: a layer or a join, at times with followers, frozen, or with the weights of another."""
    random = text.random
    if text.names and random.random() < 0.2:
        line = _joining(text, given)
    else:
        line = use(_word(text, given), Setting(random, given, text.names))
    while random.random() < 0.2:
        follower = random.choice([each for each in _operations() if is_wordy(each) and not each.joins])
        line += f" {follower.word}"
    if random.random() < 0.05:
        line += " frozen"
    if text.names and random.random() < 0.05:
        line += f" weights={random.choice(text.names)}"
    return line


def _plain(text: Text) -> Text | None:
    """One more line, which may read another result than the one above, and whose results may have names."""
    random, given, ending, name = text.random, text.given, "", ""
    if text.names and random.random() < 0.15:
        source = random.choice(text.names)
        given, ending = text.shape(source) or given, f" from {source}"
    line = _line(text, given)
    if random.random() < 0.5:
        name = f"d{text.count}"
        ending += f" as {name}"
    if random.random() < 0.1:
        name = f"s{text.count}"
        line += f" state as {name}"
    return text.longer(line + ending, name=name)


def _row(text: Text, most: int) -> list[str]:
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


# --- structure


def _inner(lines: Sequence[str]) -> str:
    return indent("\n".join(lines), _INDENT)


def _branch(random: Random, lines: Sequence[str]) -> list[str]:
    """Lines as one branch of a join."""
    if len(lines) > 1 and random.random() < 0.5:
        return ["path:", _inner(lines)]
    return ["; ".join(lines)]


def _branches(text: Text) -> Text | None:
    """A join of branches from the same point; where what is drawn does not fit, the same layers twice."""
    random = text.random
    join = random.choice([each for each in _operations() if each.joins]).word
    first, *others = (_row(text, random.randint(1, 2)) for _ in range(random.randint(2, 3)))
    for rows in ([first, *others], [first, ["identity"]], [first, first]):
        lines = [line for row in rows for line in _branch(random, row)]
        longer = text.longer(f"{join}:", _inner(lines))
        if longer is not None:
            return longer
    return None


def _repeated(text: Text) -> Text | None:
    return text.longer(f"repeat {text.random.randint(2, 3)}:", _inner(_row(text, text.random.randint(1, 2))))


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
    made = _with_variable(text, _row(text, random.randint(1, 2)), "n")
    if made is None:
        return None
    lines, number = made
    if random.random() < 0.4:
        lines = ["if n < 3:", _inner(lines), "else:", _inner(_row(text, 1))]
    values = [number, str(random.randint(1, 4))]
    random.shuffle(values)
    return text.longer(f"for n in {', '.join(values)}:", _inner(lines))


def _parameter(text: Text) -> Text | None:
    name = f"p{text.count}"
    made = _with_variable(text, _row(text, 1), name)
    return text.longer(*made[0], head=f"param {name} = {made[1]}") if made else None


def _block(text: Text) -> Text | None:
    """A block or a network, used once or twice in a row; the uses of a network share their weights."""
    random, word = text.random, f"b{text.count}"
    kind = random.choice(("block", "network"))
    lines = _row(text, random.randint(1, 3))
    made = _with_variable(text, lines, "n") if kind == "block" else None
    body, values = (made[0], [made[1], str(random.randint(1, 4))]) if made else (lines, [])
    head = f"{kind} {word}{'(n)' if made else ''}:\n{_inner(body)}"
    once = text.longer(f"{word} {values[0]}" if made else word, head=head)
    if once is None or random.random() < 0.3:
        return once
    return once.longer(f"{word} {random.choice(values)}" if made else word) or once


def _shipped(text: Text) -> Text | None:
    """A use of a block that ships, by its own list of parameters."""
    random, parts = text.random, []
    block = random.choice(list(shelf().values()))
    likely = [*map(str, range(1, 5)), *map(str, text.given.dims[-1:]), *text.names]
    for name in block.usage.split()[1:]:
        if not name.startswith("["):
            parts.append(random.choice(likely))
        elif random.random() < OPTIONAL:
            parts.append(f"{name.strip('[]').partition('=')[0]}={random.randint(1, 3)}")
    return text.longer(" ".join([block.word, *parts]))


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


# --- the whole


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
        unread = [each.span for each in run(Source(source, "net"), SMALL)[1] if each.code == UNREAD]
        if not unread or unread[0] is None:
            net = read(source)
            return None if net is None else replace(text, lines=tuple(source.split("\n")), heads=(), net=net)
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
    random, lines = text.random, ["", "train:"]
    losses = [each for each in definitions("loss") if issubclass(each, Loss)]
    for output in text.net.outputs if random.random() < 0.5 else ():
        for _ in range(TRIES):
            loss = random.choice(losses)
            line = f"{_INDENT}loss {random.choice((loss.word, *loss.examples))}"
            line += f" on {output.name}" if output is not text.net.outputs[-1] else ""
            line += " weight=0.5" if random.random() < 0.3 else ""
            if text.longer(*lines, line):
                lines.append(line)
                break
    return text.longer(*lines) or text if len(lines) > 2 else text


def _drawn(random: Random) -> Text | None:
    text = _started(random)
    for number in range(random.randint(1, STATEMENTS)):
        for _ in range(TRIES):
            makes = _plain if number == 0 or random.random() < 0.75 else random.choice(STRUCTURE)
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
