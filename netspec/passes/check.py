"""Check what holds between parts: the network and its output, its loss, its data.  All before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, did_you_mean
from netspec.ir.catalog import definitions
from netspec.ir.definition import Definition
from netspec.ir.layer import Layer, Origin
from netspec.ir.net import Net
from netspec.ir.training import Aim, Metric, Reader, Schedule, Training, key_of, kind_of
from netspec.passes.augment import check_augment
from netspec.passes.bind import Bound
from netspec.passes.context import Context
from netspec.passes.fields import check_fields, check_lengths
from netspec.passes.loss import check_loss, implied
from netspec.passes.objective import aims_of, figures_of, implied_loss
from netspec.passes.settings import drops
from netspec.passes.target import check_target
from netspec.settings.augment import Augment
from netspec.settings.plain import Stop
from netspec.source import Span

WANTED: Final = {
    "classes": "classes",
    "answers": "yes or no",
    "distributions": "probabilities of classes",
    "numbers": "numbers",
    "nothing": "no target",
}
"""The kinds of target in words."""
ONE: Final = {
    "classes": "a class",
    "answers": "yes or no",
    "distributions": "a probability for each class",
    "numbers": "numbers",
    "nothing": "nothing",
}
"""One such target in words."""
ALONE: Final = {
    "loss": "the updates say what is made small",
    "metric": "an update has none",
    "augment": "an update has none",
    "inputs": "an update names the fields that it reads",
    "target": "the losses of an update name their targets",
}
"""The settings of a network that is trained by itself, and why there are none beside updates."""


def check_structure(context: Context, bound: Bound) -> None:
    """There are layers, and several inputs have names."""
    layers = bound.layers
    if not bound.graph.names:
        if context.diagnostics:
            return  # what stands there is no layer, and has been reported
        name, text = context.source.name, context.source.text
        if bound.words:
            what = ", ".join(f"`{word}`" for word in list(bound.words)[:6])
            path = context.source.path if context.source.files else name
            note = f'another spec uses them:  import {next(iter(bound.words))} from "{path}"'
            context.diagnostics.report(
                "N009", f"{name} defines {what}, and has no layer of its own", notes=(note,)
            )
            return
        message = f"{name} has no layer" if text.strip() else f"{name} is empty"
        note = "a spec starts with a line such as  input 28x28x1"
        context.diagnostics.report("N006", message, *_first_line(context), notes=(note,))
        return
    inputs = [layer for layer in layers if not layer.inputs and layer.origin]
    nameless = [layer for layer in inputs if layer.name not in bound.graph.reserved and _bare(layer)]
    if len(nameless) > 1:
        first, second = inputs[0].origin, nameless[-1].origin
        assert first is not None and second is not None
        other = first if first is not second else inputs[1].origin
        assert other is not None
        labels = Label(second.statement, "has no name"), Label(other.statement, "another input")
        message = f"there are {len(inputs)} inputs, and with several each has a name"
        end = second.word.source.span(second.word.end, second.word.end)
        fixes = (Fix((Edit(end, " other"),), f"`{second.word.text} other`"), *drops(second.statement))
        context.diagnostics.report("N302", message, *labels, fixes=fixes)


def _bare(layer: Layer) -> bool:
    """It bears a name that nobody gave it."""
    return layer.name.removeprefix(layer.word).isdecimal()


def _first_line(context: Context) -> list[Label]:
    if not context.source.text.strip():
        return []
    lines = range(1, context.source.line_count() + 1)
    first = next(line for line in lines if context.source.line_text(line).strip())
    span = context.source.line_span(first)
    return [Label(span, "comments alone" if span.text.lstrip().startswith("#") else "settings alone")]


def check_used(context: Context, bound: Bound) -> None:
    """Every result is read, but the last line's and those that are named as outputs."""
    layers = bound.layers
    read = {name.partition(".")[0] for layer in layers for name in layer.inputs}
    kept = {bound.result, *bound.outputs, *(network.result for network in bound.networks)}
    told: set[Span] = set()
    for index, layer in enumerate(layers):
        if layer.name in read or layer.name in kept or layer.origin is None:
            continue
        statement = _written(layer.origin)
        if statement in told:
            continue
        told.add(statement)
        following = layers[index + 1].origin if index + 1 < len(layers) else None
        labels = [Label(statement, f"gives `{layer.name}`")]
        fixes = drops(statement)
        if following is not None:
            elsewhere = following.arguments.get("from", _written(following))
            if elsewhere.source is statement.source:
                labels.append(Label(elsewhere, "reads another"))
            if "from" in following.arguments:
                fixes = (
                    *fixes,
                    Fix((Edit(elsewhere, ""),), f"line {elsewhere.line} without `{elsewhere.text}`"),
                )
        given = bound.given.get(layer.name)
        notes = (f"`output {given}` keeps it as an output",) if given else ()
        message = "nothing reads the result of this line"
        context.diagnostics.report("N305", message, *labels, fixes=fixes, notes=notes)


