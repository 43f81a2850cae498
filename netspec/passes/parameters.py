"""Parameters of a file: `param width = 64 in {32, 64, 128}`, and the values that a user gives in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, error, short
from netspec.passes.context import Context
from netspec.passes.evaluate import NotConstant
from netspec.passes.scope import BROKEN, Replacement, Scope, Unknown, constant
from netspec.source import Source
from netspec.syntax import tree
from netspec.syntax.parser import parse


def parameters(context: Context, statements: Sequence[tree.Statement]) -> dict[str, tree.Value]:
    """The parameters of a file with the values in force; reports what is wrong.

    Values from outside are for the text itself, not for the files that it imports.
    """
    given = context.values if context.source is context.main else {}
    found: dict[str, tree.Value] = {}
    places: dict[str, tree.Node] = {}
    for statement in statements:
        if isinstance(statement, tree.Command) and statement.head.text == "param":
            _parameter(context, statement, given, found, places)
    for name in given:
        if name not in found:
            near = did_you_mean(name, found)
            hint = f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(found) or 'none'}"
            raise error("N108", f"the spec has no parameter `{short(name)}`{hint}")
    return found


def _widened(context: Context, statement: tree.Command, text: str) -> list[tuple[int, int, str]]:
    """The change that puts a value among those that a parameter is tried with, where it is another."""
    match statement.items:
        case (_, tree.Clause(values=(tree.Choices() as choices,))):
            if text not in map(context.text, choices.values):
                return [(choices.end - 1, choices.end, f", {text}}}")]
    return []


def _parameter(
    context: Context,
    statement: tree.Command,
    given: Mapping[str, str],
    found: dict[str, tree.Value],
    places: dict[str, tree.Node],
) -> None:
    report = context.diagnostics.report
    match statement.items:
        case (tree.Option(name=name, values=(value,)),):
            known = []
        case (
            tree.Option(name=name, values=(value,)),
            tree.Clause(word=tree.Name(text="in"), values=(tree.Choices(values=choices),)),
        ):
            known = [context.text(choice) for choice in choices]
            if context.text(value) not in known:
                labels = (
                    Label(context.span(value), "is not among them"),
                    Label(context.span(statement.items[1])),
                )
                message = (
                    f"`{name.text}` is tried with {', '.join(known)}, and starts as {context.text(value)}"
                )
                report("N105", message, *labels)
        case _:
            message = (
                "a parameter is written `param NAME = VALUE`, with `in {VALUE, ...}` for what may be tried"
            )
            fixes: tuple[Fix, ...] = ()
            match statement.items:
                case (tree.Name(text=word) as first, tree.Number() as value):
                    gap = context.source.span(first.end, value.start)
                    fixes = (Fix((Edit(gap, " = "),), f"`param {word} = {context.text(value)}`"),)
            report("N105", message, context.span(statement), fixes=fixes)
            match statement.items:
                case (tree.Name() as meant, *_) | (tree.Option(name=meant), *_):
                    found.setdefault(meant.text, tree.Name(meant.start, meant.end, BROKEN))
            return
    if name.text in found:
        labels = Label(context.span(name), "again"), Label(context.span(places[name.text]), "first")
        fix = Fix((Edit(context.span(statement), ""),), f"drop line {context.span(statement).line}")
        report("N109", f"the parameter `{name.text}` is defined twice", *labels, fixes=(fix,))
        return
    places[name.text] = name
    _remember(context, name.text, given.get(name.text, context.text(value)), known)
    if name.text in given:
        text = given[name.text]
        context.given += [(value.start, value.end, text), *_widened(context, statement, text)]
        found[name.text] = _given(name.text, text)
        return
    try:
        found[name.text] = constant(Replacement(Scope(found)).node(value))
    except NotConstant as problem:
        context.report_value(problem)
        found[name.text] = tree.Name(name.start, name.end, BROKEN)
    except Unknown:
        found[name.text] = tree.Name(name.start, name.end, BROKEN)
        message = "`in.` stands for what a block or the network reads, and a `param` stands above both"
        report("N108", message, context.span(value))


def _remember(context: Context, name: str, value: str, choices: Sequence[str]) -> None:
    """Keep what the text itself says of a parameter, for whoever tries other values."""
    if context.source is context.main:
        context.in_force[name] = value
    if context.source is context.main and choices:
        context.choices[name] = tuple(dict.fromkeys(choices))


def _given(name: str, text: str) -> tree.Value:
    """A value as it stands on the command line."""
    source = Source(f"param {name} = {text}".replace("\n", " "), "--set")
    context = Context(source)
    statements = parse(source, context.diagnostics).statements
    if not context.diagnostics and len(statements) == 1:
        match statements[0]:
            case tree.Command(items=(tree.Option(values=(value,)),)):
                try:
                    return constant(value)
                except NotConstant:
                    pass
    raise error(
        "N105",
        f"{name}={short(text)}: a number, a size or a word is wanted",
        source.span(0, len(source.text)),
    )
