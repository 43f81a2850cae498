"""The settings of a run: what the spec says, what the user changed on the command line, and the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from netspec.diagnostics import Diagnostic, Diagnostics, Label, SpecError, did_you_mean, error
from netspec.ir import catalog
from netspec.ir.definition import Definition
from netspec.ir.net import Net
from netspec.ir.training import (
    NAMED,
    Aim,
    Loss,
    Metric,
    Optimizer,
    Reader,
    Schedule,
    Training,
    key_of,
    kind_of,
    line_of,
)
from netspec.ir.updates import lines_of
from netspec.passes.check import check_training
from netspec.passes.context import Context
from netspec.passes.objective import aims_of, metrics_of, metrics_of_texts, with_outputs
from netspec.passes.settings import bind_training
from netspec.passes.suggest import suggest
from netspec.settings.defaults import DEFAULTS
from netspec.settings.plain import Accumulate, Batch, Epochs, Seed, Steps, Stop
from netspec.source import Source
from netspec.syntax.parser import parse
from netspec.train.metrics import check_package

EXCLUDES: Final = {"epochs": "steps", "steps": "epochs"}
"""Settings of which a run has one: setting the one takes the other away."""

CLAUSES: Final = frozenset({"else", "in", "of", "on"})
"""Joining words of the grammar: an argument of this name is written `on val.loss`."""

D = TypeVar("D", bound=Definition)


@dataclass(frozen=True)
class Options:
    """The settings of one run, complete; `training` holds the same for the backend."""

    training: Training
    aims: tuple[Aim, ...]
    """The outputs that are trained with their losses, the main one last; none where updates say what is trained."""
    optimizer: Optimizer
    schedule: Schedule
    metrics: tuple[Metric, ...]
    batch: int
    epochs: int | None
    """None where the run is measured in steps."""
    steps: int | None
    seed: int
    stop: Stop | None
    texts: tuple[Metric, ...] = ()
    """Metrics of the texts that the network generates, which are measured in the end and not after each epoch."""
    overrides: tuple[str, ...] = ()
    """What the user changed, as typed: `train.batch=64`."""
    defaults: tuple[str, ...] = ()
    """Names of the settings that nobody stated."""

    @property
    def loss(self) -> Loss:
        """The loss of the main output, or of the last that is trained."""
        return self.aims[-1].loss

    @property
    def reader(self) -> Reader:
        """Where the examples come from; raises N405 where nothing is said."""
        reader = self.training.get("data")
        if isinstance(reader, Reader):
            return reader
        notes = (
            "a line such as  data mnist else digits  in `train:` says so, or --set train.data=digits",
            f"known: {', '.join(catalog.words('data'))}",
        )
        raise error("N405", "training needs `data`: where the examples come from", notes=notes)

    @property
    def validation(self) -> float | None:
        """The share of the training data to hold out where the data have no validation part; None for none."""
        return self.stop.validation if self.stop else self.schedule.holds_out

    @property
    def at_once(self) -> int:
        """Examples of a batch that a step works on at a time: all of them, or one part."""
        accumulate = self.training.get("accumulate")
        return -(-self.batch // accumulate.parts) if isinstance(accumulate, Accumulate) else self.batch

    def to_json(self) -> dict[str, Any]:
        """Every setting by name, as a line and with all its arguments, and which are defaults or overrides."""
        uses = {name: use for name, use in self.training.settings.items() if not isinstance(use, Metric)}
        updates = self.training.updates
        if updates and all(update.optimizer for update in updates):
            del uses["optimizer"]
        settings = {name: _described(name, use) for name, use in uses.items()}
        if every := (*self.metrics, *self.texts):
            settings["metric"] = _described("metric", every[0])
            settings["metric"]["words"] = [metric.name for metric in every]
        if self.training.fallback is not None:
            settings["data"]["line"] += f" else {self.training.fallback.written()}"
        found: dict[str, Any] = {
            "settings": settings,
            "overrides": list(self.overrides),
            "defaults": [name for name in self.defaults if name in settings or name == "loss"],
        }
        if updates:
            found["updates"] = lines_of(updates)[0]
        return found


def _described(name: str, use: Definition) -> dict[str, Any]:
    return {"line": line_of(name, use), **{each.name: getattr(use, each.name) for each in use.arguments()}}


def resolve(net: Net, overrides: Sequence[str] = (), metrics: Sequence[str] = ()) -> Options:
    """The settings of a run of `net`; `overrides` are texts such as `train.optimizer.rate=0.01`.

    `metrics` are further ones, such as `bleu` or `f1 on aux`.

    Raises `SpecError`: N401 unknown setting, N102 and N105 from the changed line, N403, N404, N406 to N408 where the
    changed settings do not agree, N108 for an output or a figure that there is not, N604 for a metric whose package is
    missing.
    """
    training = net.training or Training({})
    for text in overrides:
        training = override(training, text)
    training = _with_metrics(net, training, metrics)
    if overrides or metrics:
        context = Context(Source(net.text, net.name))
        training = with_outputs(context, training, net, {})
        context.diagnostics.raise_if_any()
        check_training(context, net, training)
        context.diagnostics.raise_if_any()
    silent = [name for name in DEFAULTS if name not in training.settings]
    if "steps" in training.settings:
        silent.remove("epochs")
    settings = {**training.settings, **{name: DEFAULTS[name] for name in silent}}
    aims = aims_of(net, training)
    if not training.losses and aims:
        silent.append("loss")
        settings |= {key_of("loss", aim.loss): aim.loss for aim in aims}
    silent += [] if training.metrics or not aims else ["metric"]
    each_epoch, texts = metrics_of(net, training), metrics_of_texts(net, training)
    for metric in (*each_epoch, *texts):
        check_package(metric)
    epochs, steps = (_setting(settings, "epochs", Epochs), _setting(settings, "steps", Steps))
    stop = _setting(settings, "stop", Stop)
    schedule = _needed(settings, "schedule", Schedule)
    return Options(
        replace(training, settings=settings),
        aims,
        _needed(settings, "optimizer", Optimizer),
        schedule,
        each_epoch,
        _needed(settings, "batch", Batch).size,
        epochs.count if epochs else None,
        steps.count if steps else None,
        _needed(settings, "seed", Seed).value,
        stop,
        texts,
        tuple(overrides),
        tuple(silent),
    )


def _with_metrics(net: Net, training: Training, metrics: Sequence[str]) -> Training:
    """The settings with further metrics beside those that are set or implied."""
    if not metrics:
        return training
    found: dict[str, Definition] = {key_of("metric", each): each for each in metrics_of(net, training)}
    spans, places = dict(training.spans), dict(training.places)
    for text in metrics:
        changed = _bind(Source(f"metric {text}".replace("\n", " "), "--metric"))
        found |= changed.settings
        spans |= changed.spans
        places |= changed.places
    return replace(training, settings={**training.settings, **found}, spans=spans, places=places)


def _setting(settings: Mapping[str, Definition], name: str, kind: type[D]) -> D | None:
    found = settings.get(name)
    return found if isinstance(found, kind) else None


def _needed(settings: Mapping[str, Definition], name: str, kind: type[D]) -> D:
    found = settings[name]
    assert isinstance(found, kind), name
    return found


# --- changes on the command line


def override(training: Training, text: str) -> Training:
    """The settings with one changed: `train.batch=64`, `train.optimizer=sgd 0.1` or `train.optimizer.rate=0.01`.

    The changed line is bound as if it stood in the spec, so that it is refused with the same words.
    """
    name, sign, value = (part.strip() for part in text.partition("="))
    source = Source(text.replace("\n", " "), "--set")
    if not sign or not value or "\n" in text:
        message = "a change is written NAME=VALUE, such as train.optimizer.rate=0.01"
        raise error("N105", message, source.line_span(1))
    known = _names(training)
    if name not in known:
        tries = tuple(f"`{near}`" for near in did_you_mean(name, known))
        notes = () if tries else (f"known: {', '.join(each for each in known if each.count('.') == 1)}",)
        span = source.span(0, len(text.partition("=")[0].rstrip()))
        raise error("N401", f"there is no setting called `{name}`", span, tries=tries, notes=notes)
    _, setting, *argument = name.split(".")
    line = f"{setting} {value}"
    if argument:
        use = training.get(setting) or DEFAULTS.get(setting)
        line = _line(setting, use, argument[0], value)
    changed = _bind(Source(line, "--set"))
    settings = {
        each: use for each, use in training.settings.items() if not _gives_way(each, use, setting, changed)
    }
    new_fallback = setting == "data" and not argument
    return replace(
        training,
        settings={**settings, **changed.settings},
        fallback=changed.fallback if new_fallback else training.fallback,
        spans={**training.spans, **changed.spans},
        places={**training.places, **changed.places},
    )


def _gives_way(key: str, use: Definition, setting: str, changed: Training) -> bool:
    """A setting is taken away by a changed one: the other measure of length, the metrics of the same output."""
    if isinstance(use, Metric) and setting == "metric":
        return any(use.on == metric.on for metric in changed.metrics)
    return kind_of(key) == EXCLUDES.get(setting)


def _names(training: Training) -> list[str]:
    """Everything that can be changed: `train.batch`, and `train.optimizer.rate` where the word in force has a rate."""
    names = []
    for setting in [*NAMED, *catalog.words("setting")]:
        names.append(f"train.{setting}")
        use = training.get(setting) or DEFAULTS.get(setting)
        definition = type(use) if use else None if setting in NAMED else catalog.find("setting", setting)
        if definition is not None:
            names += [f"train.{setting}.{each.name}" for each in definition.arguments()]
    return names


def _line(setting: str, use: Definition | None, argument: str, value: str) -> str:
    """The setting in force as a line, with another value for one argument."""
    parts = [] if use is None or use.word == setting else [use.word]
    for each in use.arguments() if use else ():
        have = getattr(use, each.name)
        if each.name == argument or have == each.default:
            continue
        text = each.kind.write(have)
        parts.append(text if text in each.kind.words else _named(each.name, text))
    return " ".join([setting, *parts, _named(argument, value)])


def _named(argument: str, value: str) -> str:
    return f"{argument} {value}" if argument in CLAUSES else f"{argument}={value}"


def _bind(source: Source) -> Training:
    training, found = _bound(source)
    if found:
        raise SpecError(*suggest(source, found, lambda changed: ((), _bound(changed)[1])))
    return training


def _bound(source: Source) -> tuple[Training, Diagnostics]:
    context = Context(source)
    try:
        statements = parse(source, context.diagnostics).statements
        training = bind_training(context, statements)
    except SpecError as refused:
        context.diagnostics.extend(refused.diagnostics)
        return Training({}), context.diagnostics
    if len(statements) > 1 and not context.diagnostics:
        label = Label(source.line_span(1))
        context.diagnostics.append(Diagnostic("N105", "a change is one setting", (label,)))
    return training, context.diagnostics
