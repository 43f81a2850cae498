"""The curves of several runs, one over the other, read from their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from netspec.diagnostics import did_you_mean, error, short
from netspec.render import printable
from netspec.train import listing, runs
from netspec.train.curves import NAMES, SIZE
from netspec.train.picture import COLOURS, DASHES, render, scale, style, whole_epochs

MOST: Final = len(COLOURS) * len(DASHES)
"""Runs whose lines can be told apart."""
_LONGEST_LABEL: Final = 110
_LINE: Final = 0.2
"""Inches that a line of a legend is high."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The epochs of a run, and what it is called in the legend."""

    label: str
    epochs: Sequence[runs.Epoch]

    @property
    def part(self) -> str:
        """The part that its curves of new data are taken on: `val`, where it has one, or `test`."""
        return "val" if any(name.startswith("val.") for name in self.names) else "test"

    @property
    def names(self) -> list[str]:
        """The names of its figures."""
        return list(dict.fromkeys(name for epoch in self.epochs for name in epoch.figures))

    def points(self, name: str) -> tuple[list[int], list[float]]:
        """Epochs and values of a figure, of `rate`, or of a figure on new data by its name alone (`loss`)."""
        full = f"{self.part}.{name}" if "." not in name else name
        found = [
            (epoch.number, epoch.rate if name == "rate" else epoch.figures.get(full)) for epoch in self.epochs
        ]
        kept = [(number, value) for number, value in found if value is not None]
        return [number for number, _ in kept], [value for _, value in kept]


def label(name: str, settings: Mapping[str, str]) -> str:
    """A run in a legend: its name and the settings in which it differs from the others."""
    told = ", ".join(f"{key} {value}" for key, value in settings.items() if value)
    text = printable(short(f"{name}: {told}" if told else name, _LONGEST_LABEL))
    return f" {text}" if text.startswith("_") else text  # matplotlib hides what begins with it


def read(folders: Sequence[Path]) -> list[Curve]:
    """The curves of runs, the settings in which they differ in their labels; raises N008 where one has none."""
    found = [runs.read(folder) for folder in folders]
    differ = listing.differences(found)
    return [
        Curve(label(run.name, {name: values[place] for name, values in differ}), runs.epochs(run.folder))
        for place, run in enumerate(found)
    ]


def overlay(curves: Sequence[Curve], metric: str | None = None, kind: str = "svg") -> bytes:
    """Several runs in one picture: one figure, or without a name the first metric on new data and the losses.

    Raises N108 where no run has the figure, or there are more runs than lines that can be told apart.
    """
    if len(curves) > MOST:
        raise error("N108", f"the lines of {len(curves)} runs cannot be told apart; {MOST} can")
    if metric is not None:
        _check(curves, metric)
    words = [
        name.partition(".")[2] for curve in curves for name in curve.names if name.startswith(curve.part)
    ]
    first = next((word for word in words if word != "loss"), None)

    def draw(figure: Any) -> None:
        if metric is not None or first is None:
            _over(figure.subplots(), curves, metric or "loss")
        else:
            left, right = figure.subplots(1, 2)
            _over(left, curves, first)
            _over(right, curves, "loss", objective=True)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=1)

    width, height = SIZE
    return render(draw, (width, height + _LINE * len(curves)), kind)


def _check(curves: Sequence[Curve], metric: str) -> None:
    if any(curve.points(metric)[0] for curve in curves):
        return
    known = list(dict.fromkeys(name for curve in curves for name in [*curve.names, "rate"]))
    known += list(dict.fromkeys(name.partition(".")[2] for name in known if "." in name))
    tries = tuple(f"`{near}`" for near in did_you_mean(metric, known))
    raise error(
        "N108", f"no run has the figure `{metric}`", tries=tries, notes=(f"known: {', '.join(known)}",)
    )


def _over(axes: Any, curves: Sequence[Curve], name: str, *, objective: bool = False) -> None:
    """The lines of a figure; with `objective` those of the training objective beside them, faint."""
    values = []
    for number, curve in enumerate(curves):
        epochs, points = curve.points(name)
        values.append(points)
        axes.plot(epochs, points, label=curve.label, **style(number, len(epochs)))
        if objective:
            epochs, points = curve.points("train.loss")
            values.append(points)
            axes.plot(
                epochs, points, **{**style(number, len(epochs)), "marker": "", "linewidth": 0.8, "alpha": 0.6}
            )
    if name.rpartition(".")[2] in ("loss", "rate"):
        scale(axes, "y", values)
    parts = dict.fromkeys(NAMES[curve.part] for curve in curves)
    where = f" on new data ({' or '.join(parts)})" if "." not in name and name != "rate" else ""
    axes.set(title=f"{name}; thin: objective (training)" if objective else f"{name}{where}", ylabel=name)
    whole_epochs(axes)
