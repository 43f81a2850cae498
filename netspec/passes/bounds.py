"""Bounds: the fewest layers that statements can come to, counted without carrying them out."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.passes.evaluate import NotConstant, evaluate
from netspec.passes.place import Room
from netspec.passes.scope import Replacement, Scope, Unknown
from netspec.syntax import tree


def fewest(body: Sequence[tree.Statement], room: Room, scope: Scope, known: dict[str, int]) -> int:
    """The fewest layers that statements can come to; what only carrying them out would tell counts as none."""
    total = 0
    for statement in body:
        match statement:
            case tree.Command(head=tree.Name(text="repeat"), items=items, body=tuple(inner)):
                total += _turns(items, scope) * fewest(inner, room, scope, known)
            case tree.Loop(values=values, body=tuple(inner)):
                total += len(values) * fewest(inner, room, scope, known)
            case tree.Command(head=tree.Name(text=word), body=None) if word in room.words:
                if word not in known:
                    known[word] = 0  # a block inside itself is refused when it is met
                    defined = room.words[word]
                    inside = Room(defined.words)
                    known[word] = fewest(defined.body, inside, Scope(dict(defined.values)), {**known})
                total += known[word]
            case tree.Command(body=None):
                total += 1
            case tree.Command(head=tree.Name(text=word), body=tuple(inner)) if word != "else":
                total += fewest(inner, room, scope, known)
    return total


def _turns(items: Sequence[tree.Item], scope: Scope) -> int:
    try:
        match Replacement(scope).items(items):
            case (tree.Number() | tree.Group() as count,):
                return max(int(evaluate(count)), 0)
    except (NotConstant, Unknown):
        pass
    return 0
