"""Drives the LALR tables that Lark made of the grammar, without Lark: what it accepts and builds is the same, faster.

It is the textbook machine, remembered.  What a terminal does depends on the stack of states alone: some reductions,
then a shift.  Stacks are shared (`_Stack` is a state on top of another stack), so each knows its moves from the
second time on, and few are met: a list of items, however long, does not deepen the stack.

Words are found as Lark's contextual lexer finds them, in the lexer of the state: the terminals that the state accepts,
in Lark's order.  One pattern of all terminals stands for those lexers.  Where it finds a terminal that the state
accepts, the state's own lexer would find the same: it tries the same patterns in the same order, less some that do not
match here.  Only where it finds another one is the state's own lexer asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeAlias, cast

MOST: Final = 20_000
"""Stacks that are remembered at most; a text that nests in so many ways is read as before, only slower."""
END: Final = "$END"
_END_OF_TEXT: Final = r"\Z"
_ANY: Final = r"[\s\S]"

Tables: TypeAlias = dict[str, Any]
Reduction: TypeAlias = tuple[Callable[[list[Any]], Any] | None, int]
"""A rule's maker and the depth of the rule's first symbol; without a maker, the depth of a symbol to leave out."""
Leaf: TypeAlias = Callable[[int, int, str], Any]
Move: TypeAlias = "tuple[tuple[Reduction, ...], int, Leaf | None, _Stack]"
"""What a terminal does: reductions, then the depth, the leaf and the stack of its shift; at the end, depth 0."""


class Refused(Exception):
    """The text is not in the language."""


class _Stack(dict["int | str", Move]):
    """A stack of parser states, and the moves from it that are known."""

    __slots__ = ("above", "below", "depth", "state")

    def __init__(self, below: _Stack | None, state: int) -> None:
        self.below, self.state = below, state
        self.depth: int = 0 if below is None else below.depth + 1
        self.above: dict[int, _Stack] = {}


class Driver:
    """A parser from stored tables (see `netspec.syntax.tables`) and a builder with a method for each rule.

    A terminal becomes what the builder's attribute of its name makes of its place and text, or `other` does.
    """

    def __init__(self, tables: Tables, builder: object, other: Leaf) -> None:
        self._states: list[dict[str, int]] = tables["states"]
        self._rules: list[tuple[str, int, Callable[[list[Any]], Any] | None, list[int]]] = [
            (origin, size, None if origin.startswith("_") else getattr(builder, origin), out)
            for origin, size, out in tables["rules"]
        ]
        self._leaves: dict[str, Leaf | None] = {
            name: getattr(builder, name, other) for name in tables["patterns"]
        }
        self._leaves |= dict.fromkeys(tables["silent"])
        self._tables = tables
        self._ignored = frozenset(tables["ignored"])
        self._ends = {end for _, end in tables["starts"].values()}
        self._roots: dict[str, _Stack] = {}
        self._own: dict[int, re.Pattern[str]] = {}
        self._made = 0

    def parse(self, text: str, start: str, begin: int, end: int) -> Any:
        """What the builder makes of `text[begin:end]` by a start rule; raises `Refused`."""
        stack, tokens = self._root(start), self._pattern.finditer(text, begin, end)
        plain, keyword = self._plain, self._keywords.get
        values: list[Any] = []
        marks = {1: 0}  # how many values there were below the symbol at a depth of the stack
        while True:
            found = next(tokens)
            kind: Any = found.lastindex
            word: str = found[kind]
            move = stack.get(keyword(word, kind) if kind == plain else kind)
            if move is None:
                move, first, after = self._learn(stack, found, text, end)
                word = text[first:after]
                tokens = self._pattern.finditer(text, after, end)
            else:
                after = found.end()
            reductions, shifted, leaf, stack = move
            for make, depth in reductions:
                low = marks[depth]
                if make is None:
                    del values[low]
                else:
                    values[low:] = (make(values[low:]),)
            marks[shifted] = len(values)
            if leaf is not None:
                values.append(leaf(after - len(word), after, word))
            elif not shifted:
                return values[-1]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """All terminals, the end and any other character, after blanks; the group that matched tells which."""
        blank, patterns = self._tables["blank"], self._tables["patterns"]
        groups = (f"(?P<{name}>{patterns[name]})" for name in self._tables["order"] if name != blank)
        return re.compile(f"(?:{patterns[blank]})?(?:{'|'.join(groups)}|({_END_OF_TEXT})|({_ANY}))")

    @cached_property
    def _names(self) -> dict[int, str]:
        """The terminals by their groups."""
        names = {group: name for name, group in self._pattern.groupindex.items()}
        return names | {self._pattern.groups - 1: END, self._pattern.groups: ""}

    @cached_property
    def _plain(self) -> int:
        """The group of words, some of which are keywords."""
        return self._pattern.groupindex[self._tables["word"]]

    @cached_property
    def _keywords(self) -> dict[str, str]:
        keywords: dict[str, str] = self._tables["keywords"]
        return keywords

    def _root(self, start: str) -> _Stack:
        if start not in self._roots:
            self._roots[start] = _Stack(None, self._tables["starts"][start][0])
        return self._roots[start]

    def _learn(self, stack: _Stack, found: re.Match[str], text: str, end: int) -> tuple[Move, int, int]:
        """The move of what was found, and its place; the move is remembered where it always holds."""
        accepted = self._states[stack.state]
        while True:
            group = found.lastindex or 0
            first, after = found.span(group)
            key = self._keywords.get(found[group], group) if group == self._plain else group
            terminal = self._terminal(key, accepted)
            if terminal in accepted:
                stack[key] = move = self._move(stack, terminal)
                return move, first, after
            if terminal not in self._ignored:
                terminal, first, after = self._find(stack.state, text, first, end)
            if terminal not in self._ignored:
                return self._move(stack, terminal), first, after
            found = cast("re.Match[str]", self._pattern.match(text, after, end))

    def _terminal(self, key: int | str, accepted: dict[str, int]) -> str:
        """The terminal that a state's lexer finds where the pattern of all finds a group or a keyword.

        A keyword is a word where words may stand too and the keyword may not.  Where no word may stand, other
        patterns are tried before the keyword's: nothing is said then.
        """
        if isinstance(key, int):
            return self._names[key]
        word: str = self._tables["word"]
        return "" if word not in accepted else key if key in accepted else word

    def _find(self, state: int, text: str, at: int, end: int) -> tuple[str, int, int]:
        """The terminal at a place by a state's own lexer; raises `Refused` where there is none."""
        if at >= end:
            return END, end, end
        number = self._tables["lexer"][state]
        order, keywords = self._tables["lexers"][number]
        if number not in self._own:
            patterns = self._tables["patterns"]
            self._own[number] = re.compile("|".join(f"(?P<{name}>{patterns[name]})" for name in order))
        found = self._own[number].match(text, at, end)
        if found is None or found.lastgroup is None:
            raise Refused
        terminal = found.lastgroup
        if terminal == self._tables["word"] and found[0] in keywords:
            terminal = keywords[found[0]]
        return terminal, found.start(), found.end()

    def _move(self, stack: _Stack, terminal: str) -> Move:
        """What a terminal does on a stack; raises `Refused` where it cannot stand."""
        if self._made > MOST:
            self._forget(stack)
        reductions: list[Reduction] = []
        while True:
            action = self._states[stack.state].get(terminal)
            if action is None:
                raise Refused
            if action >= 0:
                leaf = self._leaves[terminal]
                return tuple(reductions), stack.depth + 1, leaf, self._push(stack, action)
            origin, size, make, out = self._rules[-action - 1]
            for _ in range(size):
                assert stack.below is not None
                stack = stack.below
            reductions += [(None, stack.depth + 1 + index) for index in out]
            if make is not None:
                reductions.append((make, stack.depth + 1))
            stack = self._push(stack, self._states[stack.state][origin])
            if terminal == END and stack.state in self._ends:
                return tuple(reductions), 0, None, stack

    def _push(self, stack: _Stack, state: int) -> _Stack:
        above = stack.above.get(state)
        if above is None:
            stack.above[state] = above = _Stack(stack, state)
            self._made += 1
        return above

    def _forget(self, stack: _Stack) -> None:
        """Forget all stacks but those below one that is in use."""
        self._made = 0
        self._roots.clear()
        below: _Stack | None = stack
        while below is not None:
            below.clear()
            below.above.clear()
            below = below.below
