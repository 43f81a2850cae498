"""Align: which rows of one table are which rows of another.

Equal lines are paired first (difflib), then lines of one word between them; what is left was added, removed or, where
the same text is found in both, moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, TypeAlias

from netspec.passes.count import Row

Pair: TypeAlias = tuple[Row | None, Row | None]
"""A row before and after; None where there is none."""
_MOST_CELLS: Final = 40_000
"""Between equal lines, pairs of lines that are compared one by one."""
_MANY: Final = 1000
"""Lines from which on the most frequent ones no longer decide what is aligned, which would take long."""


def align(before: Sequence[Row], after: Sequence[Row]) -> list[Pair]:
    """The rows of two tables in order, paired."""
    texts = [row.text for row in before], [row.text for row in after]
    many = max(map(len, texts)) > _MANY
    matcher = SequenceMatcher(None, texts[0], texts[1], autojunk=many)
    pairs: list[Pair] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            pairs += zip(before[a:b], after[c:d], strict=True)
        else:
            pairs += _between(before[a:b], after[c:d])
    return pairs


def _between(before: Sequence[Row], after: Sequence[Row]) -> list[Pair]:
    """Rows without an equal: those of one word in pairs, in the order that pairs the likest."""
    if len(before) * len(after) > _MOST_CELLS:
        return [*((row, None) for row in before), *((None, row) for row in after)]
    best = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    alike = [[likeness(one, other) for other in after] for one in before]
    for i in reversed(range(len(before))):
        for j in reversed(range(len(after))):
            paired = best[i + 1][j + 1] + alike[i][j] if alike[i][j] else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    pairs: list[Pair] = []
    i = j = 0
    while i < len(before) and j < len(after):
        if alike[i][j] and best[i][j] == best[i + 1][j + 1] + alike[i][j]:
            pairs.append((before[i], after[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((before[i], None))
            i += 1
        else:
            pairs.append((None, after[j]))
            j += 1
    return [*pairs, *((row, None) for row in before[i:]), *((None, row) for row in after[j:])]


def likeness(one: Row, other: Row) -> float:
    """How alike two rows are: 0 for lines of different words, which never are the same line changed."""
    first, second = one.text.split(), other.text.split()
    if first[:1] != second[:1]:
        return 0.0
    common = len(set(first) & set(second))
    return 1.0 + common / max(len(first), len(second)) + (one.name == other.name) / 2


def signature(row: Row) -> tuple[object, ...]:
    """A row and all that it holds, as written: what two equal rows have in common."""
    return row.kind, row.text, row.count, row.turns, tuple(signature(each) for each in row.rows)