def _written(origin: Origin) -> Span:
    """The statement of the text itself: of a layer in a block, the outermost use."""
    frames = [
        frame
        for frame in (origin.frame.chain() if origin.frame else ())
        if frame.kind in ("block", "network") and frame.is_use
    ]
    return frames[-1].statement if frames else origin.statement


def _first_word(layer: Layer) -> str:
    """The word that stands for a layer in its line: `softmax` for the dense of `softmax 10`."""
    return layer.origin.word.text if layer.origin else layer.word


def check_training(context: Context, net: Net, training: Training) -> None:
    """The settings agree with one another, the loss with the output, the data with both ends of the network."""
    settings, spans = training.settings, training.spans
    if "epochs" in settings and "steps" in settings:
        steps, epochs = spans["steps"], spans["epochs"]
        labels = Label(steps, "counts steps"), Label(epochs, "counts passes over the data")
        message = "the length is set by `epochs` or by `steps`, not by both"
        context.diagnostics.report("N406", message, *labels, fixes=drops(steps, epochs))
    for name, use in settings.items():
        if use.any_of:
            _check_choice(context, use, spans[name])
    if net.networks:
        _check_updates(context, net, training)
    aims = aims_of(net, training)
    for aim in aims:
        check_loss(context, aim, training)
    for metric in training.metrics if aims else ():
        _check_metric(context, net, metric, aims, training)
    augment = settings.get("augment")
    if isinstance(augment, Augment):
        check_augment(context, net, augment, aims, spans["augment"])
    stop, schedule = settings.get("stop"), settings.get("schedule")
    watched = {"stop": stop.on if isinstance(stop, Stop) else ""}
    watched["schedule"] = schedule.watches if isinstance(schedule, Schedule) else ""
    for name, figure in watched.items():
        if figure and not context.diagnostics:
            _check_figure(context, net, figure, training, name)
    reader = settings.get("data")
    if isinstance(reader, Reader) and training.updates and not context.diagnostics:
        check_lengths(context, net, reader, training)
    if isinstance(reader, Reader) and aims and not context.diagnostics:
        roles = check_fields(context, net, reader, training)
        if roles and roles.target == reader.fields([layer.name for layer in net.inputs])[-1]:
            for aim in aims:
                _check_reader(context, net, reader, aim, training)
                check_target(context, net, reader, aim, training, roles)


def _check_updates(context: Context, net: Net, training: Training) -> None:
    """Of several networks it is said which are trained, and no setting is about what updates say."""
    settings, spans = training.settings, training.spans
    names = ", ".join(f"`{each.name}`" for each in net.networks)
    report = context.diagnostics.report
    if not training.updates and len(net.networks) > 1 and spans:
        note = "a line such as  update NAME: mse(NAME(x), y) adam 0.001  in `train:` says so"
        message = f"nothing says which of the networks is trained: {names}"
        report("N405", message, next(iter(spans.values())), notes=(note,))
        return
    for key in settings if training.updates else ():
        message = ""
        if what := ALONE.get(kind_of(key)):
            message = f"`{kind_of(key)}` is of a network that is trained by itself: {what}"
        elif key == "optimizer" and all(update.optimizer for update in training.updates):
            message = "no update uses this optimizer: each has one of its own"
        if message:
            span = spans.get(key)
            report("N406", message, *([span] if span else []), fixes=drops(span) if span else ())


