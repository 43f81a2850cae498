"""What sees a run beside its record: event files for TensorBoard, the picture that is drawn while it runs."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import netspec as library
from netspec.backends import compile_net
from netspec.passes.objective import aims_of
from netspec.train import curves, tensorboard
from netspec.train.evaluate import Figures
from netspec.train.events import Observer, Row, Start, Step
from netspec.train.learner import Learner
from netspec.train.record import Record
from netspec.train.watch import SHARE, Drawing, Several

Run = Callable[..., int]
NET = library.parse("input 3\nsoftmax 2", name="tiny.net")
START = Start(NET, "cpu", 320, 40, "val", 3, 30, 10, aims_of(NET, None))


def row(epoch: int) -> Row:
    return Row(epoch, 10 * epoch, 0.1, 1 / epoch, "val", Figures(0.6, {"accuracy": 0.9}, 40), 2.0, {}, 320)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by tag, as TensorBoard itself reads them."""
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={TENSORS: 0}).Reload()
    return {
        tag: [(event.step, make_ndarray(event.tensor_proto).item()) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def test_event_files_hold_the_rows_and_the_losses_of_the_steps(spec: Path, netspec: Run) -> None:
    assert netspec("train", spec, "--backend", "numpy", "--quiet", "--log", "tensorboard") == 0
    folder = Path("runs/plane-001")
    found = scalars(folder / "tensorboard")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = found.pop("step/loss")
    assert [step for step, _ in losses] == list(range(1, 19))
    names = [
        "rate",
        "train/loss",
        "test/loss",
        "test/accuracy",
        "seconds",
        "gradient/dense1",
        "gradient/dense2",
    ]
    assert list(found) == names
    for tag, values in found.items():
        expected = [(each["step"], pytest.approx(each[tag.replace("/", ".")], rel=1e-6)) for each in rows]
        assert values == expected, tag


def test_a_long_run_writes_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "MOST_LOSSES", 8)
    log = tensorboard.TensorBoard(tmp_path)
    log.started(START)  # 30 steps: one loss for each 4
    for number in range(1, 31):
        log.stepped(Step(number, 1, 32, float(number), 1.0))
    log.close()
    log.close()
    assert scalars(tmp_path)["step/loss"] == [(4 * n, 4 * n - 1.5) for n in range(1, 8)]


def test_torch_is_not_loaded_for_it(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from netspec.train.tensorboard import TensorBoard
from tests.train.test_watch import START
log = TensorBoard(Path({str(tmp_path)!r}))
log.started(START)
log.close()
assert not {{"torch", "tensorflow"}} & set(sys.modules)
"""
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=120).returncode == 0


def test_a_missing_package_is_told_before_anything_is_done(
    spec: Path, netspec: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    assert netspec("train", spec, "--backend", "numpy", "--log", "tensorboard") == 1
    err = capsys.readouterr().err
    assert err == 'error[N604]: --log tensorboard needs tensorboard: pip install "netspec[log]"\n'
    assert not Path("runs").exists()


# --- the picture


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """The record of a run that has three rows."""
    made = Record(tmp_path, NET, Learner.of(compile_net(NET, "numpy")), {}, {})
    made.rows = [row(epoch) for epoch in (1, 2, 3)]
    return made


def test_drawing_takes_a_bounded_share(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of 1 s and drawings of 1 s: the first after 0.2 / share seconds, then one in 1 / share."""
    time, drawn = [0.0], []

    def draw(_complain: Callable[[str], None]) -> None:
        time[0] += 1.0
        drawn.append(time[0])

    monkeypatch.setattr(record, "draw", draw)
    drawing = Drawing(record, clock=lambda: time[0])
    drawing.started(START)
    for epoch in range(1, 201):
        time[0] += 1.0
        drawing.finished_epoch(row(epoch))
    assert drawn == [0.2 / SHARE + 1, 0.2 / SHARE + 1 + 51, 0.2 / SHARE + 1 + 102, 0.2 / SHARE + 1 + 153]


def test_the_picture_grows_while_a_run_goes_on(record: Record, tmp_path: Path) -> None:
    time: Iterator[float] = iter(range(0, 10_000, 100))
    drawing = Drawing(record, clock=lambda: float(next(time)))
    pictures = []
    for epoch in (4, 5):
        record.rows.append(row(epoch))
        drawing.cost = 0.0
        drawing.finished_epoch(record.rows[-1])
        pictures.append((tmp_path / "curves.svg").read_bytes())
        assert pictures[-1] == curves.svg(record.rows, "tiny")
    assert pictures[0] != pictures[1]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["curves.svg"]


def test_a_picture_that_cannot_be_written_does_not_end_the_run(record: Record, tmp_path: Path) -> None:
    drawing = Drawing(record)
    drawing.cost = 0.0
    (tmp_path / "curves.svg").mkdir()
    drawing.finished_epoch(row(4))
    assert (tmp_path / "curves.svg").is_dir()


def test_several_observers_see_everything_in_order() -> None:
    seen: list[tuple[str, str]] = []

    class Watcher(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def started(self, start: Start) -> None:
            seen.append((self.name, "started"))

        def stepped(self, step: Step) -> None:
            seen.append((self.name, "stepped"))

        def finished_epoch(self, row: Row) -> None:
            seen.append((self.name, "finished"))

        def close(self) -> None:
            seen.append((self.name, "closed"))

    both = Several([Watcher("a"), Watcher("b")])
    both.started(START)
    both.stepped(Step(1, 1, 32, 0.5, 1.0))
    both.finished_epoch(row(1))
    both.close()
    words = ["started", "stepped", "finished", "closed"]
    assert seen == [(name, word) for word in words for name in "ab"]
