"""Budgets: what `expect` lines demand of the whole network, held against what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, did_you_mean, short
from netspec.ir.net import Net
from netspec.ir.shape import Dim
from netspec.passes.context import Context
from netspec.passes.count import multiply_adds_of
from netspec.passes.evaluate import NotConstant, compare, evaluate
from netspec.passes.memory import memory_of
from netspec.passes.reach import receptive_field
from netspec.passes.scope import Replacement, Scope
from netspec.syntax import tree

QUANTITIES: Final[dict[str, tuple[Callable[[Net], Dim | None], str]]] = {
    "params": (lambda net: net.parameter_count, "parameters"),
    "macs": (multiply_adds_of, "multiply-adds of one example"),
    "memory": (lambda net: memory_of(net).training, "bytes for one example in training, in float32"),
    "layers": (lambda net: len(net.layers), "core layers, followers and parts counted"),
    "receptive_field": (
        receptive_field,
        "pixels of the input, on a side, that one pixel of the last image sees",
    ),
}
"""What a budget may bound: how it is found, and what it counts."""


def check_budgets(
    context: Context, net: Net, budgets: Sequence[tree.Expect], values: Mapping[str, tree.Value]
) -> None:
    """Report the budgets that do not hold."""
    for statement in budgets:
        for test in statement.tests:
            _check(context, net, test, Scope(dict(values), net.inputs[0].shape if net.inputs else None))


def _check(context: Context, net: Net, test: tree.Operation, scope: Scope) -> None:
    quantity, bound = test.operands
    report = context.diagnostics.report
    if not isinstance(quantity, tree.Name) or quantity.text not in QUANTITIES:
        text = short(context.text(quantity))
        span, near = context.span(quantity), did_you_mean(text, QUANTITIES)
        fixes = tuple(Fix((Edit(span, word),), f"`{word}`") for word in near)
        notes = () if near else (f"known: {', '.join(QUANTITIES)}",)
        report("N105", f"there is no budget for `{text}`", span, notes=notes, fixes=fixes)
        return
    try:
        limit = evaluate(Replacement(scope).node(bound))
    except NotConstant as problem:
        context.report_value(problem)
        return
    find, meaning = QUANTITIES[quantity.text]
    have = find(net)
    if not isinstance(have, int):
        names = net.symbols if have is None else have.symbols()
        formula = "" if have is None else f" = {have}"
        message = f"`{quantity.text}`{formula} is not known: it depends on {', '.join(names)}"
        ways = f"sizes make it a number: {' '.join(f'--bind {name}=64' for name in names)}"
        report("N308", message, Label(context.span(test), "cannot be held against a number"), notes=(ways,))
    elif not compare(test.operator, have, limit):
        message = (
            f"the network has {have:,} {meaning}, and {quantity.text} {test.operator} {limit:,} is expected"
        )
        label = (
            f"{abs(have - limit):,} too {'many' if have > limit else 'few'}" if have != limit else f"{have:,}"
        )
        report("N308", message, Label(context.span(test), label))
