"""Arrange: which boxes of a picture stand below and which beside one another.

Most networks are chains with local branches.  The members of a level are put into columns, each below what it reads;
where a member reads the ends of several columns, these stand side by side above it.  What a member reads from further
up passes beside what lies between.  What fits neither way is left to be drawn around everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Final, TypeAlias

from netspec.views.graph import Box, Cluster, Edge, Graph, Member, boxes

DEEPEST: Final = 30
"""Levels of what stands side by side inside one another; what goes deeper is drawn below or around."""


@dataclass(eq=False)
class Leaf:
    """One box."""

    box: Box
    holds: frozenset[Box]


@dataclass(eq=False)
class Frame:
    """A cluster around what it holds."""

    cluster: Cluster
    body: Stack
    holds: frozenset[Box]


@dataclass(eq=False)
class Stack:
    """Items one below the other; without any, it is room for a line that passes."""

    items: list[Item] = field(default_factory=list)

    @cached_property
    def holds(self) -> frozenset[Box]:
        """The boxes in it."""
        return frozenset[Box]().union(*(item.holds for item in self.items))


@dataclass(eq=False)
class Side:
    """Stacks side by side, between the same two places."""

    stacks: list[Stack]
    holds: frozenset[Box]
    depth: int


Item: TypeAlias = Leaf | Frame | Side


def arrange(graph: Graph) -> Stack:
    """The arrangement of a picture."""
    reads: dict[Box, list[Box]] = {}
    for edge in graph.edges:
        reads.setdefault(edge.target, []).append(edge.source)
    return _level(graph.members, reads)


@dataclass(eq=False)
class _Column:
    """Items below one another, and the boxes that the first of them reads (none where it is an input)."""

    items: list[Item]
    origins: frozenset[Box]

    def index(self, box: Box) -> int | None:
        """Which of its items holds a box."""
        return next((index for index, item in enumerate(self.items) if box in item.holds), None)


def _level(members: Sequence[Member], reads: dict[Box, list[Box]]) -> Stack:
    """The members of one level, arranged."""
    columns: dict[_Column, int] = {}
    """The columns so far, numbered as they began."""
    ends: dict[Box, _Column] = {}
    """The columns whose last item holds a box."""
    number = count()
    for member in members:
        item: Item
        if isinstance(member, Box):
            item = Leaf(member, frozenset([member]))
        else:
            item = Frame(member, _level(member.members, reads), frozenset(boxes([member])))
        sources = {source for box in item.holds for source in reads.get(box, ()) if source not in item.holds}
        found = sorted({ends[source] for source in sources if source in ends}, key=columns.__getitem__)
        if found:
            base, *others = found
            for column in found:
                for box in column.items[-1].holds:
                    del ends[box]
            for column in others:
                del columns[column]
                sources -= _holds(column)
            skipped = sorted(sources - base.items[-1].holds, key=lambda box: box.number)
            _gather(base, others, skipped)
            base.items.append(item)
        else:
            base = _Column([item], frozenset(sources))
            columns[base] = next(number)
        ends.update(dict.fromkeys(item.holds, base))
    if not columns:
        return Stack()
    base, *others = columns
    _gather(base, others, ())
    return Stack(base.items)


def _holds(column: _Column) -> frozenset[Box]:
    return Stack(column.items).holds


def _gather(base: _Column, others: Sequence[_Column], skipped: Sequence[Box]) -> None:
    """Put columns into one, each beside that part of another that begins where it does."""
    columns = (base, *others)
    owner = {box: column for column in columns[::-1] for box in _holds(column)} if others else {}
    inside: dict[_Column, list[_Column]] = {}
    for column in others:
        hosts = [owner[box] for box in column.origins if box in owner]
        inside.setdefault(min(hosts, key=columns.index, default=base), []).append(column)
    for column in reversed(columns):
        _merge(column, inside.get(column, ()), skipped if column is base else ())


def _merge(base: _Column, others: Sequence[_Column], skipped: Iterable[Box]) -> None:
    """Put columns beside that part of another that begins where they do, and room for lines that pass it."""
    beside: dict[int, list[Stack]] = {}
    for column in others:
        fork = _fork(base, column.origins)
        if _depth([*base.items[fork + 1 :], *column.items]) < DEEPEST:
            beside.setdefault(fork, []).append(Stack(column.items))
        else:
            base.items += column.items
    for source in skipped:
        place = -1 if source in base.origins else base.index(source)
        if place is None or _depth(base.items[place + 1 :]) >= DEEPEST:
            continue
        if place < 0 or not isinstance(base.items[place], Side):
            stacks = beside.setdefault(place, [])
            if all(stack.items for stack in stacks):
                stacks.append(Stack())
    for fork, stacks in sorted(beside.items(), reverse=True, key=lambda each: each[0]):
        stacks.insert(0, Stack(base.items[fork + 1 :]))
        holds = frozenset[Box]().union(*(stack.holds for stack in stacks))
        depth = 1 + max(_depth(stack.items) for stack in stacks)
        base.items[fork + 1 :] = [Side(stacks, holds, depth)]


def _depth(items: Sequence[Item]) -> int:
    return max((item.depth for item in items if isinstance(item, Side)), default=0)


def _fork(base: _Column, origins: frozenset[Box]) -> int:
    """The item of a column below which another begins; -1 where both begin at the same place, or apart."""
    found = [index for box in origins if (index := base.index(box)) is not None]
    return max(found, default=-1)


def unplaced(stack: Stack, edges: Sequence[Edge]) -> dict[Stack, list[tuple[Edge, int, int]]]:
    """Edges by the innermost stack that holds both of their boxes, with the items that do."""
    found: dict[Stack, list[tuple[Edge, int, int]]] = {}
    for edge in edges:
        home = _innermost(stack, edge)
        places = [
            next(index for index, item in enumerate(home.items) if box in item.holds)
            for box in (edge.source, edge.target)
        ]
        found.setdefault(home, []).append((edge, min(places), max(places)))
    return found


def _innermost(stack: Stack, edge: Edge) -> Stack:
    while True:
        inner: list[Stack] = []
        for item in stack.items:
            if isinstance(item, Frame):
                inner.append(item.body)
            elif isinstance(item, Side):
                inner += item.stacks
        both = [each for each in inner if {edge.source, edge.target} <= each.holds]
        if not both:
            return stack
        stack = both[0]