def _check_choice(context: Context, use: Definition, span: Span) -> None:
    """Of arguments that stand for one another, one is given."""
    given = [name for name in use.any_of if getattr(use, name) is not None]
    names = [f"`{name}=`" for name in use.any_of]
    if not given:
        kinds = {name: use.lookup().named[name].kind for name in use.any_of}
        texts = [f"{span.text} {name}={kind.sample}" for name, kind in kinds.items()]
        fixes = tuple(Fix((Edit(span, text),), f"`{text}`") for text in texts)
        message = f"`{use.word}` needs {' or '.join(names)}"
        context.diagnostics.report("N103", message, Label(span, "none is given"), fixes=fixes)
    elif use.only_one and len(given) > 1:
        ways = [replace(use, **dict.fromkeys(set(given) - {name})).written() for name in given]
        fixes = tuple(Fix((Edit(span, text),), f"`{text}`") for text in ways)
        message = f"`{use.word}` takes {' or '.join(names)}, not both"
        context.diagnostics.report("N406", message, Label(span, "both are given"), fixes=fixes)


def _check_metric(
    context: Context, net: Net, metric: Metric, aims: tuple[Aim, ...], training: Training
) -> None:
    """A metric is of an output that has a target, and of a kind that it is made for."""
    name = metric.on or net.outputs[-1].name
    aim = next((each for each in aims if each.output.name == name), None)
    key = key_of("metric", metric)
    span = training.spans.get(key)
    labels = [Label(span)] if span else []
    if aim is None:
        trained = ", ".join(f"`{each.output.name}`" for each in aims)
        message = f"`{name}` has no loss, and so no target that `{metric.word}` could compare it with"
        fixes = (_with_losses(net, metric, span, training), *drops(span)) if span else ()
        context.diagnostics.report("N408", message, *labels, fixes=fixes, notes=(f"trained: {trained}",))
        return
    reason = _reason(metric, aim)
    if not reason:
        return
    if aim.output.origin:
        labels.append(Label(aim.output.origin.statement, f"gives {aim.output.shape}"))
    fixes = (*_others(metric, aim, span), *drops(span)) if span else ()
    context.diagnostics.report("N408", f"`{metric.word}` does not fit: {reason}", *labels, fixes=fixes)


def _with_losses(net: Net, metric: Metric, span: Span, training: Training) -> Fix:
    """The fix that gives the output of a metric its loss, and the main one its own where none is written."""
    main, other = net.outputs[-1], net.by_name[metric.on] if metric.on else net.outputs[-1]
    lines = [
        f"loss {implied_loss(other).word} on {other.name}" if metric.on else f"loss {implied_loss(main).word}"
    ]
    if not training.losses:
        lines.insert(0, f"loss {implied_loss(main).word}")
    start = span.source.span(span.start, span.start)
    return Fix(
        (Edit(start, "".join(f"{line}; " for line in lines)),), " and ".join(f"`{line}`" for line in lines)
    )


def _reason(metric: Metric, aim: Aim) -> str:
    """Why a metric cannot be taken of an output; empty where it can."""
    if aim.compared not in metric.reads:
        kinds = ", ".join(WANTED[kind] for kind in metric.reads)
        return f"it is for {kinds}; a target of `{aim.output.name}` is {ONE[aim.compared]}"
    return metric.misfit(aim.output, aim.compared)


def _others(metric: Metric, aim: Aim, span: Span) -> Iterator[Fix]:
    """The first metrics that can be taken of the output."""
    for definition in list(definitions("metric"))[:4]:
        if issubclass(definition, Metric) and not _reason(definition(on=metric.on), aim):
            text = re.sub(rf"\b{metric.word}\b", definition.word, span.text, count=1)
            yield Fix((Edit(span, text),), f"`{text}`")


