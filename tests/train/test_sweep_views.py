"""What a sweep is told by: its picture, its table, its outcomes in order."""

from collections.abc import Callable
from pathlib import Path

import pytest

from netspec.train import sweep_views
from netspec.train.sampling import grid
from netspec.train.sweep_record import Outcome, Plan, SweepRecord, Trial

PLAN = Plan(
    net="plane",
    text="",
    files={},
    sets={"width": ("4", "8", "16")},
    method="grid",
    trials=3,
    figure="val.loss",
    values={},
    sizes={},
    changes=(),
    backend="numpy",
    dtype="float32",
    seed=0,
    held_out=False,
)


def record(
    sets: dict[str, tuple[str, ...]], figure: Callable[..., float | None], tmp_path: Path
) -> SweepRecord:
    found = SweepRecord(tmp_path, PLAN.model_copy(update={"sets": sets, "trials": 100}), {})
    for number, values in enumerate(grid(sets), 1):
        value = figure(*values.values())
        done = {"state": "failed"} if value is None else {"state": "done", "figure": value}
        found.enter(Trial(number=number, values=values).model_copy(update=done))
    return found


PICTURES: dict[str, tuple[dict[str, tuple[str, ...]], Callable[..., float | None]]] = {
    "numbers": ({"width": ("4", "8", "64")}, lambda width: 1 / float(width)),
    "words": ({"act": ("relu", "nan", "tanh")}, lambda act: float(len(act))),
    "seeds": (
        {"width": ("4", "8"), "train.seed": ("0", "1")},
        lambda width, seed: float(width) + float(seed),
    ),
    "seeds alone": ({"train.seed": ("0", "1", "2")}, lambda seed: float(seed) / 10),
    "two": (
        {"width": ("4", "8"), "train.optimizer.rate": ("0.1", "0.01", "10")},
        lambda width, rate: None if rate == "10" else float(width) * float(rate),
    ),
    "four": (
        {"a": ("1", "2"), "b": ("x$_{", "y"), "c": ("1", "2", "3"), "d": ("_", "-")},
        lambda a, b, c, d: float(a) + float(c),
    ),
    "one value": ({"width": ("4",), "act": ("relu",)}, lambda width, act: 0.0),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(tmp_path: Path, name: str) -> None:
    sets, figure = PICTURES[name]
    made = record(sets, figure, tmp_path)
    text = sweep_views.picture(made).decode()
    assert text == sweep_views.picture(made).decode()
    for axis in made.axes:
        assert f">{axis.removeprefix('train.')}<" in text
    assert "plane: val.loss, the best " in text and ("failed" in text) == (name == "two")
    assert sweep_views.as_table(made).splitlines()[0].split()[0] == next(iter(made.axes)).removeprefix(
        "train."
    )


def test_outcomes_are_in_order(tmp_path: Path) -> None:
    made = record(*PICTURES["two"], tmp_path)
    found: list[Outcome] = made.outcomes()
    assert [one.figure for one in found] == [0.04, 0.08, 0.4, 0.8, None, None]
    higher = SweepRecord(tmp_path, made.plan.model_copy(update={"figure": "val.accuracy"}), made._trials)
    assert [one.figure for one in higher.outcomes()] == [0.8, 0.4, 0.08, 0.04, None, None]
