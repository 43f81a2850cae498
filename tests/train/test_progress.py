"""What is said while a run goes on."""

from io import StringIO

import pytest

import netspec
from netspec.passes.objective import aims_of
from netspec.train.evaluate import Figures
from netspec.train.events import Observer, Row, Start, Step
from netspec.train.progress import Clock, Plain, duration, is_lively, observer, speed

NET = netspec.parse("input 3\nsoftmax 2", name="tiny.net")
START = Start(NET, "cpu", 320, 40, "val", 12, 120, 10, aims_of(NET, None))


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(observer(print), Plain)
    assert type(observer(print, quiet=True)) is Observer
    monkeypatch.setenv("TERM", "xterm")
    assert is_lively(Terminal()) and not is_lively(StringIO()) and not is_lively(None)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_lively(Terminal())


def test_lines() -> None:
    lines: list[str] = []
    shown = Plain(lines.append)
    shown.started(START)
    for number in range(1, 21):
        shown.stepped(Step(number, 1, 32, 0.5, seconds=number * 1.0))
    shown.finished_epoch(Row(1, 10, 0.1, 0.51, "val", Figures(0.6, {"accuracy": 0.9}, 40), 2.0, {}, 320))
    assert lines == [
        "tiny: 8 parameters, 320 examples, 12 epochs of 10 steps, on cpu",
        "about 1:49 to go",
        "epoch  1/12  train loss 0.5100  val loss 0.6000  val accuracy 0.9000  160 examples/s",
    ]


def test_the_first_step_is_not_counted() -> None:
    clock = Clock(101)
    assert clock.left(Step(1, 1, 1, 0.0, seconds=100.0)) is None
    assert clock.left(Step(5, 1, 1, 0.0, seconds=102.0)) is None
    assert clock.left(Step(51, 1, 1, 0.0, seconds=105.0)) == pytest.approx(5.0)


def test_words() -> None:
    assert [duration(seconds) for seconds in (8.4, 185, 7800)] == ["8 s", "3:05", "2:10:00"]
    assert [speed(count, 1) for count in (12, 12_345, 2_000_000)] == ["12", "12.3k", "2M"]