def _check_figure(context: Context, net: Net, figure: str, training: Training, setting: str) -> None:
    """The figure that a setting watches is one of the run's."""
    known = figures_of(net, training)
    if figure in known:
        return
    span = training.place(setting, "on")
    tries = tuple(f"`on {each}`" for each in did_you_mean(figure, known))
    fixes = tuple(Fix((Edit(span, each.strip("`")),), each) for each in tries if span)
    notes = (
        f"known here: {', '.join(known)}",
        "the test data decide nothing: `val` is held out from the training data",
    )
    labels = [span] if span else []
    message = f"there is no figure `{figure}` to watch"
    context.diagnostics.report("N108", message, *labels, fixes=fixes, tries=tries, notes=notes)


def _check_reader(context: Context, net: Net, reader: Reader, aim: Aim, training: Training) -> None:
    """As many probabilities as the data have classes, once for each example."""
    span = training.spans["data"]
    target, output = reader.target_shape(), aim.output
    classes = target.of if target else None
    if classes is None or output.origin is None:
        return
    if aim.targets != "classes" and output.word == "softmax":
        message = f"`{reader.word}` has {classes} classes, and `{aim.loss.word}` compares with {WANTED[aim.targets]}"
        set_by = training.spans.get(key_of("loss", aim.loss))
        labels = Label(span, f"{classes} classes"), *([Label(set_by)] if set_by else [])
        fixes = (implied(aim, set_by, alone=len(training.losses) == 1),) if set_by else ()
        context.diagnostics.report("N404", message, *labels, fixes=fixes)
    elif aim.targets != "classes":
        _no_classes(context, aim, reader, classes, span)
    elif len(output.shape.dims) > 1 and output.shape.dims[-1] == classes:
        statement = output.origin.statement
        before = statement.source.span(statement.start, statement.start)
        fix = Fix((Edit(before, "last; "),), f"`last; {statement.text}`")
        message = (
            f"`{reader.word}` has one class for each example, and the output {output.shape} one for each step"
        )
        labels = Label(statement, f"gives {output.shape}"), Label(span, "one class for each example")
        context.diagnostics.report("N404", message, *labels, fixes=(fix,))
    elif output.shape.dims != (classes,):
        _wrong_count(context, net, output, reader, classes, span)


def _no_classes(context: Context, aim: Aim, reader: Reader, classes: int, span: Span) -> None:
    output = aim.output
    assert output.origin is not None
    statement = output.origin.statement
    word = "softmax" if output.shape.dims == (classes,) else f"softmax {classes}"
    end = statement.source.span(statement.end, statement.end)
    fix = Fix((Edit(end, f"; {word}"),), f"`{statement.text}; {word}`")
    message = f"`{reader.word}` has {classes} classes, and the output gives no probabilities of classes"
    labels = (
        Label(statement, f"gives {output.shape}, no probabilities of classes"),
        Label(span, f"{classes} classes"),
    )
    context.diagnostics.report("N404", message, *labels, fixes=(fix,))


def _wrong_count(context: Context, net: Net, output: Layer, reader: Reader, classes: int, span: Span) -> None:
    assert output.origin is not None
    width = output.shape.dims[-1]
    maker = output
    while maker.inputs and net.by_name[maker.inputs[0]].shape == output.shape:
        maker = net.by_name[maker.inputs[0]]
    units = maker.origin.arguments.get("units") if maker.origin else None
    what = f"{width} classes" if len(output.shape.dims) == 1 else str(output.shape)
    labels = Label(units or output.origin.statement, f"gives {what}"), Label(span, f"{classes} classes")
    fixes = (Fix((Edit(units, str(classes)),), f"`{_first_word(maker)} {classes}`"),) if units else ()
    message = f"`{reader.word}` has {classes} classes, and the output has {width}"
    context.diagnostics.report("N404", message, *labels, fixes=fixes)
