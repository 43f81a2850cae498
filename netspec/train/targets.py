"""What targets have to be: the shapes and values that losses take, and what losses learn from them before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from netspec.data import Examples, Loaded, Targets, every
from netspec.diagnostics import error
from netspec.ir.net import Net
from netspec.ir.shape import Shape, Symbol
from netspec.ir.training import LEFT_OUT, Aim, key_of
from netspec.ir.updates import Field
from netspec.passes.objective import target_shape
from netspec.passes.updates import Derived
from netspec.settings.loss import BALANCED, Crossentropy
from netspec.source import Span
from netspec.train.options import Options

Array = np.ndarray[Any, np.dtype[Any]]

TOLERANCE: Final = 1e-3
"""By how much the probabilities of a target may miss 1 in sum."""
AT_ONCE: Final = 4096
"""Examples whose targets are looked at together."""


def check_targets(loaded: Loaded, aims: Sequence[Aim], span: Span | None = None) -> None:
    """Raise `SpecError` N404 where the data do not have a target for every loss, or one that is none."""
    places = [span] if span else []
    parts = {"training": loaded.train, "validation": loaded.validation, "test": loaded.test}
    for name, part in parts.items():
        if part is None:
            continue
        given = every(part.targets)
        if len(given) not in (1, len(aims)):
            have = f"{len(given)} target{'s' * (len(given) > 1)} for each example"
            raise error("N404", f"the data have {have}, and {len(aims)} outputs are trained", *places)
        if len(given) == 1:
            _check_one(aims, places)
        problem = next(filter(None, map(_problem, aims, given * len(aims) if len(given) == 1 else given)), "")
        if problem:
            raise error("N404", f"{problem} of the {name} data", *places)


def check_sizes(loaded: Loaded, net: Net, aims: Sequence[Aim], span: Span | None = None) -> None:
    """Raise `SpecError` N404 where a target has other sizes than its output, with the data's own numbers for symbols.

    One row for all steps of an output would be compared with each of them.
    """
    parts = {"training": loaded.train, "validation": loaded.validation, "test": loaded.test}
    for name, part in parts.items():
        if part is None or not aims:
            continue
        sizes = {
            dim.name: size
            for layer, array in zip(net.inputs, every(part.inputs), strict=True)
            for dim, size in zip(layer.shape.dims, array.shape[1:], strict=True)
            if isinstance(dim, Symbol)
        }
        given = every(part.targets)
        for aim, targets in zip(aims, given * len(aims) if len(given) == 1 else given, strict=True):
            shape = target_shape(aim)
            wanted, have = shape.substitute(sizes), Shape(targets.shape[1:])
            if wanted.is_known and wanted.dims != have.dims and aim.targets != "nothing":
                numbers = ", ".join(f"{symbol} = {sizes[symbol]}" for symbol in shape.symbols)
                because = f"in these data {numbers}" if numbers else ""
                message = f"a target of the {name} data is {_sizes(have)}, and the output is {_sizes(wanted)}"
                raise error("N404", message, *([span] if span else []), because=because)


def _sizes(shape: Shape) -> str:
    return str(Shape(shape.dims)) or "one number"


def check_fields(loaded: Loaded, updates: Sequence[Derived], span: Span | None = None) -> None:
    """Raise `SpecError` N404 where a field of the data is no target for a loss of an update."""
    pairs = [pair for derived in updates for pair in zip(derived.aims, derived.targets, strict=True)]
    parts = {"training": loaded.train, "validation": loaded.validation, "test": loaded.test}
    for name, part in parts.items():
        for aim, target in pairs if part else ():
            if part is not None and isinstance(target, Field):
                arrays = part.targets if target.last else part.inputs
                if problem := _problem(aim, every(arrays)[0]):
                    raise error("N404", f"{problem} of the {name} data", *([span] if span else []))


def _check_one(aims: Sequence[Aim], places: Sequence[Span]) -> None:
    """All losses take the one target that the data have."""
    some = [aim for aim in aims if aim.targets != "nothing"]
    if not some:
        return
    main = some[-1]
    wanted = target_shape(main)
    for aim in some[:-1]:
        if target_shape(aim) != wanted:
            one, other = (_described(each) for each in (aim, main))
            raise error("N404", f"the data have one target: {one}, and {other}", *places)


def _described(aim: Aim) -> str:
    wanted = target_shape(aim)
    places = f" at each of {Shape(wanted.dims)} places" if wanted.dims else ""
    what = f"one of {wanted.of} classes{places}" if wanted.of is not None else f"numbers {wanted}"
    return f"`{aim.loss.word}` on `{aim.output.name}` wants {what}"


def _problem(aim: Aim, targets: Examples) -> str:
    """What is wrong with the values of targets, and in which example; empty where nothing is."""
    if aim.targets not in ("answers", "distributions"):
        return ""
    for start in range(0, len(targets), AT_ONCE):
        some = np.asarray(targets[start : start + AT_ONCE])
        outside = (some < 0) | (some > 1)
        if outside.any():
            place = tuple(np.argwhere(outside)[0])
            words = "an answer is a number from 0 (no) to 1 (yes)"
            words = words if aim.targets == "answers" else "a probability is a number from 0 to 1"
            return f"{words}, and there is {some[place]:g} in example {start + int(place[0])}"
        sums = some.sum(axis=-1)
        missed = np.abs(sums - 1) > TOLERANCE
        if aim.targets == "distributions" and missed.any():
            place = tuple(np.argwhere(missed)[0])
            words = f"the probabilities of a target add up to 1, and to {sums[place]:.4g}"
            return f"{words} in example {start + int(place[0])}"
    return ""


def balanced(options: Options, targets: Targets) -> Options:
    """The options with numbers in the place of `weights=balanced`, from the classes of the training examples.

    The weight of a class is n / (C n_c) of n targets, n_c of them of that class (King and Zeng 2001).  Raises N404
    where a class has no example, whose weight would be infinite.
    """
    given = every(targets)
    settings = dict(options.training.settings)
    aims = []
    for number, aim in enumerate(options.aims):
        if isinstance(aim.loss, Crossentropy) and aim.loss.weights == BALANCED:
            classes = aim.output.shape.features
            counts = _counts(given[number if len(given) > 1 else 0], classes)
            if not counts.all():
                missing = ", ".join(map(str, np.flatnonzero(counts == 0)[:8]))
                message = (
                    f"`weights=balanced` needs examples of every class, and there are none of class {missing}"
                )
                span = options.training.spans.get(key_of("loss", aim.loss))
                raise error("N404", message, *([span] if span else []))
            weights = tuple(float(weight) for weight in counts.sum() / (classes * counts))
            aim = replace(aim, loss=replace(aim.loss, weights=weights))
            settings[key_of("loss", aim.loss)] = aim.loss
        aims.append(aim)
    return replace(options, aims=tuple(aims), training=replace(options.training, settings=settings))


def _counts(targets: Examples, classes: int) -> Array:
    """How often each class occurs."""
    counts = np.zeros(classes, np.int64)
    for start in range(0, len(targets), AT_ONCE):
        some = np.ravel(targets[start : start + AT_ONCE])
        counts += np.bincount(some[some != LEFT_OUT], minlength=classes)
    return counts
