"""Schedules against PyTorch's on every step, warm-up, plateaus, and the formulas that are told of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import cos, exp, floor, pi
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

import netspec
from netspec.data import Loaded
from netspec.diagnostics import SpecError
from netspec.ir import catalog
from netspec.ir.training import Schedule
from netspec.settings.schedule import Plateau
from netspec.train.loop import train
from netspec.train.metrics import FORMULAS
from netspec.train.options import resolve

DOCS = Path(__file__).parents[2] / "docs" / "language.md"
BASE, STEPS = 0.3, 40


def schedule(text: str) -> Schedule:
    net = netspec.parse(f"input 3\nsoftmax 2\ntrain:\n    schedule {text}\n")
    assert net.training is not None
    found = net.training.get("schedule")
    assert isinstance(found, Schedule)
    return found


def of_torch(make: Callable[..., Any], steps: int = STEPS, **options: Any) -> list[float]:
    """PyTorch's step size at each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], BASE)
    scheduler = make(optimizer, **options)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps of the schedule without steps of the optimiser
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return rates


TORCH: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "constant": (lr_scheduler.ConstantLR, {"factor": 1.0}),
    "exponential to=0 over=7": (lr_scheduler.ExponentialLR, {"gamma": exp(-1 / 7)}),
    "step 6 by=0.5": (lr_scheduler.StepLR, {"step_size": 6, "gamma": 0.5}),
    "inverse 0.2": (lr_scheduler.LambdaLR, {"lr_lambda": lambda t: 1 / (1 + 0.2 * t)}),
    "linear": (lr_scheduler.LinearLR, {"start_factor": 1.0, "end_factor": 0.0, "total_iters": STEPS}),
    "linear to=0.03": (lr_scheduler.LinearLR, {"start_factor": 1.0, "end_factor": 0.1, "total_iters": STEPS}),
    "polynomial 3": (lr_scheduler.PolynomialLR, {"power": 3, "total_iters": STEPS}),
    "cosine to=0.01": (lr_scheduler.CosineAnnealingLR, {"T_max": STEPS, "eta_min": 0.01}),
    "cosine cycles=4": (lr_scheduler.CosineAnnealingWarmRestarts, {"T_0": STEPS // 4}),
    "onecycle": (lr_scheduler.OneCycleLR, {"max_lr": BASE, "total_steps": STEPS}),
    "onecycle rise=0.45 start=10 final=100 linear": (
        lr_scheduler.OneCycleLR,
        {
            "max_lr": BASE,
            "total_steps": STEPS,
            "pct_start": 0.45,
            "div_factor": 10,
            "final_div_factor": 100,
            "anneal_strategy": "linear",
        },
    ),
    "warmup 8": (lr_scheduler.LambdaLR, {"lr_lambda": lambda t: min(t / 8, 1)}),
}


@pytest.mark.parametrize("text", TORCH)
def test_each_step_is_pytorchs(text: str) -> None:
    make, options = TORCH[text]
    if make is lr_scheduler.OneCycleLR:
        options = {**options, "cycle_momentum": False}
    found = [schedule(text).rate(BASE, step, STEPS) for step in range(STEPS)]
    assert found == pytest.approx(of_torch(make, **options), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("text", [text for text in TORCH if not text.startswith("warmup")])
def test_a_warm_up_comes_before_the_rest(text: str) -> None:
    plain, warmed = schedule(text), schedule(f"{text} warmup=10")
    assert [warmed.rate(BASE, step, STEPS) for step in range(10)] == [BASE * step / 10 for step in range(10)]
    for step in range(10, STEPS + 1):
        assert warmed.rate(BASE, step, STEPS) == plain.rate(BASE, step - 10, STEPS - 10)


@pytest.mark.parametrize("word", catalog.words("schedule"))
def test_no_length_of_a_run_breaks_a_schedule(word: str) -> None:
    text = {"step": "step 3", "warmup": "warmup 3"}.get(word, word)
    for more in ("", " warmup=5") if word != "warmup" else ("",):
        found = schedule(text + more)
        for steps in (1, 2, 3, 7):
            assert all(0 <= found.rate(BASE, step, steps) <= BASE for step in range(steps + 2))


FALLING = (1.0, 0.8, 0.8, 0.79, 0.9, 0.95, 0.79, 0.789999, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76, 0.77)


@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("floor_", [0.0, 0.02])
@pytest.mark.parametrize("on", ["val.loss", "val.accuracy"])
def test_a_plateau_is_pytorchs(patience: int, floor_: float, on: str) -> None:
    higher = on == "val.accuracy"
    figures = tuple(1 - value / 2 for value in FALLING) if higher else FALLING
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], BASE)
    theirs = lr_scheduler.ReduceLROnPlateau(
        optimizer, "max" if higher else "min", 0.3, patience, min_lr=floor_, eps=0
    )
    mine = schedule(f"plateau by=0.3 patience={patience} to={floor_} on {on}")
    changes = 0
    for epoch, figure in enumerate(figures, 1):
        before = optimizer.param_groups[0]["lr"]
        theirs.step(figure)
        changes += before != optimizer.param_groups[0]["lr"]
        assert mine.rate(BASE, epoch * 5, 500, figures[:epoch]) == pytest.approx(
            optimizer.param_groups[0]["lr"], rel=1e-12
        )
    assert changes > 1
    assert mine.rate(0.01, 0, 500, figures) <= 0.01  # a floor above the rate raises nothing


