"""What is trained and what is reported: the outputs with their losses, the metrics, and the figures by name.

Where no line says `loss`, the last output is trained, with the loss that it implies.  Where some do, the outputs that
they name are, and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from netspec.diagnostics import Edit, Fix, did_you_mean, error, short
from netspec.ir.catalog import find
from netspec.ir.definition import Definition
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Aim, Loss, Metric, Schedule, Training, key_of, kind_of
from netspec.passes.context import Context
from netspec.passes.settings import report_twice
from netspec.settings.generate import MAIN, Feed
from netspec.settings.plain import Stop
from netspec.source import Span


def implied_loss(output: Layer) -> Loss:
    """The loss of an output that nobody gave one."""
    found = find("loss", output.operation.implies_loss)
    assert found is not None
    made = found()
    assert isinstance(made, Loss)
    return made


def aims_of(net: Net, training: Training | None) -> tuple[Aim, ...]:
    """The outputs that are trained with their losses, in the order of `net.outputs`; raises N108 for a strange name.

    None where updates say what is trained: each of them has a network of its own.
    """
    if training and (training.aims or training.updates):
        return training.aims
    main = net.outputs[-1]
    losses = {loss.on or main.name: loss for loss in training.losses} if training else {}
    if not losses:
        return (Aim(main, implied_loss(main)),)
    strangers = losses.keys() - {layer.name for layer in net.outputs}
    if strangers:
        raise error("N108", f"there is no output called `{short(min(strangers))}`")
    return tuple(Aim(layer, losses[layer.name]) for layer in net.outputs if layer.name in losses)


def target_shape(aim: Aim) -> Shape:
    """What an output is made for, as `netspec.data.load` wants it: a class at each place, or numbers of its shape."""
    shape = aim.output.shape
    if aim.targets == "classes" and shape.dims and isinstance(shape.dims[-1], int):
        return Shape(shape.dims[:-1], of=shape.dims[-1])
    return shape


def answering(net: Net) -> Feed | None:
    """The line `feed` of a network that answers with a text, which follows from its other inputs, begins and ends.

    None where a network goes on for ever, or says what it likes.
    """
    feed = net.generation.get("feed") if net.generation else None
    if not isinstance(feed, Feed) or feed.start is None or feed.stop is None or len(net.inputs) == 1:
        return None
    return feed


def metrics_of_texts(net: Net, training: Training | None) -> tuple[Metric, ...]:
    """The metrics that are set of texts which the network generates."""
    feed = answering(net)
    if feed is None or training is None:
        return ()
    name = "" if feed.output == MAIN else feed.output
    return tuple(metric for metric in training.metrics if metric.of_texts and metric.on == name)


def metrics_of(net: Net, training: Training | None) -> tuple[Metric, ...]:
    """The metrics that are set, or those that the last trained output implies; none of texts that are generated.

    Accuracy for classes and for yes and no, which losses on logits are made for; else two errors.
    """
    later = metrics_of_texts(net, training)
    if training and len(training.metrics) > len(later):
        return tuple(metric for metric in training.metrics if metric not in later)
    aims = aims_of(net, training)
    if not aims:
        return ()
    aim = next((each for each in reversed(aims) if each.targets != "nothing"), aims[-1])
    on = "" if aim.output is net.outputs[-1] else aim.output.name
    tells_apart = aim.loss.fuses or aim.targets in ("classes", "answers")
    made = [find("metric", word) for word in (("accuracy",) if tells_apart else ("mae", "rmse"))]
    return tuple(each(on=on) for each in made if each is not None and issubclass(each, Metric))


def figures_of(net: Net, training: Training | None) -> dict[str, bool]:
    """The figures that `stop` may watch, and whether more of them is better."""
    aims = aims_of(net, training)
    names = [aim.output.name for aim in aims]
    if training and training.updates:
        names = [update.network for update in training.updates]
    losses = [f"val.loss.{name}" for name in names] if len(names) > 1 else []
    metrics = {f"val.{metric.name}": metric.higher_is_better for metric in metrics_of(net, training)}
    return {"val.loss": False, **dict.fromkeys(losses, False), **metrics, "train.loss": False}


# --- names of outputs


def with_outputs(
    context: Context, training: Training, net: Net, given: Mapping[str, str], train: Span | None = None
) -> Training:
    """The settings with the full names of outputs in the place of those that the text gives them (`given`).

    What names the last output loses the name, so that there is one way to say it.  A setting with a name that is no
    output, or that turns out to stand twice, is reported and left out; `train` is where the block begins.
    """
    settings: dict[str, Definition] = {}
    spans: dict[str, Span] = {}
    places: dict[str, Mapping[str, Span]] = {}
    names = _Names(context, net, given, train)
    for key, use in training.settings.items():
        found = names.put(training, key, use)
        if found is None:
            continue
        new = key_of(kind_of(key), found)
        span = training.spans.get(key)
        if new in settings:
            if span and new in spans:
                report_twice(context, new, span, spans[new])
            else:
                context.diagnostics.report("N402", f"`{new}` is set twice")
            continue
        settings[new] = found
        if span:
            spans[new] = span
        places[new] = training.places.get(key, {})
    return replace(training, settings=settings, spans=spans, places=places)


class _Names:
    """The names that outputs have in a text, and what they stand for."""

    def __init__(self, context: Context, net: Net, given: Mapping[str, str], train: Span | None) -> None:
        self.context, self.net, self.given, self.train = context, net, given, train

    def put(self, training: Training, key: str, use: Definition) -> Definition | None:
        """A setting with full names, None after a report."""
        outputs = [layer.name for layer in self.net.outputs]
        if isinstance(use, Stop | Schedule):
            on = getattr(use, "on", "")
            part, _, figure = on.partition(".")
            word, _, name = figure.partition(".")
            full = self.given.get(name, name)
            full = "" if word != "loss" and full == outputs[-1] else full
            found = ".".join(filter(None, (part, word, full)))
            watching: Any = use
            return use if found == on else replace(watching, on=found)
        if not isinstance(use, Loss | Metric) or not use.on:
            return use
        full = self.given.get(use.on, use.on)
        if full in outputs:
            return replace(use, on="" if full == outputs[-1] else full)
        self.report(use.on, full, training.place(key, "on"))
        return None

    def report(self, name: str, full: str, span: Span | None) -> None:
        """Report a name that is no output."""
        shown = {result: name for name, result in self.given.items()}
        known = [shown.get(layer.name, layer.name) for layer in self.net.outputs]
        fixes = [
            Fix((Edit(span, f"on {near}"),), f"`on {near}`") for near in did_you_mean(name, known) if span
        ]
        message = f"there is no output called `{short(name)}`"
        if full in self.net.by_name:
            message = f"`{short(name)}` is no output of the network"
            if self.train:
                start = self.train.source.span(self.train.start, self.train.start)
                fixes = [Fix((Edit(start, f"output {name}\n"),), f"`output {name}` before `train:`")]
        notes = (f"outputs: {', '.join(f'`{each}`' for each in known)}",)
        labels = [span] if span else []
        self.context.diagnostics.report("N108", message, *labels, fixes=tuple(fixes), notes=notes)
