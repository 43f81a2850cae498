"""Runs as text: the table of many, some side by side, and what is different between them.

Works on what `runs.read` found; nothing that a folder says reaches the terminal unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import Any, Final

from netspec.diagnostics import SpecError, did_you_mean, error
from netspec.ir.catalog import is_higher_better
from netspec.ir.net import Net
from netspec.limits import Limits
from netspec.passes import analyse
from netspec.render import printable
from netspec.source import Source
from netspec.syntax.files import Folder
from netspec.syntax.parser import read_source
from netspec.train.progress import duration
from netspec.train.runs import PARTS, UNFINISHED, Run
from netspec.views.compare import Comparison, compare
from netspec.views.difference import in_a_line

Cells = Sequence[str]

# column -> what a run has there, None where its folder does not say
COLUMNS: Final[dict[str, Callable[[Run], Any]]] = {
    "name": lambda run: run.name,
    "net": lambda run: run.net or None,
    "backend": lambda run: run.backend or None,
    "parameters": lambda run: run.parameters,
    "epochs": lambda run: run.epochs,
    "best": lambda run: run.best_epoch,
    "seconds": lambda run: run.seconds,
    "ended": lambda run: run.ended,
    "seed": lambda run: run.seed,
    "values": lambda run: _pairs(run.values) or None,
    "overrides": lambda run: " ".join(run.overrides) or None,
}
_FIGURES_AFTER: Final = "best"
"""The column after which the figures stand."""
_SIDE_BY_SIDE: Final = {"parameters": "parameters", "epochs": "epochs done", "best": "best epoch"}
"""What stands above the figures of runs side by side, and what it is called there."""
_RIGHT: Final = frozenset({"parameters", "epochs", "best", "seconds", "seed"})


def figure(value: float) -> str:
    """A figure for people: four digits after the point, or in powers of ten where these would not show it."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"


def figures_of(runs: Iterable[Run]) -> list[str]:
    """The names of the figures that some run has, those of new data after those of the training data."""
    names = dict.fromkeys(name for run in runs for name in run.figures)
    return sorted(names, key=lambda name: PARTS.index(name.partition(".")[0]))


def in_order(runs: Sequence[Run], key: str) -> list[Run]:
    """Sorted by a column, or by a figure, the best first; runs without it last.  Raises N108 for another key."""
    if key in COLUMNS:
        of = COLUMNS[key]
    elif key in figures_of(runs):
        sign = -1 if is_higher_better(key) else 1
        of = lambda run: sign * run.figures[key] if key in run.figures else None  # noqa: E731
    else:
        known = [*COLUMNS, *figures_of(runs)]
        tries = tuple(f"`{near}`" for near in did_you_mean(key, known))
        raise error(
            "N108", f"runs cannot be sorted by `{key}`", tries=tries, notes=(f"known: {', '.join(known)}",)
        )
    return sorted((run for run in runs if of(run) is not None), key=of) + [
        run for run in runs if of(run) is None
    ]


# --- a table


def as_table(runs: Sequence[Run], now: float) -> str:
    """A row a run, below it what is wrong with its folder; `now` is the time in seconds since 1970."""
    if not runs:
        return "no runs\n"
    figures = figures_of(runs)
    places = list(COLUMNS)
    at = places.index(_FIGURES_AFTER) + 1
    names = [*places[:at], *figures, *places[at:]]
    rows = [[_cell(run, name, now) for name in names] for run in runs]
    kept = [
        place
        for place, name in enumerate(names)
        if name in ("name", "ended") or any(row[place] for row in rows)
    ]
    right = [names[place] in _RIGHT or names[place] in figures for place in kept]
    lines = columns([[row[place] for place in kept] for row in [names, *rows]], right)
    told = [lines[0]]
    for run, line in zip(runs, lines[1:], strict=True):
        problems = filter(None, (*run.problems, run.failure))
        told += [line, *(f"  ! {printable(problem)}" for problem in problems)]
    return "".join(f"{line}\n" for line in told)


def columns(rows: Sequence[Cells], right: Sequence[bool]) -> list[str]:
    """Lines of cells in columns, two blanks between them; `right` says which stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if to_right else f"{cell:<{width}}"
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _cell(run: Run, name: str, now: float) -> str:
    value = run.figures.get(name) if name not in COLUMNS else COLUMNS[name](run)
    if value is None:
        return ""
    if name == "ended" and value == UNFINISHED:
        return f"{value}, written to {duration(max(now - run.changed, 0.0))} ago"
    if name == "epochs" and run.planned is not None and run.planned != value:
        return f"{value}/{run.planned}"
    if name == "seconds":
        return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
    if name == "parameters":
        return f"{value:,}"
    return figure(value) if isinstance(value, float) else printable(str(value))


def _pairs(values: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())


# --- side by side


def differences(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """The settings in which runs differ, each with its value in every run, empty where a run has none."""
    told = [_settings(run) for run in runs]
    names = dict.fromkeys(name for settings in told for name in settings)
    rows = [(name, [settings.get(name, "") for settings in told]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _settings(run: Run) -> dict[str, str]:
    plain = {name: getattr(run, name) for name in ("net", "data", "backend", "device", "dtype")}
    sizes = {name: str(size) for name, size in run.sizes.items()}
    lines = {name: line or "yes" for name, line in run.settings.items() if name != "data"}
    return {name: value for name, value in {**plain, **run.values, **sizes, **lines}.items() if value}


def side_by_side(runs: Sequence[Run], specs: Sequence[str], now: float) -> str:
    """Runs in columns: the settings that differ, the figures, and a line for each spec that is not the first's."""
    settings = [[name, *map(printable, values)] for name, values in differences(runs)]
    names = [*_SIDE_BY_SIDE, *figures_of(runs), "seconds", "ended"]
    figures = [[_SIDE_BY_SIDE.get(name, name), *(_cell(run, name, now) for run in runs)] for name in names]
    figures = [row for row in figures if any(row[1:])]
    heads = [["", *(printable(run.name) for run in runs)]]
    right = [False] + [True] * len(runs)
    lines = columns([*heads, *settings, *figures], right)
    cut = 1 + len(settings)
    told = [*lines[:cut], *([""] if settings else []), *lines[cut:], "", *map(printable, specs)]
    problems = [(run, problem) for run in runs for problem in (*run.problems, run.failure) if problem]
    told += [f"! {printable(f'{run.name}: {problem}')}" for run, problem in problems]
    return "".join(f"{line}\n" for line in told)


def specs_against_the_first(runs: Sequence[Run], limits: Limits) -> list[str]:
    """What the spec of each further run has other than that of the first, a line each."""
    nets: list[Net | str] = [_spec(run, limits) for run in runs]
    first = nets[0]
    told = []
    for run, net in zip(runs[1:], nets[1:], strict=True):
        problem = first if isinstance(first, str) else net
        if isinstance(first, str) or isinstance(net, str):
            told.append(f"the specs of {runs[0].name} and {run.name} are not compared: {problem}")
            continue
        found: Comparison = compare(first, net)
        told.append(f"spec of {run.name} against {runs[0].name}: {in_a_line(found)}")
    return told


def _spec(run: Run, limits: Limits) -> Net | str:
    """The network of a run, or why it cannot be read."""
    file = f"{run.net}.net"
    if not run.net or PurePath(file).name != file:
        return f"{run.name} does not say which file is its spec"
    try:
        path = run.folder / file
        source = read_source(path, limits)
        return analyse(Source(source.text, file, Folder(path.parent), file), limits, sizes=run.sizes)
    except SpecError as wrong:
        return f"{run.name}: {wrong.diagnostics[0].message}"
