"""Places: where the next layer of a network goes while its text is unfolded, and what it can see from there.

A `Room` is what one use of a block shares: its names and the counters behind the names that nobody gave.  A `Place`
moves through a room, and branches start as copies of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field

from netspec.frozen import record
from netspec.ir.layer import Frame, Layer
from netspec.passes.scope import Scope
from netspec.source import Source, Span
from netspec.syntax import tree


@record
class Defined:
    """A block or a network as defined: its body, and what its file lets it see."""

    word: str
    parameters: tuple[tree.Parameter, ...]
    body: tuple[tree.Statement, ...]
    header: Span
    words: Mapping[str, Defined]
    values: Mapping[str, tree.Value]
    is_network: bool = False
    is_missing: bool = False
    """Its import failed, which has been reported: its uses are silent."""
    uses: int = 0
    made: list[Layer] = field(default_factory=list)
    """The layers of a network's first use, whose parameters its later uses share."""

    @property
    def source(self) -> Source:
        """The text that it stands in."""
        return self.header.source

    @property
    def inputs(self) -> list[tree.Command]:
        """The lines that say what a network reads."""
        lines = (each for each in self.body if isinstance(each, tree.Command) and each.body is None)
        return [each for each in lines if each.head.text == "input"]


@record
class Sharing:
    """A further use of a network: which layers of the first use have been matched."""

    network: Defined
    matched: int = 0
    failed: bool = False
    """A layer did not fit, which has been reported."""


@record
class Room:
    """The names of one use of a block, or of the top level, where the prefix is empty."""

    words: Mapping[str, Defined]
    prefix: str = ""
    reserved: frozenset[str] = frozenset()
    """Names that the text gives, which no layer gets by itself."""
    results: dict[str, str] = field(default_factory=dict)
    """Names that were given, and the results they stand for."""
    given: dict[str, Span] = field(default_factory=dict)
    """Where."""
    counts: Counter[str] = field(default_factory=Counter)
    records: Defined | None = None
    """The network whose first use this is, or stands in."""
    shares: Sharing | None = None
    """The network of which this is a further use, or stands in one."""
    inputs: tuple[str, ...] = ()
    """The inputs of a network that is laid out by itself, in the order of its lines."""


@record
class Place:
    """Where the next layer goes: below `above`, None at the very start."""

    room: Room
    scope: Scope
    above: str | None = None
    frame: Frame | None = None
    frozen: bool = False
    """What is made here is not trained."""

    def inside(self, frame: Frame, scope: Scope | None = None) -> Place:
        """A place in the same room, one frame further in."""
        return Place(self.room, scope or self.scope, self.above, frame, self.frozen)

    @property
    def repeats(self) -> bool:
        """It is passed several times, so that a name may be given again."""
        return any(each.turns > 1 for each in (self.frame.chain() if self.frame else ()))
