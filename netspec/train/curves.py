"""The picture of a run: a figure on new data and the objective, side by side, as a lecture draws them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Final

from netspec.train.events import Row

NAMES: Final = {"val": "validation", "test": "test"}
MISSING: Final = 'no curves.svg: it needs matplotlib: pip install "netspec[plot]"'


def can_draw() -> bool:
    """Matplotlib is installed."""
    return find_spec("matplotlib") is not None


def svg(rows: Sequence[Row], title: str) -> bytes:
    """The picture as SVG, the same bytes for the same rows; needs matplotlib and at least one row."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "netspec", "svg.fonttype": "none", "font.size": 9})
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        FigureCanvasSVG(figure)
        figure.suptitle(title)
        left, right = figure.subplots(1, 2)
        epochs = [row.epoch for row in rows]
        part = rows[0].part
        name = NAMES[part]
        words = list(rows[0].new.metrics)
        for word in words:
            left.plot(epochs, [row.new.metrics[word] for row in rows], marker=".", label=word)
        left.set(title=f"on new data ({name})", xlabel="epoch", ylabel=", ".join(words))
        right.plot(epochs, [row.loss for row in rows], marker=".", label="objective (training)")
        right.plot(epochs, [row.new.loss for row in rows], marker=".", label=f"loss ({name})")
        right.set(title="objective", xlabel="epoch", ylabel="loss")
        for axes in (left, right):
            _finish(axes)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _finish(axes: Any) -> None:
    axes.grid(visible=True, alpha=0.3)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if axes.lines:
        axes.legend()
