"""The picture of a run: a figure on new data and the objective, side by side, as a lecture draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

from netspec.train.events import Row
from netspec.train.picture import render, scale, style, whole_epochs

NAMES: Final = {"val": "validation", "test": "test", "train": "training"}
MISSING: Final = 'no curves.svg: it needs matplotlib: pip install "netspec[plot]"'
SIZE: Final = (9.0, 3.4)
"""Inches."""


def can_draw() -> bool:
    """Matplotlib is installed."""
    return find_spec("matplotlib") is not None


def svg(rows: Sequence[Row], title: str) -> bytes:
    """The picture as SVG, the same bytes for the same rows; needs matplotlib and at least one row."""

    def draw(figure: Any) -> None:
        figure.suptitle(title)
        left, right = figure.subplots(1, 2)
        numbers = [row.epoch for row in rows]
        part = NAMES[rows[0].part]
        words = list(rows[0].new.metrics)
        lines = {word: [row.new.metrics[word] for row in rows] for word in words}
        losses = {
            "objective (training)": [row.loss for row in rows],
            f"loss ({part})": [row.new.loss for row in rows],
        }
        if rows[0].losses:  # of several updates each has an objective, and their sum says nothing
            lines = {name: [row.new.losses[name] for row in rows] for name in rows[0].losses}
            losses = {f"{name} (training)": [row.losses[name] for row in rows] for name in rows[0].losses}
        _lines(left, numbers, lines)
        left.set(title=f"on new data ({part})", ylabel=", ".join(words) or "loss")
        _lines(right, numbers, losses)
        scale(right, "y", losses.values())
        right.set(title="objective", ylabel="loss")

    return render(draw, SIZE)


def _lines(axes: Any, numbers: Sequence[int], lines: Mapping[str, Sequence[float]]) -> None:
    for number, (label, values) in enumerate(lines.items()):
        axes.plot(numbers, values, label=label, **style(number, len(numbers)))
    whole_epochs(axes)
    if lines:
        axes.legend()
