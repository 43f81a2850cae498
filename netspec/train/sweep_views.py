"""A sweep for people: the table of what came of it, the best first, and the picture of its figure over what was varied.

The picture is a line where one thing was varied, a heat map for two, and a panel each for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import isfinite, nan
from typing import Any, Final

from netspec.diagnostics import short
from netspec.render import printable
from netspec.train.listing import columns, figure
from netspec.train.picture import COLOURS, is_wide, plain_numbers, render, scale, style
from netspec.train.sweep_record import Outcome, SweepRecord, plain

_MARK: Final = COLOURS[1]
_FAILED: Final = "#DDDDDD"
_PANEL: Final = 3.2
"""Inches of a panel, of which some stand in a row."""
_IN_A_ROW: Final = 3
_LONGEST_TITLE: Final = 110
_TURNED: Final = 30
"""Degrees by which values beside an axis are turned that have more letters than this:"""
_LONG: Final = 36
_MOST_CELLS: Final = 150
"""Cells of a heat map up to which each has its figure written into it."""
_MOST_TICKS: Final = 24
"""Values of a set up to which each is written beside the axis."""


# --- the table


def as_table(record: SweepRecord) -> str:
    """A row for each choice of values, the best first; `behind` is the distance to the best figure."""
    found = record.outcomes()
    repeated = any(len(outcome.trials) > 1 for outcome in found)
    names = list(record.axes)
    head = [
        *map(plain, names),
        "parameters",
        record.plan.figure,
        "deviation",
        "behind",
        "seconds",
        "trials",
        "run",
    ]
    rows = [[*(outcome.values[name] for name in names), *_cells(outcome, found[0])] for outcome in found]
    kept = [place for place, name in enumerate(head) if repeated or name not in ("deviation", "trials")]
    right = [place < len(names) or head[place] != "run" for place in kept]
    lines = columns([[printable(row[place]) for place in kept] for row in [head, *rows]], right)
    failed = [trial for outcome in found for trial in outcome.trials if trial.failure]
    lines += [f"! trial {trial.number}: {printable(trial.failure or '')}" for trial in failed]
    return "".join(f"{line}\n" for line in lines)


def _cells(outcome: Outcome, best: Outcome) -> list[str]:
    trial = outcome.trials[0]
    parameters = "" if outcome.parameters is None else f"{outcome.parameters:,}"
    told = "failed" if outcome.figure is None else figure(outcome.figure)
    deviation = "" if outcome.deviation is None else figure(outcome.deviation)
    behind = ""
    if outcome.figure is not None and best.figure is not None and outcome is not best:
        behind = figure(abs(outcome.figure - best.figure))
    run = (trial.folder or "") if len(outcome.trials) == 1 else ""
    return [parameters, told, deviation, behind, f"{outcome.seconds:,.1f}", str(len(outcome.trials)), run]


def as_data(record: SweepRecord) -> dict[str, Any]:
    """The sweep as JSON data with stable keys: the plan without its texts, and the outcomes, the best first."""
    plan = record.plan.model_dump(mode="json", exclude={"text", "files"})
    found = [
        {
            "values": dict(outcome.values),
            "figure": outcome.figure,
            "deviation": outcome.deviation,
            "parameters": outcome.parameters,
            "seconds": round(outcome.seconds, 3),
            "trials": [trial.model_dump(mode="json") for trial in outcome.trials],
        }
        for outcome in record.outcomes()
    ]
    best = found[0] if found and found[0]["figure"] is not None else None
    over = sum(trial.is_over for trial in record.trials)
    return {"folder": str(record.folder), "plan": plan, "over": over, "best": best, "outcomes": found}


# --- the picture


def picture(record: SweepRecord, kind: str = "svg") -> bytes:
    """The figure over what was varied; needs matplotlib and a trial that did not fail."""
    outcomes, axes = record.outcomes(), record.axes
    names = list(axes)
    across = min(len(names), _IN_A_ROW)
    down = -(-len(names) // across)

    def draw(canvas: Any) -> None:
        canvas.suptitle(_title(record, outcomes[0]))
        if len(names) == 2:
            _heat_map(canvas, record, outcomes)
            return
        panels = canvas.subplots(down, across, squeeze=False, sharey=True)
        for place, panel in enumerate(panels.flat):
            if place >= len(names):
                panel.set_visible(False)
                continue
            _over(panel, names[place], axes[names[place]], outcomes, alone=len(names) == 1)
            if place % across == 0:
                panel.set_ylabel(record.plan.figure)

    size = {1: (6.5, 3.8), 2: (6.5, 3.8)}.get(len(names), (_PANEL * across, _PANEL * down))
    return render(draw, size, kind)


def _title(record: SweepRecord, best: Outcome) -> str:
    values = ", ".join(f"{plain(name)} {value}" for name, value in best.values.items())
    told = f"{record.plan.net}: {record.plan.figure}, the best {figure(best.figure or 0.0)} with {values}"
    return printable(short(told, _LONGEST_TITLE))


def _over(panel: Any, name: str, values: Sequence[str], outcomes: Sequence[Outcome], *, alone: bool) -> None:
    """The figure over one set: a mark for each outcome, a line through the best of each value, the best of all ringed.

    Where nothing else was varied the marks have bars of one standard deviation.
    """
    done = [outcome for outcome in outcomes if outcome.figure is not None]
    places, is_number = _places(values)
    at = [places[outcome.values[name]] for outcome in done]
    figures = [outcome.figure or 0.0 for outcome in done]
    best: dict[float, float] = {}
    for place, value in zip(at, figures, strict=True):  # the best comes first
        best.setdefault(place, value)
    line = sorted(best.items())
    panel.plot([place for place, _ in line], [value for _, value in line], **{**style(0, 1), "marker": ""})
    spread = [outcome.deviation or 0.0 for outcome in done]
    if alone and any(spread):
        panel.errorbar(at, figures, spread, fmt="none", ecolor=COLOURS[0], elinewidth=1, capsize=3)
    panel.plot(at, figures, "o", color=COLOURS[0], markersize=4, alpha=1 if alone else 0.6)
    panel.plot(at[:1], figures[:1], "o", color=_MARK, markersize=9, fillstyle="none", markeredgewidth=1.6)
    panel.set_xlabel(plain(name))
    scale(panel, "y", [figures])
    if is_number:
        scale(panel, "x", [at])
    else:
        panel.margins(x=0.15)
    if len(values) <= _MOST_TICKS:
        turn = _TURNED if sum(map(len, values)) > _LONG else 0
        panel.set_xticks(list(places.values()), [printable(value) for value in places], rotation=turn)
        panel.xaxis.minorticks_off()


def _places(values: Sequence[str]) -> tuple[dict[str, float], bool]:
    """Where the values of a set stand on an axis: at their numbers, or side by side where one is no number."""
    with suppress(ValueError):
        places = {value: float(value) for value in values}
        if all(map(isfinite, places.values())):
            return places, True
    return {value: float(place) for place, value in enumerate(values)}, False


def _heat_map(canvas: Any, record: SweepRecord, outcomes: Sequence[Outcome]) -> None:
    """The figure over two sets: the best cell is framed, failed ones are grey, those without a run are empty."""
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    (down, rows), (across, columns_) = record.axes.items()
    cells = {(outcome.values[down], outcome.values[across]): outcome for outcome in outcomes}
    table = [[_number(cells.get((row, column))) for column in columns_] for row in rows]
    known = [value for line in table for value in line if isfinite(value)]
    panel = canvas.subplots()
    norm = LogNorm(min(known), max(known)) if is_wide(known) else None
    image = panel.imshow(table, cmap="cividis", norm=norm, aspect="auto", origin="lower")
    panel.grid(visible=False)
    bar = canvas.colorbar(image, label=record.plan.figure)
    if norm:
        plain_numbers(bar.ax.yaxis)
    for axis, name, values in ((panel.yaxis, down, rows), (panel.xaxis, across, columns_)):
        axis.set_label_text(plain(name))
        if len(values) <= _MOST_TICKS:
            axis.set_ticks(range(len(values)), [printable(value) for value in values])
    places = {(row, column): (x, y) for y, row in enumerate(rows) for x, column in enumerate(columns_)}
    for key, outcome in cells.items():
        x, y = places[key]
        if outcome.figure is None:
            panel.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color=_FAILED, linewidth=0))
        if len(places) <= _MOST_CELLS:
            text = "failed" if outcome.figure is None else figure(outcome.figure)
            is_light = outcome.figure is None or image.norm(outcome.figure) > 0.5
            panel.text(
                x, y, text, ha="center", va="center", color="black" if is_light else "white", fontsize=8
            )
    x, y = places[outcomes[0].values[down], outcomes[0].values[across]]
    frame = Rectangle(
        (x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=_MARK, linewidth=2.5, clip_on=False, zorder=3
    )
    panel.add_patch(frame)


def _number(outcome: Outcome | None) -> float:
    """The figure of a cell, NaN where it has none."""
    return nan if outcome is None or outcome.figure is None else outcome.figure
