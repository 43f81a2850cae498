"""How a run is shown while it goes on: a bar on a terminal, plain lines elsewhere, or JSON lines for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from time import perf_counter
from typing import IO, Any, Final

from netspec.train.events import Observer, Row, Start, Step, finite

ESTIMATE_AFTER: Final = 10
"""Steps and..."""
ESTIMATE_SECONDS: Final = 1.0
"""...seconds after which the time left is estimated; the first step, which makes plans, is not counted."""
WORTH_SAYING: Final = 2.0
"""Seconds below which nobody needs an estimate."""
_REFRESH: Final = 0.2

Write = Callable[[str], None]


def is_lively(stream: IO[Any] | None) -> bool:
    """The stream is a terminal on which lines can be drawn over."""
    return stream is not None and not stream.closed and stream.isatty() and os.environ.get("TERM") != "dumb"


def observer(write: Write, *, quiet: bool = False) -> Observer:
    """What shows a run on stderr; `write` writes a line there."""
    if quiet:
        return Observer()
    return Bar() if is_lively(sys.stderr) else Plain(write)


def duration(seconds: float) -> str:
    """`8 s`, `3:05` or `2:10:00`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def speed(examples: int, seconds: float) -> str:
    """Examples in a second, three digits: `12.3k`."""
    rate = examples / max(seconds, 1e-9)
    scale, unit = (1e6, "M") if rate >= 1e6 else (1e3, "k") if rate >= 1e3 else (1, "")
    return f"{rate / scale:.3g}{unit}"


def heading(start: Start) -> str:
    """What is trained on what; which outputs are trained where there are several."""
    length = f"{start.epochs} epoch{'s' * (start.epochs != 1)} of {start.steps_per_epoch:,} steps"
    if start.steps < start.epochs * start.steps_per_epoch:
        length = f"{start.steps:,} steps of {start.steps_per_epoch:,} an epoch"
    return (
        f"{start.net.name}: {start.net.parameter_count:,} parameters, {start.examples:,} examples, "
        f"{length}, on {start.device}{_objective(start)}"
    )


def _objective(start: Start) -> str:
    """The outputs that the loss is made of, and those that it leaves out; empty where there is only one.

    Where there are several networks, those that are changed in a step.
    """
    updates = start.net.training.updates if start.net.training else ()
    if updates:
        each = (f"`{one.network}`" + f" every {one.every} steps" * (one.every > 1) for one in updates)
        return f"\na step changes {', then '.join(each)}"
    trained = {aim.output.name: aim.loss.weight for aim in start.aims}
    others = [layer.name for layer in start.net.outputs if layer.name not in trained]
    terms = " + ".join(f"{weight:g} * " * (weight != 1) + f"`{name}`" for name, weight in trained.items())
    text = f"\nthe loss is that of {terms}" if others or len(trained) > 1 else ""
    if others:
        names = ", ".join(f"`{name}`" for name in others)
        text += f"; of {names} only shared layers are trained"
    return text


def summary(start: Start, row: Row) -> str:
    """An epoch in one line."""
    width = len(str(start.epochs))
    figures = "  ".join(f"{name.replace('.', ' ')} {value:.4f}" for name, value in row.figures().items())
    return f"epoch {row.epoch:>{width}}/{start.epochs}  {figures}"


class Clock:
    """The time that is left, by the steps since the first."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.first: Step | None = None

    def left(self, step: Step) -> float | None:
        """Seconds to the end, None while it is too early to say."""
        if self.first is None:
            self.first = step
        done, seconds = step.number - self.first.number, step.seconds - self.first.seconds
        if done < ESTIMATE_AFTER or seconds < ESTIMATE_SECONDS:
            return None
        return seconds / done * (self.steps - step.number)


class Plain(Observer):
    """Lines: the heading, an estimate after the first steps, an epoch each."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.estimated = False

    def started(self, start: Start) -> None:
        self.start, self.clock = start, Clock(start.steps)
        self.write(heading(start))

    def stepped(self, step: Step) -> None:
        if self.estimated:
            return
        left = self.clock.left(step)
        if left is not None:
            self.estimated = True
            if left >= WORTH_SAYING:
                self.write(f"about {duration(left)} to go")

    def finished_epoch(self, row: Row) -> None:
        self.write(f"{summary(self.start, row)}  {speed(row.examples, row.seconds)} examples/s")


class Bar(Observer):
    """A line for each epoch, and below them a bar with loss, examples/s and time left."""

    def started(self, start: Start) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.start, self.clock = start, Clock(start.steps)
        self.shown = self.began = perf_counter()
        self.last = ""
        text = TextColumn("{task.description}")
        details = TextColumn("{task.fields[details]}")
        console = Console(stderr=True, highlight=False)
        console.print(heading(start), markup=False)
        self.progress = Progress(
            text, BarColumn(), details, console=console, transient=True, refresh_per_second=5
        )
        self.task = self.progress.add_task("epoch 1", total=start.steps, details="")
        self.progress.start()

    def stepped(self, step: Step) -> None:
        now = perf_counter()
        if now - self.shown < _REFRESH:
            self.clock.left(step)
            return
        self.shown = now
        left = self.clock.left(step)
        details = [f"loss {step.loss:.4f}", self.last, f"{speed(self._seen(step), step.seconds)} examples/s"]
        details.append("" if left is None else f"{duration(left)} left")
        self.progress.update(
            self.task,
            completed=step.number,
            description=f"epoch {step.epoch}/{self.start.epochs}",
            details="  ".join(filter(None, details)),
        )

    def _seen(self, step: Step) -> int:
        return (step.epoch - 1) * self.start.examples + step.examples

    def finished_epoch(self, row: Row) -> None:
        self.progress.console.print(summary(self.start, row), markup=False)
        self.last = "  ".join(f"{name} {value:.4f}" for name, value in row.new.metrics.items())

    def close(self) -> None:
        """Take the bar away."""
        if hasattr(self, "progress"):
            self.progress.stop()


class JsonLines(Observer):
    """A JSON object a line: `start`, `estimate`, `epoch`; the command adds `settings` and `end`."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.estimated = False

    def event(self, name: str, **values: Any) -> None:
        """Write one event."""
        document = {"schema": "netspec.train/1", "event": name, **finite(values)}
        self.write(json.dumps(document, ensure_ascii=False, allow_nan=False))

    def started(self, start: Start) -> None:
        self.clock = Clock(start.steps)
        self.event(
            "start",
            net=start.net.name,
            parameters=start.net.parameter_count,
            device=start.device,
            examples=start.examples,
            new_examples=start.new_examples,
            part=start.part,
            epochs=start.epochs,
            steps=start.steps,
            done=start.done,
        )

    def stepped(self, step: Step) -> None:
        left = None if self.estimated else self.clock.left(step)
        if left is not None:
            self.estimated = True
            self.event("estimate", seconds=round(left, 1))

    def finished_epoch(self, row: Row) -> None:
        self.event("epoch", **row.to_json(), best=row.best)