def test_every_metric_says_what_is_better() -> None:
    assert set(catalog.definitions("metric")) == set(FORMULAS)
    lower = {metric.word for metric in FORMULAS if not metric.higher_is_better}
    assert lower == {"mae", "rmse", "perplexity"}
    assert catalog.is_higher_better("val.f1.aux") and not catalog.is_higher_better("val.loss.aux")


def test_a_plateau_follows_the_figure_of_a_run(points: Loaded) -> None:
    text = "input 4\nsoftmax 3\ntrain:\n    optimizer sgd 2\n    batch 9\n    epochs 12\n"
    net = netspec.parse(f"{text}    schedule plateau by=0.5 patience=1\n")
    options = resolve(net)
    assert options.validation == 0.1
    result = train(net, netspec.compile(net, "numpy"), points, options)
    assert result.part == "val" and result.rows[0].new.examples == 9
    losses = tuple(row.new.loss for row in result.rows)
    assert [row.rate for row in result.rows] == [
        Plateau(by=0.5, patience=1).rate(2, 0, 0, losses[:epoch]) for epoch in range(12)
    ]
    assert result.rows[-1].rate < result.rows[0].rate
    on_training = netspec.parse(f"{text}    schedule plateau by=0.5 patience=0 on train.loss\n")
    assert resolve(on_training).validation is None
    result = train(on_training, netspec.compile(net, "numpy"), points, resolve(on_training))
    assert result.part == "test" and result.rows[-1].rate < 2
    both = netspec.parse(f"{text}    schedule plateau\n    stop patience=3 validation=0.3\n")
    assert resolve(both).validation == 0.3


def test_a_figure_that_there_is_not_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        netspec.parse("input 4\nsoftmax 3\ntrain:\n    schedule plateau on val.los\n")
    net = netspec.parse("input 4\nsoftmax 3\ntrain:\n    schedule plateau on val.loss\n")
    (found,) = caught.value.diagnostics
    assert found.code == "N108" and found.tries == ("`on val.loss`",)
    with pytest.raises(SpecError, match=r"N108: there is no figure `test.loss` to watch"):
        resolve(net, ["train.schedule=plateau on test.loss"])


# --- formulas


def worked_out(line: str, t: int, steps: int) -> float:
    """What a formula in numbers comes to; of the languages of people, only this much is read."""
    formula = line.removeprefix("rate(t) = ").replace("^", "**").replace(" mod ", " % ")
    names = {"t": t, "T": steps, "exp": exp, "cos": cos, "pi": pi, "floor": floor, "min": min, "max": max}
    return float(eval(formula, {"__builtins__": {}}, names))  # a formula of ours, not of a user


WORKED_OUT = [text for text in TORCH if "onecycle" not in text]


@pytest.mark.parametrize("text", WORKED_OUT)
@pytest.mark.parametrize("steps", [None, STEPS])
def test_a_formula_in_numbers_is_what_is_done(text: str, steps: int | None) -> None:
    found = schedule(text)
    (line,) = found.with_numbers(BASE, steps)
    for step in range(STEPS):
        assert worked_out(line, step, STEPS) == pytest.approx(found.rate(BASE, step, STEPS), abs=1e-12), step


@pytest.mark.parametrize("text", ["onecycle", "onecycle linear rise=0.4 start=5 final=20"])
def test_the_formula_of_one_cycle_is_what_is_done(text: str) -> None:
    found = schedule(text)
    (line,) = found.with_numbers(BASE, STEPS)
    rest, _, wave = line.removeprefix("rate(t) = ").partition(", w(x) = ")
    rising, falling, low, end = rest.replace(", then ", ", ").split(", ")
    rising, _, middle = rising.partition(" while t <= m = ")
    names: dict[str, Any] = {"cos": cos, "pi": pi}
    exec(f"def w(x): return {wave}", names)
    for text in (low, end, f"m = {middle}"):
        exec(text, names)
    for step in range(STEPS):
        formula = rising if step <= names["m"] else falling
        assert eval(formula, {**names, "t": step}) == pytest.approx(found.rate(BASE, step, STEPS), abs=1e-12)


def test_a_warm_up_is_told_with_the_steps_that_are_left() -> None:
    found = schedule("cosine to=0.01 warmup=8").with_numbers(0.5, 100)
    assert found == (
        "rate(t) = 0.5 * t / 8 while t < 8, then with t - 8 for t:",
        "rate(t) = 0.01 + (0.5 - 0.01) * (1 + cos(pi * t / 92)) / 2",
    )


def test_every_formula_stands_in_the_reference() -> None:
    text = DOCS.read_text("utf-8")
    for definition in catalog.definitions("schedule"):
        assert issubclass(definition, Schedule)
        formula = definition.formula.removeprefix("rate(t) = ")
        assert f"| {formula} |" in text, definition.word
        assert f"| `{definition.word}" in text, definition.word
