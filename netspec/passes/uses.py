"""Uses of blocks: the values that a use gives the parameters of a block or network."""

from __future__ import annotations

from collections.abc import Container, Sequence

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir import catalog
from netspec.passes.arguments import JOINED
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant
from netspec.passes.place import Defined, Place
from netspec.passes.scope import RESULT, constant
from netspec.syntax import tree


def usage(defined: Defined) -> str:
    """How a block is written: `residual WIDTH [stride=1]`."""
    parts = [defined.word]
    for each in defined.parameters:
        name = each.name.text
        if each.default is None:
            parts.append(name.upper())
        else:
            parts.append(f"[{name}={defined.source.text[each.default.start : each.default.end]}]")
    return " ".join(parts)


def bind_use(
    context: Context,
    place: Place,
    defined: Defined,
    head: tree.Name,
    items: Sequence[tree.Item],
    results: Container[str] = (),
) -> tuple[dict[str, tree.Value], Sequence[tree.Item]] | None:
    """The values of the parameters, and what follows the use; None after a report."""
    return _Use(context, place, defined, head, results).run(items)


class _Use:
    def __init__(
        self, context: Context, place: Place, defined: Defined, head: tree.Name, results: Container[str]
    ) -> None:
        self.results = results
        self.context = context
        self.place = place
        self.defined = defined
        self.head = head
        self.names = [each.name.text for each in defined.parameters]
        self.values: dict[str, tree.Value] = {}
        self.at: dict[str, tree.Node] = {}
        self.failed = False
        self.surplus = False

    def report(self, code: str, message: str, node: tree.Node, label: str = "", **details: object) -> None:
        self.failed = True
        notes = (f"it is written  {usage(self.defined)}",)
        marks = Label(self.context.span(node), label)
        self.context.diagnostics.report(code, message, marks, notes=notes, **details)

    def run(self, items: Sequence[tree.Item]) -> tuple[dict[str, tree.Value], Sequence[tree.Item]] | None:
        rest: Sequence[tree.Item] = ()
        for index, item in enumerate(items):
            if self.is_follower(item):
                rest = items[index:]
                break
            self.item(item)
        missing = [
            each.name.text
            for each in self.defined.parameters
            if each.default is None and each.name.text not in self.values
        ]
        if missing and not self.failed:
            what = " and ".join(f"`{name}`" for name in missing)
            self.report("N103", f"`{self.defined.word}` needs {what}", self.head, "has no value for it")
        return None if self.failed else (self.complete(), rest)

    def complete(self) -> dict[str, tree.Value]:
        """The values, defaults included; a default may be a parameter of the block's file."""
        values = {**self.defined.values}
        for each in self.defined.parameters:
            name = each.name.text
            default = each.default
            if name in self.values:
                values[name] = self.values[name]
            elif isinstance(default, tree.Name) and default.text in values:
                values[name] = values[default.text]
            elif default is not None:
                values[name] = default
        return values

    def is_follower(self, item: tree.Item) -> bool:
        """A bare layer, once every parameter without a default has its value."""
        match item:
            case tree.Name(text=text) if not text.startswith(RESULT):
                needed = [each for each in self.defined.parameters if each.default is None]
                open_ = [each for each in needed if each.name.text not in self.values]
                is_own = text in self.place.room.results or self.joined(item) is not None
                starts = catalog.find("layer", text) is not None or text in self.place.room.words
                return not open_ and starts and not is_own
        return False

    def joined(self, item: tree.Name) -> tuple[str, tree.Value] | None:
        """`stride2` as the parameter and the number."""
        match = JOINED.fullmatch(item.text)
        if not match or match[1] not in self.names or "x" in match[2]:
            return None
        return match[1], tree.Number(item.start, item.end, int(match[2]))

    def item(self, item: tree.Item) -> None:
        match item:
            case tree.Option(name=name, values=(value,)):
                if name.text not in self.names:
                    near = did_you_mean(name.text, self.names)
                    fixes = tuple(Fix((Edit(self.context.span(name), word),), f"`{word}=`") for word in near)
                    message = f"`{self.defined.word}` has no parameter `{short(name.text)}`"
                    self.report("N102", message, name, "no such parameter", fixes=fixes)
                    return
                self.give(name.text, value, item)
            case tree.Option(name=name):
                self.report("N105", f"`{short(name.text)}` takes one value", item)
            case tree.Clause(word=word):
                self.report("N110", f"`{word.text}` does not belong to `{self.defined.word}`", item)
            case tree.Name() if (joined := self.joined(item)) is not None:
                self.give(joined[0], joined[1], item)
            case tree.Result():
                pass
            case _:
                free = next((name for name in self.names if name not in self.values), None)
                if free is None and self.surplus:
                    return
                if free is None:
                    self.surplus = True
                    count = len(self.names)
                    what = f"{count} value{'s' * (count != 1)}" if count else "no values"
                    message = f"`{self.defined.word}` takes {what}, and {short(self.context.text(item))} is one more"
                    drop = Fix(
                        (Edit(self.context.span(item), ""),), f"without `{short(self.context.text(item))}`"
                    )
                    self.report("N104", message, item, fixes=(drop,))
                    return
                self.give(free, item, item)

    def result(self, name: str) -> str | None:
        """The result that a name stands for where the block is used, if it stands for one."""
        room = self.place.room
        own = name if not room.prefix and name in self.results else None
        return room.results.get(name, own)

    def give(self, name: str, value: tree.Value, item: tree.Item) -> None:
        if name in self.values:
            self.report("N106", f"`{name}` of `{self.defined.word}` is given twice", item, "again")
            return
        try:
            known = constant(value)
        except NotConstant as problem:
            self.failed = True
            self.context.report_value(problem)
            return
        result = self.result(known.text) if isinstance(known, tree.Name) else None
        if result is not None:
            known = tree.Name(known.start, known.end, RESULT + result)
        self.values[name] = known
