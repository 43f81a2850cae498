"""From a text to a checked network: the passes in order, and the one function that runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from netspec.collector import collector_paused
from netspec.diagnostics import Diagnostic, Diagnostics, SpecError, in_order
from netspec.ir.asking import Asked
from netspec.ir.generation import Generation
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.passes.bind import bind
from netspec.passes.check import check_structure, check_training, check_used
from netspec.passes.context import Context
from netspec.passes.generation import with_names
from netspec.passes.infer import infer
from netspec.passes.objective import with_outputs
from netspec.passes.scope import spliced
from netspec.passes.telling import with_suggestions
from netspec.settings.generate import Feed
from netspec.source import Source
from netspec.syntax.parser import parse

if TYPE_CHECKING:
    from netspec.ir.document import Draft


def analyse(
    source: Source,
    limits: Limits = DEFAULT,
    values: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Net:
    """The network of a text; raises `SpecError` with every diagnostic of the text and its verified suggestions.

    `values` stand in place of those that the text gives its parameters, `sizes` in place of symbols.  A network that is
    right for any size tells by a constraint which size does not fit; one that needs the numbers is read with them.
    """
    sizes = {**source.sizes, **(sizes or {})}
    net, diagnostics = run(source, limits, values)
    if not diagnostics and net is not None:
        return net.bind(**sizes) if sizes else net
    if sizes:
        net, diagnostics = run(source, limits, values, sizes)
        if not diagnostics and net is not None:
            return net

    def check(changed: Source) -> tuple[Sequence[Layer], Diagnostics]:
        context = Context(changed, limits, values or {}, sizes)
        found = _run(context)
        return (found.layers if found else ()), context.diagnostics

    raise SpecError(*with_suggestions(source, diagnostics, check))


def run(
    source: Source,
    limits: Limits = DEFAULT,
    values: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> tuple[Net | None, list[Diagnostic]]:
    """The network as far as it could be made, and the diagnostics in order; nothing is raised."""
    context = Context(source, limits, values or {}, sizes or {})
    net = None
    with collector_paused():
        try:
            net = _run(context)
        except SpecError as refused:
            context.diagnostics.extend(refused.diagnostics)
    return net, in_order(context.diagnostics)


def _run(context: Context) -> Net | None:
    diagnostics = context.diagnostics
    file = parse(context.source, diagnostics, context.limits)
    with Asked():
        bound = bind(context, file.statements)
    if context.sizes:
        from netspec.ir.binding import check_sizes

        check_sizes(tuple(bound.graph.symbols), context.sizes)
    check_structure(context, bound)
    text = spliced(context.source.text, 0, context.given)
    net = Net(
        _name(context.source),
        bound.layers,
        bound.training,
        tuple(bound.outputs),
        text,
        context.texts,
        context.sizes,
        context.in_force,
        context.choices,
        networks=bound.networks,
    )
    if not diagnostics:
        check_used(context, bound)
    if not diagnostics and bound.training:
        given = {name: result for result, name in bound.given.items()}
        training = with_outputs(context, bound.training, net, given, bound.train_span)
        net = replace(net, training=training)
    if not diagnostics and bound.generation:
        given = {name: result for result, name in bound.given.items()}
        generation = with_names(context, bound.generation, net, given)
        if bound.make is not None:
            from netspec.passes.making import shown

            generation = replace(generation, make=shown(context, net, bound.make, given))
        net = _generating(context, net, generation)
    if not diagnostics and bound.budgets:
        from netspec.passes.budget import check_budgets

        check_budgets(context, net, bound.budgets, bound.values)
    if not diagnostics and net.training:
        check_training(context, net, net.training)
    return net


def _generating(context: Context, net: Net, generation: Generation) -> Net:
    """The network with what it generates, once that can be made step by step."""
    feed = generation.get("feed")
    if not context.diagnostics and isinstance(feed, Feed):
        from netspec.passes.stepped import check_stepped

        check_stepped(context, net, feed)
    return replace(net, generation=generation)


def _with_networks(context: Context, net: Net, draft: Draft) -> Net:
    """The network of a document with its updates and with what it makes."""
    if draft.networks or draft.updates or not draft.make:
        from netspec.passes.networks import with_updates

        return with_updates(context, net, draft.updates, draft.make)
    from netspec.passes.making import of_document

    return replace(net, generation=Generation({}, make=of_document(context, net, draft.make)))


def _name(source: Source) -> str:
    return PurePath(source.name).stem.strip("<>") or "net"


def from_document(document: dict[str, Any], limits: Limits = DEFAULT) -> Net:
    """The network of a JSON document, its shapes inferred anew; raises `SpecError` where anything does not hold."""
    from netspec.ir.document import read_document

    draft = read_document(document, limits)
    context = Context(draft.source, limits)
    layers = infer(context, draft.layers)
    context.diagnostics.raise_if_any()
    net = Net(draft.name, layers, draft.training, draft.outputs, networks=draft.networks)
    frozen = {layer.name for layer in layers if layer.frozen}
    for layer in draft.layers:
        if layer.frozen and layer.name not in frozen and layer.origin:
            message = f"nothing is frozen here: `{layer.word}` has no parameters of its own"
            context.diagnostics.report("N110", message, layer.origin.statement)
    for layer in layers:
        stated = draft.shapes.get(layer.name, str(layer.shape))
        if stated != str(layer.shape) and layer.origin:
            message = f"`{layer.name}` gives {layer.shape}, and the document says {stated}"
            context.diagnostics.report("N201", message, layer.origin.statement)
    if not context.diagnostics:
        net = _with_networks(context, net, draft)
    if draft.generation and not context.diagnostics:
        made = net.generation.make if net.generation else None
        given = replace(draft.generation, make=made)
        net = _generating(context, net, with_names(context, given, net, {}))
    if net.training and not context.diagnostics:
        training = with_outputs(context, net.training, net, {})
        context.diagnostics.raise_if_any()
        net = replace(net, training=training)
        check_training(context, net, training)
    context.diagnostics.raise_if_any()
    return net
