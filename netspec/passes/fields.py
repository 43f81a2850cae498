"""Fields of the data: what an example consists of, which of it feeds which input, and which is to be predicted.

Every reader names its fields.  Which is which follows from their order unless `inputs` and `target` say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from netspec.diagnostics import Edit, Fix, Label, SpecError, did_you_mean, error
from netspec.frozen import frozen
from netspec.ir.layer import Layer
from netspec.ir.net import Net
from netspec.ir.symbolic import symbols_of
from netspec.ir.training import Reader, Training
from netspec.ir.updates import Field, Use, inside, values_of
from netspec.passes.context import Context
from netspec.settings.generate import Feed
from netspec.settings.plain import Inputs, Target

NUMBERS: Final = ("no", "one", "two", "three", "four")


@frozen
class Wishes:
    """The names of a network's inputs, and what its text says of fields: nothing where it says nothing."""

    names: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    target: str = ""
    fed: str = ""
    """The input that the network's own output feeds."""


@frozen
class Roles:
    """The field that feeds each input, the field that is to be predicted, and all fields that there are."""

    inputs: tuple[str, ...]
    target: str
    fields: tuple[str, ...]
    fed: str = ""
    """The input that the network's own output feeds, if there is one."""


class Unfit(Exception):
    """Fields that do not fit: the setting at fault (`inputs`, `target`, or `data`), the code and the message.

    `name` is a field that does not exist, `near` are those that may have been meant.
    """

    def __init__(
        self,
        setting: str,
        code: str,
        message: str,
        notes: tuple[str, ...] = (),
        name: str = "",
        near: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.setting, self.code, self.message, self.notes = setting, code, message, notes
        self.name, self.near = name, near

    @property
    def refusal(self) -> SpecError:
        """The same without a place."""
        return error(
            self.code, self.message, notes=self.notes, tries=tuple(f"`{each}`" for each in self.near)
        )


def wishes_of(net: Net, training: Training | None) -> Wishes:
    """What a network asks of its data."""
    inputs, target = (training.get(name) if training else None for name in ("inputs", "target"))
    feed = net.generation.get("feed") if net.generation else None
    return Wishes(
        tuple(layer.name for layer in net.inputs),
        inputs.names if isinstance(inputs, Inputs) else (),
        target.name if isinstance(target, Target) else "",
        feed.input if isinstance(feed, Feed) else "",
    )


def roles_of(reader: Reader, wishes: Wishes) -> Roles:
    """What each field of a reader is for; raises `Unfit`.

    Without a word about it, the fields feed the inputs of their names, or else all inputs in order, and the last field
    is the target.  A sequence that the network goes on with is both: it feeds the input that is fed.
    """
    fields = reader.fields(wishes.names)
    for setting, asked in (("inputs", wishes.inputs), ("target", (wishes.target,) if wishes.target else ())):
        for name in asked:
            if name not in fields:
                notes = (f"its fields: {_listed(fields)}",)
                message = f"`{reader.word}` has no field `{name}`"
                raise Unfit(setting, "N412", message, notes, name, did_you_mean(name, fields))
    target = wishes.target or fields[-1]
    if wishes.inputs:
        if len(wishes.inputs) != len(wishes.names):
            named = f"`inputs` names {len(wishes.inputs)} field{'s' * (len(wishes.inputs) > 1)}"
            raise Unfit("inputs", "N404", f"{named}, and {_reads(wishes.names)}")
        return Roles(wishes.inputs, target, fields, wishes.fed)
    given = fields if reader.goes_on else fields[:-1]
    if len(given) != len(wishes.names):
        count = f"{NUMBERS[len(given)]} input{'s' * (len(given) != 1)}"
        example = " ".join((fields * len(wishes.names))[: len(wishes.names)])
        note = f"`inputs` says which field feeds each, such as  inputs {example}"
        message = f"`{reader.word}` gives {count} ({_listed(given)}), and {_reads(wishes.names)}"
        raise Unfit("data", "N404", message, (note,) if len(fields) > 1 else ())
    if set(given) == set(wishes.names):
        return Roles(wishes.names, target, fields, wishes.fed)
    if reader.goes_on and wishes.fed in wishes.names:
        others = iter(given[:-1])
        given = tuple(given[-1] if name == wishes.fed else next(others) for name in wishes.names)
    return Roles(given, target, fields, wishes.fed)


def _reads(names: Sequence[str]) -> str:
    one = len(names) == 1
    return f"the network reads {'one' if one else len(names)}: {' and '.join(f'`{name}`' for name in names)}"


def _listed(fields: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in fields)


def filled_up(names: Iterable[str]) -> str:
    """What can be done where examples differ in lengths that have these symbols."""
    bound = " ".join(f"--bind {name}=100" for name in names)
    return (
        f"with a number of steps ({bound}) all are filled up to it, and what fills up is read like the rest"
    )


def check_lengths(context: Context, net: Net, reader: Reader, training: Training) -> None:
    """The examples that updates read are all of one length; reports the first field that is not."""
    inputs = {each.name: each.inputs for each in net.networks}
    every = (each for value in values_of(training.updates) for each in inside(value))
    for use in (each for each in every if isinstance(each, Use)):
        for field, name in zip(use.of, inputs[use.network], strict=True):
            layer = net.by_name[name]
            names = symbols_of(layer.shape.dims[0]) if layer.shape.dims else ()
            if isinstance(field, Field) and field.name in reader.differing and names:
                _report_lengths(context, reader, field, layer, training)
                return


def _report_lengths(context: Context, reader: Reader, field: Field, layer: Layer, training: Training) -> None:
    """Report a field of different lengths, and propose one for all."""
    names = symbols_of(layer.shape.dims[0])
    labels = [Label(training.spans["data"], "each of another length")] if "data" in training.spans else []
    fixes = []
    if layer.origin:
        statement = layer.origin.statement
        labels.insert(0, Label(statement, f"reads `{field}`"))
        text = re.sub(rf"\b({'|'.join(names)})\b", "100", statement.text)
        fixes.append(Fix((Edit(statement, text),), f"`{text}`"))
    message = (
        f"updates cannot be done on examples of different lengths, as `{field}` of `{reader.word}` has them"
    )
    context.diagnostics.report("N409", message, *labels, fixes=tuple(fixes), notes=(filled_up(names),))


def check_fields(context: Context, net: Net, reader: Reader, training: Training) -> Roles | None:
    """The fields of the data feed the inputs; None after a report."""
    wishes = wishes_of(net, training)
    try:
        roles = roles_of(reader, wishes)
    except Unfit as found:
        _report(context, net, training, found)
        return None
    return roles if _check_marks(context, net, reader, training) else None


def _report(context: Context, net: Net, training: Training, found: Unfit) -> None:
    span = training.spans.get(found.setting) or training.spans["data"]
    labels, fixes = [Label(span)], []
    if found.setting == "data" and len(net.inputs) > 1 and net.inputs[1].origin:
        labels = [Label(span, "gives these"), Label(net.inputs[1].origin.statement, "is another input")]
    for near in found.near:
        text = re.sub(rf"\b{re.escape(found.name)}\b", near, span.text)
        fixes.append(Fix((Edit(span, text),), f"`{text}`"))
    context.diagnostics.report(found.code, found.message, *labels, fixes=tuple(fixes), notes=found.notes)


def _check_marks(context: Context, net: Net, reader: Reader, training: Training) -> bool:
    """What is generated begins and ends with the tokens that the data begin and end with; reports N404."""
    feed = net.generation.get("feed") if net.generation else None
    if (
        not isinstance(feed, Feed)
        or not reader.goes_on
        or (feed.start, feed.stop) == (reader.marks or (None,) * 2)
    ):
        return True
    start, stop = reader.marks or (None, None)
    given = f"sequences that begin with token {start} and end with {stop}"
    given = given if reader.marks else "a text that goes on, without tokens to begin and to end with"
    said = " ".join(
        f"{name}={value}" for name in ("start", "stop") if (value := getattr(feed, name)) is not None
    )
    message = f"`{reader.word}` gives {given}, and `feed` has {said or 'neither `start` nor `stop`'}"
    span = net.generation.spans.get("feed") if net.generation else None
    labels = [Label(training.spans["data"]), *([Label(span)] if span else [])]
    text = replace(feed, start=start, stop=stop).written()
    fixes = (Fix((Edit(span, text),), f"`{text}`"),) if span else ()
    context.diagnostics.report("N404", message, *labels, fixes=fixes)
    return False
