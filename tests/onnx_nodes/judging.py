"""What became of a case, the list of those that the language cannot say, and the table of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from .adapter import FAMILIES, OPERATORS
from .cases import Node, cases
from .layers import Unsaid

LIST: Final = Path(__file__).with_name("listed.txt")
HEAD: Final = (
    "| family | operators | cases | pass | but for a side result | listed |",
    "|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Outcome:
    """`unsaid` is the reason why the language cannot say a case, empty where it passes.

    `aside` names the results that were expected and that the layer does not have.
    """

    unsaid: str = ""
    aside: tuple[str, ...] = ()


def judge(node: Node) -> Outcome:
    """Run a case; raises `AssertionError` where numbers differ, or the adapter passed something over."""
    operator = OPERATORS[node.operator]
    try:
        found = operator.adapter(node)
    except Unsaid as reason:
        return Outcome(str(reason))
    assert not node.unread, f"{node}: the adapter does not read {', '.join(sorted(node.unread))}"
    wanted = [(name, array) for name, arrays in node.outputs.items() for array in arrays]
    assert len(found) == len(wanted), f"{node}: {len(found)} results, {len(wanted)} wanted"
    aside = []
    for (name, expected), own in zip(wanted, found, strict=True):
        if own is None:
            assert name in operator.aside, f"{node}: no {name}"
            aside.append(name)
            continue
        assert (own.shape, own.dtype) == (expected.shape, expected.dtype), f"{node}: {name}"
        np.testing.assert_allclose(own, expected, node.rtol, node.atol, err_msg=f"{node}: {name}")
    return Outcome(aside=tuple(aside))


def all_cases(operator: str) -> tuple[Node, ...]:
    """The cases of an operator."""
    return cases(operator, OPERATORS[operator].module)


@cache
def listed() -> dict[str, dict[str, str]]:
    """The cases of each operator that cannot be said, by name, with their reasons.

    In the file an operator stands in brackets, a reason in a line, and the cases indented below it.
    """
    found: dict[str, dict[str, str]] = {}
    operator = reason = ""
    for line in LIST.read_text("utf-8").splitlines():
        if line.startswith("["):
            operator = line.strip("[]")
            assert operator not in found, f"{operator} stands there twice"
            found[operator] = {}
        elif line.startswith(" "):
            (name,) = line.split()
            assert name not in found[operator], f"{name} is listed twice"
            found[operator][name] = reason
        elif not line.startswith("#"):
            reason = line
    return found


def row(family: str, outcomes: Iterable[Outcome]) -> str:
    """The family's line of the table."""
    counts = Counter(cases=0, passed=0, aside=0, listed=0)
    for outcome in outcomes:
        counts["cases"] += 1
        counts["listed" if outcome.unsaid else "passed"] += 1
        counts["aside"] += bool(outcome.aside)
    return written(family, counts)


def written(name: str, counts: Counter[str]) -> str:
    """A line of the table."""
    numbers = (str(counts[key]) for key in ("cases", "passed", "aside", "listed"))
    return f"| {' | '.join([name, ', '.join(FAMILIES.get(name, ())), *numbers])} |"


def table() -> str:
    """The families, with the numbers of cases, of those that pass, that do so but for a side result, and listed."""
    rows = [
        row(family, (judge(node) for operator in operators for node in all_cases(operator)))
        for family, operators in FAMILIES.items()
    ]
    return "\n".join([*HEAD, *rows, written("all", total(rows))])


def total(rows: list[str]) -> Counter[str]:
    """The sums of lines of the table."""
    numbers = [map(int, line.strip(" |").split(" | ")[2:]) for line in rows]
    keys = "cases", "passed", "aside", "listed"
    return Counter(dict(zip(keys, map(sum, zip(*numbers, strict=True)), strict=True)))
